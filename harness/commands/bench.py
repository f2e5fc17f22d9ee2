"""``harness bench``: how fast, measured on histories that are checked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import randbelow
from typing import Any

import click

from checker.verdict import Outcome, combine
from harness.bench.asked import Asked
from harness.bench.campaign import Done, medians, on_hosts, repeated, simulated
from harness.bench.compare import find
from harness.bench.tell import tell
from harness.commands import shared
from harness.commands.options import Concurrency, Duration, check_trial, clients, pair
from harness.commands.test import SIMULATED, again, chosen, for_hosts
from harness.errors import UsageError
from harness.inventory import load
from harness.node.config import TRANSPORTS, UNIX
from harness.remote import sandbox
from harness.remote.cluster import LocalCluster
from harness.remote.seam import Host
from harness.report.progress import Progress, to_stdout
from harness.sim import NETWORKS
from harness.store.record import make_store
from harness.transports import LOCAL
from harness.trial import Trial
from harness.wan import hosts_in, longest_ms
from protocols import PROTOCOLS

DEFAULT_NODES = 5
INTERRUPTED = 130
ALL_PROTOCOLS = "all"


@click.command("bench")
@click.option(
    "--protocol", "-p", "protocols", required=True, multiple=True, metavar="NAMES",
    help="By comma, or all; with options as NAME+OPTION=VALUE, and -p again for the next.",
)  # fmt: skip
@click.option(
    "--on", default=LOCAL, show_default=True, metavar="local|sim|INVENTORY",
    help="Hosts made on this machine, the simulator, or the hosts of an inventory.",
)  # fmt: skip
@click.option(
    "--nodes", "-n", metavar="N,N,...", show_default="5, or as many as --wan has",
    help="How many nodes; several by comma. Of an inventory also names.",
)  # fmt: skip
@click.option(
    "--concurrency", "-c", default="4n", show_default=True, metavar="C,C,...",
    help="Client threads, spread over the nodes: a number, or 4n for four a node; several by comma.",
)  # fmt: skip
@click.option(
    "--rate", "-r", type=click.IntRange(1, 1_000_000), show_default="100",
    help="Open loop: ops a second of all clients together, at intended times.",
)  # fmt: skip
@click.option("--closed", is_flag=True, help="Closed loop: each client asks as it is answered.")
@click.option(
    "--throttle", type=click.IntRange(1, 1_000_000),
    help="With --closed: at most so many ops a second of all clients.",
)  # fmt: skip
@click.option(
    "--time", "--time-limit", "time_ms", type=Duration(), show_default="10",
    help="How long it is measured.",
)  # fmt: skip
@click.option("--ops", type=click.IntRange(1), help="How many ops are measured, instead of --time.")
@click.option(
    "--warmup", "warmup_ms", type=Duration(zero=True), default="1", show_default=True,
    help="Load before that, which is not measured.",
)  # fmt: skip
@click.option(
    "--keys", type=click.IntRange(1, 1_000_000), default=Asked.keys, show_default=True,
    help="How many keys.",
)  # fmt: skip
@click.option(
    "--min", "first", type=click.IntRange(0), default=0, help="The number of the first key."
)
@click.option(
    "--write-ratio", "writes", type=click.FloatRange(0, 1), default=0.5, show_default=True,
    help="The share of ops that write.",
)  # fmt: skip
@click.option(
    "--distribution", "-d", default="uniform", show_default=True, metavar="LAW",
    help="Which key: order, uniform, conflict:PERCENT, locality:PERCENT, normal:MEAN,SIGMA"
    "[,move=KEYS,speed=MS], zipfian:S,V or exponential:LAMBDA.",
)  # fmt: skip
@click.option(
    "--check/--no-check",
    default=True,
    help="Whether the histories are judged; if not, the verdict is unknown.",
)
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=1, show_default=True,
    help="With --on sim: so many at a time.",
)  # fmt: skip
@click.option("--load/--no-load", "fill", default=True, help="Whether every key is written first.")
@click.option(
    "--transport", type=click.Choice(list(TRANSPORTS)), default=Asked.transport, show_default=True,
    help="How nodes on hosts speak to each other.",
)  # fmt: skip
@click.option("--nemesis", default="none", show_default=True, help="Faults meanwhile, by comma.")
@click.option("--interval", "interval_ms", type=Duration(), help="About how long between faults.")
@click.option("--wan", metavar="INVENTORY", help="Zones and round trips between nodes, as of wan5.")
@click.option(
    "--zones",
    metavar="A,B,...",
    help="The nodes' zones, given out in turn, if not as --wan has them.",
)
@click.option(
    "--network", type=click.Choice(list(NETWORKS)), default=Asked.network, show_default=True,
    help="How the simulator's links behave.",
)  # fmt: skip
@shared.rtt
@click.option(
    "--timeout", "client_timeout_ms", type=click.IntRange(1, 600_000),
    default=Asked.client_timeout_ms, show_default=True, help="Client time-out in ms.",
)  # fmt: skip
@click.option(
    "--repeat", type=click.IntRange(1, 100), default=1, show_default=True,
    help="Run all so many times, in rounds, and tell the median of each.",
)  # fmt: skip
@click.option("--seed", help="A number or any text; default: drawn, printed.")
@click.option(
    "--compare", metavar="RUN", help="An earlier benchmark, to be shown beside: a run, or a file."
)
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the tables there, too, and the plots beside them.",
)  # fmt: skip
@shared.store
def command(**given: Any) -> int:
    """Measure throughput and latency, protocols side by side, on histories that are checked.

    Each protocol (and size) is an ordinary run in the store: all keys are written, the load warms
    up, then it is measured. Latencies count from when an op was due; what fails is no success; the
    client's own share of the processor is told beside them. Exit codes are those of the verdicts.

    \b
    Examples:
      harness bench -p multipaxos,epaxos,abd --rate 500 --time 30
      harness bench -p all --nodes 3,5 --concurrency 1,8,32 --closed --time 4
      harness bench -p epaxos,wpaxos --on sim --wan wan5 -d locality:90 --time 60
      harness bench -p multipaxos -p multipaxos+read=leader --closed --ops 10000 --write-ratio 0.1
      harness bench -p raft --on lab.toml --nemesis partition --time 2m
      harness bench -p abd --closed --repeat 3 --compare 20261128T220000Z
    """
    then = find(given["compare"], given["store"]) if given["compare"] else ()
    given["seed"] = given["seed"] or str(randbelow(1_000_000))
    path: Path | None = given["markdown"]
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--markdown {path}: there is no directory {path.parent}")
    done = measured(given)
    benched = medians(done.benched)
    if benched:
        typed = shlex.join(["harness", *again(given["seed"])])
        tell(benched, then, store=given["store"], markdown=path, typed=typed)
    for problem in done.problems:
        to_stdout(problem)
    if done.interrupted:
        to_stdout("interrupted: what is not above was not measured")
        return INTERRUPTED
    if done.code:
        return done.code
    outcomes = [Outcome(one.outcome) for one in benched]
    return combine(outcomes).exit_code


def measured(given: dict[str, Any]) -> Done:
    """Run all that is asked for, where that is asked for."""
    on, progress = given["on"], Progress()
    if on not in (LOCAL, SIMULATED):
        inventory = load(on)
        names = given["nodes"] is not None and not given["nodes"].replace(",", "").isdecimal()
        hosts = chosen(inventory, given["nodes"]) if names else inventory.hosts
        if inventory.rtt_ms and not given["wan"] and given["rtt_ms"] is None:
            given["rtt_ms"] = longest_ms(on, [host.zone for host in hosts])
        sizes = [len(hosts)] if names or not given["nodes"] else numbers(given["nodes"], len(hosts))
        trials = repeated(
            [for_hosts(trial, on) for trial in trials_of(given, sizes, hosts)], given["repeat"]
        )
        return on_hosts(trials, hosts, on, given["store"], progress, tunnel=inventory.tunnel)
    default = hosts_in(given["wan"]) if given["wan"] else DEFAULT_NODES
    sizes = numbers(given["nodes"], 60) if given["nodes"] else [default]
    trials = repeated(list(trials_of(given, sizes)), given["repeat"])
    if on == SIMULATED:
        return simulated(trials, given["store"], progress, given["jobs"])
    trials = [for_hosts(trial) for trial in trials]
    if not sandbox.inside():
        make_store(given["store"])
        sandbox.enter([sys.executable, "-m", "harness", *again(given["seed"])])
    with LocalCluster(max(sizes), shared=given["transport"] == UNIX) as cluster:
        progress.say(f"{max(sizes)} hosts made on this machine ({cluster.up_s:.1f} s)")
        return on_hosts(trials, cluster.hosts, on, given["store"], progress)


# --- what is asked for ----------------------------------------------------------------------------


def trials_of(
    given: dict[str, Any], sizes: Sequence[int], hosts: Sequence[Host] = ()
) -> Iterator[Trial]:
    """The trials, those that are to be compared close in time. Raises UsageError for any that cannot be."""
    protocols = protocols_of(given["protocols"])
    for nodes in sizes:
        for size in sizes_of(given["concurrency"], nodes):
            asked = replace(asked_of(given), nodes=nodes, clients=size)
            if hosts and any(host.zone for host in hosts):
                asked = replace(asked, zones=",".join(host.zone for host in hosts[:nodes]))
            for name, options in protocols:
                trial = asked.trial(name, options)
                check_trial(trial)
                yield trial


def asked_of(given: dict[str, Any]) -> Asked:
    """All but the sizes. Raises UsageError for options that do not go together."""
    if given["closed"] and given["rate"]:
        raise UsageError("--rate is for an open loop, --closed for the other: give one")
    if given["throttle"] and not given["closed"]:
        raise UsageError("--throttle is for --closed: an open loop has its --rate")
    if given["ops"] and given["time_ms"]:
        raise UsageError("--time and --ops both say when it ends: give one")
    if given["on"] == SIMULATED and given["transport"] != Asked.transport:
        raise UsageError("--transport is for hosts: the simulator has none")
    if given["jobs"] > 1 and given["on"] != SIMULATED:
        raise UsageError("--jobs: on hosts one is measured after the other; it is for --on sim")
    load = {"distribution": given["distribution"], "writes": f"{given['writes']:g}"}
    load |= {"min": str(given["first"]), "load": "true" if given["fill"] else "false"}
    load |= {name: str(given[name]) for name in ("ops", "throttle") if given[name]}
    return Asked(
        rate=0 if given["closed"] else given["rate"] or Asked.rate,
        keys=given["keys"],
        time_ms=given["time_ms"] or Asked.time_ms,
        warmup_ms=given["warmup_ms"],
        seed=given["seed"],
        load=load,
        wan=given["wan"],
        zones=given["zones"] or "",
        check=given["check"],
        network=given["network"],
        nemesis=given["nemesis"],
        interval_ms=given["interval_ms"],
        rtt_ms=given["rtt_ms"],
        client_timeout_ms=given["client_timeout_ms"],
        transport=given["transport"],
    )


def protocols_of(given: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Names with their options. Raises UsageError for an option without a value.

    >>> protocols_of(["abd,raft", "fpaxos+quorum=count:4,2"])
    [('abd', {}), ('raft', {}), ('fpaxos', {'quorum': 'count:4,2'})]
    """
    found: list[tuple[str, dict[str, str]]] = []
    for text in given:
        for word in [text] if "+" in text else text.split(","):
            name, *options = word.split("+")
            if "," in name:
                raise UsageError(
                    f"-p {text}: who has options stands alone: "
                    + " ".join(f"-p {each}" for each in text.split(","))
                )
            names = list(PROTOCOLS) if name == ALL_PROTOCOLS else [name]
            told = dict(pair(option, f"--protocol {text}:") for option in options)
            found += [(name, told) for name in names]
    return found


def numbers(text: str, most: int) -> list[int]:
    """Numbers of nodes by comma. Raises UsageError."""
    words = text.split(",")
    if not all(word.isdecimal() and 1 <= int(word) <= most for word in words):
        raise UsageError(f"--nodes {text}: numbers from 1 to {most}, by comma")
    return [int(word) for word in dict.fromkeys(words)]


def sizes_of(text: str, nodes: int) -> list[int]:
    """Numbers of clients by comma. Fails for what is none."""
    words = [Concurrency().convert(word, None, None) for word in text.split(",")]
    return list(dict.fromkeys(clients(word, nodes) for word in words))
