"""A reader of EDN, Clojure's data notation, as JSON values: https://github.com/edn-format/edn.

What JSON lacks becomes what is nearest to it, so that the checkers compare it as they compare ours:

=============================  =====================================================
keyword ``:a/b``, symbol       the string "a/b"
list, vector                   a list
set                            a list, in the order of its elements' JSON text
map key that is no string      its text: ``{0 100}`` is {"0": 100}
char, ratio, ``##Inf``         a string: "a", "1/2", "Inf"
``1N``, ``1.5M``               an int, a float
record, tagged value           the map or value without its tag
``#jepsen.independent.Tuple``  a :class:`Tuple`
=============================  =====================================================

PyPI's ``edn_format`` 0.8 was measured first: 14,000 ops/s, and no line numbers in its errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn, TypeAlias, cast

from checker.values import canonical

Json: TypeAlias = object


class Tuple(NamedTuple):
    """One key's part of a history of many: ``jepsen.independent``."""

    key: Json
    value: Json


class EdnError(ValueError):
    """What is wrong, and at which character. ``torn``: the text only ended too early."""

    def __init__(self, problem: str, position: int, *, torn: bool = False) -> None:
        super().__init__(problem)
        self.position, self.torn = position, torn


class Form(NamedTuple):
    """A value, with the characters at which it begins and ends."""

    position: int
    value: Json
    end: int


class _Frame(NamedTuple):
    """What surrounds an open collection or tag; ``position`` is where that one was opened."""

    items: list[Json]
    opener: str
    position: int


_ATOM, _STRING, _OPEN, _CLOSE, _CHAR, _PREFIX = range(1, 7)
_TOKEN = re.compile(
    r"""(?:[\s,]++|;[^\n]*+)*+(?:
      ([^\s,;"\\()\[\]{}\#^'`@~][^\s,;"\\()\[\]{}^`@~]*+|\#\#-?\w++)
    | "((?:[^"\\]++|\\.)*+)"
    | ([\[({]|\#\{)
    | ([\])}])
    | \\(u[0-9a-fA-F]{4}|o[0-7]{1,3}|[a-z]{2,}|\S)
    | (\#_|\#'|\#(?=")|\#:{0,2}[A-Za-z][^\s,;"\\()\[\]{}\#]*+)
    | (.)
    | \Z)""",
    re.VERBOSE | re.DOTALL,
)
_BEGINS = (_OPEN, _PREFIX)
_CLOSERS = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_INT = re.compile(r"([+-]?(?:0|[1-9][0-9]*))N?", re.ASCII)
_FLOAT = re.compile(r"([+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)M?", re.ASCII)
_RATIO = re.compile(r"[+-]?[0-9]+/[0-9]+", re.ASCII)
_HEX = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "'": "'",
}  # fmt: skip
_CHARS = {
    "newline": "\n", "return": "\r", "space": " ", "tab": "\t", "formfeed": "\f", "backspace": "\b",
}  # fmt: skip
_CONSTANTS: dict[str, Json] = {"nil": None, "true": True, "false": False}
_MOST_CACHED = 10_000
_TUPLE = "#jepsen.independent.Tuple"


def read(text: str) -> Json:
    """The one value of a text. Raises EdnError.

    >>> read('{:type :ok, :value [1 "x" #{3 2}] #_ gone :at #inst "2026-11-21"} ; a comment')
    {'type': 'ok', 'value': [1, 'x', [2, 3]], 'at': '2026-11-21'}
    """
    found = list(forms(text))
    if len(found) != 1:
        at = found[1].position if found else len(text)
        raise EdnError(f"one value was expected, not {len(found)}", at, torn=not found)
    return found[0].value


def forms(text: str, begin: int = 0, *, until: str = "") -> Iterator[Form]:
    """The values from character ``begin`` on, one after the other, to the end or the bracket ``until``.

    Raises EdnError where the text is no EDN, after all values before that.
    """
    stack: list[_Frame] = []
    items: list[Json] = []
    opener = ""
    atoms = dict(_CONSTANTS)
    for token in _TOKEN.finditer(text, begin):
        kind = token.lastindex
        if kind == _ATOM:
            word = token[1]
            if word in atoms:
                value = atoms[word]
            else:
                value = _atom(word, token.start(1))
                if len(atoms) < _MOST_CACHED:
                    atoms[word] = value
            position = token.start(1)
        elif kind == _CLOSE:
            if not stack and token[4] == until:
                _nothing_more(text, token.end())
                return
            if _CLOSERS.get(opener) != token[4]:
                _mismatch(text, stack, opener, token.start(4))
            value = _collection(opener, items, stack[-1].position)
            items, opener, position = stack.pop()
        elif kind in _BEGINS:
            stack.append(_Frame(items, opener, token.start(kind)))
            items, opener = [], token[kind]
            continue
        elif kind is None:
            break
        else:
            position, value = _other(token, kind)
        while opener[:1] == "#" and opener != "#{":  # a tag is done with the value that follows
            tag = opener
            items, opener, position = stack.pop()
            if tag == "#_":
                break
            value = _tagged(tag, value, position)
        else:
            if stack:
                items.append(value)
            else:
                yield Form(position, value, token.end())
    if stack:
        raise EdnError(f"{opener} is not closed", stack[-1].position, torn=True)
    if until:
        raise EdnError(f"there is no {until} at the end", len(text), torn=True)


def _nothing_more(text: str, begin: int) -> None:
    for form in forms(text, begin):
        raise EdnError("nothing was expected after the end", form.position)


def _mismatch(text: str, stack: list[_Frame], opener: str, position: int) -> NoReturn:
    closer = text[position]
    if not stack:
        raise EdnError(f"{closer} closes nothing", position)
    line = text.count("\n", 0, stack[-1].position) + 1
    raise EdnError(f"{closer} cannot close the {opener} of line {line}", position)


def _other(token: re.Match[str], kind: int) -> tuple[int, Json]:
    """The rarer scalars."""
    position = token.start(kind) - 1
    if kind == _STRING:
        return position, _unescape(token[kind], position)
    if kind == _CHAR:
        return position, _char(token[kind], position)
    found = token[kind]
    at_end = found in '"\\#' and (found == '"' or token.end() == len(token.string))
    what = "a string is not closed" if found == '"' else f"{found!r} cannot be read"
    raise EdnError(what, token.start(kind), torn=at_end)


def _atom(word: str, position: int) -> Json:
    first = word[0]
    if first == ":":
        name = word.lstrip(":")
        if not name:
            raise EdnError(f"{word} is no keyword", position)
        return name
    if first in "0123456789" or (first in "+-" and word[1:2].isdigit()):
        return _number(word, position)
    return word.lstrip("#") if first == "#" else word


def _number(word: str, position: int) -> Json:
    try:
        if found := _INT.fullmatch(word):
            return int(found[1])
    except ValueError as error:  # more digits than Python reads
        raise EdnError(str(error), position) from error
    if found := _FLOAT.fullmatch(word):
        return float(found[1])
    if _RATIO.fullmatch(word):
        return word
    if _HEX.fullmatch(word):
        return int(word, 16)
    raise EdnError(f"{word} is no number", position)


def _unescape(text: str, position: int) -> str:
    if "\\" not in text:
        return text

    def character(found: re.Match[str]) -> str:
        escape = found[1]
        if escape in _ESCAPES:
            return _ESCAPES[escape]
        if escape[0] == "u" and len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape[0] in "01234567":
            return chr(int(escape, 8))
        raise EdnError(f"\\{escape} is no escape in a string", position)

    return _ESCAPE.sub(character, text)


def _char(name: str, position: int) -> str:
    if len(name) == 1:
        return name
    if name in _CHARS:
        return _CHARS[name]
    if name[0] == "u" and len(name) == 5:
        return chr(int(name[1:], 16))
    if name[0] == "o" and name[1:].isdigit():
        return chr(int(name[1:], 8))
    raise EdnError(f"\\{name} is no character", position)


def _collection(opener: str, items: list[Json], position: int) -> Json:
    if opener == "{":
        return _map(items, position)
    return sorted(items, key=canonical) if opener == "#{" else items


def _map(items: list[Json], position: int) -> dict[str, Json]:
    if len(items) % 2:
        raise EdnError("a map has a key without a value", position)
    keys = items[::2]
    for i, key in enumerate(keys):
        if type(key) is not str:
            keys[i] = "nil" if key is None else canonical(key)
    made = dict(zip(cast("list[str]", keys), items[1::2], strict=True))
    if len(made) < len(keys):
        raise EdnError("a map has a key twice", position)
    return made


def _tagged(tag: str, value: Json, position: int) -> Json:
    if tag == _TUPLE:
        if isinstance(value, dict) and value.keys() >= {"key", "value"}:
            return Tuple(value["key"], value["value"])
        if isinstance(value, list) and len(value) == 2:
            return Tuple(*value)
        raise EdnError("an independent tuple has a key and a value", position)
    if tag.startswith("#:"):
        if not isinstance(value, dict):
            raise EdnError(f"{tag} is followed by a map", position)
        name = tag.lstrip("#:")
        return {
            k[2:] if k[:2] == "_/" else k if "/" in k else f"{name}/{k}": v
            for k, v in value.items()
        }
    return value
