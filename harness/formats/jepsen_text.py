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
        try:
            op = _op(source, position, line)
        except UsageError:
            if number < len(lines) or line.endswith("\n"):
                raise
            torn.append(f"{source.name}:{number}: the last line is torn and was left out")
            break
        if op is not None:
            if in_log is None:
                in_log = op.pop("log") is not None
            yield position, op
        elif line.strip():
            if in_log is False:
                raise source.error(position, f"not an op of a history.txt: {line.strip()[:60]!r}")
            passed += 1
        position += len(line)
    else:
        if lines and not lines[-1].endswith("\n"):
            torn.append(
                f"{source.name}:{len(lines)}: the last line does not end: it is taken as it is"
            )
    if passed and not in_log:
        raise source.error(0, "the first lines are no ops")
    if passed:
        torn.append(f"{source.name}: {passed} lines of the log are no ops and were passed over")


def _op(source: Source, position: int, line: str) -> dict[str, Json] | None:
    """The op of a line; None if it is another line of a log."""
    found = _OP.match(line)
    if found is None:
        if _BEGUN.match(line):
            raise source.error(position, f"not an op of a history.txt: {line.strip()[:60]!r}")
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
