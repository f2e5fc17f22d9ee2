"""Jepsen's ops in JSON, as elle-cli and others write them: an array of objects, or objects.

::

    [{"index":0,"process":1,"type":"invoke","value":[["append",253,1],["r",255,null]]}, ...]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

from harness.formats.jepsen import Parsed, rows_of
from harness.formats.source import Source

Json: TypeAlias = object

_BLANK = re.compile(r"[\s,]*")
_OPS = re.compile(r"\s*(?:\[\s*)?\{\s*\"")
_NEXT_OP = re.compile(r"\n[\s,\[]*\{")
_NAMES = ('"type"', '"process"')


def sniff(head: str) -> bool:
    """Whether a text begins with an object, or an array of such, that has a type and a process."""
    return _OPS.match(head) is not None and all(name in head for name in _NAMES)


def parse(source: Source, *, tuples: bool | None = None) -> Parsed:
    """The ops of a text. One that is cut off in its last op is read up to there, with a warning.

    Raises UsageError, with the line, for what is no JSON and for ops that are none.
    """
    torn: list[str] = []
    return rows_of(source, _ops(source, torn), torn=torn, tuples=tuples)


def _ops(source: Source, torn: list[str]) -> Iterator[tuple[int, Json]]:
    text = source.text
    decode = json.JSONDecoder().raw_decode
    skip = _BLANK.match
    position = skip(text).end()  # type: ignore[union-attr]
    array = text[position : position + 1] == "["
    position += array
    while (position := skip(text, position).end()) < len(text):  # type: ignore[union-attr]
        if array and text[position] == "]":
            if (rest := skip(text, position + 1).end()) < len(text):  # type: ignore[union-attr]
                raise source.error(rest, "nothing was expected after the end")
            return
        try:
            op, end = decode(text, position)
        except json.JSONDecodeError as error:
            if _NEXT_OP.search(text, position) or not _torn(text, position):
                raise source.error(error.pos, f"not JSON: {error.msg}") from error
            line = source.line_of(position)
            torn.append(f"{source.name}:{line}: the op is cut off; what comes before is checked")
            return
        yield position, op
        position = end
    if array:
        torn.append(f"{source.name}:{source.line_of(len(text))}: there is no ] at the end")


def _torn(text: str, begin: int) -> bool:
    """Whether what begins here only ended too early: its strings and brackets are not all closed."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text[begin:], flags=re.DOTALL)
    return '"' in bare or sum(map(bare.count, "{[")) > sum(map(bare.count, "}]"))
