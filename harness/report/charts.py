"""What happened over time as small SVG charts: ops a second by how they ended, and latencies, faults shaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.history import FAIL, INFO, INVOKE, OK, TYPES, History
from checker.values import Ints
from checker.windows import FaultWindow, last_ns, windows
from harness.report.plot import Axis, Series, Shade, lines

Floats: TypeAlias = NDArray[np.floating[Any]]

HEIGHT = 230
_MOST_BINS = 140
_STEPS = (1, 2, 5)
_NICE_NS = tuple(step * 10**power for power in range(7, 14) for step in _STEPS)
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
_COLOURS = {"ok": 2, "fail": 4, "info": 10, "p50": 0, "p95": 6, "max": 7}
"""Of the plots' palette."""


def charts(history: History) -> list[str]:
    """Two SVGs, of rates and of latencies; none for a history in which no op was answered."""
    ended = np.flatnonzero((history.type != INVOKE) & (history.process >= 0))
    if not len(ended):
        return []
    end_ns, faults = last_ns(history), windows(history)
    wide = next((n for n in _NICE_NS if end_ns / n <= _MOST_BINS), _NICE_NS[-1])
    bins = history.time_ns[ended] // wide
    kinds = history.type[ended]
    count = int(end_ns // wide) + 1
    return [
        _rates(bins, kinds, count, wide, end_ns, faults),
        *_latencies(history, wide, end_ns, faults),
    ]


def _rates(  # noqa: PLR0917  two columns, and how they are cut
    bins: Ints,
    kinds: NDArray[np.int8],
    count: int,
    wide: int,
    end_ns: int,
    faults: Sequence[FaultWindow],
) -> str:
    found = {
        TYPES[kind]: np.bincount(bins[kinds == kind], minlength=count) / (wide / 1e9)
        for kind in (OK, FAIL, INFO)
    }
    middle = (np.arange(count) + 0.5) * wide
    marks = [_line(n, middle, line) for n, line in found.items() if n == "ok" or line.any()]
    return _chart("Ops a second, by how they ended", marks, Axis("ops/s"), end_ns, faults)


def _latencies(
    history: History, wide: int, end_ns: int, faults: Sequence[FaultWindow]
) -> list[str]:
    ok = np.flatnonzero((history.type == OK) & (history.process >= 0))
    if not len(ok):
        return []
    asked = history.partner[ok]
    intended, known = history.intended_ns.as_ints()
    due = np.where(known[asked], intended[asked], history.time_ns[asked])
    ms = np.maximum(history.time_ns[ok] - due, 1000) / 1e6
    bins = history.time_ns[ok] // wide
    order = np.lexsort((ms, bins))
    bins, ms = bins[order], ms[order]
    present, first, counts = np.unique(bins, return_index=True, return_counts=True)
    middle = (present + 0.5) * wide
    marks = [
        _line(name, middle, ms[first + np.minimum(counts - 1, (counts * share).astype(np.int64))])
        for name, share in QUANTILES
    ]
    return [_chart("Latency of ok ops in ms", marks, Axis("ms", log=True), end_ns, faults)]


def _line(name: str, times_ns: Floats, values: Floats) -> Series:
    points = zip((times_ns / 1e9).tolist(), values.tolist(), strict=True)
    return Series(name=name, points=list(points), colour=_COLOURS[name])


def _chart(
    name: str, marks: Sequence[Series], y: Axis, end_ns: int, faults: Sequence[FaultWindow]
) -> str:
    shades = [Shade(f.begin_ns / 1e9, f.end_ns / 1e9, f.fault) for f in faults]
    x = Axis("s", most=max(end_ns, 1) / 1e9)
    return lines(name, marks, x=x, y=y, shades=shades, height=HEIGHT)
