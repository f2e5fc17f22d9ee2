"""A Lamport diagram of a run as a standalone SVG: time flows down, one line a client and a node.

After Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", CACM 21(7), 1978,
figure 1, turned so that labels have room. Each event has a row of its own, so that no two labels
meet; rows lie farther apart where time passes, up to a limit, and the times stand at the left.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import svg
from harness.report.conversation import (
    MS,
    Conversation,
    Moment,
    message_words,
    request_of,
    request_words,
)
from harness.sim.seen import LOST

MOST_ROWS = 300
"""Of a longer conversation, those around the evidence are drawn."""
ROW, MOST_EXTRA, EXTRA_A_MS = 22, 40, 4
"""Pixels from a row to the next: at least, and how much more for the time between them."""
TIMES, CLIENT, NODE, FAULTS = 92, 170, 200, 380
"""Widths of the columns in pixels."""
CHAR = 6.1
"""Width of a character of the labels."""

STYLE = """
text { font: 10px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #24292f; }
.halo { paint-order: stroke; stroke: #fff; stroke-width: 5px; stroke-linejoin: round; }
.title { font-size: 14px; font-weight: bold; } .head { font-size: 12px; font-weight: bold; }
.time, .quiet { fill: #6e7781; } .bad { fill: #b42318; font-weight: bold; }
.lane { stroke: #d0d7de; stroke-width: 1.5; } .message { stroke: #2f5d8a; stroke-width: 1.2; }
.call { stroke: #8c959f; stroke-width: 1; } .lost { stroke: #b42318; stroke-dasharray: 4 3; }
.op { fill: #ddeaf7; stroke: #5b7fa6; } .evident { fill: #fbd5d0; stroke: #b42318; stroke-width: 2; }
.fault { fill: #f5a623; fill-opacity: 0.10; } .down { fill: #b42318; fill-opacity: 0.16; }
.dot { fill: #2f5d8a; } .tick { fill: #8c959f; }
"""


def draw(talk: Conversation) -> str:
    """The text of an SVG file."""
    return _Diagram(talk).draw()


class _Diagram:
    """Where everything is: ``y`` of each row, ``x`` of each lane."""

    def __init__(self, talk: Conversation) -> None:
        self.talk = talk
        self.moments, self.cut = _around_evidence(talk.moments)
        self.clients = sorted({m.client for m in self.moments if m.client is not None})
        self.top = 60 + 15 * len(talk.sentences) + 34
        self.y = self._rows()
        self.bottom = (self.y[-1] if self.y else self.top) + 24
        nodes_from = TIMES + CLIENT * len(self.clients) + 20
        self.client_x = {c: TIMES + CLIENT * n + 40 for n, c in enumerate(self.clients)}
        self.node_x = [nodes_from + NODE * n + NODE // 2 for n in range(talk.trial.nodes)]
        self.faults_x = nodes_from + NODE * talk.trial.nodes
        self.width = self.faults_x + FAULTS
        self.at = {}
        for moment, y in zip(reversed(self.moments), reversed(self.y), strict=True):
            if moment.client is None and moment.kind not in (*LOST, "nemesis"):
                self.at[moment.node, moment.time_ns] = y

    def _rows(self) -> list[float]:
        places: list[float] = []
        y, before_ns = float(self.top), None
        for moment in self.moments:
            if before_ns is not None:
                extra = EXTRA_A_MS * (moment.time_ns - before_ns) / MS
                y += ROW + min(MOST_EXTRA, extra)
            before_ns = moment.time_ns
            places.append(y)
        return places

    def moment_y(self, time_ns: int, node: int | None = None) -> float:
        """Where a time is: at the node's event of that time, else in proportion between two rows."""
        if node is not None and (node, time_ns) in self.at:
            return self.at[node, time_ns]
        if not self.moments or time_ns < self.moments[0].time_ns:
            return self.top - 12
        for place, moment in enumerate(self.moments):
            if moment.time_ns >= time_ns:
                if place == 0 or moment.time_ns == time_ns:
                    return self.y[place]
                before = self.moments[place - 1].time_ns
                share = (time_ns - before) / (moment.time_ns - before)
                return self.y[place - 1] + share * (self.y[place] - self.y[place - 1])
        return self.bottom

    def draw(self) -> str:
        body = [*self.head(), *self.bands(), *self.lanes(), *self.ops()]
        body += [
            part for m, y in zip(self.moments, self.y, strict=True) for part in self.event(m, y)
        ]
        labels = [
            part for m, y in zip(self.moments, self.y, strict=True) for part in self.label(m, y)
        ]
        foot, height = self.foot()
        size = f'width="{self.width}" height="{height:.0f}" viewBox="0 0 {self.width} {height:.0f}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
                f"<style>{STYLE}</style>",
                MARKERS,
                '<rect width="100%" height="100%" fill="#fff"/>',
                *body,
                *labels,
                *foot,
                "</svg>\n",
            ]
        )

    # --- what stands still ------------------------------------------------------------------------

    def head(self) -> Iterator[str]:
        talk, trial = self.talk, self.talk.trial
        title = f"{trial.protocol}, {trial.workload}, seed {trial.seed}: {talk.outcome.value}"
        yield svg.text(16, 24, title, "title")
        if talk.summary:
            yield svg.text(16, 44, talk.summary, "bad" if not _fine(talk) else "")
        for number, sentence in enumerate(talk.sentences):
            yield svg.text(16, 60 + 15 * number, sentence)

    def lanes(self) -> Iterator[str]:
        """The lines of clients and nodes, with their names above."""
        y = self.top - 26
        yield svg.text(TIMES - 14, y, "ms", "head", "end")
        lanes = [(x, f"client {c}") for c, x in self.client_x.items()]
        lanes += [(x, f"n{number + 1}") for number, x in enumerate(self.node_x)]
        for x, name in lanes:
            yield svg.text(x, y, name, "head", "middle")
            yield svg.line(x, self.top - 16, x, self.bottom, "lane")

    def bands(self) -> Iterator[str]:
        """Faults, while they are on; and the nodes that they hit."""
        left, width = TIMES - 6, self.width - TIMES
        for band in self.talk.bands:
            y = max(self.moment_y(band.from_ns), self.top - 16)
            height = max(4.0, min(self.moment_y(band.to_ns), self.bottom) - y)
            yield svg.rect(left, y, width, height, "fault")
            for node in band.nodes:
                yield svg.rect(self.node_x[node] - 14, y, 28, height, "down")

    def foot(self) -> tuple[list[str], float]:
        """The legend, what was left out, and where the picture ends."""
        y, x = self.bottom + 30, 16.0
        parts: list[str] = []
        for kind, words in LEGEND:
            if x + 44 + CHAR * len(words) > self.width:
                x, y = 16.0, y + 20
            parts += _sample(kind, x, y)
            parts.append(svg.text(x + 34, y + 3, words))
            x += 54 + CHAR * len(words)
        omitted = [text for text in (self.talk.omitted, self.cut) if text]
        omitted.append("not to scale: long times are drawn shorter")
        y += 24
        parts.append(svg.text(16, y, "; ".join(omitted), "quiet"))
        return parts, y + 16

    # --- what happens -----------------------------------------------------------------------------

    def ops(self) -> Iterator[str]:
        """Each op as a bar from its invocation to its completion."""
        begun: dict[int, tuple[Moment, float]] = {}
        for moment, y in zip(self.moments, self.y, strict=True):
            if moment.client is None or moment.process is None:
                continue
            if moment.kind == "invoke":
                begun[moment.process] = moment, y
            else:
                start, from_y = begun.pop(moment.process, (moment, self.top - 16.0))
                yield self.bar(moment, from_y, y, evident=start.evident or moment.evident)
        for start, from_y in begun.values():
            yield self.bar(start, from_y, self.bottom, evident=start.evident)

    def bar(self, moment: Moment, from_y: float, to_y: float, *, evident: bool) -> str:
        x = self.client_x[moment.client or 0]
        return svg.rect(
            x - 6, from_y - 5, 12, to_y - from_y + 10, "evident" if evident else "op", rx=4
        )

    def event(self, moment: Moment, y: float) -> Iterator[str]:
        """The arrow or the dot of one event."""
        x = self.node_x[moment.node]
        if moment.src is not None:
            yield self.arrow(moment, y)
        elif moment.kind == "request":
            yield from self.call(moment, y)
        elif moment.kind == "reply":
            yield from self.answer(moment, y)
        elif moment.kind in ("timer", "<- itself", "note"):
            yield f'<circle cx="{x}" cy="{y:.1f}" r="3" class="tick"/>'
        if moment.kind in ("message", "request", "reply"):
            yield f'<circle cx="{x}" cy="{y:.1f}" r="3" class="dot"/>'

    def arrow(self, moment: Moment, y: float) -> str:
        from_x, to_x = self.node_x[moment.src or 0], self.node_x[moment.node]
        from_y = self.moment_y(moment.sent_ns or 0, moment.src)
        if moment.kind == "message":
            return svg.line(
                from_x, from_y, to_x + (-4 if from_x < to_x else 4), y, "message", end="arrow"
            )
        to_x += -14 if from_x < to_x else 14
        return svg.line(from_x, from_y, to_x, y, "message lost", end="cross")

    def call(self, moment: Moment, y: float) -> Iterator[str]:
        """From the client whose op this request is."""
        session = moment.text.rsplit('"c', 1)[-1].split('"')[0]
        for m, from_y in zip(reversed(self.moments), reversed(self.y), strict=True):
            if m.kind == "invoke" and str(m.process) == session and m.time_ns <= moment.time_ns:
                x = self.client_x[m.client or 0]
                yield svg.line(x + 6, from_y, self.node_x[moment.node] - 4, y, "call", end="arrow")
                return

    def answer(self, moment: Moment, y: float) -> Iterator[str]:
        """To the client that is told something of this node at this very time."""
        for m, to_y in zip(self.moments, self.y, strict=True):
            if m.client is not None and m.kind in ("ok", "fail") and to_y > y:
                if m.time_ns == moment.time_ns and m.node == moment.node:
                    x = self.client_x[m.client]
                    yield svg.line(self.node_x[moment.node], y, x + 8, to_y, "call", end="arrow")
                return

    def label(self, moment: Moment, y: float) -> Iterator[str]:
        """The time of a row, and its words beside its lane, on the side that it came from."""
        kind = "bad" if moment.evident else ""
        yield svg.text(TIMES - 14, y + 3, f"{moment.time_ns / MS:.3f}", "time", "end")
        if moment.kind == "nemesis":
            yield svg.text(self.faults_x, y + 3, _short(moment.text, FAULTS), "halo")
            return
        if moment.client is not None:
            words = moment.text if moment.kind == "invoke" else f"{moment.kind}: {moment.text}"
            x = self.client_x[moment.client] + 12
            below = -4 if moment.kind == "invoke" else 12  # where the arrow is not
            yield svg.text(
                x, y + below, _short(words.replace('"', ""), CLIENT - 24), f"halo {kind}"
            )
            return
        x = self.node_x[moment.node]
        words, room = _node_words(moment), NODE - 24
        if moment.src is not None and moment.src < moment.node:
            yield svg.text(x - 9, y - 4, _short(words, room), f"halo {kind}", "end")
        else:
            quiet = "" if moment.src is not None else "quiet"
            lift = 4 if moment.src is not None else -3
            yield svg.text(x + 9, y - lift, _short(words, room), f"halo {kind or quiet}")


def _around_evidence(moments: list[Moment]) -> tuple[list[Moment], str | None]:
    """At most MOST_ROWS of them, up to a little after the last that is evidence."""
    if len(moments) <= MOST_ROWS:
        return moments, None
    evident = [place for place, moment in enumerate(moments) if moment.evident]
    end = min(len(moments), (evident[-1] if evident else len(moments)) + MOST_ROWS // 10)
    first = max(0, end - MOST_ROWS)
    end = min(len(moments), first + MOST_ROWS)
    left_out = f"{first} events before and {len(moments) - end} after these are left out"
    return moments[first:end], left_out


def _fine(talk: Conversation) -> bool:
    return talk.outcome.exit_code == 0


def _node_words(moment: Moment) -> str:
    if moment.src is not None or moment.kind == "<- itself":
        name, fields = message_words(moment.text)
        return f"{name} {fields}"
    if moment.kind in ("request", "reply"):
        return f"{moment.kind} {request_words(request_of(moment))}"
    return f"{moment.kind} {moment.text}"


def _short(words: str, room: float) -> str:
    """As many characters as there is room for."""
    most = int(room / CHAR)
    return words if len(words) <= most else words[: most - 1] + "…"


# --- pieces of SVG --------------------------------------------------------------------------------

MARKERS = """<defs>
<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
 markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#2f5d8a"/></marker>
<marker id="cross" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="11" markerHeight="11"
 markerUnits="userSpaceOnUse"><path d="M1,1 L9,9 M9,1 L1,9" stroke="#b42318" stroke-width="2"/></marker>
</defs>"""

LEGEND = (
    ("op", "an op, from asked to answered"),
    ("evident", "an op that the verdict rests on"),
    ("message", "a message"),
    ("message lost", "a message that did not arrive"),
    ("call", "a client and its node"),
    ("fault", "a fault is on"),
    ("down", "a node that it hits"),
)


def _sample(kind: str, x: float, y: float) -> list[str]:
    if kind in ("op", "evident", "down"):
        return [svg.rect(x + 8, y - 6, 12, 12, kind, rx=4)]
    if kind == "fault":
        return [svg.rect(x, y - 6, 28, 12, kind)]
    return [svg.line(x, y, x + 26, y, kind, end="cross" if "lost" in kind else "arrow")]
