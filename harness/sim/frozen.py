"""What can be handed to several nodes as it is, since nothing in it can change: told by looking at it.

For each class of records a function is written out and compiled once, as ``protocols.shapes`` does for
texts and copies. It looks at every field of a record, and of records and tuples in it: each must hold
what it is annotated with, and that must be an int, a str, a bool, None, a tuple or a record. A field
annotated ``object`` may hold one of those that are no containers.

Such a record is the same for whoever has it as what its text would be read as. So the simulator need
not write and read each (it does for some of them, and compares): to look costs a fifth of that. That
records are not assigned to is what mypy enforces, and what those samples would show (``parcel``).

On the way ``Jot`` puts all that it saw where the trace's hash finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from protocols.shapes import SCALARS, copied

Jot: TypeAlias = Callable[[Any, list[int], list[str]], bool]
"""(record, ints, texts): whether it is frozen. What it holds has been added to both lists then; as far
as it was looked at, else."""


@cache
def jotter(cls: type, number: int) -> Jot:
    """For records of this class, whose number comes first. Raises TypeError if it is none."""
    made: Jot = _Source(jots=True).function(cls, "r, ints, texts", str(number))
    return made


@cache
def frozen(cls: type) -> Callable[[Any], bool]:
    """Whether a record of this class is frozen. Raises TypeError if it is none."""
    return _Source(jots=False).function(cls, "r")


_FROZEN: dict[type, Callable[[Any], bool]] = {kind: lambda _: True for kind in (*SCALARS, float)}
"""By class, those that were asked for."""


def kept(value: Any) -> Any:
    """A value that shares nothing that can change with the given one: itself, if nothing can.

    Raises TypeError for what cannot travel.

    >>> kept([1, [2]])
    [1, [2]]
    """
    cls = type(value)
    known = _FROZEN.get(cls)
    if known is None:
        if not is_dataclass(cls):
            return copied(value)
        known = _FROZEN[cls] = frozen(cls)
    return value if known(value) else copied(value)


class _Source:
    """The statements of one function, and the names that they use."""

    def __init__(self, *, jots: bool) -> None:
        self._jots = jots
        self._names: dict[str, object] = {"NoneType": NoneType}
        self._lines: list[str] = []
        self._locals = 0

    def function(self, cls: type, arguments: str, *first: str) -> Callable[..., bool]:
        if not is_dataclass(cls):
            raise TypeError(f"{cls} cannot travel: only JSON values, tuples and records can")
        self._record(cls, "r", "    ", *first)
        text = "\n".join([f"def look({arguments}):", *self._lines, "    return True"])
        exec(text, self._names)  # noqa: S102  ours
        made: Callable[..., bool] = self._names["look"]  # type: ignore[assignment]
        return made

    def _say(self, indent: str, line: str) -> None:
        self._lines.append(indent + line)

    def _local(self) -> str:
        self._locals += 1
        return f"v{self._locals}"

    def _name(self, thing: object) -> str:
        """A name for something that the statements need."""
        name = f"x{len(self._names)}"
        self._names[name] = thing
        return name

    def _jot(self, indent: str, ints: list[str], texts: list[str]) -> None:
        if self._jots and len(ints) == 1:
            self._say(indent, f"ints.append({ints[0]})")
        elif self._jots and ints:
            self._say(indent, f"ints += ({', '.join(ints)})")
        if self._jots and len(texts) == 1:
            self._say(indent, f"texts.append({texts[0]})")
        elif self._jots and texts:
            self._say(indent, f"texts += ({', '.join(texts)})")

    def _record(self, cls: type, x: str, indent: str, *first: str) -> None:
        hints = get_type_hints(cls)
        parts: list[tuple[Any, str]] = []
        for field in fields(cls):
            local = self._local()
            self._say(indent, f"{local} = {x}.{field.name}")
            parts.append((hints[field.name], local))
        self._parts(parts, indent, *first)

    def _parts(self, parts: list[tuple[Any, str]], indent: str, *first: str) -> None:
        """Values side by side: one look at all that are plain, then those that are not."""
        ints = list(first)
        texts: list[str] = []
        wrong: list[str] = []
        for tp, x in parts:
            if tp is int:
                wrong.append(f"type({x}) is not int")
                ints.append(x)
            elif tp is str:
                wrong.append(f"type({x}) is not str")
                texts.append(x)
            elif tp is bool:
                wrong.append(f"type({x}) is not bool")
                ints.append(x)
        if wrong:
            self._say(indent, f"if {' or '.join(wrong)}: return False")
        self._jot(indent, ints, texts)
        for tp, x in parts:
            if tp not in (int, str, bool):
                self._value(tp, x, indent)

    def _value(self, tp: Any, x: str, indent: str) -> None:
        """A value that is not plain by its annotation."""
        origin, args = get_origin(tp), get_args(tp)
        if isinstance(tp, type) and is_dataclass(tp):
            self._say(indent, f"if type({x}) is not {self._name(tp)}: return False")
            self._record(tp, x, indent)
        elif origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            self._say(indent, f"if type({x}) is not tuple: return False")
            self._jot(indent, [f"len({x})"], [])
            item = self._local()
            self._say(indent, f"for {item} in {x}:")
            self._parts([(args[0], item)], indent + "    ")
        elif origin is tuple and args and args != ((),):
            wrong = f"type({x}) is not tuple or len({x}) != {len(args)}"
            self._say(indent, f"if {wrong}: return False")
            each = [self._local() for _ in args]
            self._say(indent, f"{', '.join(each)}, = {x}")
            self._parts(list(zip(args, each, strict=True)), indent)
        elif origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
            self._jot(indent, [f"{x} is None"], [])
            self._say(indent, f"if {x} is not None:")
            only = args[0] if args[1] is NoneType else args[1]
            self._parts([(only, x)], indent + "    ")
        else:
            self._anything(x, indent)

    def _anything(self, x: str, indent: str) -> None:
        """Of this nothing is known: frozen if it is no container."""
        more = indent + "    "
        kind = self._local()
        self._say(indent, f"{kind} = type({x})")
        if not self._jots:
            self._say(indent, f"if {kind} not in {self._name(SCALARS)}: return False")
            return
        self._say(indent, f"if {kind} is int:")
        self._jot(more, ["1", x], [])
        self._say(indent, f"elif {kind} is str:")
        self._jot(more, ["2"], [x])
        self._say(indent, f"elif {x} is None:")
        self._jot(more, ["3"], [])
        self._say(indent, f"elif {kind} is bool:")
        self._jot(more, ["4", x], [])
        self._say(indent, "else: return False")
