"""What is typed into ``harness shell``, taken apart: commands, values, nodes, times."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from harness.errors import UsageError
from harness.tables import nearest

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


def split(line: str) -> list[list[str]]:
    """The commands of a line, each as its words. ``;`` parts them, quotes keep together, ``#`` ends.

    Raises UsageError for a quote that is not closed.

    >>> split("put x '[1, 2]'; get x  # done")
    [['put', 'x', '[1, 2]'], ['get', 'x']]
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError as error:
        raise UsageError(f"{line!r}: {str(error).lower()}") from error
    commands: list[list[str]] = [[]]
    for word in words:
        if word and set(word) == {";"}:
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def value(text: str) -> object:
    """JSON where it is JSON, else the text itself.

    >>> value("5"), value("[1]"), value("five")
    (5, [1], 'five')
    """
    try:
        parsed: object = json.loads(text)
    except ValueError:
        return text
    return parsed


def seconds(text: str) -> float | None:
    """A time such as ``5``, ``5s``, ``500ms``; None for what is none.

    >>> seconds("500ms"), seconds("n1")
    (0.5, None)
    """
    found = _TIME.fullmatch(text)
    return float(found[1]) * _UNIT_S[found[2]] if found and float(found[1]) else None


def node(text: str, names: Sequence[str]) -> int:
    """A node's number, by its host's name or as ``n1`` or ``1``. Raises UsageError.

    >>> node("n2", ["eu1", "eu2"]), node("eu1", ["eu1", "eu2"])
    (1, 0)
    """
    if text in names:
        return names.index(text)
    number = text.removeprefix("n")
    if number.isdecimal() and 1 <= int(number) <= len(names):
        return int(number) - 1
    raise UsageError(f"there is no node {text!r}{nearest(text, list(names))}")


def nodes_and_time(
    words: Sequence[str], names: Sequence[str], *, least: int = 1
) -> tuple[list[int], float | None]:
    """Nodes, and how long if the last word is a time. Raises UsageError for too few nodes.

    >>> nodes_and_time(["n1", "n2", "5s"], ["n1", "n2"])
    ([0, 1], 5.0)
    """
    rest, for_s = list(words), None
    if rest and rest[-1] not in names and (for_s := seconds(rest[-1])) is not None:
        rest.pop()
    if len(rest) < least:
        raise UsageError(f"it needs {least} node{'s' * (least > 1)}: there are {', '.join(names)}")
    return [node(word, names) for word in rest], for_s
