"""The conversation as a table: one line an event, one lane a node, arrows between the lanes.

::

     time ms   n1  n2  n3
       0.063   │   │   │    client 0 (process 0) asks n1: write "r0" 1
       2.511   ├───┼──▶│    n1 → n3 Query n1#1 "r0"  (2.400 ms)
       2.704   ├──✗│   │    n1 → n2 Query n1#1 "r0"  (cut)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from harness.report.conversation import (
    MS,
    Conversation,
    Moment,
    message_words,
    request_of,
    request_words,
)
from harness.sim.seen import LOST

LANE = 4
LONGEST = 160
MARKS = {
    "timer": "◷", "<- itself": "●", "request": "◆", "reply": "◇", "nemesis": "│", "note": "✎",
    "invoke": "│", "ok": "│", "fail": "│", "info": "│",
}  # fmt: skip


def table(talk: Conversation) -> Iterator[str]:
    """The lines of the table, with a heading and the evidence marked by ``>``."""
    if talk.summary:
        yield f"{talk.outcome.value}: {talk.summary}"
        yield from (f"  {sentence}" for sentence in talk.sentences)
    names = "".join(f"n{number + 1}".ljust(LANE) for number in range(talk.trial.nodes))
    yield f"{'time ms':>12}   {names} what"
    for moment in talk.moments:
        mark = ">" if moment.evident else " "
        hit = {n for b in talk.bands if b.from_ns <= moment.time_ns < b.to_ns for n in b.nodes}
        drawn = lanes(moment, talk.trial.nodes, hit)
        line = f"{mark}{moment.time_ns / MS:11.3f}   {drawn} {words(moment)}"
        yield line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
    if talk.omitted:
        yield f"({talk.omitted}; others with --from, --to)"


def lanes(moment: Moment, nodes: int, hit: Collection[int] = ()) -> str:
    """The nodes' lanes at this moment; those of nodes that are ``hit``, dead or paused, are broken.

    >>> lanes(Moment(5, 2, "message", '["Ack"]', src=0, sent_ns=1), 3)
    '├───┼──▶│   '
    >>> lanes(Moment(5, 0, "lost", '["Ack"]', src=1, sent_ns=1), 3)
    '│✗──┤   │   '
    >>> lanes(Moment(5, 1, "timer", "tick"), 3)
    '│   ◷   │   '
    >>> lanes(Moment(5, 0, "nemesis", "kill-one"), 3, hit={1})
    '│   ┊   │   '
    """
    line = list("".join(("┊" if node in hit else "│").ljust(LANE) for node in range(nodes)))
    at = moment.node * LANE
    if moment.src is None:
        if moment.kind != "nemesis":
            line[at] = MARKS[moment.kind]
        return "".join(line)
    start = moment.src * LANE
    for place in range(min(at, start) + 1, max(at, start)):
        line[place] = "┼" if place % LANE == 0 else "─"
    line[start] = "├" if start < at else "┤"
    head = at - 1 if start < at else at + 1
    line[head] = "✗" if moment.kind in LOST else "▶" if start < at else "◀"
    return "".join(line)


def words(moment: Moment) -> str:
    """What happens, for people."""
    node = f"n{moment.node + 1}"
    if moment.src is not None:
        took = (moment.time_ns - (moment.sent_ns or 0)) / MS
        name, fields = message_words(moment.text)
        fate = f"{took:.3f} ms" if moment.kind == "message" else moment.kind
        return f"n{moment.src + 1} → {node} {name} {fields}  ({fate})"
    if moment.client is not None:
        who = f"client {moment.client} (process {moment.process})"
        if moment.kind == "invoke":
            return f"{who} asks {node}: {moment.text}"
        return f"{who} is told {moment.kind} by {node}: {moment.text}"
    if moment.kind == "<- itself":
        name, fields = message_words(moment.text)
        return f"{node} to itself {name} {fields}"
    if moment.kind == "nemesis":
        return f"nemesis: {moment.text}"
    if moment.kind in ("request", "reply"):
        _, said = moment.text.split(" ", 1)
        return f"{node} {moment.kind} {request_words(request_of(moment))} {said}"
    return f"{node} {moment.kind} {moment.text}"
