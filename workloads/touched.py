"""Which keys a run has asked for, so that the final ops can ask for them again."""

from __future__ import annotations

from checker.history import INVOKE, Row


class Touched:
    """Hears of rows; ``keys`` are those of client ops, in the order in which they were first asked.

    A transaction without a key of its own counts for the keys of its micro-operations.

    >>> touched = Touched()
    >>> touched.hear(Row(0, 0, INVOKE, "read", "x"))
    >>> touched.hear(Row(1, 1, INVOKE, "txn", "", [["r", "y", None], ["append", "x", 1]]))
    >>> touched.keys
    ('x', 'y')
    """

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    def hear(self, row: Row) -> None:
        if row.type != INVOKE or row.process < 0:
            return
        if row.key:
            self._keys[str(row.key)] = None
        elif row.f == "txn" and isinstance(row.value, list):
            for micro_op in row.value:
                self._keys[str(micro_op[1])] = None

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._keys)
