"""Jepsen's ops as our rows, whatever notation they were written in.

An op is a map with ``type``, ``process``, ``f``, ``value``; ``time`` (ns), ``index``, ``error`` and
``key`` where there are such: https://github.com/jepsen-io/history. Rows stay in the order of the
file, which is that of real time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from checker.history import INVOKE, NEMESIS, TYPES, Row
from checker.phrases import plural
from checker.values import canonical
from harness.formats.edn import Tuple
from harness.formats.independent import are_tuples, split
from harness.formats.source import Source

Json: TypeAlias = object

_TYPES = {name: number for number, name in enumerate(TYPES)}
_NS_PER_ROW = 1_000_000
"""What a row without a time lasts, so that people see an order."""


class Parsed(NamedTuple):
    """What was read, and sentences about what had to be left out or made up."""

    rows: Sequence[Row]
    warnings: tuple[str, ...]


def rows_of(
    source: Source,
    ops: Iterable[tuple[int, Json]],
    *,
    torn: Sequence[str] = (),
    tuples: bool | None = None,
) -> Parsed:
    """Rows of ops, each with the character at which it begins in ``source``.

    ``tuples``: whether values are [key, value]; None: if they look like it. ``torn`` are warnings so
    far; it may grow while ``ops`` is read. Raises UsageError, with the line, where an op is none.
    """
    rows: list[Row] = []
    places: list[int] = []
    timed = 0
    latest = -1
    for position, op in ops:
        if type(op) is not dict:
            raise source.error(position, f"an op is a map, not {_short(op)}")
        row, index = _row(source, position, op, len(rows))
        if index is not None:
            if index <= latest:
                raise source.error(position, f"index {index} comes after index {latest}")
            latest = index
        timed += "time" in op
        rows.append(row)
        places.append(position)
    pending = _pair(source, rows, places)
    if tuples if tuples is not None else are_tuples(rows):
        try:
            rows = split(rows)
        except ValueError as error:
            i, problem = error.args
            raise source.error(places[i], problem) from error
    warnings = [*torn]
    if rows and not timed:
        warnings.append(f"{source.name}: no op has a time; row n is shown as if at n ms")
    if pending:
        lines = ", ".join(str(source.line_of(places[i])) for i in pending[:3])
        more = ", ..." if len(pending) > 3 else ""
        what = "has no completion" if len(pending) == 1 else "have no completion"
        warnings.append(
            f"{source.name}: {plural(len(pending), 'op')} {what}: nobody knows whether they"
            f" happened (line {lines}{more})"
        )
    return Parsed(rows, tuple(warnings))


def _row(source: Source, position: int, op: dict[str, Json], number: int) -> tuple[Row, int | None]:
    get = op.get
    process, kind, f, value, key, time_ns = (
        get("process"), get("type"), get("f"), get("value"), get("key"), get("time"),
    )  # fmt: skip
    type_ = _TYPES.get(kind) if type(kind) is str else None
    index, error = get("index"), get("error")
    if process == "nemesis":
        process = NEMESIS
    elif type(process) is not int or process < 0:
        raise source.error(position, _wrong(op, "process", "a number or :nemesis"))
    if type_ is None:
        raise source.error(position, _wrong(op, "type", f"one of {', '.join(TYPES)}"))
    if time_ns is None:
        time_ns = number * _NS_PER_ROW
    elif type(time_ns) is not int:
        if type(time_ns) is not float:
            raise source.error(position, _wrong(op, "time", "a number of ns"))
        time_ns = int(time_ns)
    if index is not None and type(index) is not int:
        raise source.error(position, _wrong(op, "index", "a whole number"))
    if f is None:
        f = "txn" if process >= 0 else ""
    elif type(f) is not str:
        f = canonical(f)
    if type(value) is Tuple:
        key, value = value
    if error is not None and type(error) is not str:
        error = canonical(error)
    row = Row(time_ns, process, type_, f, key, value, error)
    return row, index


def _pair(source: Source, rows: Sequence[Row], places: Sequence[int]) -> list[int]:
    """The invocations that nothing completes. Raises UsageError where a process breaks the rules."""
    pending: dict[int, int] = {}
    for i, (_, process, type_, *_) in enumerate(rows):
        if process < 0:
            continue
        if type_ != INVOKE:
            if pending.pop(process, None) is None:
                raise source.error(places[i], f"process {process} completes what it did not invoke")
        elif process in pending:
            first = source.line_of(places[pending[process]])
            raise source.error(
                places[i],
                f"process {process} invokes again before its op of line {first} completed",
            )
        else:
            pending[process] = i
    return sorted(pending.values())


def _wrong(op: dict[str, Json], name: str, what: str) -> str:
    if name not in op:
        return f"an op without a :{name}"
    return f":{name} is {what}, not {_short(op[name])}"


def _short(value: Json) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else text[:57] + "..."
