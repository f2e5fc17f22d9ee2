"""Jepsen's ``history.txt`` and its log, as in Porcupine's ``test_data/jepsen``: an op a line.

Process, type, f and value, tabs between them, then perhaps an error::

    0	:invoke	:read	nil
    INFO  jepsen.util - 4	:info	:cas	:timed-out

In a log, other lines are passed over; in a history.txt there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from checker.phrases import plural
from harness.errors import UsageError
from harness.formats.edn import EdnError, forms
from harness.formats.jepsen import Parsed, rows_of
from harness.formats.source import Source

Json: TypeAlias = object

_LOGGED = r"(?P<log>[^\n]*?\bjepsen\.util(?:\s+-)?\s+)?"
_OP = re.compile(
    rf"{_LOGGED}(?P<process>\d+|:?nemesis)[ \t]+:(?P<type>invoke|ok|fail|info)"
    r"[ \t]+:(?P<f>[^\s]+)[ \t]+(?P<rest>[^\n]*)",
    re.ASCII,
)
_BEGUN = re.compile(rf"{_LOGGED}(?:\d+|:?nemesis)[ \t]+:")
_WHOLE = re.compile(r"""(?:[\])}"]|\tnil)$""")
"""A last line that does not end is whole where its value cannot go on: 1 may have been 17."""
_SNIFFED_LINES = 1000


def sniff(head: str) -> bool:
    """Whether one of the first lines is an op.

    >>> sniff("0\\t:invoke\\t:read\\tnil\\n"), sniff("0 1 2\\n")
    (True, False)
    """
    return any(_OP.match(line) for line in head.splitlines()[:_SNIFFED_LINES])


def parse(source: Source, *, tuples: bool | None = None) -> Parsed:
    """The ops of a text. A torn last line is left out, with a warning.

    Raises UsageError, with the line, for a line that is none.
    """
    torn: list[str] = []
    return rows_of(source, _ops(source, torn), torn=torn, tuples=tuples)


def _ops(source: Source, torn: list[str]) -> Iterator[tuple[int, Json]]:
    position, passed = 0, 0
    in_log: bool | None = None
    lines = source.lines()
    for number, line in enumerate(lines, 1):
        ends = line.endswith("\n")
        try:
            op = _op(source, position, line)
        except UsageError:
            if ends:
                raise
            op = None
        if op is not None and (ends or _WHOLE.search(line)):
            in_log = op.pop("log") is not None
            yield position, op
        elif not ends:
            torn.append(f"{source.name}:{number}: the last line is torn and was left out")
        elif line.strip():
            if in_log is False:
                raise source.error(position, f"not an op: {line.strip()[:60]!r}")
            passed += 1
        position += len(line)
    if passed and not in_log:
        raise source.error(0, f"not an op: {lines[0].strip()[:60]!r}")
    if passed:
        torn.append(f"{source.name}: {plural(passed, 'line')} of the log passed over: no ops")


def _op(source: Source, position: int, line: str) -> dict[str, Json] | None:
    """The op of a line; None if it is another line of a log."""
    found = _OP.match(line)
    if found is None:
        if _BEGUN.match(line):
            raise source.error(position, f"not an op: {line.strip()[:60]!r}")
        return None
    process = found["process"]
    value, error = _value_and_error(source, position, found["rest"])
    return {
        "log": found["log"],
        "process": int(process) if process.isdecimal() else process.lstrip(":"),
        "type": found["type"],
        "f": found["f"],
        "value": value,
        "error": error,
    }


def _value_and_error(source: Source, position: int, text: str) -> tuple[Json, Json]:
    """The EDN value that a line ends with; what follows it after a tab, EDN or not, is the error."""
    read = forms(text)
    try:
        first = next(read, None)
    except EdnError as problem:
        raise source.error(position, f"the value cannot be read: {problem}") from problem
    if first is None:
        raise source.error(position, "an op without a value")
    try:
        second = next(read, None)
    except EdnError:
        return first.value, text.partition("\t")[2].strip() or None
    if second is None:
        return first.value, None
    if "\t" not in text[first.position : second.position]:
        raise source.error(position, f"one value was expected: {text.strip()[:60]!r}")
    return first.value, second.value
