"""Maps of which most look alike, as a history's do: read by one pattern each, learned from the first.

The same as :func:`harness.formats.edn.forms`, some three times faster. A map that has no pattern,
or something rarer in it than keywords, numbers, strings and vectors of such, is left to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from harness.formats.edn import Form, forms

Json: TypeAlias = object

_INT = r"-?(?:0|[1-9][0-9]{0,17}+)"
_WORD = rf"(?:{_INT}|nil|:[\w.*+!?<>=/-]++)"
_VALUE = rf'({_WORD}|"[^"\\]*+"|\[(?:{_WORD}(?: {_WORD})*+)?\])(?=[ ,}}])'
_PAIR = re.compile(rf"(:[\w-]+) {_VALUE}", re.ASCII)
_MOST_SHAPES = 16
_MOST_CACHED = 10_000


class _Shape:
    """The maps with these very keys in this order."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = [key[1:] for key in keys]
        pairs = "[ ,]+".join(f"{re.escape(key)} {_VALUE}" for key in keys)
        self.match = re.compile(rf"[\s,]*+(\{{{pairs}\}})", re.ASCII).match


def map_forms(text: str, begin: int = 0, *, until: str = "") -> Iterator[Form]:
    """What ``forms`` gives. Raises EdnError as that does."""
    shapes: list[_Shape] = []
    known: dict[str, Json] = {}
    position = begin
    while True:
        for i, shape in enumerate(shapes):
            if found := shape.match(text, position):
                if i:
                    shapes[0], shapes[i] = shape, shapes[0]
                _, *words = found.groups()
                values = [known[w] if w in known else _value(w, known) for w in words]
                position = found.end()
                yield Form(found.start(1), dict(zip(shape.keys, values, strict=True)), position)
                break
        else:
            form = next(forms(text, position, until=until), None)
            if form is None:
                return
            yield form
            position = form.end
            if len(shapes) < _MOST_SHAPES and (learned := _learned(text, form)):
                shapes.append(learned)


def _learned(text: str, form: Form) -> _Shape | None:
    """The shape of a map that was read; None where it is more than a pattern can read."""
    if not isinstance(form.value, dict) or not form.value:
        return None
    keys = [key for key, _ in _PAIR.findall(text[form.position : form.end])]
    if [key[1:] for key in keys] != list(form.value):
        return None
    shape = _Shape(keys)
    found = shape.match(text, form.position)
    return shape if found and found.end() == form.end else None


def _value(word: str, known: dict[str, Json]) -> Json:
    """What a word that the pattern takes means; vectors are made anew, the rest is remembered."""
    first = word[0]
    if first == "[":
        return [known[w] if w in known else _value(w, known) for w in word[1:-1].split()]
    value: Json
    if first == '"':
        value = word[1:-1]
    elif first == ":":
        value = word.lstrip(":")
    else:
        value = None if word == "nil" else int(word)
    if len(known) < _MOST_CACHED:
        known[word] = value
    return value
