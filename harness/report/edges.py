"""Why one op came before another, as edges: from a checker's witness, or from its sentences.

Kinds are ``ordered`` (in an order that a search found), ``realtime`` (one had ended before the other began), ``value`` (by what was read and
written), ``session`` (one process did both), ``agreement``, and Elle's ``ww``, ``wr``, ``rw`` and
``process``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from checker.history import History
from checker.linearizable.search import led_lines
from checker.phrases import before, name_op

if TYPE_CHECKING:
    from harness.report.anomaly import Graph

REALTIME, VALUE, SESSION, AGREEMENT = "realtime", "value", "session", "agreement"
ORDERED = "ordered"
"""Side by side in an order that explains what was answered before."""
_ENDED = "ended before it began"
"""How a Witness names an edge of real time."""

ROWS = re.compile(r"\(row (?P<tail>\d+)\).*?(?P<word>later|before) .*?\(row (?P<head>\d+)\)")
"""A sentence about two rows: ``process 3: write of 5 ... (row 7), later read of 3 ... (row 9)``."""
_BACKWARDS = re.compile(r"\(row (?P<head>\d+)\) (?P<word>saw|came after) .*?\(row (?P<tail>\d+)\)")
"""A sentence that names the later of two rows first."""
TRANSACTIONS = re.compile(r"T(?P<tail>\d+) .*? came before T(?P<head>\d+) .*\[(?P<word>[a-z-]+)\]$")
_ROW = re.compile(r"\(row (\d+)\)")
_LABELS = {
    "ww": "overwritten by", "wr": "read by", "rw": "did not see", "process": "then",
    "realtime": "ended before", "later": "later", "before": "ran before", "saw": "was read by",
    "came after": "so it came before",
}  # fmt: skip
_KINDS = {"later": SESSION, "before": AGREEMENT, "saw": VALUE, "came after": VALUE}


def add(  # noqa: PLR0917  an edge is its two ends and four words
    graph: Graph, tail: int, head: int, kind: str, label: str, sentence: str, *, against: bool
) -> None:
    """An edge between two ops that are shown; the first one said of two ops stays."""
    if tail in graph and head in graph and not graph.has_edge(tail, head):
        number = graph.number_of_edges() + 1
        graph.add_edge(
            tail, head, number=number, kind=kind, label=label, sentence=sentence, against=against
        )


def add_witness(
    history: History, graph: Graph, edges: Iterable[tuple[int, int, str] | Sequence[object]]
) -> None:
    """The edges of a witness: (op, op, why)."""
    for first, second, why in edges:
        tail, head = int(str(first)), int(str(second))
        if why == _ENDED:
            said = before(history, tail, head)
            add(graph, tail, head, REALTIME, "ended before", said, against=True)
        else:
            said = f"{name_op(history, tail)} comes before {name_op(history, head)}: {why}"
            add(graph, tail, head, VALUE, "comes before", said, against=True)


def add_told(graph: Graph, lines: Iterable[str], pattern: re.Pattern[str]) -> None:
    """An edge for each sentence that says that one row came before another."""
    for line in lines:
        match = pattern.search(line) or _BACKWARDS.search(line)
        if match is not None:
            word = match["word"]
            kind, label = _KINDS.get(word, word), _LABELS.get(word, word)
            add(graph, int(match["tail"]), int(match["head"]), kind, label, line, against=True)


def add_led(
    history: History, graph: Graph, led: Sequence[tuple[int, str] | Sequence[object]]
) -> None:
    """An order that explains what came before, and that what the graph is about does not fit behind it."""
    placed = [(int(str(row)), str(state)) for row, state in led]
    lines = led_lines(history, placed)
    for (tail, _), (head, _), said in zip(placed, placed[1:], lines[1:], strict=False):
        add(graph, tail, head, ORDERED, "then", said, against=False)
    stuck = next(iter(graph))
    last, state = placed[-1]
    said = f"{name_op(history, stuck)} does not fit behind it, where there is {state}"
    add(graph, last, stuck, ORDERED, f"leaves {state}: does not fit", said, against=False)


def add_disagreement(graph: Graph, lines: Sequence[str]) -> None:
    """Of two notes that say different things of one slot."""
    first, second = graph
    said = "; but ".join(lines)
    add(graph, first, second, AGREEMENT, "not the same", said, against=True)


def rows_named(lines: Iterable[str]) -> list[int]:
    """The rows that sentences name, in the order of the sentences.

    >>> rows_named(["n1 executed 5 (row 7) before 6 (row 9)"])
    [7, 9]
    """
    return [int(row) for line in lines for row in _ROW.findall(line)]
