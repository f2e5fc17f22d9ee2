"""Plots as SVG text: lines over an axis, bars by group, predictions drawn in; several one above another.

>>> points = [(0.0, 80.0), (50.0, 120.0), (100.0, 160.0)]
>>> picture = lines(
...     "Latency by conflict",
...     [Series(name="epaxos", points=points, dots=True)],
...     x=Axis("conflict, %"), y=Axis("mean latency, ms"),
... )
>>> picture.startswith("<svg") and picture.count("<circle")
3
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10
from typing import NamedTuple, TypeAlias
from xml.sax.saxutils import escape

from harness.report import svg

Point: TypeAlias = tuple[float, float]

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 1120, 330, 72, 16, 46
_TITLE, _LEGEND_ROW = 26, 18
_LETTER = 6.6
"""About as wide as a letter of a legend is, in pixels."""

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#4d4d4d",
    "#8c564b", "#98c93c", "#b2182b", "#2f4b7c",
)  # fmt: skip
"""Told apart by most people, whatever colours they see; the first eight after Okabe and Ito."""

_RULES = (
    f"text {{ font: 12px {svg.SANS}; fill: #57606a; }} "
    ".name { font-size: 14px; font-weight: 600; fill: #24292f; } .axis { stroke: #8c959f; } "
    ".grid { stroke: #eaeef2; } path { fill: none; stroke-width: 1.8; } "
    ".dashed { stroke-dasharray: 5 4; } .predicted { stroke: #24292f; stroke-width: 2; } "
    ".shade { fill: #f5a623; fill-opacity: 0.14; } "
    + " ".join(
        f"path.c{i}, line.c{i} {{ stroke: {colour}; }} rect.c{i}, circle.c{i} {{ fill: {colour}; }}"
        for i, colour in enumerate(COLOURS)
    )
)
STYLE = svg.scoped("plot", _RULES)


@dataclass(frozen=True)
class Axis:
    """What an axis shows. From 0, where it is not logarithmic, unless ``least`` says otherwise."""

    label: str
    log: bool = False
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line; ``dashed`` for a prediction, ``dots`` where its points are few. Nothing breaks a line.

    ``colour`` is a number from 0 up; left out: the place among the series.
    """

    name: str
    points: Sequence[Point]
    dashed: bool = False
    dots: bool = False
    colour: int | None = None


class Shade(NamedTuple):
    """A stretch of the axis that is coloured, such as a fault; ``title`` is told where the mouse is."""

    begin: float
    end: float
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """One bar in each group, or None for none there; ``predicted``, likewise: a black line across it."""

    name: str
    values: Sequence[float | None]
    predicted: Sequence[float | None] = ()


@dataclass(frozen=True)
class _Scale:
    """From values to places: ``low`` and ``high`` are the values at the two ends."""

    axis: Axis
    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        if self.axis.log:
            value = max(value, self.low)
            share = log10(value / self.low) / log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + (self.end - self.begin) * min(1.0, max(0.0, share))

    def ticks(self) -> list[float]:
        if not self.axis.log:
            step = _step((self.high - self.low) / 6)
            first = ceil(self.low / step - 1e-9)
            return [step * n for n in range(first, floor(self.high / step + 1e-9) + 1)]
        powers = range(floor(log10(self.low)) - 1, ceil(log10(self.high)) + 1)
        wide = log10(self.high / self.low)
        steps = (1, 1.5, 2, 3, 4, 5, 7) if wide <= 1 else (1, 2, 5) if wide <= 3 else (1,)
        every = [step * 10.0**power for power in powers for step in steps]
        return [tick for tick in every if self.low * 0.999 <= tick <= self.high * 1.001]


def _scale(axis: Axis, values: Sequence[float], begin: float, end: float) -> _Scale:
    if axis.log:
        values = [value for value in values if value > 0]
    least = min(values, default=1.0)
    most = max(values, default=1.0)
    if axis.log:
        low = axis.least or _down(least)
        high = axis.most or _up(most)
        return _Scale(axis, low, max(high, low * 2), begin, end)
    low = min(0.0, least) if axis.least is None else axis.least
    high = _up(most) if axis.most is None else axis.most
    return _Scale(axis, low, high if high > low else low + 1, begin, end)


def _step(about: float) -> float:
    """The nearest of 1, 2, 5, 10, ... that is not less."""
    power = 10.0 ** floor(log10(about))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= about * 0.999)


def _up(value: float) -> float:
    """A round number that is not less.

    >>> _up(88.0), _up(0.0), _up(101.0)
    (100.0, 1.0, 120.0)
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(round(step * power, 9) for step in steps if step * power >= value * 0.999999)


def _down(value: float) -> float:
    """The nearest of 1, 2, 5, 10, ... that is not more."""
    power = 10.0 ** floor(log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * 1.000001)


# --- plots ----------------------------------------------------------------------------------------


def lines(
    title: str,
    series: Sequence[Series],
    *,
    x: Axis,
    y: Axis,
    shades: Sequence[Shade] = (),
    height: int = HEIGHT,
) -> str:
    """Lines over an axis, with parts of it shaded."""
    colours = [one.colour if one.colour is not None else i for i, one in enumerate(series)]
    series = [  # colours come again: then the line is another
        replace(one, dashed=one.dashed or colour >= len(COLOURS))
        for one, colour in zip(series, colours, strict=True)
    ]
    top, legend = _legend(
        [(one.name, c, one.dashed) for one, c in zip(series, colours, strict=True)]
    )
    points = [point for one in series for point in one.points]
    across = _scale(x, [px for px, _ in points], LEFT, WIDTH - RIGHT)
    if not x.log and x.most is None:
        across = _Scale(
            x, across.low, max((px for px, _ in points), default=1.0) or 1.0, LEFT, WIDTH - RIGHT
        )
    low = height - BOTTOM
    up = _scale(y, [py for _, py in points], low, top)
    parts = [svg.text(LEFT, 18, title, "name"), *legend]
    for begin, end, words in shades:
        at = across.at(begin)
        shade = svg.rect(at, top, max(1, across.at(end) - at), low - top, "shade")
        parts.append(shade.replace("/>", f"><title>{escape(words)}</title></rect>"))
    parts += [*_up_axis(up), *_across_axis(across, top, low)]
    for one, colour in zip(series, colours, strict=True):
        places = [(across.at(px), up.at(py)) for px, py in one.points]
        parts += _drawn(places, f"c{colour % len(COLOURS)}", one)
    return _whole(parts, height)


def _drawn(places: Sequence[Point], kind: str, series: Series) -> Iterator[str]:
    if len(places) > 1:
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        yield f'<path class="{kind}{" dashed" if series.dashed else ""}" d="M{path}"/>'
    if series.dots or len(places) == 1:
        for px, py in places:
            yield f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="3.4"/>'


def bars(title: str, groups: Sequence[str], series: Sequence[Bars], *, y: Axis) -> str:
    """Bars side by side in each group. Raises ValueError where a series has not a value for each group."""
    for one in series:
        if len(one.values) != len(groups) or len(one.predicted) not in (0, len(groups)):
            raise ValueError(f"{one.name}: {len(groups)} values are needed, one for each group")
    predicted = any(value is not None for one in series for value in one.predicted)
    names = [(one.name, i, False) for i, one in enumerate(series)]
    top, legend = _legend(names, "predicted" if predicted else "")
    values = [v for one in series for v in (*one.values, *one.predicted) if v is not None]
    up = _scale(y, values, HEIGHT - BOTTOM, top)
    parts = [svg.text(LEFT, 18, title, "name"), *legend, *_up_axis(up)]
    room = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    wide = room * 0.82 / max(1, len(series))
    for place, group in enumerate(groups):
        begin = LEFT + room * (place + 0.09)
        parts.append(svg.text(begin + room * 0.41, HEIGHT - BOTTOM + 18, group, "", "middle"))
        for number, one in enumerate(series):
            colour = f"c{number % len(COLOURS)}"
            parts += _bar(one, place, (begin + wide * number, wide), colour, up)
    parts.append(svg.line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
    return _whole(parts, HEIGHT)


def _bar(
    one: Bars, place: int, x_wide: tuple[float, float], colour: str, up: _Scale
) -> Iterator[str]:
    (x, wide), value = x_wide, one.values[place]
    if value is not None:
        y = up.at(value)
        bar = svg.rect(x, y, wide * 0.92, max(0.0, HEIGHT - BOTTOM - y), colour)
        yield bar.replace("/>", f"><title>{escape(one.name)}: {value:,.6g}</title></rect>")
    if one.predicted and (expected := one.predicted[place]) is not None:
        y = up.at(expected)
        yield svg.line(x - wide * 0.02, y, x + wide * 0.94, y, "predicted")


def stack(pictures: Sequence[str]) -> str:
    """Several plots one above another, as one SVG that can be a file."""
    parts, y = [], 0.0
    for picture in pictures:
        size = re.search(r'width="([\d.]+)" height="([\d.]+)"', picture)
        assert size is not None, "this is no plot of ours"
        parts.append(picture.replace("<svg ", f'<svg y="{y:g}" ', 1))
        y += float(size[2]) + 8
    where = f'width="{WIDTH}" height="{y:g}" viewBox="0 0 {WIDTH} {y:g}"'
    paper = f'<rect width="{WIDTH}" height="{y:g}" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {where}>{paper}{"".join(parts)}</svg>'


# --- pieces ---------------------------------------------------------------------------------------


def _legend(names: Sequence[tuple[str, int, bool]], predicted: str = "") -> tuple[float, list[str]]:
    """Where the plot itself begins, from above, and the names with their colours, in rows."""
    parts: list[str] = []
    x, y = float(LEFT), float(_TITLE + 12)
    kinds = [(name, f"c{c % len(COLOURS)}{' dashed' if dash else ''}") for name, c, dash in names]
    for name, kind in [*kinds, *([(predicted, "predicted")] if predicted else [])]:
        wide = 30 + _LETTER * len(name) + 18
        if x + wide > WIDTH - RIGHT and x > LEFT:
            x, y = float(LEFT), y + _LEGEND_ROW
        line = svg.line(x, y - 4, x + 22, y - 4, kind)
        parts += [line.replace("/>", ' stroke-width="3"/>'), svg.text(x + 28, y, name)]
        x += wide
    return y + 14, parts


def _up_axis(up: _Scale) -> Iterator[str]:
    for tick in up.ticks():
        y = up.at(tick)
        yield svg.line(LEFT, y, WIDTH - RIGHT, y, "grid")
        yield svg.text(LEFT - 7, y + 4, f"{tick:,.6g}", "", "end")
    middle = (up.begin + up.end) / 2
    label = svg.text(16, middle, up.axis.label, "", "middle")
    yield label.replace("<text ", f'<text transform="rotate(-90 16 {middle:.1f})" ', 1)


def _across_axis(across: _Scale, top: float, low: float) -> Iterator[str]:
    yield svg.line(LEFT, low, WIDTH - RIGHT, low, "axis")
    for tick in across.ticks():
        x = across.at(tick)
        yield svg.line(x, top, x, low, "grid")
        yield svg.line(x, low, x, low + 4, "axis")
        yield svg.text(x, low + 18, f"{tick:,.6g}", "", "middle")
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield svg.text(middle, low + BOTTOM - 8, across.axis.label, "", "middle")


def _whole(parts: Sequence[str], height: int) -> str:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    style = f"<style>{STYLE}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" {size} role="img">{style}{"".join(parts)}</svg>'
