"""The few ops that show that something is wrong, and the sentences that say why."""

from __future__ import annotations

from dataclasses import dataclass, field

from checker.history import History
from checker.phrases import before, name_op
from checker.values import Json


@dataclass
class Witness:
    """``ops`` are invocations, in the order in which they come up; ``lines`` are sentences.

    ``edges`` are (op, op, why): the first must come before the second, in real time or by value.
    ``led`` are the last ops of an order that explains what came before the first of ``ops``, each with
    the state that it leaves, in words.
    """

    title: str
    ops: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    edges: list[tuple[int, int, str]] = field(default_factory=list)
    led: list[tuple[int, str]] = field(default_factory=list)

    def add(self, *ops: int) -> None:
        self.ops += [op for op in dict.fromkeys(ops) if op not in self.ops]

    def precede(self, history: History, end: int, begin: int) -> None:
        """Say that the op that ended in row ``end`` did so before the op of row ``begin`` began."""
        first = int(history.partner[end])
        self.add(first, begin)
        self.edges.append((first, begin, "ended before it began"))
        self.lines.append(before(history, first, begin))

    def rows(self, history: History) -> tuple[int, ...]:
        """Invocations and completions of the ops, ascending."""
        ends = [int(history.partner[op]) for op in self.ops]
        return tuple(sorted({*self.ops, *(end for end in ends if end >= 0)}))

    def to_json(self, history: History) -> dict[str, Json]:
        ends = [int(history.partner[op]) for op in self.ops]
        return {
            "title": self.title,
            "ops": [
                {
                    "invoked": op,
                    "completed": end if end >= 0 else None,
                    "text": name_op(history, op),
                }
                for op, end in zip(self.ops, ends, strict=True)
            ],
            "edges": [list(edge) for edge in self.edges],
            **({"led": [list(placed) for placed in self.led]} if self.led else {}),
            "lines": list(self.lines),
        }
