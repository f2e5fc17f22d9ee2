"""The rows of a text, gathered as the columns of a history.

Lines as we write them are read by array arithmetic (:mod:`harness.store.canonical`); of those the
values that are no plain numbers by the JSON parser; and all other lines, one by one, strictly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from checker.column import Bools, Coded, Column, Numbers, column
from checker.history import History, Ints, Json, Row, Rows
from harness.errors import UsageError
from harness.store.canonical import NOT_HERE, Lines, Names, read_lines
from harness.store.cursor import Cursor
from harness.store.rows import decode

Part: TypeAlias = dict[str, NDArray[Any]]
_FIELDS = {
    "time_ns": np.int64,
    "process": np.int64,
    "type": np.int8,
    "f": np.int64,
    "key": np.int64,
    "value": np.int64,
    "nothing": np.bool_,
    "node": np.int64,
    "intended_ns": np.int64,
}
_FEW = 8
"""A column of ints has at most one other value for so many rows."""
_MOST_INT = 1 << 63
_raw_decode = json.JSONDecoder().raw_decode


class Columns(TypedDict):
    """What ``History.made`` takes."""

    time_ns: Ints
    process: Ints
    type: NDArray[np.int8]
    f: Coded[str]
    key: Column[Json]
    value: Column[Json]
    error: Column[str | None]
    node: Column[Json]
    intended_ns: Column[Json]


class Gathered:
    """Takes rows in their order, and makes a history of them. ``path`` is for people.

    ``last_ns`` is the time of the last row, or 0.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.size = 0
        self.last_ns = 0
        self._lines = 0
        self._parts: list[Part] = []
        self._f, self._key, self._error = Names(), Names(), Names()
        self._errors: dict[int, int] = {}
        self._others: dict[str, dict[int, Json]] = {"value": {}, "node": {}, "intended_ns": {}}

    def take(self, text: bytes) -> None:
        """Some whole lines; the last one may lack its newline.

        Raises UsageError, with the line, for one that is no row. Where the newline is missing, such
        a line is left out with a warning.
        """
        cursor = Cursor(text)
        stops = np.flatnonzero(cursor.bytes[: len(text)] == ord("\n"))
        starts = np.concatenate([[0], stops + 1])
        if starts[-1] == len(text):
            starts = starts[:-1]
        else:
            stops = np.append(stops, len(text))
        if len(starts):
            self._read(text, starts, stops, read_lines(cursor, starts, stops, self._f, self._key))

    def extend(self, rows: Sequence[Row]) -> None:
        """Rows that come from elsewhere."""
        part: Part = {name: np.zeros(len(rows), kind) for name, kind in _FIELDS.items()}
        for i, row in enumerate(rows):
            self._row(part, i, self.size + i, row)
        self._add(part)

    def history(self) -> History:
        """What was gathered, which is then forgotten here.

        Raises ValueError where a process breaks the rules of invoke and reply.
        """
        return History.made(**self._columns())

    def rows(self) -> Rows:
        """The same as rows, whoever asks and answers."""
        return Rows(History(**self._columns(), partner=np.zeros(0, np.int64)))

    def _columns(self) -> Columns:
        self.extend(())
        parts, self._parts = self._parts, []
        whole = {name: np.concatenate([part.pop(name) for part in parts]) for name in _FIELDS}
        errors = np.broadcast_to(np.int64(NOT_HERE), self.size)
        if self._errors:
            errors = errors.copy()
            errors[list(self._errors)] = list(self._errors.values())
        return {
            "time_ns": whole["time_ns"],
            "process": whole["process"],
            "type": whole["type"],
            "f": Coded(_constant(whole["f"]), cast("list[str]", self._f.table)),
            "key": Coded(_constant(whole["key"]), self._key.table),
            "value": _numbers(whole["value"], whole["nothing"], self._others["value"]),
            "error": Coded(errors, cast("list[str | None]", self._error.table)),
            "node": self._optional(whole["node"], "node"),
            "intended_ns": self._optional(whole["intended_ns"], "intended_ns"),
        }

    def _optional(self, ints: Ints, name: str) -> Column[Json]:
        nothing = ints == NOT_HERE
        others = self._others[name]
        if nothing.all() and not others:
            return Coded.same(None, self.size)
        ints[nothing] = 0
        nothing[list(others)] = False
        return _numbers(ints, nothing, others)

    def _read(self, text: bytes, starts: Ints, stops: Ints, lines: Lines) -> None:
        part = {name: getattr(lines, name) for name in _FIELDS}
        values, left = self._values(text, lines, stops)
        rows = self._rows(text, starts, stops, left)
        kept = ~left
        kept[list(rows)] = True
        place = np.cumsum(kept) - 1 + self.size
        for line, at in zip(values, place[list(values)].tolist(), strict=True):
            self._value(part, line, at, values[line])
        for line, row in rows.items():
            self._row(part, line, int(place[line]), row)
        self._lines += len(starts)
        self._add(part if kept.all() else {name: some[kept] for name, some in part.items()})

    def _add(self, part: Part) -> None:
        self._parts.append(part)
        self.size += len(part["type"])
        if len(part["type"]):
            self.last_ns = int(part["time_ns"][-1])

    def _values(self, text: bytes, lines: Lines, stops: Ints) -> tuple[dict[int, Json], Bools]:
        """By line the values where all before them was read and nothing follows; and the lines left."""
        found: dict[int, Json] = {}
        left = ~lines.whole
        begun = np.flatnonzero(lines.begun)
        if not len(begun):
            return found, left
        plain = text.isascii()
        letters = text.decode("latin-1")  # a letter a byte: lines of other letters are left
        places = zip(
            begun.tolist(), lines.value_at[begun].tolist(), stops[begun].tolist(), strict=True
        )
        for line, at, stop in places:
            try:
                value, end = _raw_decode(letters, at)
            except ValueError:
                continue
            if end + 1 == stop and letters[end] == "}" and (plain or text[at:stop].isascii()):
                found[line] = value
        left[list(found)] = False
        return found, left

    def _rows(self, text: bytes, starts: Ints, stops: Ints, left: Bools) -> dict[int, Row]:
        """Lines read one by one; blank ones are no rows."""
        rows: dict[int, Row] = {}
        which = np.flatnonzero(left)
        for line, start, stop in zip(
            which.tolist(), starts[which].tolist(), stops[which].tolist(), strict=True
        ):
            number = self._lines + line + 1
            try:
                words = text[start:stop].decode("utf-8")
            except UnicodeDecodeError as error:
                problem = f"not text in UTF-8: {error.reason}"
                raise UsageError(f"{self.path}:{number}: {problem}") from error
            if not words.strip():
                continue
            try:
                rows[line] = self._parsed(words, number)
            except UsageError:
                if stop < len(text):
                    raise
                torn = f"{self.path}:{number}: the last line is torn and was left out"
                self.warnings.append(torn)
        return rows

    def _parsed(self, line: str, number: int) -> Row:
        try:
            return decode(json.loads(line))
        except json.JSONDecodeError as error:
            where = f"{self.path}:{number}"
            raise UsageError(f"{where}: not JSON: {error.msg}, column {error.colno}") from error
        except ValueError as error:
            raise UsageError(f"{self.path}:{number}: {error}") from error

    def _value(self, part: Part, line: int, place: int, value: Json) -> None:
        """A value in a line of a part that has 0 there as yet."""
        if type(value) is int and -_MOST_INT <= value < _MOST_INT:
            part["value"][line] = value
        elif value is None:
            part["nothing"][line] = True
        else:
            self._others["value"][place] = value

    def _row(self, part: Part, line: int, place: int, row: Row) -> None:
        """A row in such a line."""
        part["time_ns"][line], part["process"][line], part["type"][line] = row[:3]
        part["f"][line] = self._f.code(row.f)
        part["key"][line] = self._key.code(row.key)
        self._value(part, line, place, row.value)
        if row.error is not None:
            self._errors[place] = self._error.code(row.error)
        for name, number in (("node", row.node), ("intended_ns", row.intended_ns)):
            part[name][line] = NOT_HERE
            if number is not None and 0 <= number < _MOST_INT:
                part[name][line] = number
            elif number is not None:
                self._others[name][place] = number


def _constant(codes: Ints) -> Ints:
    """The same codes, in no memory where they are all the same."""
    if len(codes) and (codes == codes[0]).all():
        return np.broadcast_to(codes[0], len(codes))
    return codes


def _numbers(ints: Ints, nothing: Bools, others: Mapping[int, Json]) -> Column[Json]:
    """A column of ints, unless too much else is among them."""
    made = Numbers(ints, nothing, others)
    return made if len(others) * _FEW <= len(ints) else column(made.tolist())
