"""What happened over time as small SVG charts: ops a second by how they ended, and latencies, faults shaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from checker.history import FAIL, INFO, INVOKE, OK, TYPES, History
from checker.values import Ints
from checker.windows import FaultWindow, last_ns, windows
from harness.report import svg

Floats: TypeAlias = NDArray[np.floating[Any]]

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1120, 210, 64, 34, 26
_MOST_BINS = 140
_STEPS = (1, 2, 5)
_NICE_NS = tuple(step * 10**power for power in range(7, 14) for step in _STEPS)
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("max", 1.0))

_RULES = """
text { font: 11px %s; fill: #57606a; } .name { font-size: 13px; font-weight: 600; fill: #24292f; }
.axis { stroke: #8c959f; } .grid { stroke: #eaeef2; }
.ok { stroke: #1a7f37; } .fail { stroke: #9a6700; } .info { stroke: #d1242f; }
.p50 { stroke: #0969da; } .p95 { stroke: #8250df; } .max { stroke: #8c959f; }
path { fill: none; stroke-width: 1.6; } .fault { fill: #f5a623; fill-opacity: 0.16; } .key { stroke-width: 3; }
""".replace("%s", svg.SANS)
STYLE = svg.scoped("chart", _RULES)


@dataclass(frozen=True, kw_only=True)
class _Axes:
    """``top`` is the value at the upper edge; where ``log``, ``low`` is that at the lower one."""

    end_ns: int
    top: float
    low: float = 0.0
    log: bool = False

    def x(self, time_ns: float) -> float:
        return LEFT + (WIDTH - LEFT - 12) * min(1.0, max(0.0, time_ns / max(1, self.end_ns)))

    def y(self, value: float) -> float:
        share = value / self.top
        if self.log:
            share = np.log10(max(value, self.low) / self.low) / np.log10(self.top / self.low)
        return float(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share)


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
    lines = {
        TYPES[kind]: np.bincount(bins[kinds == kind], minlength=count) / (wide / 1e9)
        for kind in (OK, FAIL, INFO)
    }
    top = _nice(max(float(line.max()) for line in lines.values()))
    axes = _Axes(end_ns=end_ns, top=top)
    middle = (np.arange(count) + 0.5) * wide
    ticks = [top * share for share in (0, 0.25, 0.5, 0.75, 1)]
    marks = {name: (middle, line) for name, line in lines.items() if name == "ok" or line.any()}
    return _chart("Ops a second, by how they ended", axes, ticks, marks, faults)


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
    marks = {
        name: (middle, ms[first + np.minimum(counts - 1, (counts * share).astype(np.int64))])
        for name, share in QUANTILES
    }
    low = 10.0 ** np.floor(np.log10(ms.min()))
    top = 10.0 ** np.ceil(np.log10(ms.max()))
    axes = _Axes(end_ns=end_ns, top=max(top, low * 10), low=low, log=True)
    powers = np.arange(round(np.log10(axes.low)), round(np.log10(axes.top)) + 1)
    return [_chart("Latency of ok ops in ms", axes, [10.0**p for p in powers], marks, faults)]


def _chart(
    name: str,
    axes: _Axes,
    ticks: Sequence[float],
    marks: Mapping[str, tuple[Floats, Floats]],
    faults: Sequence[FaultWindow],
) -> str:
    parts = [svg.text(LEFT, 16, name, "name")]
    for fault in faults:
        x, end = axes.x(fault.begin_ns), axes.x(fault.end_ns)
        title = f"<title>{escape(fault.fault)}</title></rect>"
        parts.append(
            svg.rect(x, TOP, max(1, end - x), HEIGHT - TOP - BOTTOM, "fault").replace(
                "/>", f">{title}"
            )
        )
    for tick in ticks:
        y = axes.y(tick)
        parts += [
            svg.line(LEFT, y, WIDTH - 12, y, "grid"),
            svg.text(LEFT - 6, y + 4, f"{tick:,.6g}", "", "end"),
        ]
    parts += list(_time_axis(axes))
    x = WIDTH - 12.0
    for kind, (times, values) in reversed(list(marks.items())):
        points = [
            (axes.x(t), axes.y(v)) for t, v in zip(times.tolist(), values.tolist(), strict=True)
        ]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<path class="{kind}" d="M{path}"/>')
        parts += [svg.text(x, 16, kind, "", "end"), svg.line(x - 46, 12, x - 30, 12, f"{kind} key")]
        x -= 64
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = f"<style>{STYLE}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size} role="img">{style}{"".join(parts)}</svg>'


def _time_axis(axes: _Axes) -> Iterator[str]:
    y = HEIGHT - BOTTOM
    yield svg.line(LEFT, y, WIDTH - 12, y, "axis")
    every = next((n for n in _NICE_NS if axes.end_ns / n <= 12), _NICE_NS[-1])
    for time_ns in range(0, axes.end_ns + 1, every):
        yield svg.text(axes.x(time_ns), y + 16, f"{time_ns / 1e9:g} s", "", "middle")


def _nice(most: float) -> float:
    """A round number that is not less."""
    for power in range(-3, 12):
        for step in (1, 2, 4, 8):
            if step * 10.0**power >= most:
                return step * 10.0**power
    return most
