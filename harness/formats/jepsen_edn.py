"""Jepsen's ``history.edn``, Knossos' and Elle's samples, Porcupine's ``test_data/kv``: op maps in EDN.

One vector or list of maps, or maps one after the other::

    {:type :invoke, :f :read, :value nil, :process 0, :time 3291485, :index 0}
    #jepsen.history.Op{:index 1, :time 3, :type :ok, :process :nemesis, :f :start, :value [:n1]}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from harness.formats.edn import EdnError
from harness.formats.edn_shapes import map_forms
from harness.formats.jepsen import Parsed, rows_of
from harness.formats.source import Source

Json: TypeAlias = object

_BLANK = re.compile(r"(?:[\s,]++|;[^\n]*+)*+")
_OP = re.compile(r"(?:#[\w./-]+\s*)?\{\s*(?::[A-Za-z]|#_|;|\})")
_NEXT_OP = re.compile(r"\n[\s(\[]*(?:#[\w./-]+\s*)?\{\s*:(?:index|type|process|f|time)\b")
_LAST_WORD = re.compile(r"""[^\s,;"()\[\]{}]+\Z""")
_UNTIL = {"[": "]", "(": ")"}


def sniff(head: str) -> bool:
    """Whether a text begins with a map of keywords, or with a vector or list of such.

    >>> sniff("; mine\\n[{:type :invoke"), sniff('[{"type": "invoke"')
    (True, False)
    """
    if head.strip() in ("[]", "()"):
        return True
    begin = _BLANK.match(head).end()  # type: ignore[union-attr]
    if head[begin : begin + 1] in _UNTIL:
        begin = _BLANK.match(head, begin + 1).end()  # type: ignore[union-attr]
    return _OP.match(head, begin) is not None


def parse(source: Source, *, tuples: bool | None = None) -> Parsed:
    """The ops of a text. One that is cut off in its last op is read up to there, with a warning.

    Raises UsageError, with the line, for what is no EDN and for ops that are none.
    """
    torn: list[str] = []
    return rows_of(source, _ops(source, torn), torn=torn, tuples=tuples)


def _ops(source: Source, torn: list[str]) -> Iterator[tuple[int, Json]]:
    text = source.text
    begin = _BLANK.match(text).end()  # type: ignore[union-attr]
    until = _UNTIL.get(text[begin : begin + 1], "")
    try:
        for position, value, _ in map_forms(text, begin + len(until), until=until):
            yield position, value
    except EdnError as error:
        torn_off = error.torn or _LAST_WORD.match(text, error.position)
        if not torn_off or _NEXT_OP.search(text, error.position):
            raise source.error(error.position, str(error)) from error
        line = source.line_of(error.position)
        what = str(error) if error.position >= len(text) else f"the op is cut off ({error})"
        torn.append(f"{source.name}:{line}: {what}; what comes before is checked")
