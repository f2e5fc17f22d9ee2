"""A contradiction as at most six ops and a few sentences that a person can check by hand."""

from __future__ import annotations

import numpy as np

from checker.history import History
from checker.linearizable.columns import CAS, READ, Columns, Ops
from checker.linearizable.graph import Finding, Kind
from checker.phrases import name_op, seconds, show
from checker.values import Json, identity
from checker.witness import Witness

_MOST_OPS = 6
_INITIAL = "initial value after a write"


def explain(history: History, table: Columns, finding: Finding, place: int) -> Witness:
    """Put line ``place`` of a finding into words."""
    return _Explainer(history, table).explain(finding.kind, finding.rows[place].tolist())


class _Explainer:
    """An op is named by the row of its invocation throughout."""

    def __init__(self, history: History, table: Columns) -> None:
        self.history, self.table = history, table

    def explain(self, kind: Kind, rows: list[int]) -> Witness:
        witness = Witness(kind.value)
        match kind:
            case Kind.PHANTOM:
                self.phantom(witness, rows[0])
            case Kind.FAILED:
                self.failed(witness, rows[0])
            case Kind.FUTURE:
                self.future(witness, rows[0], rows[1])
            case Kind.FORK:
                self.fork(witness, rows[0], rows[1])
            case Kind.ROOTLESS:
                self.rootless(witness, rows[0])
            case Kind.ORDER:
                self.order(witness, rows[0], rows[1])
            case Kind.STALE:
                self.stale(witness, rows)
        return witness

    def phantom(self, witness: Witness, op: int) -> None:
        witness.add(op)
        witness.lines.append(f"{self.ended(op)}, but nobody ever wrote {show(self.found(op))}")

    def failed(self, witness: Witness, op: int) -> None:
        writer = self.writers(self.table.failed, self.slot(op))[0]
        witness.add(op, writer)
        witness.edges.append((writer, op, "failed, and yet its value was there"))
        witness.lines.append(
            f"{self.ended(op)}, but the {name_op(self.history, writer)} failed "
            f"(row {self.partner(writer)}): it had no effect"
        )

    def future(self, witness: Witness, end: int, write: int) -> None:
        read = self.partner(end)
        witness.precede(self.history, end, write)
        witness.edges.append((write, read, "wrote what was observed"))

    def fork(self, witness: Witness, first: int, second: int) -> None:
        old = self.found(first)
        witness.add(*self.writer(self.slot(first)), first, second)
        self.show_effect(witness, first)
        self.show_effect(witness, second)
        why = f"found {show(old)} before the other took it away"
        witness.edges += [(first, second, why), (second, first, why)]
        once = "nothing was there only at the start" if old is None else "it was written only once"
        witness.lines.append(
            f"{name_op(self.history, first)} (row {first}) and {name_op(self.history, second)} "
            f"(row {second}) both took effect on {show(old)}, but {once}"
        )

    def rootless(self, witness: Witness, op: int) -> None:
        path = [op]
        while (source := self.writer(self.slot(path[-1]))) and source[0] not in path:
            path.append(source[0])
        cycle = path[path.index(source[0]) :] if source else path
        shown = cycle[:_MOST_OPS][::-1]
        witness.add(*shown)
        names = ", ".join(f"{name_op(self.history, op)} (row {op})" for op in shown)
        more = f" and {len(cycle) - len(shown)} more" if len(cycle) > len(shown) else ""
        for member in shown:
            self.show_effect(witness, member)
        witness.lines.append(
            f"{names}{more} took effect, each on what another wrote: none can have been first"
        )

    def order(self, witness: Witness, end: int, later: int) -> None:
        early = self.partner(end)
        source, made = self.left(later), self.left(early)
        if self.history.f[later] == "read":
            witness.title = Kind.STALE.value if source is not None else _INITIAL
        witness.precede(self.history, end, later)
        witness.edges.append((later, early, f"{show(made)} comes from {show(source)} by cas"))
        if identity(source) == identity(made):
            witness.lines.append(f"but the {name_op(self.history, later)} comes first by value")
            return
        witness.add(*self.writer(self.slot_left(later)), *self.writer(self.slot_left(early)))
        witness.lines.append(
            f"but {show(made)} was made from {show(source)} by cas, so {show(source)} came first"
        )

    def stale(self, witness: Witness, rows: list[int]) -> None:
        """The op that came back to an old value, what had replaced that, and why it was older."""
        end_x, begin_y, end_y, begin_x = rows
        if end_x >= 0 and (end_y < 0 or begin_y > begin_x):
            end_x, begin_y, end_y, begin_x = end_y, begin_x, end_x, begin_y
        back, newer = begin_x, self.partner(end_y)
        witness.title = self.title(back, newer)
        witness.precede(self.history, end_y, back)
        if end_x < 0:
            witness.lines.append("but nothing was there only at the start")
            witness.add(*self.writer(self.slot_left(newer)))
            return
        old, new = show(self.left(back)), show(self.left(newer))
        first = self.left(self.partner(end_x))
        witness.precede(self.history, end_x, begin_y)
        linked = "" if show(first) == old else f" ({show(first)} and {old} are linked by cas alone)"
        witness.lines.append(
            f"so {old} was there both before and after {new}, but each was written once{linked}"
        )
        if witness.title == "lost write":
            witness.lines.append(f"no read ever returned {new}")
        witness.add(*self.writer(self.slot_left(back)), *self.writer(self.slot_left(newer)))

    def title(self, back: int, newer: int) -> str:
        slot = self.slot_left(newer)
        writer = self.writer(slot)
        if self.left(back) is None:
            return _INITIAL
        ops = self.table.ops
        if writer and int(ops.ret[np.searchsorted(ops.inv, writer[0])]) < back:
            used = ((ops.kind == READ) & (ops.new == slot)) | (ops.old == slot)
            return Kind.STALE.value if used.any() else "lost write"
        return "new-old inversion"

    def show_effect(self, witness: Witness, op: int) -> None:
        """Add the ops that show that an op of unknown fate did happen, as far as there is room."""
        ops = self.table.ops
        while len(witness.ops) < _MOST_OPS:
            at = int(np.searchsorted(ops.inv, op))
            if ops.ok[at]:
                return
            saw = ((ops.kind == READ) & (ops.new == ops.new[at])) | (ops.old == ops.new[at])
            seen = np.flatnonzero(saw)
            if not len(seen):
                return
            op = int(ops.inv[seen[int(ops.ok[seen].argmax())]])
            if op in witness.ops:
                return
            witness.add(op)

    def ended(self, op: int) -> str:
        end = self.partner(op)
        at = seconds(int(self.history.time_ns[end]))
        return f"{name_op(self.history, op)} finished at {at} (row {end})"

    def partner(self, row: int) -> int:
        return int(self.history.partner[row])

    def found(self, op: int) -> Json:
        """What an answered op saw there: a read's result, a cas's old value."""
        if self.history.f[op] == "cas":
            return self.history.value[op][0]  # type: ignore[index]
        return self.history.value[self.partner(op)]

    def left(self, op: int) -> Json:
        """What was there right after the op: what it read or wrote."""
        if self.history.f[op] == "read":
            return self.history.value[self.partner(op)]
        value = self.history.value[op]
        return value[1] if self.history.f[op] == "cas" else value  # type: ignore[index]

    def slot(self, op: int) -> int:
        """The slot of what an op found."""
        ops = self.table.ops
        at = int(np.searchsorted(ops.inv, op))
        return int(ops.old[at] if ops.kind[at] == CAS else ops.new[at])

    def slot_left(self, op: int) -> int:
        ops = self.table.ops
        return int(ops.new[int(np.searchsorted(ops.inv, op))])

    def writer(self, slot: int) -> list[int]:
        """The op that wrote an observed value, if any."""
        return self.writers(self.table.ops, slot)[:1]

    @staticmethod
    def writers(ops: Ops, slot: int) -> list[int]:
        found: list[int] = ops.inv[(ops.kind != READ) & (ops.new == slot)].tolist()
        return found
