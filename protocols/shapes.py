"""For each class of records a function to its JSON text, and one to a copy, made of its annotations.

Both say what ``protocols.wire`` says, several times faster: no look-up of a field by name, and no
type test for what the annotation tells. As ``dataclasses`` does for ``__init__``, the source of each
function is written out and compiled once, when a protocol's messages are listed.

A *copy* shares nothing with its original that can change, as long as fields hold what they are
annotated with; a field annotated ``object`` may hold any JSON value. It is what reading the text
would give, but for lists where a tuple is due (wherever one is, the copy has a tuple).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from protocols.text import dumps, loads, quoted

Write: TypeAlias = Callable[[Any], str]
Copy: TypeAlias = Callable[[Any], Any]

SCALARS = {int: True, str: True, bool: True, NoneType: True}
"""What never changes, and so need not be copied."""

_scalars = frozenset(SCALARS).issuperset

_BOOLS = {True: "true", False: "false"}


def copied(value: Any) -> Any:
    """A copy of any JSON value, tuple or record, that shares nothing that can change.

    Raises TypeError for what cannot travel.

    >>> copied((1, [2, {"a": None}]))
    [1, [2, {'a': None}]]
    """
    cls = type(value)
    if cls in SCALARS or cls is float:
        return value
    if cls is list or cls is tuple:
        if _scalars(map(type, value)):
            return list(value)
        return [v if type(v) in SCALARS else copied(v) for v in value]
    if cls is dict:
        if all(type(k) is str for k in value):
            return {k: v if type(v) in SCALARS else copied(v) for k, v in value.items()}
        return loads(dumps(value))
    return copier(cls)(value)  # type: ignore[arg-type]  # classes are hashable


@cache
def copier(cls: type, anything: Copy = copied) -> Copy:
    """From a record of this class to a copy of it. Of a field that may hold anything ``anything`` makes the
    copy. Raises TypeError if it is no record.
    """
    if not is_dataclass(cls):
        raise TypeError(f"{cls} cannot travel: only JSON values, tuples and records can")
    made = _Source(anything)
    return made.function(made.record(cls, "r"))


@cache
def writer(cls: type, name: str | None = None) -> Write:
    """From a record to its JSON text, an array that begins with ``name`` if there is one.

    What it returns raises TypeError, ValueError, LookupError or AttributeError for a record that
    does not hold what it is annotated with, and may still have a text by the slower way.
    """
    made = _Source()
    hints = get_type_hints(cls)
    each = [] if name is None else [_literal(quoted(name))]
    each += [made.text(hints[f.name], f"r.{f.name}") for f in fields(cls)]
    return cast("Write", made.function(f"f'[{','.join(each)}]'"))


def _literal(text: str) -> str:
    """As part of an f-string in single quotes."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("{", "{{").replace("}", "}}")


class _Source:
    """The expression of one function, and the names that it uses."""

    def __init__(self, anything: Copy = copied) -> None:
        self.anything = anything
        self.names: dict[str, object] = {
            "COPIED": anything, "SCALARS": SCALARS, "QUOTED": quoted, "BOOLS": _BOOLS,
            "ANY": _any_text, "NULL": "null",
        }  # fmt: skip

    def name(self, thing: object) -> str:
        """A name for something that the expression needs."""
        name = f"x{len(self.names)}"
        self.names[name] = thing
        return name

    def function(self, expression: str) -> Callable[[Any], Any]:
        made: Callable[[Any], Any] = eval(f"lambda r: {expression}", self.names)  # noqa: S307  ours
        return made

    # --- copies -----------------------------------------------------------------------------------

    def copy(self, tp: Any, x: str) -> str:
        """An expression for a copy of ``x``, which is of type ``tp``."""
        origin, args = get_origin(tp), get_args(tp)
        if tp in SCALARS:
            return x
        if isinstance(tp, type) and is_dataclass(tp):
            return self.record(tp, x)
        if origin is tuple:
            return self._copy_of_tuple(args, x)
        if origin in (Union, UnionType):
            some = [a for a in args if a is not NoneType]
            if all(a in SCALARS for a in some):
                return x
            if len(some) == 1:
                return f"(None if {x} is None else {self.copy(some[0], x)})"
        if origin is list and args:
            return f"[{self._of_element(args[0])} for v in {x}]"
        return f"({x} if type({x}) in SCALARS else COPIED({x}))"

    def _copy_of_tuple(self, args: tuple[Any, ...], x: str) -> str:
        inner = args[:1] if len(args) == 2 and args[1] is Ellipsis else args
        if all(a in SCALARS for a in inner):
            return f"tuple({x})"  # one that is a tuple is returned as it is
        if len(inner) != len(args):
            return f"tuple([{self._of_element(inner[0])} for v in {x}])"
        each = [self.copy(a, f"{x}[{i}]") for i, a in enumerate(inner)]
        return f"({', '.join(each)},)"

    def _of_element(self, tp: Any) -> str:
        """For a copy of ``v``, an element. In a function of its own, unless it is simple."""
        if isinstance(tp, type) and is_dataclass(tp):
            hints = get_type_hints(tp)
            if not any(get_args(hints[f.name]) or is_dataclass(hints[f.name]) for f in fields(tp)):
                return self.record(tp, "v")
        made = _Source(self.anything)
        return f"{self.name(made.function(made.copy(tp, 'r')))}(v)"

    def record(self, cls: type, x: str) -> str:
        """An expression for a copy of the record ``x``."""
        hints = get_type_hints(cls)
        each = [self.copy(hints[f.name], f"{x}.{f.name}") for f in fields(cls)]
        return f"{self.name(cls)}({', '.join(each)})"

    # --- texts ------------------------------------------------------------------------------------

    def text(self, tp: Any, x: str) -> str:
        """A part of an f-string for the JSON text of ``x``, which is of type ``tp``."""
        origin, args = get_origin(tp), get_args(tp)
        if tp is int:
            return f"{{{x}:d}}"
        if tp is str:
            return f"{{QUOTED({x})}}"
        if tp is bool:
            return f"{{BOOLS[{x}]}}"
        if isinstance(tp, type) and is_dataclass(tp):
            return f"{{{self.name(writer(tp))}({x})}}"
        if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
            return f"[{','.join(self.text(a, f'{x}[{i}]') for i, a in enumerate(args))}]"
        if origin is tuple:
            return f"{{{self.name(_array_writer(args[0]))}({x})}}"
        if origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
            only = args[0] if args[1] is NoneType else args[1]
            return f"{{NULL if {x} is None else {self.name(_element_writer(only))}({x})}}"
        return f"{{ANY({x})}}"


def _element_writer(tp: Any) -> Write:
    if tp is str:
        return quoted
    if isinstance(tp, type) and is_dataclass(tp):
        return writer(tp)
    made = _Source()
    return cast("Write", made.function(f"f'{made.text(tp, 'r')}'"))


def _array_writer(tp: Any) -> Write:
    write: Write = int.__repr__ if tp is int else _element_writer(tp)
    return lambda values: f"[{','.join(map(write, values))}]"


def _any_text(value: Any) -> str:
    """The JSON text of a value of which nothing is known."""
    cls = type(value)
    if cls is int:
        return int.__repr__(value)
    if cls is str:
        return quoted(value)
    if value is None:
        return "null"
    return dumps(value)
