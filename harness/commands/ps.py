"""``harness ps``: which clusters run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from harness.errors import HarnessError, UsageError
from harness.running import registry
from harness.running.control import NotThereError
from harness.running.gone import pids_of_nodes
from harness.running.lifecycle import status
from harness.running.registry import Entry
from harness.transports import LOCAL

COLUMNS = ("cluster", "node", "state", "pid", "clients at", "peers", "leads", "since")


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="As JSON, a line a cluster.")
def command(as_json: bool) -> None:
    """List the clusters that run: their nodes, pids, ports, and who leads.

    A cluster whose holder has died is named once, and forgotten if it can have left nothing.

    \b
    Examples:
      harness ps
      harness ps --json | jq .nodes
    """
    seen, words = [], []
    for entry in registry.entries():
        try:
            seen.append(look(entry))
        except NotThereError as error:
            words.append(without_answer(entry, error))
        except HarnessError as error:
            words.append(f"{entry.name}: {error}")
    if as_json:
        for each in seen:
            click.echo(json.dumps(each))
    elif seen:
        Console(soft_wrap=True, highlight=False).print(table_of_nodes(seen))
    elif not words:
        click.echo("no cluster runs")
    for word in words:
        click.echo(f"harness: {word}", err=True)


def look(entry: Entry) -> dict[str, Any]:
    """A cluster's status, with the machine's own pids for the nodes of hosts made here.

    Raises NotThereError where nobody answers.
    """
    seen = status(entry)
    if seen["on"] == LOCAL:
        holder = entry.read("holder.json").get("pid", 0)
        pids = pids_of_nodes(holder, seen["tag"])
        for i, node in enumerate(seen["nodes"], 1):
            node["pid"] = pids.get(f"n{i}")
    return seen


def without_answer(entry: Entry, error: HarnessError) -> str:
    """What to say of a cluster that does not answer; forgets one that has left nothing."""
    if entry.alive():
        return f"{entry.name} starts, or ends: {error}"
    try:
        asked = entry.asked()
    except UsageError as torn:
        return str(torn)
    if asked.on != LOCAL:
        return (
            f"{entry.name}: its holder has died, and hosts of {asked.on} may have something"
            f" of it: `harness down {entry.name}` cleans them"
        )
    how = "was ended by a signal" if entry.read("ended.json") else "has died"
    registry.remove(entry)
    return f"{entry.name}: its holder {how}, and its hosts with it: nothing is left to end"


def table_of_nodes(clusters: Sequence[Mapping[str, Any]]) -> Table:
    """A row a node, a line for each open fault."""
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column != "state", overflow="fold")
    for cluster in clusters:
        leaders = {node.get("leader") for node in cluster["nodes"]} - {None}
        for number, node in enumerate(cluster["nodes"]):
            first = number == 0
            leads = node.get("leader") == number and number in leaders
            table.add_row(
                cluster["name"] if first else "",
                node["name"],
                node["state"],
                str(node.get("pid") or ""),
                f"{node.get('address', '')}:{node.get('http', '')}",
                str(node.get("peers", "")),
                "leads" if leads else "",
                age(cluster["since"]) if first else "",
            )
        for fault in cluster["faults"]:
            left = "until healed" if fault["left_s"] is None else f"{fault['left_s']:g} s more"
            table.add_row("", "", f"fault {fault['number']}: {fault['name']}, {left}")
    return table


def age(since: str) -> str:
    """How long ago, as people say it.

    >>> age("2000-01-01T00:00:00+00:00").endswith("d")
    True
    """
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
