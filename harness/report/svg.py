"""Pieces of SVG as text, and where boxes with words in them may stand without meeting."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.sax.saxutils import escape

MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str, *, end: str = "") -> str:
    """A straight line; ``end`` is the name of the marker at its end."""
    marker = f' marker-end="url(#{end})"' if end else ""
    where = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {where} class="{kind}"{marker}/>'


def rect(x: float, y: float, width: float, height: float, kind: str, *, rx: int = 0) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{rx}"'
    return f'<rect {where} class="{kind}"/>'


def scoped(name: str, rules: str) -> str:
    """Rules that hold within an SVG of class ``name`` only: in a page there are other ones.

    >>> scoped("chart", "text { fill: red; }").strip()
    'svg.chart text { fill: red; }'
    """
    return re.sub(r"(^|}|,)(\s*)([a-z.][\w.-]*)(?=[^{}:;]*\{)", rf"\1\2svg.{name} \3", rules)


class Box(NamedTuple):
    """A rectangle that something stands in."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """The area that two boxes share.

        >>> Box(0, 0, 10, 10).overlap(Box(8, 8, 20, 20)), Box(0, 0, 1, 1).overlap(Box(2, 0, 3, 1))
        (4, 0)
        """
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, wide) * max(0, high)


def rows_for(spans: list[tuple[float, float]]) -> list[int]:
    """In which row each span of a line can stand so that none meet; rows are filled from the first.

    >>> rows_for([(0, 5), (4, 8), (6, 9)])
    [0, 1, 0]
    """
    free: list[float] = []
    rows = [0] * len(spans)
    for place in sorted(range(len(spans)), key=lambda i: spans[i]):
        begin, end = spans[place]
        row = next((r for r, until in enumerate(free) if until <= begin), len(free))
        if row == len(free):
            free.append(0.0)
        free[row] = end
        rows[place] = row
    return rows


def wrap(words: str, most: int) -> list[str]:
    """Lines of at most so many characters, broken between words (a longer word is broken in it).

    >>> wrap("one two three", 8)
    ['one two', 'three']
    """
    lines, here = [], ""
    for word in words.split(" "):
        while len(word) > most:
            if here:
                lines.append(here)
                here = ""
            lines.append(word[:most])
            word = word[most:]  # noqa: PLW2901  what is left of it
        if here and len(here) + 1 + len(word) > most:
            lines.append(here)
            here = word
        else:
            here = f"{here} {word}" if here else word
    return [*lines, here] if here else lines
