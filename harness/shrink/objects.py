"""Fewer objects: accounts, lists, whatever ops name beside their key. One goes from all ops at once.

A bank is read as a whole, so that no op can go before the account that it opens goes from every read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.shrink.freeze import script_of, with_script
from harness.shrink.leaving import leave_out
from harness.shrink.search import Search
from workloads.script import ScriptedOp


def fewer_objects(search: Search) -> None:
    """All that is said of an object goes, where ops name several."""
    if search.best.ops is None or not any(map(named, script_of(search.best))):
        return
    leave_out(
        search,
        lambda: list(
            dict.fromkeys(n for op in script_of(search.best) for n in (op.key, *named(op)))
        ),
        lambda kept: with_script(search.best, among(script_of(search.best), kept)),
    )


def named(op: ScriptedOp) -> list[str]:
    """The objects that its value names: as a list of them, in micro-operations, or in fields.

    >>> named(ScriptedOp(0, 0, "txn", "", [["r", "x", None], ["append", "y", 1]]))
    ['x', 'y']
    >>> named(ScriptedOp(0, 0, "transfer", "", {"from": "a", "to": "b", "amount": 5}))
    ['a', 'b']
    """
    return list(_names(op.value))


def _names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (field for field in value.values() if isinstance(field, str))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                yield item
            elif isinstance(item, list) and len(item) == 3 and isinstance(item[1], str):
                yield item[1]


def among(ops: Sequence[ScriptedOp], kept: Sequence[str]) -> list[ScriptedOp]:
    """What is left of these ops when there are only these objects (and "", which is none).

    >>> among([ScriptedOp(0, 0, "balances", "", ["a", "b"]), ScriptedOp(1, 0, "cas", "b", [None, 10])], ["a"])
    [ScriptedOp(at_ns=0, thread=0, f='balances', key='', value=['a'], node=None)]
    """
    left = []
    for op in ops:
        names = named(op)
        if op.key and op.key not in kept:
            continue
        if names and isinstance(op.value, list):
            value = [item for item in op.value if all(n in kept for n in _names([item]))]
            if value:
                left.append(op._replace(value=value))
        elif all(name in kept for name in names):
            left.append(op)
    return left
