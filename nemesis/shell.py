"""Faults as commands: what is typed on which host to carry an action out. Text only; nothing runs here.

- **Cuts** are DROP rules at the receiver, in a chain of our own (``NEMESIS-<tag>``) that INPUT jumps
  to first, so that established connections are cut too and nobody else's rules are touched.
- **Weather** is ``tc netem`` at the sender, by prio band and u32 filter per destination, where the
  kernel has it (and there are no more destinations than bands). Elsewhere packets are queued at the
  *receiver* to a helper (``harness.remote.netem``): held at the sender they would be charged to the
  sender's socket, and TCP would crawl (HOSTS.md 4c).
- **Distances** (``Facts.apart_us``) are delays by the same means that are there before any fault and after
  it: weather comes on top of them, and healing leaves them.
- **Processes** get signals. ``Start`` is the system's own affair and has no command, nor have **disks**,
  since only it knows its files (``harness.systems.kernel``: ``HasDisk``, ``HasJournal``), nor ``Join``,
  ``Leave`` and ``Lead``, which are asked of it.
- **Clocks** of the node's process, not of the machine, are set wrong by a page that it maps
  (``harness.node.clock``).

Only IPv4. Commands that are sent once (``Cut``, ``Mend``, ``Shape``) are one process where possible;
``set_up``, ``heal`` and ``tear_down`` may be repeated at will and end with status 0 if nothing is
left to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import assert_never

from nemesis.actions import (
    Action,
    BumpClock,
    Corrupt,
    Cut,
    FillDisk,
    FreeDisk,
    Join,
    Kill,
    Lead,
    Leave,
    LoseUnsynced,
    Mend,
    Pause,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Wipe,
)
from nemesis.shell_facts import (
    MOST_NODES,
    PATH,
    PREFIX,
    QDISC,
    Argv,
    Command,
    Facts,
    HostFacts,
    addresses,
    by_receiver,
    delete,
    iptables_of,
    shell,
)
from nemesis.shell_weather import distances, shape

__all__ = ["MOST_NODES", "Argv", "Command", "Facts", "HostFacts", "shell"]


def commands(action: Action, facts: Facts) -> list[Command]:
    """``(node, argv)`` for each host that has a part in it, ascending; at most one for a node.

    Raises KeyError for a node that is not in ``facts``, or whose pid is needed and not there.
    """
    match action:
        case Cut(links):
            return [(dst, _cut(facts, dst, srcs)) for dst, srcs in by_receiver(links)]
        case Mend(links):
            return [(dst, _mend(facts, dst, srcs)) for dst, srcs in by_receiver(links)]
        case Shape(links, weather):
            return shape(facts, links, weather)
        case Kill(node):
            return [(node, _signal("KILL", facts.pids[node]))]
        case Pause(node):
            return [(node, _signal("STOP", facts.pids[node]))]
        case Resume(node):
            return [(node, _signal("CONT", facts.pids[node]))]
        case (
            Start()
            | SlowDisk()
            | LoseUnsynced()
            | Corrupt()
            | Restore()
            | FillDisk()
            | FreeDisk()
            | Wipe()
            | Join()
            | Leave()
            | Lead()
        ):
            return []
        case BumpClock(node, ms):
            return [(node, _clock(facts, node, "bump", ms))]
        case StrobeClock(node, ms, period_ms):
            return [(node, _clock(facts, node, "strobe", ms, period_ms))]
        case SetDrift(node, ppm):
            return [(node, _clock(facts, node, "drift", ppm))]
        case ResetClock(node):
            return [(node, _clock(facts, node, "reset"))]
        case _:
            assert_never(action)


def _signal(name: str, pid: int) -> Argv:
    return ("kill", f"-{name}", str(pid))


def _clock(facts: Facts, node: int, verb: str, *amounts: int) -> Argv:
    return (*facts.hosts[node].clock, verb, *map(str, amounts))


def _cut(facts: Facts, dst: int, srcs: Sequence[int]) -> Argv:
    sources = ",".join(addresses(facts, srcs))
    iptables = iptables_of(facts.hosts[dst]).split()
    return (*iptables, "-A", facts.chain, "-s", sources, "-j", "DROP")


def _mend(facts: Facts, dst: int, srcs: Sequence[int]) -> Argv:
    return shell(*delete(facts, dst, srcs, "filter", "DROP"))


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
        iptables = iptables_of(host, table)
        lines += [
            f"{iptables} -N {chain} 2>/dev/null || {iptables} -F {chain}",
            f"{iptables} -C {place} -j {chain} 2>/dev/null || {iptables} -I {place} -j {chain}",
        ]
    return shell(*lines)


def stand_apart(facts: Facts, node: int) -> Argv:
    """Make the distances of ``facts`` on this host, whose chains are there. May be repeated."""
    return shell("status=0", *distances(facts, node), "exit $status")


def heal(facts: Facts, node: int) -> Argv:
    """End all cuts and all weather of ours on this host; the chains stay, and so do distances."""
    host = facts.hosts[node]
    lines = ["status=0"]
    for table, _ in _hooks(host):
        if table == "mangle" and facts.apart_us:
            lines += distances(facts, node)
            continue
        iptables = iptables_of(host, table)
        there = f"{iptables} -n -L {facts.chain} >/dev/null 2>&1"
        lines.append(f"if {there}; then {iptables} -F {facts.chain} || status=$?; fi")
    if not facts.apart_us:
        lines += _without_qdisc(host)
    return shell(*lines, "exit $status")


def tear_down(facts: Facts, node: int) -> Argv:
    """Leave nothing of ours on this host."""
    host, chain = facts.hosts[node], facts.chain
    lines = ["status=0"]
    for table, place in _hooks(host):
        iptables = iptables_of(host, table)
        lines += [
            f"while {iptables} -D {place} -j {chain} 2>/dev/null; do :; done",
            f"if {iptables} -n -L {chain} >/dev/null 2>&1; then",
            f"  {iptables} -F {chain} && {iptables} -X {chain} || status=$?",
            "fi",
        ]
    return shell(*lines, *_without_qdisc(host), *_right_clock(host), "exit $status")


def _right_clock(host: HostFacts) -> list[str]:
    """The page is the system's, and may be gone."""
    if not host.clock:
        return []
    return [
        f"if [ -e {shlex.quote(host.clock[-1])} ]; then",
        f"  {shlex.join(host.clock)} reset || status=$?",
        "fi",
    ]


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
