"""``harness shell``: a session with a running cluster, or a few commands of one."""

from __future__ import annotations

import os
import readline
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from harness.running import registry
from harness.running.lifecycle import connected
from harness.running.shell import DONE, Shell

HISTORY_LINES = 2000


@click.command("shell")
@click.argument("name", required=False)
@click.option("--command", "-c", "line", metavar="COMMANDS", help="Run these, by ';', and leave.")
def command(name: str | None, line: str | None) -> int:
    """Speak to a running cluster: the youngest, or the one of this NAME.

    Reads commands from the terminal (with completion and history), or line by line from a pipe. With -c or
    from a pipe it ends with the status of the first command that was not done: 1 it certainly was not, or
    what was claimed does not hold; 2 nobody knows; 254 it cannot be meant.

    \b
    Examples:
      harness shell
      harness shell multipaxos -c "put x 1; get x @n2"
      harness shell -c "partition n1 10s; leader"
      echo "consensus x" | harness shell
    """
    entry = registry.chosen(name)
    control = connected(entry)
    try:
        names = [node["name"] for node in control.ask("status")["nodes"]]
        shell = Shell(control.ask, names, click.echo)
        if line is not None:
            return shell.run(line)
        if not sys.stdin.isatty():
            return piped(shell)
        click.echo(f"{entry.name}: {', '.join(names)}; `help` lists commands")
        with remembered(shell):
            typed(shell, f"{entry.name}> ")
    finally:
        control.close()
    return DONE


def piped(shell: Shell) -> int:
    """Run the lines of stdin, up to the first that is not done."""
    for line in sys.stdin:
        status = shell.run(line)
        if status != DONE or shell.over:
            return status
    return DONE


def typed(shell: Shell, prompt: str) -> None:
    """Read and run, until `exit` or the end of input. Ctrl-C drops the line, or stops waiting."""
    while not shell.over:
        try:
            shell.run(input(prompt))
        except EOFError:
            click.echo()
            return
        except KeyboardInterrupt:
            click.echo("^C")


@contextmanager
def remembered(shell: Shell) -> Iterator[None]:
    """While inside: tab completes, and what was typed is found again, also in the next session."""
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    path = state / "harness" / "shell-history"

    def complete(begun: str, number: int) -> str | None:
        before = readline.get_line_buffer()[: readline.get_begidx()]
        found = shell.complete(before, begun)
        return f"{found[number]} " if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n;")
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(HISTORY_LINES)
    if path.is_file():
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_completer(None)
        path.parent.mkdir(parents=True, exist_ok=True)
        readline.write_history_file(path)
