"""From a benchmark's history to its numbers: what was measured, by site and kind, without flattery.

An op is measured that *began* within the measured time, however long before it was due, however
long it took and however it ended; its latency counts from when it was due. What failed, and what
nobody knows of, is counted as that, and has no part in the latencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.history import FAIL, INFO, INVOKE, OK, History
from checker.stats import by_rank
from checker.values import Ints
from harness.bench.result import ALL, Group, Measured, Timeline, Times
from harness.errors import NothingMeasured
from workloads.bench import Load

Bools: TypeAlias = NDArray[np.bool_]

_S, _MS = 1e9, 1e6
BINS, OPS_A_BIN = 60, 20
"""How many parts a timeline has at most, and how many ops a part should have: fewer are all noise."""
_NICE_S = tuple(step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5))
_CDF_POINTS = np.unique(
    np.concatenate([np.linspace(0, 0.99, 100), 1 - np.logspace(-2, -5, 60), [1.0]])
)


@dataclass(frozen=True)
class _Ops:
    """The clients' ops in columns, in order of invocation. ``end_ns`` of one without end is its begin."""

    due_ns: Ints
    begin_ns: Ints
    end_ns: Ints
    fate: NDArray[np.int8]
    f: NDArray[Any]
    site: Ints
    group: Ints
    """The node whose clients it is of: they have arrivals of their own."""
    fills: Bools

    @classmethod
    def of(cls, history: History, sites: Sequence[int], threads: int) -> _Ops:
        invoked = np.flatnonzero((history.type == INVOKE) & (history.process >= 0))
        partner = history.partner[invoked]
        intended, known = history.intended_ns.as_ints()
        begin_ns = history.time_ns[invoked]
        value, is_int = history.value.as_ints()
        node, named = history.node.as_ints()
        thread = history.process[invoked] % threads
        at = np.where(named[invoked], node[invoked], thread % len(sites))
        f = np.array([*history.f.table, ""], object)[history.f.codes[invoked]]
        return cls(
            due_ns=np.where(known[invoked], intended[invoked], begin_ns),
            begin_ns=begin_ns,
            end_ns=np.where(partner >= 0, history.time_ns[partner], begin_ns),
            fate=np.where(partner >= 0, history.type[partner], np.int8(INFO)),
            f=f,
            site=np.asarray(sites, np.int64)[at],
            group=thread % len(sites),
            fills=is_int[invoked] & (value[invoked] < 0),
        )

    def some(self, which: Bools) -> _Ops:
        return _Ops(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def measure(history: History, load: Load, *, time_ms: int, sites: Sequence[str]) -> Measured:
    """What a history of the workload ``bench`` shows. ``sites`` are the names of the load's sites.

    ``time_ms`` is when the main phase ended at the latest. Raises NothingMeasured where
    nothing was: the load phase, or the warm-up, was not over by then.
    """
    where = load.sites or tuple(range(load.nodes))
    ops = _Ops.of(history, where, load.threads)
    until_ns = min([time_ms * 1_000_000, *_healed(history)])
    loaded = ops.some(ops.fills & (ops.fate == OK))
    start_ns = int(ops.end_ns[ops.fills].max()) if ops.fills.any() else 0
    from_ns = start_ns + load.warmup_ms * 1_000_000
    asked = ops.some(~ops.fills & (ops.begin_ns < until_ns))
    measured = asked.begin_ns >= from_ns
    if load.ops:
        measured &= np.cumsum(measured) <= load.ops
        some = asked.some(measured)
        until_ns = int(some.end_ns.max()) if measured.any() else from_ns
    else:
        if load.time_ms:
            until_ns = min(until_ns, from_ns + load.time_ms * 1_000_000)
        measured &= asked.begin_ns < until_ns
        some = asked.some(measured)
    if not measured.any():
        told = f": {len(loaded.due_ns):,} of {load.keys:,} keys were loaded" if load.load else ""
        raise NothingMeasured(
            f"nothing was measured: no op began after the load phase and the warm-up{told}"
        )
    lasted_s = max(until_ns - from_ns, 1) / _S
    within = (asked.end_ns >= from_ns) & (asked.end_ns <= until_ns) & (asked.fate == OK)
    waited_ns = some.begin_ns - some.due_ns
    begun = asked.some(asked.begin_ns < until_ns)
    return Measured(
        from_s=round(from_ns / _S, 6),
        measured_s=round(lasted_s, 6),
        throughput=round(int(within.sum()) / lasted_s, 3),
        groups=tuple(_groups(some, sites)),
        late=times(waited_ns) if load.rate else None,
        behind_ms=round(_behind_ns(begun, load, until_ns) / _MS, 3),
        loaded=len(loaded.due_ns),
        timeline=_timeline(asked, start_ns, from_ns, until_ns),
        cdf=_cdf((some.end_ns - some.due_ns)[some.fate == OK]),
    )


def _behind_ns(ops: _Ops, load: Load, until_ns: int) -> int:
    """How long before the end the last op was due that began, at the node that is worst; 0 if that is
    not much longer than from one arrival to the next.
    """
    if not load.rate or load.ops:
        return 0
    latest = np.full(load.nodes, -1, np.int64)
    np.maximum.at(latest, ops.group, ops.due_ns)
    behind_ns = until_ns - int(latest[latest >= 0].min())
    usual_ns = _S * min(load.nodes, load.threads) / load.rate
    return behind_ns if behind_ns > 10 * usual_ns else 0


def times(times_ns: Ints) -> Times | None:
    """How some times are distributed; None for none.

    >>> times(np.array([3_000_000, 1_000_000]))
    Times(count=2, mean=2.0, min=1.0, p50=1.0, p95=3.0, p99=3.0, p999=3.0, max=3.0)
    """
    if not len(times_ns):
        return None
    ordered = np.sort(times_ns)
    at = {name: _ms(by_rank(ordered, permille)) for name, permille in _QUANTILES.items()}
    mean = round(float(ordered.mean()) / _MS, 6)
    return Times(count=len(ordered), mean=mean, min=_ms(ordered[0]), max=_ms(ordered[-1]), **at)


_QUANTILES = {"p50": 500, "p95": 950, "p99": 990, "p999": 999}


def _ms(ns: int) -> float:
    return round(int(ns) / _MS, 6)


def _healed(history: History) -> list[int]:
    """When the main phase was over, where the history says so: the clients' final ops come later."""
    rows = [row for row in history.of_nemesis() if history.f[row] == "heal"]
    return [int(history.time_ns[row]) for row in rows[:1]]


def _groups(ops: _Ops, sites: Sequence[str]) -> list[Group]:
    """All ops, those of each kind; then the same of each site that asked for something."""
    kinds = sorted(set(ops.f.tolist()))
    found = []
    for number, site in [(None, ALL), *enumerate(sites)]:
        here = np.ones(len(ops.f), np.bool_) if number is None else ops.site == number
        for f in (ALL, *kinds):
            some = ops.some(here if f == ALL else here & (ops.f == f))
            if len(some.f):
                found.append(_group(site, f, some))
    return found


def _group(site: str, f: str, ops: _Ops) -> Group:
    ok = ops.fate == OK
    return Group(
        site=site,
        f=f,
        ops=len(ok),
        ok=int(ok.sum()),
        fail=int((ops.fate == FAIL).sum()),
        info=int((ops.fate == INFO).sum()),
        latency=times((ops.end_ns - ops.due_ns)[ok]),
        service=times((ops.end_ns - ops.begin_ns)[ok]),
    )


def _timeline(ops: _Ops, start_ns: int, from_ns: int, until_ns: int) -> Timeline:
    """From the end of the load phase to that of the measured time."""
    whole_s = (until_ns - start_ns) / _S
    most = min(BINS, max(8, len(ops.f) // OPS_A_BIN))
    width = next((s for s in _NICE_S if whole_s / s <= most), _NICE_S[-1])
    count = max(1, int(whole_s / width))  # a last part that is not whole would look like a fall
    place = ((ops.end_ns - start_ns) / _S / width).astype(np.int64)
    here = (place >= 0) & (place < count) & (ops.end_ns > ops.begin_ns)

    def rates(which: Bools) -> tuple[float, ...]:
        found: list[float] = (np.bincount(place[here & which], minlength=count) / width).tolist()
        return tuple(round(rate, 3) for rate in found)

    measured = (round((from_ns - start_ns) / _S, 6), round(whole_s, 6))
    ok = ops.fate == OK
    return Timeline(width_s=width, measured_s=measured, ok=rates(ok), not_ok=rates(~ok))


def _cdf(times_ns: Ints) -> tuple[tuple[float, float], ...]:
    """Points of the distribution, close together where few ops are: at the slow end."""
    if not len(times_ns):
        return ()
    ordered = np.sort(times_ns)
    ranks = np.unique(np.ceil(_CDF_POINTS * (len(ordered) - 1)).astype(np.int64))
    return tuple(
        (_ms(ordered[rank]), round((int(rank) + 1) / len(ordered), 7)) for rank in ranks.tolist()
    )


def site_names(zones: Sequence[str], nodes: int) -> tuple[str, ...]:
    """The names of the sites: the zones, or n1, n2, ... where there are none.

    >>> site_names(("eu", "us", "eu"), 3), site_names((), 2)
    (('eu', 'us'), ('n1', 'n2'))
    """
    return tuple(dict.fromkeys(zones)) if zones else tuple(f"n{i + 1}" for i in range(nodes))
