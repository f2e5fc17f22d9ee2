"""``harness test``: a trial on real hosts."""

from __future__ import annotations

import sys
from typing import Any

import click

from harness import transports
from harness.commands import shared
from harness.commands.options import load_options, trial_from
from harness.errors import UsageError
from harness.inventory import Inventory, load
from harness.node.config import TCP, UNIX
from harness.remote import sandbox
from harness.remote.cluster import LocalCluster
from harness.remote.seam import Host
from harness.report.progress import Progress
from harness.store.record import make_store
from harness.systems.product import Product
from harness.transports import LOCAL
from harness.trial import Trial
from harness.wan import hosts_in, longest_ms

SIMULATED = "sim"
DEFAULT_NODES = 5


@click.command("test")
@click.option(
    "--protocol", "-p", "--system", required=True,
    help="What to test: a protocol of ours, or a system such as etcd; see `harness list`.",
)  # fmt: skip
@load_options
@shared.transport
@shared.on_hosts
@click.option(
    "--nodes", "-n", metavar="N|NAMES",
    help=f"How many hosts, or which of the inventory by comma; default: {DEFAULT_NODES}, as many as"
    " --wan has, or all.",
)  # fmt: skip
@click.option(
    "--zones", metavar="A,B,...",
    help="The hosts' zones, given out in turn, if not as the inventory or --wan has them.",
)  # fmt: skip
@click.option(
    "--test-count", type=click.IntRange(1), default=1, show_default=True,
    help="Run this many trials, each with the next seed; stop at the first failure.",
)  # fmt: skip
@click.option("--leave-running", is_flag=True, help="Leave the system running (inventories only).")
@click.option(
    "--lossy",
    is_flag=True,
    help="Keep the nodes' data on a file system that forgets what was not synced, and can be full (FUSE; needs root).",
)
@click.option(
    "--admin", is_flag=True, help="Nodes answer the admin's paths (harness/node/admin.py)."
)
@shared.store
def command(**given: Any) -> int:
    """Run a trial on real hosts: processes over TCP, SSH, iptables, kill -9.

    \b
    Examples:
      harness test --protocol epaxos --nemesis partition --time 300
      harness test --protocol multipaxos --nemesis partition,kill,pause --time 5m --rate 500
      harness test --protocol abd --on lab.toml --nodes n1,n2,n3 --nemesis packet
      harness test --protocol wpaxos --wan wan9 --nemesis partition-zone,packet
      harness test --system etcd -w cas --nemesis partition,kill,pause
    """
    on = given["on"]
    if given["lossy"] and given["leave_running"]:
        raise UsageError(
            "--lossy: that file system ends with the trial, so it cannot leave nodes running"
        )
    if on == SIMULATED:
        raise UsageError("--on sim: the simulator has a command of its own, `harness sim`")
    if on == LOCAL:
        if given["leave_running"]:
            raise UsageError(
                "--leave-running: hosts made on this machine end with the command; `harness up` makes"
                " some that stay"
            )
        trial = for_hosts(trial_from(given, local_nodes(given["nodes"], given["wan"])), on)
        if not sandbox.inside():
            fetch(trial, given)  # inside there is no network
            make_store(given["store"])
            sandbox.enter([sys.executable, "-m", "harness", *again(trial.seed)])
        with LocalCluster(trial.nodes, shared=trial.transport == UNIX) as cluster:
            progress = Progress()
            progress.say(f"{trial.nodes} hosts made on this machine ({cluster.up_s:.1f} s)")
            return on_hosts(trial, cluster.hosts, given, progress)
    inventory = load(on)
    hosts = chosen(inventory, given["nodes"])
    zones = [host.zone for host in hosts] if any(host.zone for host in hosts) else []
    if inventory.rtt_ms and not given["wan"] and given["rtt_ms"] is None:
        given["rtt_ms"] = longest_ms(on, zones)
    given["zones"] = given["zones"] or ",".join(zones)
    trial = for_hosts(trial_from(given, len(hosts)), on)
    fetch(trial, given)
    return on_hosts(trial, hosts, given, Progress(), tunnel=inventory.tunnel)


def fetch(trial: Trial, given: dict[str, Any]) -> None:
    """Have on this machine what is put on hosts. Raises CapabilityError, with what to type, and
    UsageError for options that are for nodes of ours.
    """
    tested = trial.tested()
    if not issubclass(tested, Product):
        return
    for option, asked in (
        ("--transport", trial.transport != TCP),
        ("--admin", given["admin"]),
        ("--leave-running", given["leave_running"]),
    ):
        if asked:
            raise UsageError(f"{option} is for protocols of ours, and {trial.protocol} is none")
    tested.fetch(trial.options)


def for_hosts(trial: Trial, on: str = LOCAL) -> Trial:
    """The trial. Raises UsageError for a fault that cannot bite there."""
    transports.check(trial.transport, on, plan=trial.windows(), wan=trial.wan)
    return trial


def on_hosts(
    trial: Trial,
    hosts: tuple[Host, ...],
    given: dict[str, Any],
    progress: Progress,
    *,
    tunnel: bool = False,
) -> int:
    """Run the trials on these hosts; the exit code."""
    from harness.on_hosts import Wanted, trials  # noqa: PLC0415  a second of imports: not before

    wanted = Wanted(
        on=given["on"],
        hosts=hosts,
        count=given["test_count"],
        store=given["store"],
        tunnel=tunnel,
        leave_running=given["leave_running"],
        admin=given["admin"],
        lossy=given["lossy"],
    )
    return trials(trial, wanted, progress)


def again(seed: str) -> list[str]:
    """The words of this command line, with the seed fixed, for the process inside of the sandbox."""
    words = sys.argv[1:]
    return words if any(w.startswith("--seed") for w in words) else [*words, "--seed", seed]


def local_nodes(given: str | None, wan: str | None = None) -> int:
    """``--nodes`` for hosts made here: a number. Raises UsageError."""
    if given is None:
        return hosts_in(wan) if wan else DEFAULT_NODES
    if not given.isdecimal() or not 1 <= int(given) <= 60:
        raise UsageError(f"--nodes {given}: hosts made on this machine are a number from 1 to 60")
    return int(given)


def chosen(inventory: Inventory, given: str | None) -> tuple[Host, ...]:
    """The hosts of an inventory that ``--nodes`` means: all, the first N, or those named."""
    hosts = inventory.hosts
    if given is None:
        return hosts
    if given.isdecimal():
        if not 1 <= int(given) <= len(hosts):
            raise UsageError(f"--nodes {given}: {inventory.name} has {len(hosts)} hosts")
        return hosts[: int(given)]
    named = {host.name: host for host in hosts}
    for name in given.split(","):
        if name not in named:
            raise UsageError(f"--nodes: no host {name!r} in {inventory.name}: {', '.join(named)}")
    return tuple(named[name] for name in given.split(","))
