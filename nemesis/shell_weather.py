"""Slow and lossy links as commands: the weather that faults make, and the distances that were there before.

See ``nemesis.shell`` for where each is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from nemesis.actions import CLEAR, Link, Weather
from nemesis.shell_facts import (
    BANDS,
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


def by_netem(facts: Facts, node: int) -> bool:
    """Whether what ``node`` sends and receives is shaped by the kernel's netem."""
    return facts.hosts[node].queue is None


def shape(facts: Facts, links: Sequence[Link], weather: Weather) -> list[Command]:
    made: dict[int, Argv] = {}
    # What comes from afar goes through the helper already.
    queued = [
        link for link in links if not by_netem(facts, link[1]) and not facts.apart_us.get(link)
    ]
    for dst, srcs in by_receiver(queued):
        made[dst] = _queue(facts, dst, srcs, weather)
    backwards = [(dst, src) for src, dst in links if by_netem(facts, dst)]
    for src, dsts in by_receiver(backwards):
        assert src not in made, "hosts with netem and hosts without in one cluster"
        made[src] = _netem(facts, src, dsts, weather)
    return sorted(made.items())


def _verdict(host: HostFacts) -> str:
    return f"NFQUEUE --queue-num {host.queue} --queue-bypass"


def _queue(facts: Facts, dst: int, srcs: Sequence[int], weather: Weather) -> Argv:
    """Send what comes from these sources through the helper, which is told the weather by itself."""
    host = facts.hosts[dst]
    if weather == CLEAR:
        return shell(*delete(facts, dst, srcs, "mangle", _verdict(host)))
    sources = ",".join(addresses(facts, srcs))
    append = iptables_of(host, "mangle").split()
    return (*append, "-A", facts.chain, "-s", sources, "-j", *_verdict(host).split())


def _netem(facts: Facts, src: int, dsts: Sequence[int], weather: Weather) -> Argv:
    """Give each destination a band with a netem of its own; all that duplicate share the last band.

    Since 2025 kernels refuse a netem that duplicates beside any other in the same tree of qdiscs
    (CVE-2025-38553).
    """
    host, shared = facts.hosts[src], f"{QDISC}{BANDS:x}"
    tc, device = f"{host.tc}", f"dev {host.device}"
    assert not facts.apart_us, "weather upon distances is the helper's (see distances)"
    bands = _bands(facts, dsts)
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
        *_root(host),
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


def _bands(facts: Facts, dsts: Sequence[int]) -> dict[int, int]:
    bands = {dst: sorted(facts.hosts).index(dst) + 2 for dst in dsts}
    assert max(bands.values()) < BANDS, "more destinations than bands"
    return bands


def _root(host: HostFacts) -> list[str]:
    """Make our root qdisc where it is not there."""
    tc, device = host.tc, f"dev {host.device}"
    return [
        f"{tc} qdisc show {device} | grep -q 'qdisc prio {QDISC}' ||",
        f"  {tc} qdisc add {device} root handle {QDISC} prio bands {BANDS} priomap{' 0' * 16} || exit",
    ]


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


# --- distances ------------------------------------------------------------------------------------


def distances(facts: Facts, node: int) -> list[str]:
    """Lines that make this host as far from the others as it should be, and end the helper's weather.

    They may be repeated, at no moment of which is a distance gone. ``status`` is set where one fails.
    By netem only where no weather will come: it cannot lose, duplicate and overtake by one rule without
    touching the distance of that same packet, and of two netems neither may duplicate.
    """
    if by_netem(facts, node):
        return _netem_distances(facts, node)
    host, far = facts.hosts[node], facts.far_from(node)
    rule = f"{facts.chain} -s $source -j {_verdict(host)}"
    iptables = iptables_of(host, "mangle")
    near = [other for other in sorted(facts.hosts) if other != node and other not in far]
    lines = []
    if far:
        lines += [
            f"for source in {' '.join(addresses(facts, far))}; do",
            f"  {iptables} -C {rule} 2>/dev/null || {iptables} -A {rule} || status=$?",
            "done",
        ]
    if near:
        lines += [
            f"for source in {' '.join(addresses(facts, near))}; do",
            f"  while {iptables} -D {rule} 2>/dev/null; do :; done",
            "done",
        ]
    return lines


def _netem_distances(facts: Facts, src: int) -> list[str]:
    """A band for each node that is far from ``src``, with a constant delay."""
    apart = {dst: us for (a, dst), us in sorted(facts.apart_us.items()) if a == src and us > 0}
    if not apart:
        return []
    host = facts.hosts[src]
    tc, device = host.tc, f"dev {host.device}"
    lines = _root(host)
    for dst, band in _bands(facts, list(apart)).items():
        place, parent = f"{QDISC}{band:x}", f"{device} parent {QDISC}"
        to = f"match ip dst {facts.hosts[dst].address}/32"
        lines += [
            f"{tc} qdisc replace {device} parent {place} netem delay {apart[dst]}us limit 100000 || status=$?",
            f"{tc} filter show {parent} 2>/dev/null | grep -qw 'flowid {place}' ||",
            f"  {tc} filter add {parent} protocol ip prio {band} u32 {to} flowid {place} || status=$?",
        ]
    return lines
