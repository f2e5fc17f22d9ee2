"""What must be known of hosts to break things there, and how what is typed on them is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from nemesis.actions import Link

Argv: TypeAlias = tuple[str, ...]
Command: TypeAlias = tuple[int, Argv]

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
    clock: Argv = ()
    """The program that sets the clocks of the node wrong, and its page; (): they cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The hosts by node, and the pids of the nodes under test, as far as they are known."""

    tag: str
    hosts: Mapping[int, HostFacts]
    pids: Mapping[int, int] = field(default_factory=dict)
    apart_us: Mapping[Link, int] = field(default_factory=dict)
    """How much longer what is sent over a link takes, one way, whatever the weather: its *distance*.
    Links that are missing are as long as they are."""

    def __post_init__(self) -> None:
        # The kernel's limit for a chain's name is 28 characters; what is here is also shell text.
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", self.tag):
            raise ValueError(f"tag {self.tag!r} is not 1 to 20 letters, digits, '-' and '_'")

    @property
    def chain(self) -> str:
        return PREFIX + self.tag

    def far_from(self, node: int) -> list[int]:
        """The nodes at a distance from which ``node`` receives, ascending."""
        return sorted(src for (src, dst), us in self.apart_us.items() if dst == node and us > 0)


def shell(*lines: str) -> Argv:
    return ("sh", "-c", "\n".join(lines))


def by_receiver(links: Iterable[Link]) -> list[tuple[int, list[int]]]:
    """``(receiver, senders)``, both ascending."""
    sources: dict[int, set[int]] = {}
    for src, dst in links:
        sources.setdefault(dst, set()).add(src)
    return [(dst, sorted(sources[dst])) for dst in sorted(sources)]


def iptables_of(host: HostFacts, table: str = "filter") -> str:
    """``-w 5``: another iptables on this host may hold the lock, but not for ever."""
    return f"{host.iptables} -w 5" + ("" if table == "filter" else f" -t {table}")


def addresses(facts: Facts, nodes: Iterable[int]) -> list[str]:
    return [facts.hosts[node].address for node in nodes]


def delete(facts: Facts, dst: int, srcs: Sequence[int], table: str, verdict: str) -> list[str]:
    """Delete the rules for these sources: one process where they are as we made them, thorough else."""
    sources = addresses(facts, srcs)
    rule = f"{iptables_of(facts.hosts[dst], table)} -D {facts.chain} -s"
    return [
        f"{rule} {','.join(sources)} -j {verdict} 2>/dev/null && exit",
        f"for source in {' '.join(sources)}; do",
        f"  while {rule} $source -j {verdict} 2>/dev/null; do :; done",
        "done",
    ]
