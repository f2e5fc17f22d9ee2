"""Options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path

import click

from harness.node.config import TCP, TRANSPORTS
from harness.store.find import STORE
from harness.transports import LOCAL

store = click.option(
    "--store", type=click.Path(path_type=Path), default=STORE, show_default=True,
    help="The folder that runs are kept in.",
)  # fmt: skip
on_hosts = click.option(
    "--on", default=LOCAL, show_default=True, metavar="local|INVENTORY",
    help="Hosts made on this machine, or those of an inventory (a TOML file, or its name).",
)  # fmt: skip
transport = click.option(
    "--transport", type=click.Choice(list(TRANSPORTS)), default=TCP, show_default=True,
    help="How the nodes speak to each other; unix: hosts made on this machine only.",
)  # fmt: skip
rtt = click.option(
    "--rtt", "rtt_ms", type=click.IntRange(1, 10_000), show_default="20, or what --wan says",
    help="Round trip in ms that the protocol's time-outs are multiples of.",
)  # fmt: skip
protocol_option = click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE",
    help="Of the protocol; a wrong NAME lists them.",
)  # fmt: skip
