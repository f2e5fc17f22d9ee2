"""What can be handed to several nodes as it is, since nothing in it can change: told by looking at it.

A record is *frozen* if every field holds what it is annotated with, and that is an int, a str, a bool, None,
or a tuple or record of such; a field annotated ``object`` may hold one of those that are no containers.
It is the same for whoever has it as what its text would be read as. That records are not assigned
to is what mypy enforces, and what samples show (``parcel``).

For each class two functions are written out and compiled once, as ``protocols.shapes`` does for texts and
copies. ``frozen`` looks at everything. ``looker`` is for the hot path, and trusts annotations as mypy does
wherever they say a scalar: it looks at what may be anything, and whether tuples are tuples. It is used for
classes whose first records were frozen, and samples go on to be looked at as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from protocols.shapes import SCALARS, copied

Look: TypeAlias = Callable[[Any], tuple[object, ...] | None]
"""All that a record holds, in plain tuples; None where it cannot be frozen."""

FIRST, SAMPLE = 8, 61
"""How many of a class are looked at as a whole, and after how many again one is."""


@cache
def frozen(cls: type) -> Callable[[Any], bool]:
    """Whether a record of this class is frozen. Raises TypeError if it is none."""
    return _Source().function(cls)


@cache
def looker(cls: type) -> Look:
    """The quick look at records of this class. Raises TypeError if it is none."""
    quick = _Quick()
    what = f"({cls.__name__!r}, {quick.record(cls, 'r')[1:]}"
    text = f"lambda r: {what} if {quick.passed()} else None"
    made: Look = eval(text, quick.names)  # noqa: S307  ours
    return made


@cache
def content_of(cls: type) -> Callable[[Any], object]:
    """What a quick look gives of a record, whatever it holds. Raises TypeError if it is none."""
    quick = _Quick()
    text = f"lambda r: ({cls.__name__!r}, {quick.record(cls, 'r')[1:]}"
    made: Callable[[Any], object] = eval(text, quick.names)  # noqa: S307  ours
    return made


@cache
def glance(cls: type) -> Callable[[Any], bool]:
    """The quick look that only says whether a record is frozen. Raises TypeError if it is none."""
    quick = _Quick()
    quick.record(cls, "r")
    made: Callable[[Any], bool] = eval(f"lambda r: {quick.passed()}", quick.names)  # noqa: S307  ours
    return made


class Keeper:
    """Durable values of one run. ``checks`` are for the hot path, which looks at one in ``SAMPLE`` as a
    whole all the same, by :meth:`keep`. After one that was not frozen so many of its class are copied
    without a look.
    """

    def __init__(self) -> None:
        self.checks: dict[type, Callable[[Any], bool]] = {}
        self._left: dict[type, int] = {}
        self._unlooked: dict[type, int] = {}

    def keep(self, value: Any) -> Any:
        """As ``kept`` does, but that it may copy what need not be."""
        cls: Any = type(value)
        if unlooked := self._unlooked.get(cls, 0):
            self._unlooked[cls] = unlooked - 1
            return copied(value)
        same = kept(value)
        if same is not value:
            self._left[cls] = FIRST
            self._unlooked[cls] = FIRST
            self.checks.pop(cls, None)
        elif cls not in SCALARS:
            left = self._left[cls] = self._left.get(cls, FIRST) - 1
            if left <= 0:
                self.checks[cls] = glance(cls)
        return same


def kept(value: Any) -> Any:
    """A value that shares nothing that can change with the given one: itself, if nothing can.

    Raises TypeError for what cannot travel.

    >>> kept([1, [2]])
    [1, [2]]
    """
    cls = type(value)
    if is_dataclass(cls) and frozen(cls)(value):
        return value
    return copied(value)


class _Quick:
    """The conditions and the content of a quick look, as expressions, and the names in them."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"SCALARS": SCALARS, "only": frozenset(SCALARS).issuperset}
        self.conditions: list[str] = []

    def passed(self) -> str:
        return " and ".join(self.conditions) or "True"

    def record(self, cls: type, x: str) -> str:
        """An expression for all that the record ``x`` holds."""
        hints = hints_of(cls)
        return f"({''.join(self.value(tp, f'{x}.{name}') + ', ' for name, tp in hints.items())})"

    def value(self, tp: Any, x: str) -> str:
        origin, args = get_origin(tp), get_args(tp)
        if tp in SCALARS:
            return x
        if isinstance(tp, type) and is_dataclass(tp):
            return self.record(tp, x)
        if origin is tuple and args and args != ((),):
            return self._tuple(args, x)
        if origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
            only = args[0] if args[1] is NoneType else args[1]
            inner = _Quick()
            what = inner.value(only, "r")
            if not inner.conditions and what == "r":
                return x
            return self._apart(f"None if r is None else {what}", inner, x, "r is None or ")
        self.conditions.append(f"type({x}) in SCALARS")
        return x

    def _tuple(self, args: tuple[Any, ...], x: str) -> str:
        self.conditions.append(f"type({x}) is tuple")
        inner = args[:1] if len(args) == 2 and args[1] is Ellipsis else args
        if all(tp in SCALARS for tp in inner):
            return x
        if len(inner) != len(args):
            return self._many(inner[0], x)
        self.conditions.append(f"len({x}) == {len(args)}")
        return f"({''.join(self.value(tp, f'{x}[{i}]') + ', ' for i, tp in enumerate(args))})"

    def _many(self, tp: Any, x: str) -> str:
        """Elements of one type. Of most records by functions that are not Python's own."""
        flat = _flat(tp)
        if flat is None:
            inner = _Quick()
            return self._apart(inner.value(tp, "r"), inner, x, "", each=True)
        for name in flat:
            self.conditions.append(f"only(map(type, map({self._name(attrgetter(name))}, {x})))")
        return f"tuple(map({self._name(attrgetter(*hints_of(tp)))}, {x}))"

    def _apart(self, what: str, inner: _Quick, x: str, unless: str, *, each: bool = False) -> str:
        """What functions of their own say of ``x``, or of each element of it."""
        check = self._name(eval(f"lambda r: {unless}({inner.passed()})", inner.names))  # noqa: S307  ours
        content = self._name(eval(f"lambda r: {what}", inner.names))  # noqa: S307  ours
        if not each:
            self.conditions.append(f"{check}({x})")
            return f"{content}({x})"
        self.conditions.append(f"all(map({check}, {x}))")
        return f"tuple(map({content}, {x}))"

    def _name(self, thing: object) -> str:
        """A name for something that the expressions need."""
        name = f"x{len(self.names)}"
        self.names[name] = thing
        return name


def hints_of(cls: type) -> dict[str, Any]:
    """The fields' names and types. Raises TypeError if it is no record."""
    if not is_dataclass(cls):
        raise TypeError(f"{cls} cannot travel: only JSON values, tuples and records can")
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _flat(tp: Any) -> list[str] | None:
    """Of a record of several fields without records and tuples in it, which fields may hold anything."""
    if not (isinstance(tp, type) and is_dataclass(tp)) or len(hints := hints_of(tp)) < 2:
        return None
    others = [name for name, kind in hints.items() if kind not in SCALARS]
    return others if all(hints[name] is object for name in others) else None


class _Source:
    """The statements of one function, and the names that they use."""

    def __init__(self) -> None:
        self._names: dict[str, object] = {"NoneType": NoneType}
        self._lines: list[str] = []
        self._locals = 0

    def function(self, cls: type) -> Callable[..., bool]:
        self._record(cls, "r", "    ")
        text = "\n".join(["def look(r):", *self._lines, "    return True"])
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

    def _record(self, cls: type, x: str, indent: str) -> None:
        parts: list[tuple[Any, str]] = []
        for name, tp in hints_of(cls).items():
            local = self._local()
            self._say(indent, f"{local} = {x}.{name}")
            parts.append((tp, local))
        self._parts(parts, indent)

    def _parts(self, parts: list[tuple[Any, str]], indent: str) -> None:
        """Values side by side: one look at all that are plain, then those that are not."""
        plain = {int: "int", str: "str", bool: "bool"}
        wrong = [f"type({x}) is not {plain[tp]}" for tp, x in parts if tp in plain]
        if wrong:
            self._say(indent, f"if {' or '.join(wrong)}: return False")
        for tp, x in parts:
            if tp not in plain:
                self._value(tp, x, indent)

    def _value(self, tp: Any, x: str, indent: str) -> None:
        """A value that is not plain by its annotation."""
        origin, args = get_origin(tp), get_args(tp)
        if isinstance(tp, type) and is_dataclass(tp):
            self._say(indent, f"if type({x}) is not {self._name(tp)}: return False")
            self._record(tp, x, indent)
        elif origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            self._say(indent, f"if type({x}) is not tuple: return False")
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
            self._say(indent, f"if {x} is not None:")
            only = args[0] if args[1] is NoneType else args[1]
            self._parts([(only, x)], indent + "    ")
        else:  # of this nothing is known: frozen if it is no container
            self._say(indent, f"if type({x}) not in {self._name(SCALARS)}: return False")
