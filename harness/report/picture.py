"""An anomaly as a standalone SVG: ops as bars on the lines of their processes, what contradicts in red.

Time runs to the right. An op is a bar from its invocation to its completion, one of unknown fate is
open at its end; a fault is a shaded band. Edges are numbered, and their sentences stand below.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.phrases import seconds
from harness.report import svg
from harness.report.anomaly import Anomaly, numbered, shown
from harness.report.svg import Box
from harness.report.timescale import Timescale, labels_ms

WIDTH, LEFT, RIGHT = 1120, 150, 70
"""Of the picture, of the names of lines, and right of the last moment; pixels."""
BAR, LABEL, GAP = 22, 16, 38
"""Heights of a bar, of a line of labels over it, and of the room below it."""
CHAR, SENTENCE_CHAR = 7.3, 6.9
"""Widths of a character: of a label, and of a sentence."""
_SENTENCE, _LONGEST_EDGE = 17, 26
_SHIFTS = (0.3, 0.5, 0.7, 0.4, 0.6)

_RULES = f"""
text {{ font: 12px {svg.SANS}; fill: #24292f; }}
.mono {{ font: 12px {svg.MONO}; }} .halo {{ paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }}
.title {{ font-size: 16px; font-weight: 600; }} .lanename {{ font-weight: 600; }} .quiet {{ fill: #6e7781; font-size: 11px; }}
.tick {{ font: 10.5px {svg.MONO}; fill: #57606a; }} .guide {{ stroke: #d8dee4; stroke-dasharray: 2 4; }}
.under {{ fill: #fff; fill-opacity: 0.88; }}
.lane {{ stroke: #d0d7de; stroke-width: 1.5; }} .axis {{ stroke: #8c959f; }}
.bar {{ fill: #ddeaf7; stroke: #5b7fa6; stroke-width: 1.2; }} .bar.against {{ fill: #fbd5d0; stroke: #b42318; stroke-width: 2; }}
.bar.fail {{ fill: #eaeef2; stroke: #8c959f; stroke-dasharray: 4 3; }} .bar.open {{ stroke-dasharray: 5 3; }}
.against-words {{ fill: #b42318; font-weight: 600; }}
.edge {{ fill: none; stroke: #8c959f; stroke-width: 1.4; }} .edge.against {{ stroke: #d1242f; stroke-width: 2; }}
.badge {{ fill: #6e7781; }} .badge.against {{ fill: #d1242f; }} .number {{ font: bold 10.5px {svg.SANS}; fill: #fff; }}
.edgeword {{ font-size: 11.5px; fill: #57606a; }} .edgeword.against {{ fill: #b42318; }}
.fault {{ fill: #f5a623; fill-opacity: 0.16; }} .faultname {{ fill: #8a5a00; font-size: 11px; }} .faultline {{ stroke: #f5a623; }}
"""
STYLE = svg.scoped("anomaly", _RULES)
MARKERS = """<defs>
<marker id="a-red" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#d1242f"/></marker>
<marker id="a-grey" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#8c959f"/></marker>
</defs>"""


def draw(anomaly: Anomaly, *, alone: bool = True) -> str:
    """The text of an SVG; if ``alone``, with a title over it and the sentences of its edges below."""
    return _Picture(anomaly, alone=alone).draw()


class _Picture:
    """Where everything is. ``taken`` are the boxes that no other words may stand in."""

    def __init__(self, anomaly: Anomaly, *, alone: bool) -> None:
        self.anomaly, self.alone = anomaly, alone
        self.ops = shown(anomaly.graph)
        times = [
            t for op in self.ops.values() for t in (op["begin_ns"], op["end_ns"]) if t is not None
        ]
        self.scale = Timescale(times, LEFT + 20, WIDTH - RIGHT)
        self.right = self.scale.right + RIGHT
        self.width = max(WIDTH, self.right + 10)
        self.taken: list[Box] = []
        self.title = svg.wrap(anomaly.title[:1].upper() + anomaly.title[1:], int(self.width / 9.2))
        if not alone:
            self.title = []
        self.top = 20.0 + 22 * len(self.title)
        self.faults = self._faults()
        self.lanes_top = self.top + LABEL * (1 + max((f[3] for f in self.faults), default=-1)) + 8
        self.lane_y: dict[str, float] = {}
        self.label_at: dict[int, tuple[float, float]] = {}
        self.bottom = self._lay_lanes()
        self.bar = {row: self._bar(op) for row, op in self.ops.items()}
        self.taken += [
            Box(b.left - 3, b.top - 2, b.right + 3, b.bottom + 2) for b in self.bar.values()
        ]

    # --- layout -----------------------------------------------------------------------------------

    def _faults(self) -> list[tuple[float, float, str, int]]:
        """(from, to, name, row of the name) of each fault."""
        found: list[tuple[float, float, str]] = []
        for window in self.anomaly.faults:
            begin, end = self.scale.x(window.begin_ns), self.scale.x(window.end_ns)
            begin = LEFT if window.begin_ns < self.scale.times[0] else begin
            end = self.right if window.end_ns > self.scale.times[-1] else end
            name = f"{window.fault}, {seconds(window.begin_ns)} to {seconds(window.end_ns)}"
            found.append((begin, max(end, begin + 3), name))
        wide = [(begin, begin + CHAR * len(name)) for begin, _, name in found]
        shift = [max(0.0, end - self.right) for _, end in wide]
        spans = [(begin - by, end - by) for (begin, end), by in zip(wide, shift, strict=True)]
        rows = svg.rows_for(spans)
        return [(*fault, row) for fault, row in zip(found, rows, strict=True)]

    def _lay_lanes(self) -> float:
        """Give each line its place, and each op's label one over its bar; the place below all."""
        y = self.lanes_top
        lanes: dict[str, list[int]] = {}
        for row, op in sorted(self.ops.items(), key=lambda item: (item[1]["order"], item[0])):
            lanes.setdefault(op["lane"], []).append(row)
        for lane, rows in lanes.items():
            spans = []
            outside = [row for row in rows if not self._fits(row)]
            for row in outside:
                begin, wide = self.scale.x(self.ops[row]["begin_ns"]), CHAR * len(self._words(row))
                begin = max(LEFT, min(begin, self.width - wide - 8))
                spans.append((begin, begin + wide + 10))
            levels = svg.rows_for(spans)
            y += LABEL * (1 + max(levels, default=-1)) + 10
            for row, (begin, _), level in zip(outside, spans, levels, strict=True):
                at = y - 6 - LABEL * level
                self.label_at[row] = begin, at
                self.taken.append(
                    Box(begin - 2, at - 11, begin + CHAR * len(self._words(row)), at + 3)
                )
            for row in rows:
                if self._fits(row):
                    self.label_at[row] = (
                        self.scale.x(self.ops[row]["begin_ns"]) + 6,
                        y + BAR / 2 + 4,
                    )
            self.lane_y[lane] = y + BAR / 2
            y += BAR + GAP
        return y

    def _fits(self, row: int) -> bool:
        """Whether an op's words have room inside of its bar."""
        op = self.ops[row]
        end = self.right - 8 if op["end_ns"] is None else self.scale.x(op["end_ns"])
        return bool(end - self.scale.x(op["begin_ns"]) >= CHAR * len(self._words(row)) + 8)

    def _words(self, row: int) -> str:
        op = self.ops[row]
        fate = {"fail": " (failed)", "info": " (nobody knows)"}.get(op["fate"], "")
        return f"{op['text']}{fate}"

    def _bar(self, op: dict[str, Any]) -> Box:
        y, begin = self.lane_y[op["lane"]], self.scale.x(op["begin_ns"])
        end = self.right - 8 if op["end_ns"] is None else self.scale.x(op["end_ns"])
        if op["fate"] == "note":
            begin, end = begin - BAR / 2, begin + BAR / 2
        return Box(begin, y - BAR / 2, max(end, begin + 6), y + BAR / 2)

    # --- drawing ----------------------------------------------------------------------------------

    def draw(self) -> str:
        curves, edge_words = self.edges()
        body = [*self.bands(), *self.frame(), *self.bars(), *curves, *self.op_words(), *edge_words]
        words, height = self.words() if self.alone else ([], self.bottom + 44)
        size = f'width="{self.width:.0f}" height="{height:.0f}" viewBox="0 0 {self.width:.0f} {height:.0f}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" class="anomaly" {size} role="img">',
                f"<style>{STYLE}</style>",
                MARKERS,
                '<rect width="100%" height="100%" fill="#fff"/>',
                *(svg.text(16, 28 + 22 * i, said, "title") for i, said in enumerate(self.title)),
                *body,
                *words,
                "</svg>\n",
            ]
        )

    def bands(self) -> Iterator[str]:
        for begin, end, name, row in self.faults:
            y = self.top + LABEL * (row + 1) - 2
            yield svg.rect(begin, y + 4, end - begin, self.bottom - y - 4, "fault")
            yield svg.line(begin, y + 4, end, y + 4, "faultline")
            at = min(begin, self.right - CHAR * len(name))
            yield svg.text(max(4, at + 2), y, name, "faultname halo")

    def frame(self) -> Iterator[str]:
        """The lines of processes, the axis, and a guide for each moment."""
        for time_ns, words in zip(self.scale.times, labels_ms(self.scale.times), strict=True):
            x = self.scale.x(time_ns)
            yield svg.line(x, self.lanes_top, x, self.bottom + 5, "guide")
            yield svg.text(x, self.bottom + 18, words, "tick", "middle")
        yield svg.line(LEFT, self.bottom, self.right, self.bottom, "axis")
        scale = "ms since the start" + ("" if self.scale.linear else ", not to scale")
        yield svg.text(LEFT - 12, self.bottom + 18, "ms", "tick", "end")
        yield svg.text(self.right, self.bottom + 34, scale, "quiet", "end")
        for lane, y in self.lane_y.items():
            yield svg.line(LEFT, y, self.right, y, "lane")
            yield svg.text(16, y + 1, lane, "lanename")
            asks = dict.fromkeys(
                op["asks"] for op in self.ops.values() if op["lane"] == lane and op.get("asks")
            )
            if asks:
                yield svg.text(16, y + 15, f"asks {', '.join(asks)}", "quiet")

    def bars(self) -> Iterator[str]:
        for row, op in self.ops.items():
            box, against = self.bar[row], op["against"]
            kind = " ".join(
                ["bar", *(["against"] if against else []), *(["open"] if op["end_ns"] is None else []),
                 *(["fail"] if op["fate"] == "fail" else [])]
            )  # fmt: skip
            if op["end_ns"] is None:  # open at its end
                x, y, right, bottom = box
                yield f'<path d="M{right:.1f},{y:.1f} H{x:.1f} V{bottom:.1f} H{right:.1f}" class="{kind}"/>'
            else:
                rx = 9 if op["fate"] == "note" else 4
                yield svg.rect(box.left, box.top, box.right - box.left, BAR, kind, rx=rx)

    def op_words(self) -> Iterator[str]:
        """What each op is: in its bar where there is room, else over it."""
        for row, (x, y) in self.label_at.items():
            words = self._words(row)
            if not self._fits(row):
                yield svg.rect(x - 3, y - 11, CHAR * len(words) + 4, 14, "under", rx=3)
            yield svg.text(x, y, words, "against-words" if self.ops[row]["against"] else "")

    def edges(self) -> tuple[list[str], list[str]]:
        """The curves first, then their words, which find free places along them."""
        curves: list[str] = []
        words: list[str] = []
        drawn = [
            (self._curve(tail, head, data), data)
            for tail, head, data in numbered(self.anomaly.graph)
        ]
        for curve, data in drawn:
            kind = "against" if data["against"] else ""
            (x1, y1), (x2, y2), (x3, y3), (x4, y4) = curve
            path = f"M{x1:.1f},{y1:.1f} C{x2:.1f},{y2:.1f} {x3:.1f},{y3:.1f} {x4:.1f},{y4:.1f}"
            end = "a-red" if data["against"] else "a-grey"
            curves.append(f'<path d="{path}" class="edge {kind}" marker-end="url(#{end})"/>')
        paths = [[_point(curve, t / 20) for t in range(21)] for curve, _ in drawn]
        for place, (curve, data) in enumerate(drawn):
            others = [point for p, points in enumerate(paths) if p != place for point in points]
            words += self._edge_words(curve, data, others)
        return curves, words

    def _curve(self, tail: int, head: int, data: dict[str, Any]) -> _Curve:
        """In real time from the end of one bar to the beginning of the other; else from middle to middle."""
        a, b = self.bar[tail], self.bar[head]
        ya, yb = (a.top + a.bottom) / 2, (b.top + b.bottom) / 2
        if data["kind"] in ("realtime", "process", "session") and a.right <= b.left:
            bend = max(24.0, (b.left - a.right) / 2)
            return ((a.right, ya), (a.right + bend, ya), (b.left - bend, yb), (b.left - 1, yb))
        shift = _SHIFTS[data["number"] % len(_SHIFTS)]  # so that edges of the same two ops differ
        xa, xb = (
            a.left + shift * min(a.right - a.left, 300),
            b.left + shift * min(b.right - b.left, 300),
        )
        if ya == yb:
            deep = BAR / 2 + GAP * 0.95
            return ((xa, a.bottom), (xa, ya + deep), (xb, yb + deep), (xb, b.bottom + 1))
        down = yb > ya
        start, stop = (a.bottom, b.top - 1) if down else (a.top, b.bottom + 1)
        middle = (start + stop) / 2
        return ((xa, start), (xa, middle), (xb, middle), (xb, stop))

    def _edge_words(
        self, curve: _Curve, data: dict[str, Any], others: list[_Place]
    ) -> Iterator[str]:
        label = data["label"]
        label = label if len(label) <= _LONGEST_EDGE else f"{label[: _LONGEST_EDGE - 1]}…"
        wide = 22 + 6.6 * len(label)
        best, cost, to_right = Box(0, 0, 0, 0), float("inf"), True
        for step in range(1, 20):
            t = step / 20
            x, y = _point(curve, t)
            for left in (x - 9, x + 9 - wide):  # words to the right of the number, or to the left
                box = Box(left, y - 9, left + wide, y + 9)
                meets = sum(box.overlap(other) for other in self.taken)
                crossed = sum(
                    box.left < px < box.right and box.top < py < box.bottom for px, py in others
                )
                price = 100 * meets + 60 * crossed + 40 * abs(t - 0.5) + (left < x - 9)
                if box.left < LEFT or box.right > self.width or box.bottom > self.bottom:
                    price += 10_000
                if price < cost:
                    best, cost, to_right = box, price, left == x - 9
        self.taken.append(best)
        kind, y = "against" if data["against"] else "", (best.top + best.bottom) / 2
        at, anchor = (best.left + 9, "start") if to_right else (best.right - 9, "end")
        yield svg.rect(best.left, best.top + 1, wide, 16, "under", rx=8)
        yield f'<circle cx="{at:.1f}" cy="{y:.1f}" r="8" class="badge {kind}"/>'
        yield svg.text(at, y + 3.8, str(data["number"]), "number", "middle")
        yield svg.text(at + (12 if to_right else -12), y + 4, label, f"edgeword {kind}", anchor)

    def words(self) -> tuple[list[str], float]:
        """The sentences, and the height of all."""
        y = self.bottom + 58
        said: list[str] = []
        most = int((self.width - 60) / SENTENCE_CHAR)
        for _, _, data in numbered(self.anomaly.graph):
            kind = "against" if data["against"] else ""
            said.append(f'<circle cx="25" cy="{y - 4:.1f}" r="8" class="badge {kind}"/>')
            said.append(svg.text(25, y - 0.2, str(data["number"]), "number", "middle"))
            for part in svg.wrap(data["sentence"], most):
                said.append(svg.text(42, y, part))
                y += _SENTENCE
            y += 3
        for sentence in (*self.anomaly.conclusion, *self._left_out()):
            for part in svg.wrap(sentence, most):
                said.append(svg.text(42, y, part))
                y += _SENTENCE
            y += 3
        return said, y

    def _left_out(self) -> Iterator[str]:
        if self.anomaly.left_out:
            yield f"{self.anomaly.left_out} more ops of it are not shown"


_Place = tuple[float, float]
_Curve = tuple[_Place, _Place, _Place, _Place]


def _point(curve: _Curve, t: float) -> _Place:
    """Of a Bézier curve."""
    (a, e), (b, f), (c, g), (d, h) = curve
    s = 1 - t
    w = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
    return a * w[0] + b * w[1] + c * w[2] + d * w[3], e * w[0] + f * w[1] + g * w[2] + h * w[3]
