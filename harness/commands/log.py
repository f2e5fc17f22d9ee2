"""``harness log``: what the nodes of a stored run decided, slot by slot, and whether they agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from checker.history import History
from checker.phrases import of_node
from checker.values import Json
from checker.verdict import Outcome
from harness.commands import shared
from harness.errors import UsageError
from harness.report.progress import to_stdout
from harness.running.logs import Log, cmp, diff, log_of, slots
from harness.store.load import load_history

EXIT = {True: Outcome.VALID, False: Outcome.INVALID}


@click.command("log")
@click.argument("run", metavar="RUN", default="latest")
@click.option(
    "--node", multiple=True, metavar="NAME", help="Only this one (n1, n2, ...); repeatable."
)
@click.option("--last", type=click.IntRange(1), help="Only so many slots, the last ones.")
@click.option("--diff", "how", flag_value="diff", help="Do those that have a slot agree on it?")
@click.option("--cmp", "how", flag_value="cmp", help="Do all have the very same slots?")
@shared.store
def command(run: str, node: tuple[str, ...], last: int | None, how: str | None, store: Path) -> int:
    """Print the logs of a run's nodes side by side, or compare them.

    A node lacks what it has not heard of, or what a snapshot brought it over. --diff minds only what
    differs among those that have a slot; the majority is taken to be right. --cmp minds what lacks,
    too. The log is what nodes noted as "decided": slots, or instances where there is no one log. Exit
    code 0: the same; 1: not; 2: no node noted a decision.

    \b
    Examples:
      harness log latest --last 20
      harness log store/paxos-register/20261121T101500Z --diff
      harness log latest --cmp --node n1 --node n3
    """
    stored = load_history(run, root=store)
    for warning in stored.warnings:
        click.echo(f"harness: warning: {warning}", err=True)
    logs = _chosen(logs_of(stored.history), node)
    if not any(logs.values()):
        to_stdout("unknown: no node noted a decision (a protocol without a log notes none)")
        return Outcome.UNKNOWN.exit_code
    if how is None:
        for line in table(logs, last):
            to_stdout(line)
        return Outcome.VALID.exit_code
    fine, lines = (diff if how == "diff" else cmp)(logs)
    for line in lines if last is None else lines[-last:]:
        to_stdout(line)
    return EXIT[fine].exit_code


def logs_of(history: History) -> dict[str, Log]:
    """By node, what it noted as decided; every node that noted anything at all is there."""
    decided: dict[int, list[tuple[Json, Json]]] = {}
    for _, node, value in history.notes("decided"):
        if isinstance(value, (list, tuple)) and len(value) == 2:
            decided.setdefault(node, []).append((value[0], value[1]))
    return {of_node(node): log_of(decided[node]) for node in sorted(decided)}


def _chosen(logs: Mapping[str, Log], names: tuple[str, ...]) -> dict[str, Log]:
    for name in names:
        if name not in logs:
            raise UsageError(f"--node {name}: it noted no decision; there are {', '.join(logs)}")
    return {name: log for name, log in logs.items() if not names or name in names}


def table(logs: Mapping[str, Log], last: int | None) -> list[str]:
    """A line a slot: what most say, and who lacks it or says something else.

    >>> for line in table({"n1": {"1": '"a"', "2": '"b"'}, "n2": {"1": '"c"'}}, None):
    ...     print(line)
    1  n1 "a"  n2 "c"
    2  "b"  (not at n2)
    """
    lines = []
    for slot in slots(logs)[-(last or 0) :]:
        said = {name: log[slot] for name, log in logs.items() if slot in log}
        if len(set(said.values())) == 1:
            lacking = [name for name in logs if name not in said]
            lines.append(
                f"{slot}  {next(iter(said.values()))}"
                + (f"  (not at {', '.join(lacking)})" if lacking else "")
            )
        else:
            lines.append(f"{slot}  " + "  ".join(f"{name} {what}" for name, what in said.items()))
    return lines
