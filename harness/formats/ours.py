"""Our own ``history.jsonl``: a JSON object a row.

:mod:`harness.store.rows` has the format of a line.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

from harness.formats.jepsen import Parsed
from harness.formats.source import Source
from harness.store.load import gather

Json: TypeAlias = object

_OBJECT = re.compile(r"\s*\{\s*\"")
_NAMES = ("index", "time", "process", "type")


def sniff(head: str) -> bool:
    """Whether the first line is a row, or the beginning of one that is torn.

    >>> sniff('{"time":1,"process":0,"type":"invoke","f":"read"}'), sniff('{"process":1,"value":2}')
    (True, False)
    """
    text = head.lstrip()
    if not text:
        return True  # the history of a run in which nothing happened yet
    line = text.partition("\n")[0]
    try:
        row = json.loads(line)
    except ValueError:
        return _OBJECT.match(line) is not None and any(f'"{name}"' in line for name in _NAMES)
    return isinstance(row, dict) and {"time", "f"} <= row.keys()


def parse(source: Source, *, tuples: bool | None = None) -> Parsed:
    """The rows of a text. Raises UsageError, with the line, where one is none."""
    del tuples  # ours have a key of their own
    gathered = gather(source.name, [source.text.encode()])
    return Parsed(gathered.rows(), tuple(gathered.warnings))
