"""The load of a benchmark: reads and writes of many keys, at a rate or as fast as answers come.

After the benchmark of ailidani/paxi, with these answers to what is wrong there: keys stay within
their bounds (:mod:`workloads.distributions`), arrivals have intended times (open loop, see
:class:`workloads.generators.Rate`), each value is written once, so that the history is checked as
registers, and what fails is a failure. Options (:attr:`workloads.kernel.Options.extra`), all text:

======================== ===========================================================================
``distribution``         which key (:mod:`workloads.distributions`); ``uniform``
``writes``               the share of ops that write, 0 to 1; ``0.5``
``min``                  the number of the first key; ``0``
``load``                 ``true``: each key is written before the measured phase; ``false``: not
``warmup``               ms of load, after that, that are not measured; ``0``
``time``                 ms that are measured; without it: until the trial's time is over
``ops``                  how many ops are measured, instead of ``time``
``throttle``             closed loop (rate 0): at most so many ops a second, of all clients
======================== ===========================================================================

Each node's clients are one group, beside it. In open loop each group has its share of the rate and
its own arrivals: else the clients of a slow site, all busy, would leave their ops to faster ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from checker.history import INVOKE, OK, History, Row
from checker.verdict import Outcome, Verdict
from workloads.distributions import Picker, Space, parse
from workloads.final_reads import reads_at_every_node
from workloads.generators import (
    SECOND,
    AnyOf,
    Delay,
    OnThreads,
    Phases,
    Rate,
    TimeLimit,
    below,
    new_invoke,
)
from workloads.kernel import WAIT, At, Generator, Invoke, Options, Poll, Workload

MS = 1_000_000
RETRY_NS = SECOND // 20
FINAL_KEYS = 20
"""Of this many keys the final reads ask, at every node: all of thousands would outlast the load."""

DEFAULTS: Mapping[str, str] = {
    "distribution": "uniform",
    "writes": "0.5",
    "min": "0",
    "load": "true",
    "warmup": "0",
    "time": "0",
    "ops": "0",
    "throttle": "0",
}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a benchmark asks for. ``time_ms`` and ``ops`` of 0 mean no such bound."""

    keys: int
    rate: int
    threads: int
    nodes: int
    distribution: str = DEFAULTS["distribution"]
    write_ppm: int = 500_000
    first: int = 0
    load: bool = True
    warmup_ms: int = 0
    time_ms: int = 0
    ops: int = 0
    throttle: int = 0
    sites: tuple[int, ...] = ()
    """The number of each node's site (its zone, else itself)."""

    @classmethod
    def of(cls, options: Options) -> Load:
        """What the trial's options say. Raises ValueError with a sentence."""
        given = {**DEFAULTS, **options.extra}
        try:
            write_ppm = round(float(given["writes"]) * 1_000_000)
        except (ValueError, OverflowError):
            write_ppm = -1
        if not 0 <= write_ppm <= 1_000_000:
            raise ValueError(f"writes is a share from 0 to 1, not {given['writes']!r}")
        if given["load"] not in ("true", "false"):
            raise ValueError(f"load is true or false, not {given['load']!r}")
        whole = {name: _whole(name, given[name]) for name in _WHOLE}
        if whole["time"] and whole["ops"]:
            raise ValueError("time and ops both say when to end: give one")
        if whole["throttle"] and options.rate:
            raise ValueError("throttle is for a closed loop (rate 0); an open one has its rate")
        load = cls(
            keys=options.keys,
            rate=options.rate,
            threads=options.threads,
            nodes=options.nodes,
            distribution=given["distribution"],
            write_ppm=write_ppm,
            first=whole["min"],
            load=given["load"] == "true",
            warmup_ms=whole["warmup"],
            time_ms=whole["time"],
            ops=whole["ops"],
            throttle=whole["throttle"],
            sites=sites_of(options.zones, options.nodes),
        )
        load.picker()
        return load

    def picker(self) -> Picker:
        """The law by which keys are drawn. Raises ValueError for one that cannot be meant."""
        sites = self.sites or tuple(range(self.nodes))
        of_threads = tuple(sites[thread % self.nodes] for thread in range(self.threads))
        return parse(self.distribution, Space(self.keys, of_threads, self.first))

    def names(self) -> list[str]:
        """The keys' names.

        >>> Load(keys=2, rate=0, threads=1, nodes=1, first=7).names()
        ['k7', 'k8']
        """
        return [f"k{self.first + i}" for i in range(self.keys)]


_WHOLE = ("min", "warmup", "time", "ops", "throttle")


def _whole(name: str, text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise ValueError(f"{name} is a whole number, not {text!r}")
    return int(text)


def sites_of(zones: Sequence[str], nodes: int) -> tuple[int, ...]:
    """Each node's site: its zone's number, in order of first use; without zones, itself.

    >>> sites_of(("eu", "us", "eu"), 3), sites_of((), 3)
    ((0, 1, 0), (0, 1, 2))
    """
    known = {zone: number for number, zone in enumerate(dict.fromkeys(zones))}
    return tuple(known[zone] for zone in zones) if zones else tuple(range(nodes))


# --- generators -----------------------------------------------------------------------------------


class Fill:
    """Writes each key once, all threads side by side; again, a while later, where that was not ok.

    Its values are negative, so that the history tells its ops from those that are measured.

    >>> from workloads.rehearsal import rehearse
    >>> rows = rehearse(Fill(["x", "y", "z"]), threads=2)
    >>> [(row.process, row.key, row.value) for row in rows if row.type == INVOKE]
    [(0, 'x', -1), (1, 'y', -2), (0, 'z', -3)]
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._waiting = deque((0, key) for key in keys)
        self._asked: dict[int, str] = {}
        self._serial = 0

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if not self._waiting:
            return WAIT if self._asked else None
        if not idle:
            return WAIT
        not_before_ns, key = self._waiting[0]
        if not_before_ns > now_ns:
            return At(not_before_ns)
        self._waiting.popleft()
        self._serial += 1
        self._asked[idle[0]] = key
        return Invoke(idle[0], "write", key, -self._serial, now_ns)

    def update(self, thread: int, row: Row) -> None:
        if row.type == INVOKE:
            return
        key = self._asked.pop(thread)
        if row.type != OK:
            self._waiting.append((row.time_ns + RETRY_NS, key))


class Requests:
    """Reads and writes without end, each for an idle thread drawn at random."""

    def __init__(self, load: Load, random: Random) -> None:
        self._random, self._names = random, load.names()
        self._pick, self._write_ppm = load.picker().pick, load.write_ppm
        self._serial = 0

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if not idle:
            return WAIT
        random = self._random
        thread = idle[0] if len(idle) == 1 else idle[below(random, len(idle))]
        key = self._names[self._pick(random, now_ns, thread)]
        if below(random, 1_000_000) < self._write_ppm:
            self._serial += 1
            return new_invoke(Invoke, (thread, "write", key, self._serial, now_ns, None))
        return new_invoke(Invoke, (thread, "read", key, None, now_ns, None))

    def update(self, thread: int, row: Row) -> None:
        """Nothing that happens changes what is asked."""


class OpsAfter:
    """A generator until it has made ``ops`` ops ``after_ns`` or more after its first poll.

    >>> from workloads.generators import Ask
    >>> some = OpsAfter(10, 2, Ask("read", "x"))
    >>> [some.poll(now, (0,)) is None for now in (5, 14, 15, 16, 17)]
    [False, False, False, False, True]
    """

    def __init__(self, after_ns: int, ops: int, child: Generator) -> None:
        self._after_ns, self._left, self._child = after_ns, ops, child
        self._from_ns: int | None = None

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if self._from_ns is None:
            self._from_ns = now_ns + self._after_ns
        if self._left <= 0:
            return None
        poll = self._child.poll(now_ns, idle)
        if type(poll) is Invoke:
            self._left -= now_ns >= self._from_ns
        return poll

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)


def requests(load: Load, random: Random) -> Generator:
    """The load itself, open or closed, without bounds in time."""
    ops: Generator = Requests(load, random)
    if not load.rate:
        return Delay(SECOND // load.throttle, ops) if load.throttle else ops
    groups = min(load.nodes, load.threads)
    return AnyOf(
        [
            OnThreads(
                range(node, load.threads, load.nodes),
                Rate(load.rate, ops, Random(random.getrandbits(64)), shared_by=groups),
            )
            for node in range(groups)
        ]
    )


def main(random: Random, options: Options) -> Generator:
    """Raises ValueError, with a sentence, for options that cannot be meant."""
    load = Load.of(options)
    run = requests(load, random)
    warmup_ns = load.warmup_ms * MS
    if load.ops:
        run = OpsAfter(warmup_ns, load.ops, run)
    elif load.time_ms:
        run = TimeLimit(warmup_ns + load.time_ms * MS, run)
    phases = [Fill(load.names()), run] if load.load else [run]
    return TimeLimit(options.time_ms * MS, Phases(phases))


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what does each node say of some keys?"""
    keys = options.touched or Load.of(options).names()
    return reads_at_every_node(keys[:FINAL_KEYS], threads=options.threads, nodes=options.serving)


def workload() -> Workload:
    from checker.linearizable import check  # noqa: PLC0415  only trials need SciPy

    return Workload(
        name="bench",
        main=main,
        final=final,
        checks={"linearizable": check},
        commands=("read", "write"),
        options=tuple(DEFAULTS),
    )


def unchecked() -> Workload:
    """The same load, and nobody asks whether the answers were right: so that is unknown."""
    return replace(workload(), name="bench-unchecked", checks={"linearizable": not_checked})


def not_checked(_history: History) -> Verdict:
    return Verdict(outcome=Outcome.UNKNOWN, summary="not checked, as was asked for")
