"""Faults as commands: what is typed on which host to carry an action out. Text only; nothing runs here.

- **Cuts** are DROP rules at the receiver, in a chain of our own (``NEMESIS-<tag>``) that INPUT jumps
  to first, so that established connections are cut too and nobody else's rules are touched.
- **Weather** is ``tc netem`` at the sender, by prio band and u32 filter per destination, where the
  kernel has it (and there are no more destinations than bands). Elsewhere packets are queued at the
  *receiver* to a helper (``harness.remote.netem``): held at the sender they would be charged to the
  sender's socket, and TCP would crawl (HOSTS.md 4c).
- **Processes** get signals. ``Start`` is the system's own affair and has no command.
- **Disks and clocks** are broken in the simulator only, so far: ``SIMULATED_ONLY`` says so, and a trial
  that asks for one on hosts is refused before any host is touched (:func:`not_on_hosts`).

Only IPv4. Commands that are sent once (``Cut``, ``Mend``, ``Shape``) are one process where possible;
``set_up``, ``heal`` and ``tear_down`` may be repeated at will and end with status 0 if nothing is
left to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias, assert_never, get_args

from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    ClockAction,
    Corrupt,
    Cut,
    DiskAction,
    Kill,
    Link,
    LoseUnsynced,
    Mend,
    Pause,
    Plan,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Weather,
)
from nemesis.resolution import resolve

Argv: TypeAlias = tuple[str, ...]
Command: TypeAlias = tuple[int, Argv]

SIMULATED_ONLY: tuple[type, ...] = (*get_args(DiskAction), *get_args(ClockAction))
"""Actions that have no command. Give one its ``case`` in :func:`commands`, then take it out here."""

PREFIX = "NEMESIS-"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
QDISC = "6e65:"
"""The handle of our root qdisc ("ne"): how we know that it is ours to delete."""
BANDS = 16
"""The most that prio has; the first is for packets that have no weather, the last for duplicates."""
MOST_NODES = BANDS - 2
"""With netem. More are for the helper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What a host has to break things with. ``queue`` is the helper's; None: weather is by netem."""

    address: str
    iptables: str = "/usr/sbin/iptables"
    tc: str | None = None
    device: str | None = None
    """Through which the other nodes are reached."""
    queue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The hosts by node, and the pids of the nodes under test, as far as they are known."""

    tag: str
    hosts: Mapping[int, HostFacts]
    pids: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The kernel's limit for a chain's name is 28 characters; what is here is also shell text.
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", self.tag):
            raise ValueError(f"tag {self.tag!r} is not 1 to 20 letters, digits, '-' and '_'")

    @property
    def chain(self) -> str:
        return PREFIX + self.tag


def commands(action: Action, facts: Facts) -> list[Command]:
    """``(node, argv)`` for each host that has a part in it, ascending; at most one for a node.

    Raises KeyError for a node that is not in ``facts``, or whose pid is needed and not there, and
    NotImplementedError for an action of ``SIMULATED_ONLY``.
    """
    match action:
        case Cut(links):
            return [(dst, _cut(facts, dst, srcs)) for dst, srcs in _by_receiver(links)]
        case Mend(links):
            return [(dst, _mend(facts, dst, srcs)) for dst, srcs in _by_receiver(links)]
        case Shape(links, weather):
            return _shape(facts, links, weather)
        case Kill(node):
            return [(node, _signal("KILL", facts.pids[node]))]
        case Pause(node):
            return [(node, _signal("STOP", facts.pids[node]))]
        case Resume(node):
            return [(node, _signal("CONT", facts.pids[node]))]
        case Start():
            return []
        case SlowDisk() | LoseUnsynced() | Corrupt() | Restore():
            raise NotImplementedError(f"{action}: disks are broken in the simulator only, so far")
        case BumpClock() | StrobeClock() | SetDrift() | ResetClock():
            raise NotImplementedError(f"{action}: clocks are broken in the simulator only, so far")
        case _:
            assert_never(action)


def not_on_hosts(plan: Plan, nodes: int, zones: Sequence[str] = ()) -> list[str]:
    """The names of those faults of a plan that can only be simulated, each once.

    >>> from nemesis.actions import Window
    >>> not_on_hosts([Window(0, 5, "kill-one"), Window(9, 5, "clock-bump")], 3)
    ['clock-bump']
    """
    found: dict[str, None] = {}
    for window in plan:
        fault = window.fault
        if isinstance(fault, str):
            fault = resolve(fault, Random(0), range(nodes), zones=zones)
        if any(isinstance(action, SIMULATED_ONLY) for action in (*fault.begin, *fault.end)):
            found[fault.name] = None
    return list(found)


def shell(*lines: str) -> Argv:
    return ("sh", "-c", "\n".join(lines))


def _signal(name: str, pid: int) -> Argv:
    return ("kill", f"-{name}", str(pid))


def _by_receiver(links: Iterable[Link]) -> list[tuple[int, list[int]]]:
    sources: dict[int, set[int]] = {}
    for src, dst in links:
        sources.setdefault(dst, set()).add(src)
    return [(dst, sorted(sources[dst])) for dst in sorted(sources)]


# --- cuts -----------------------------------------------------------------------------------------


def _iptables(host: HostFacts, table: str = "filter") -> str:
    """``-w 5``: another iptables on this host may hold the lock, but not for ever."""
    return f"{host.iptables} -w 5" + ("" if table == "filter" else f" -t {table}")


def _addresses(facts: Facts, nodes: Iterable[int]) -> list[str]:
    return [facts.hosts[node].address for node in nodes]


def _cut(facts: Facts, dst: int, srcs: Sequence[int]) -> Argv:
    sources = ",".join(_addresses(facts, srcs))
    iptables = _iptables(facts.hosts[dst]).split()
    return (*iptables, "-A", facts.chain, "-s", sources, "-j", "DROP")


def _mend(facts: Facts, dst: int, srcs: Sequence[int]) -> Argv:
    return shell(*_delete(facts, dst, srcs, "filter", "DROP"))


def _delete(facts: Facts, dst: int, srcs: Sequence[int], table: str, verdict: str) -> list[str]:
    """Delete the rules for these sources: one process where they are as we made them, thorough else."""
    sources = _addresses(facts, srcs)
    delete = f"{_iptables(facts.hosts[dst], table)} -D {facts.chain} -s"
    return [
        f"{delete} {','.join(sources)} -j {verdict} 2>/dev/null && exit",
        f"for source in {' '.join(sources)}; do",
        f"  while {delete} $source -j {verdict} 2>/dev/null; do :; done",
        "done",
    ]


# --- weather --------------------------------------------------------------------------------------


def by_netem(facts: Facts, node: int) -> bool:
    """Whether what ``node`` sends and receives is shaped by the kernel's netem."""
    return facts.hosts[node].queue is None


def _shape(facts: Facts, links: Sequence[Link], weather: Weather) -> list[Command]:
    made: dict[int, Argv] = {}
    for dst, srcs in _by_receiver([link for link in links if not by_netem(facts, link[1])]):
        made[dst] = _queue(facts, dst, srcs, weather)
    backwards = [(dst, src) for src, dst in links if by_netem(facts, dst)]
    for src, dsts in _by_receiver(backwards):
        assert src not in made, "hosts with netem and hosts without in one cluster"
        made[src] = _netem(facts, src, dsts, weather)
    return sorted(made.items())


def _queue(facts: Facts, dst: int, srcs: Sequence[int], weather: Weather) -> Argv:
    """Send what comes from these sources through the helper, which is told the weather by itself."""
    host = facts.hosts[dst]
    verdict = f"NFQUEUE --queue-num {host.queue} --queue-bypass"
    if weather == CLEAR:
        return shell(*_delete(facts, dst, srcs, "mangle", verdict))
    sources = ",".join(_addresses(facts, srcs))
    append = _iptables(host, "mangle").split()
    return (*append, "-A", facts.chain, "-s", sources, "-j", *verdict.split())


def _netem(facts: Facts, src: int, dsts: Sequence[int], weather: Weather) -> Argv:
    """Give each destination a band with a netem of its own; all that duplicate share the last band.

    Since 2025 kernels refuse a netem that duplicates beside any other in the same tree of qdiscs
    (CVE-2025-38553).
    """
    host, shared = facts.hosts[src], f"{QDISC}{BANDS:x}"
    tc, device = f"{host.tc}", f"dev {host.device}"
    bands = {dst: sorted(facts.hosts).index(dst) + 2 for dst in dsts}
    assert max(bands.values()) < BANDS, "more destinations than bands"
    filters = {dst: f"{device} parent {QDISC} protocol ip prio {band}" for dst, band in bands.items()}  # fmt: skip
    old = [f"{tc} filter del {filter_} 2>/dev/null" for filter_ in filters.values()]
    if weather == CLEAR:
        return shell(
            *old,
            *(f"{tc} qdisc del {device} parent {QDISC}{b:x} 2>/dev/null" for b in bands.values()),
            f"{tc} filter show {device} parent {QDISC} 2>/dev/null | grep -q 'flowid {shared}' ||",
            f"  {tc} qdisc del {device} parent {shared} 2>/dev/null",
            "true",
        )
    twice = weather.duplicate_permille > 0
    places = {dst: shared if twice else f"{QDISC}{band:x}" for dst, band in bands.items()}
    return shell(
        f"{tc} qdisc show {device} | grep -q 'qdisc prio {QDISC}' ||",
        f"  {tc} qdisc add {device} root handle {QDISC} prio bands {BANDS} priomap{' 0' * 16} || exit",
        *old,
        *(
            f"{tc} qdisc replace {device} parent {place} netem {_netem_options(weather)} || exit"
            for place in dict.fromkeys(places.values())
        ),
        *(
            f"{tc} filter add {filters[dst]} u32 match ip dst {facts.hosts[dst].address}/32 flowid {place} || exit"
            for dst, place in places.items()
        ),
    )


def _netem_options(weather: Weather) -> str:
    """What netem is told. The limit is of packets held: the default loses some at 1 Gbit/s and 50 ms.

    >>> _netem_options(Weather(delay_ms=50, jitter_ms=10, loss_permille=25))
    'delay 50ms 10ms loss 2.5% limit 100000'
    """
    words = []
    if weather.delay_ms:
        words += ["delay", f"{weather.delay_ms}ms"]
        words += [f"{weather.jitter_ms}ms"] if weather.jitter_ms else []
    for word, permille in (
        ("loss", weather.loss_permille),
        ("duplicate", weather.duplicate_permille),
        ("reorder", weather.reorder_permille),
    ):
        if permille:
            words += [word, f"{permille / 10:g}%"]
    return " ".join([*words, "limit 100000"])


# --- before and after -----------------------------------------------------------------------------


def _hooks(host: HostFacts) -> list[tuple[str, str]]:
    """``(table, where our chain is called from)``. The host's talk with itself has no weather."""
    hooks = [("filter", "INPUT")]
    return hooks if host.queue is None else [*hooks, ("mangle", "PREROUTING ! -i lo")]


def set_up(facts: Facts, node: int) -> Argv:
    """Make the chains, empty, and call them first. Status is not 0 if that cannot be."""
    host, chain = facts.hosts[node], facts.chain
    lines = ["set -e"]
    for table, place in _hooks(host):
        iptables = _iptables(host, table)
        lines += [
            f"{iptables} -N {chain} 2>/dev/null || {iptables} -F {chain}",
            f"{iptables} -C {place} -j {chain} 2>/dev/null || {iptables} -I {place} -j {chain}",
        ]
    return shell(*lines)


def heal(facts: Facts, node: int) -> Argv:
    """End all cuts and all weather of ours on this host; the chains stay."""
    host = facts.hosts[node]
    lines = ["status=0"]
    for table, _ in _hooks(host):
        iptables = _iptables(host, table)
        there = f"{iptables} -n -L {facts.chain} >/dev/null 2>&1"
        lines.append(f"if {there}; then {iptables} -F {facts.chain} || status=$?; fi")
    return shell(*lines, *_without_qdisc(host), "exit $status")


def tear_down(facts: Facts, node: int) -> Argv:
    """Leave nothing of ours on this host."""
    host, chain = facts.hosts[node], facts.chain
    lines = ["status=0"]
    for table, place in _hooks(host):
        iptables = _iptables(host, table)
        lines += [
            f"while {iptables} -D {place} -j {chain} 2>/dev/null; do :; done",
            f"if {iptables} -n -L {chain} >/dev/null 2>&1; then",
            f"  {iptables} -F {chain} && {iptables} -X {chain} || status=$?",
            "fi",
        ]
    return shell(*lines, *_without_qdisc(host), "exit $status")


def _without_qdisc(host: HostFacts) -> list[str]:
    if host.tc is None or host.device is None:
        return []
    return [
        f"if {host.tc} qdisc show dev {host.device} | grep -q 'qdisc prio {QDISC}'; then",
        f"  {host.tc} qdisc del dev {host.device} root || status=$?",
        "fi",
    ]


def sweep(host: HostFacts, living: Sequence[str]) -> Argv:
    """Remove the chains and the qdisc of runs that are no more: all of ours but those of ``living`` tags."""
    kept = " ".join(PREFIX + tag for tag in living)
    lines = [
        "for table in filter mangle; do",
        f'  iptables="{host.iptables} -w 5 -t $table"',
        f"  for chain in $($iptables -S 2>/dev/null | sed -n 's/^-N \\({PREFIX}[^ ]*\\)$/\\1/p'); do",
        f'    case " {kept} " in *" $chain "*) continue;; esac',
        '    $iptables -S | sed -n "s/^-A \\(.* -j $chain\\)$/\\1/p" | while read -r rule; do',
        "      $iptables -D $rule",
        "    done",
        '    $iptables -F "$chain" && $iptables -X "$chain" && echo "swept $table $chain"',
        "  done",
        "done",
    ]
    if not living and host.tc and host.device:
        lines += ["status=0", *_without_qdisc(host)]
    return shell(*lines, "true")


def look(addresses: Sequence[str]) -> Argv:
    """Print what this host has, as ``name=value`` lines that :func:`seen` reads.

    ``netem`` is tried on the loopback device, since tc and its module may each be missing and only
    the kernel knows (HOSTS.md 4).
    """
    return shell(
        f"PATH=$PATH:{PATH}",
        "for name in iptables iptables-legacy iptables-nft; do",
        '  tool=$(command -v $name) && "$tool" -w 5 -n -L INPUT >/dev/null 2>&1 || continue',
        '  echo "iptables=$tool"; break',
        "done",
        f"for address in {' '.join(addresses)}; do",
        "  ip -o route get $address 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/device=\\1/p'",
        "done",
        "tc=$(command -v tc) || exit 0",
        'echo "tc=$tc"',
        f"$tc qdisc add dev lo root handle {QDISC} netem delay 0ms 2>/dev/null || exit 0",
        "$tc qdisc del dev lo root",
        "echo netem=yes",
    )


def seen(address: str, printed: str) -> tuple[HostFacts, bool]:
    r"""The facts that :func:`look` printed, and whether netem can be used there.

    Raises ValueError for a host where no iptables works.

    >>> seen("10.0.0.1", "iptables=/sbin/iptables\ndevice=eth0\ntc=/sbin/tc\nnetem=yes\n")[1]
    True
    """
    pairs = [line.split("=", 1) for line in printed.splitlines() if "=" in line]
    found = dict(pairs)
    if "iptables" not in found:
        raise ValueError("no iptables that works (is it installed, and may this user use it?)")
    devices = {value for name, value in pairs if name == "device" and value != "lo"}
    facts = HostFacts(
        address=address,
        iptables=found["iptables"],
        tc=found.get("tc"),
        device=min(devices) if len(devices) == 1 else None,
    )
    return facts, "netem" in found and facts.device is not None
