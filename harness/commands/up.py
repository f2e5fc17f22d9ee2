"""``harness up``: a cluster that outlives the command."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import click
from rich.console import Console

from harness import transports
from harness.commands import shared
from harness.commands.options import pair
from harness.commands.ps import look, table_of_nodes
from harness.commands.test import chosen, local_nodes
from harness.errors import UsageError
from harness.inventory import load
from harness.remote.seam import Host
from harness.report.progress import Progress
from harness.running.lifecycle import begin
from harness.running.registry import Asked
from harness.transports import LOCAL
from harness.trial import Trial
from harness.wan import longest_ms, zones_of

DEFAULT_NODES = "3"


@click.command("up")
@click.option("--protocol", "-p", required=True, help="What to run: see `harness list`.")
@shared.on_hosts
@click.option(
    "--nodes", "-n", metavar="N|NAMES",
    help=f"How many hosts, or which of the inventory by comma; default: {DEFAULT_NODES}, or all.",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="How to call it; default: the protocol.")
@click.option(
    "--zones", default="", metavar="ZONE,...", help="Given out in turn to hosts made here."
)
@click.option(
    "--wan", metavar="INVENTORY", help="Round trips of its zones stand between the hosts."
)
@shared.rtt
@shared.transport
@click.option(
    "--admin", is_flag=True, help="Nodes answer the admin's paths (harness/node/admin.py)."
)
@shared.protocol_option
def command(**given: Any) -> None:
    """Put a protocol on hosts and leave it running: `harness shell` speaks to it.

    \b
    Examples:
      harness up -p multipaxos -n 3
      harness up -p wpaxos -n 6 --zones eu,us,asia --name wide
      harness up -p epaxos --wan wan5
      harness up -p raft --on lab.toml
      harness ps; harness shell; harness down
    """
    asked = asked_for(given)
    progress = Progress()
    entry = begin(asked, name_of(given["name"]), lambda line: click.echo(line, err=True))
    progress.say(f"{entry.name} runs until `harness down {entry.name}`; its log is {entry.log}")
    Console(soft_wrap=True, highlight=False).print(table_of_nodes([look(entry)]))


def asked_for(given: dict[str, Any]) -> Asked:
    """What the options ask for, checked before a host is touched. Raises UsageError."""
    on, wan, zones = given["on"], given["wan"], given["zones"]
    hosts: tuple[Host, ...] = ()
    tunnel = False
    if on == LOCAL:
        nodes = local_nodes(given["nodes"] or (None if wan else DEFAULT_NODES), wan)
    else:
        inventory = load(on)
        hosts, tunnel = chosen(inventory, given["nodes"]), inventory.tunnel
        nodes = len(hosts)
        if any(host.zone for host in hosts):
            zones = ",".join(host.zone for host in hosts)
    if wan and not zones:
        zones = ",".join(zones_of(wan, nodes))
    trial = Trial(
        protocol=given["protocol"],
        nodes=nodes,
        zones=zones,
        wan=wan,
        options=dict(pair(text) for text in given["options"]),
    )
    expected_ms = longest_ms(wan, trial.places()) if wan else trial.rtt_ms
    trial = replace(trial, rtt_ms=given["rtt_ms"] or expected_ms)
    trial.replica()
    transports.check(given["transport"], on, wan=wan)
    return Asked(
        protocol=trial.protocol,
        on=on,
        hosts=hosts,
        nodes=nodes,
        zones=trial.places(),
        rtt_ms=trial.rtt_ms,
        wan=wan,
        options=trial.options,
        tunnel=tunnel,
        admin=given["admin"],
        transport=given["transport"],
        tag=token_hex(4),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def name_of(given: str | None) -> str | None:
    """Raises UsageError for what cannot be a directory's name."""
    if given is not None and not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", given):
        raise UsageError(f"--name {given!r}: letters, digits, '.', '_' and '-'")
    return given
