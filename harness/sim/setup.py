"""What a simulated trial is made of, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from checker.history import Row
from nemesis.actions import Fault, Plan, Window
from nemesis.resolution import resolve
from protocols.kernel import Replica
from workloads.kernel import Options, Workload

Resolve: TypeAlias = Callable[..., Fault]
"""From a fault's name, a stream of chance, the nodes and those that lead now, and ``members`` and ``down``
by name, to the Fault (``nemesis.resolution.resolve``)."""

Observer: TypeAlias = Callable[[str], None]
"""Is told each event as a line, in order: for traces, and to compare two runs."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """How the links between nodes behave while no fault is on. Permille are of messages.

    Each message takes a time of its own, so that messages overtake each other; late ones take up
    to ``late_us``. The defaults are a little hostile, since the contract of the kernel is.
    ``apart_us[src][dst]`` is what distance adds, one way, for wide-area set-ups. ``sync_us`` is what
    a sync of a node's disk takes around the beginnings and ends of faults: where it is more than
    nothing, a kill can fall between what a step persists and what it sends (``harness.sim.disk``).
    """

    delay_us: tuple[int, int] = (1_000, 5_000)
    loss_permille: int = 2
    duplicate_permille: int = 2
    late_permille: int = 5
    late_us: int = 50_000
    apart_us: tuple[tuple[int, ...], ...] = ()
    sync_us: tuple[int, int] = (100, 3_000)


PERFECT = Network(loss_permille=0, duplicate_permille=0, late_permille=0, sync_us=(0, 0))
"""Nothing is lost, sent twice or late, and disks take no time; messages still overtake each other."""

STEADY = replace(PERFECT, delay_us=(2_000, 2_000))
"""Every message takes the same time."""

NETWORKS: Mapping[str, Network] = {"hostile": Network(), "perfect": PERFECT, "steady": STEADY}
"""The names that ``--network`` knows, each kinder than the one before."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One simulated trial, whole: with the code, all that is needed to play it again.

    ``rtt_ms`` is what the protocol is told to expect, and need not be what ``network`` does.
    A client gives an op up after ``client_timeout_ms``. The nodes' clocks differ by up to
    ``skew_ms``. After the main phase everything is healed and left alone for ``settle_ms``; then
    come the workload's final ops, for at most ``final_ms``.
    """

    protocol: type[Replica[Any]]
    workload: Workload
    options: Options
    plan: Plan = ()
    seed: int | str = 0
    network: Network = Network()
    rtt_ms: int = 20
    zones: tuple[str, ...] = ()
    protocol_options: Mapping[str, object] = field(default_factory=dict)
    client_timeout_ms: int = 1_000
    skew_ms: int = 250
    settle_ms: int = 1_000
    final_ms: int = 30_000
    core: bool = False
    """Heal a majority only: a minority, drawn from the seed, is dead from then on."""
    resolve: Resolve = resolve
    room: int = 200_000
    """For so many messages and timers under way: see ``harness.sim.flood``. 2,000 ops a second, of 30 messages each, have
    as many only where each message takes 3 s."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What happened. ``plan`` is the one that was played, with every fault resolved.

    ``rows`` are the history: clients from 0, the nemesis -1, the notes of node n under
    ``node_process(n)``. ``digest`` names the trace of all events. ``finished`` says whether the
    final ops came to their own end within their time: if not, the cluster may not have recovered.
    """

    rows: list[Row]
    plan: tuple[Window, ...]
    digest: str
    events: int
    end_ns: int
    finished: bool
    counters: Mapping[str, int]
