"""The command ``harness``: its verbs, and how errors become sentences and exit codes.

Exit codes are Jepsen's: 0 valid, 1 invalid, 2 unknown (also vacuous and invalid-harness),
254 bad arguments, 255 crash.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from harness.compiled.loader import install
from harness.errors import HarnessError, UsageError
from harness.interrupts import hear_once
from harness.tables import nearest

COMMANDS: dict[str, str] = {
    "test": "Run a trial on real hosts: made on this machine, or named in an inventory.",
    "up": "Put a protocol on hosts and leave it running.",
    "ps": "List the clusters that run.",
    "shell": "Speak to a running cluster: read, write, break, heal, compare.",
    "down": "End a running cluster, and see that nothing is left.",
    "sim": "Run trials in the seeded simulator.",
    "bench": "Measure throughput and latency, protocols side by side.",
    "wan": "Measure latencies across a wide-area network beside what its round trips predict.",
    "zoo": "Hunt protocols broken on purpose: the track record of the tester.",
    "matrix": "Try every protocol with every workload under every kind of fault.",
    "soak": "Play trial after trial for hours, on all cores or on a cluster.",
    "explore": "Explore every order of events of a small scope.",
    "check": "Check a stored history again.",
    "shrink": "Make a failed simulated run as small as can be.",
    "report": "Write a run's report as a web page.",
    "replay": "Play a simulated run again, and look at what happened.",
    "play": "Watch a simulated cluster on a page, break it by mouse, go back.",
    "list": "List protocols, workloads and faults.",
    "log": "Print or compare what the nodes of a run decided.",
    "runs": "List the runs in the store.",
    "hosts": "Make hosts on this machine and run a command that uses them.",
    "compile": "Compile the simulator: the same runs in less time (needs gcc).",
    "doctor": "Say what this machine can do, what is missing, and what to type.",
}
SIMULATING = ("sim", "bench", "wan", "zoo", "matrix", "soak", "shrink")
"""Verbs that play trial after trial: they use the compiled simulator, if there is one."""
CRASHED, BAD_ARGUMENTS, INTERRUPTED = 255, 254, 130


class Verbs(click.Group):
    """Loads a verb's module when it is asked for: ``harness list`` does not import paramiko."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"harness.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """As ever, but where nobody reads on: click and rich end with 1, which says *invalid* here."""
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, SystemExit) as error:
            if not isinstance(error, BrokenPipeError) and not isinstance(
                error.__context__, BrokenPipeError
            ):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return CRASHED

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Fails for an unknown verb with the one that may have been meant."""
        if args[0] not in COMMANDS:
            raise UsageError(f"there is no command {args[0]!r}{nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="harness")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors that end a run.")
def cli(debug: bool) -> None:
    """Test distributed systems: run a workload, break things, check what the clients saw.

    \b
    Start here:
      harness doctor                                         what this machine can do
      harness sim  --protocol epaxos --nemesis partition     one trial in simulation
      harness test --protocol epaxos --nemesis partition     the same on hosts made here
    """
    del debug  # read from the context by main()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    hear_once()
    sys.path.insert(0, str(Path.cwd()))  # where the user's own package.module:attribute is
    try:
        if next((a for a in arguments if a[:1] != "-"), "") in SIMULATING:
            found = install()
            if found.odd:
                say(found.words)
        status = cli.main(arguments, prog_name="harness", standalone_mode=False)
        code = status if isinstance(status, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.Abort:  # what click makes of a KeyboardInterrupt
        say("interrupted")
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = BAD_ARGUMENTS
    except KeyboardInterrupt:
        say("interrupted")
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last place where a sentence can be made of it
        code = failed(error, debug=debug)
    sys.exit(code)


def failed(error: Exception, *, debug: bool) -> int:
    """Say what went wrong; a traceback only if asked for, or if the bug is ours."""
    if isinstance(error, HarnessError) and not debug:
        say(str(error))
        for note in getattr(error, "__notes__", ()):
            say(note)
        return error.exit_code
    traceback.print_exception(error)
    if isinstance(error, HarnessError):
        return error.exit_code
    say("this is a bug of the harness; please report it with the lines above")
    return CRASHED


def say(text: str) -> None:
    click.echo(f"harness: {text}", err=True)
