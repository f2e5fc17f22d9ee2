"""``harness replay``: play a simulated run again, and look at what happened."""

from __future__ import annotations

import code
import json
from pathlib import Path
from pprint import pprint
from typing import Any

import click

from checker.verdict import Outcome
from harness.commands import shared
from harness.errors import StoreError, UsageError
from harness.replay import (
    Replayed,
    Source,
    load_simulated,
    nodes_of,
    replay,
    states_of,
)
from harness.report.conversation import Conversation, Scope, conversation
from harness.report.lamport import draw
from harness.report.progress import to_stdout
from harness.report.trace_table import table


@click.command("replay")
@click.argument("run", metavar="RUN")
@click.option("--trace", is_flag=True, help="Print the conversation, one line an event.")
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: a Lamport diagram."
)
@click.option(
    "--from", "from_ms", type=click.FloatRange(min=0), help="In ms, for --trace and --svg."
)
@click.option("--to", "to_ms", type=click.FloatRange(min=0), help="In ms, for --trace and --svg.")
@click.option("--keys", help="Only ops and messages that name one of these keys, by comma.")
@click.option("--nodes", help="Only what happens at, or comes from, these nodes: n1,n3.")
@click.option("--until", "until_ms", type=click.IntRange(min=0), help="Stop there, in ms, to look.")
@click.option("--state", is_flag=True, help="Print the nodes' states after --until, as JSON.")
@click.option("--shell", is_flag=True, help="Open Python on the nodes as they are after --until.")
@shared.store
def command(**given: Any) -> int:
    """Play a simulated run again, compare the history byte for byte, and look at what happened.

    Without --from and --to, --trace and --svg show what is around the evidence: of a short run,
    such as a shrunk one, all. Ends with 1 if the history is another than it was.

    \b
    Examples:
      harness replay latest
      harness replay latest --trace --keys r0
      harness replay latest --svg failure.svg
      harness replay latest --until 417 --state
      harness replay latest --until 417 --shell
    """
    if (given["state"] or given["shell"]) != (given["until_ms"] is not None):
        raise UsageError("--until MS goes with --state or --shell: what is it like then?")
    source = load_simulated(given["run"], root=given["store"])
    if given["state"]:
        to_stdout(json.dumps(states_of(source, given["until_ms"]), indent=2))
        return 0
    if given["shell"]:
        look(source, given["until_ms"])
        return 0
    again = replay(source)
    if given["trace"] or given["svg"]:
        talk = conversation(
            source.trial, again.played, again.seen, scope_of(given, source.trial.nodes)
        )
        show(talk, given)
    say(again, len(again.played.run.rows), quietly=given["trace"])
    return Outcome.VALID.exit_code if again.differs is None else Outcome.INVALID.exit_code


def look(source: Source, at_ms: int) -> None:
    """A Python prompt with the nodes' names: their replicas are live objects, stopped in time."""
    nodes = nodes_of(source, at_ms)
    names: dict[str, object] = {f"n{node.id + 1}": node.replica for node in nodes}
    names |= {"nodes": nodes, "states": states_of(source, at_ms), "pprint": pprint}
    banner = (
        f"{source.path}, {at_ms} ms\n"
        f"{', '.join(name for name in names if name[1:].isdigit())} are the replicas (None: down), "
        "`nodes` have their disks, timers and clocks,\n"
        "`states` is all of it as JSON: pprint(states['n1']['state'])"
    )
    code.interact(banner=banner, local=names, exitmsg="")


def scope_of(given: dict[str, Any], nodes: int) -> Scope:
    """What is to be shown. Raises UsageError for nodes that there are not."""
    numbers = None
    if given["nodes"]:
        names = {f"n{number + 1}": number for number in range(nodes)}
        for name in given["nodes"].split(","):
            if name not in names:
                raise UsageError(
                    f"--nodes: there is no node {name!r}: there are {', '.join(names)}"
                )
        numbers = frozenset(names[name] for name in given["nodes"].split(","))
    return Scope(
        from_ns=None if given["from_ms"] is None else round(given["from_ms"] * 1e6),
        to_ns=None if given["to_ms"] is None else round(given["to_ms"] * 1e6),
        keys=frozenset(given["keys"].split(",")) if given["keys"] else None,
        nodes=numbers,
    )


def show(talk: Conversation, given: dict[str, Any]) -> None:
    """Print the table, write the diagram. Raises StoreError where that cannot be written."""
    if given["trace"]:
        for line in table(talk):
            to_stdout(line)
    if given["svg"]:
        try:
            given["svg"].write_text(draw(talk), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {given['svg']}: {error.strerror}") from error
        click.echo(f"drawn: {given['svg']}", err=True)


def say(again: Replayed, rows: int, *, quietly: bool) -> None:
    """Whether it was the same."""
    run = again.played.run
    if again.differs is None:
        said = f"the same, byte for byte: {rows} rows, {run.events} events, digest {run.digest}"
    else:
        said = f"not the same: {again.differs}"
    if quietly:
        click.echo(said, err=True)
    else:
        to_stdout(f"{said}\nverdict: {again.played.results.outcome.value}")
