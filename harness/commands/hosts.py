"""``harness hosts``: hosts made on this machine, for as long as a command runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from harness.inventory import write_inventory
from harness.remote import sandbox
from harness.remote.cluster import LocalCluster
from harness.report.progress import Progress


@click.command("hosts", context_settings={"ignore_unknown_options": True})
@click.option("--nodes", "-n", type=click.IntRange(1, 60), default=5, show_default=True)
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def command(nodes: int, argv: tuple[str, ...]) -> int:
    """Make hosts on this machine and run COMMAND, which finds them in $HARNESS_INVENTORY.

    In COMMAND, {inventory} becomes the inventory's path. The hosts are gone when it ends.

    \b
    Examples:
      harness hosts -n 3 -- bash
      harness hosts -n 5 -- harness test --protocol abd --nemesis kill --on {inventory}
    """
    if not sandbox.inside():
        sandbox.enter([sys.executable, "-m", "harness", *sys.argv[1:]])
    with LocalCluster(nodes) as cluster:
        path = Path(sandbox.RUNTIME) / "inventory.toml"
        path.write_text(write_inventory(cluster.hosts, name="local"), encoding="utf-8")
        names = f"{cluster.hosts[0].name}..{cluster.hosts[-1].name}"
        Progress().say(f"{nodes} hosts {names}, reached by SSH: {path}")
        words = [word.replace("{inventory}", str(path)) for word in argv]
        environment = {**os.environ, "HARNESS_INVENTORY": str(path)}
        return subprocess.run(words, check=False, env=environment).returncode
