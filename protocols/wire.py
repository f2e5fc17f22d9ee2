"""How messages and durable values become bytes: JSON, with the types taken from the annotations.

A message is ``["ClassName", field, field, ...]``. Tuples and nested records become arrays on the
way out and their own type again on the way in, so both interpreters hand a replica exactly what
was sent, and never the sender's own objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from protocols.shapes import writer
from protocols.text import dumps, fields_of, loads, scan

__all__ = ["Codec", "WireError", "dumps", "loads", "read_as", "reader"]

T = TypeVar("T")
_Decode = Callable[[Any], Any]


class WireError(ValueError):
    """These bytes are not a message of this protocol. The interpreter drops and counts them."""


@cache
def reader(tp: Any) -> _Decode | None:
    """How to rebuild a value of type ``tp`` from parsed JSON, or None where it is itself already.

    Raises TypeError, at import of the protocol, for a type that JSON cannot carry.
    """
    origin, args = get_origin(tp), get_args(tp)
    if tp in (int, str, bool, object, NoneType, Any, list):
        return None
    if isinstance(tp, type) and is_dataclass(tp):
        return _record_reader(tp)
    if origin is tuple:
        return _tuple_reader(args)
    if origin in (Union, UnionType):
        return _union_reader(args)
    if origin is list:
        inner = reader(args[0])
        return None if inner is None else lambda value: [inner(v) for v in value]
    if origin in (dict, Mapping) or getattr(origin, "__name__", "") == "Mapping":
        if args[0] is not str:
            raise TypeError(f"{tp} cannot travel: a JSON object has str keys")
        item = reader(args[1])
        return None if item is None else lambda value: {k: item(v) for k, v in value.items()}
    raise TypeError(f"{tp} cannot travel")


def _record_reader(cls: type) -> _Decode:
    hints = get_type_hints(cls)
    inner = [reader(hints[f.name]) for f in fields(cls)]
    if not any(inner):
        return lambda value: cls(*value)
    convert = [(i, r) for i, r in enumerate(inner) if r is not None]

    def read(value: list[Any]) -> Any:
        for i, r in convert:
            value[i] = r(value[i])
        return cls(*value)

    return read


def _tuple_reader(args: tuple[Any, ...]) -> _Decode:
    if len(args) == 2 and args[1] is Ellipsis:
        inner = reader(args[0])
        return tuple if inner is None else lambda value: tuple([inner(v) for v in value])
    each = [reader(a) for a in args]
    if not any(each):
        return tuple
    return lambda value: tuple([v if r is None else r(v) for r, v in zip(each, value, strict=True)])


def _union_reader(args: tuple[Any, ...]) -> _Decode | None:
    some = [a for a in args if a is not NoneType]
    inner = [reader(a) for a in some]
    if not any(inner):
        return None
    if len(some) > 1:
        raise TypeError(f"a union of {some} cannot be told apart in JSON")
    only = inner[0]
    assert only is not None
    return lambda value: None if value is None else only(value)


def read_as(tp: type[T], value: object) -> T:
    """Rebuild what ``dumps`` wrote, from parsed JSON: for what a replica persisted.

    Lists of ``value`` are changed on the way: hand in what nobody else needs, and never a command's
    own value, which the next replica in this process would find changed.

    >>> from protocols.kernel import Command
    >>> read_as(Command, loads(dumps(Command("write", "x", 1))))
    Command(f='write', key='x', value=1, session='', serial=0)
    """
    r = reader(cast("Any", tp))
    return cast("T", value if r is None else r(value))


class Codec:
    """The messages of one protocol, as text and back."""

    def __init__(self, classes: tuple[type, ...]) -> None:
        self._writers = {cls: writer(cls, cls.__name__) for cls in classes}
        self._readers: dict[str, _Decode] = {
            cls.__name__: cast("_Decode", reader(cls)) for cls in classes
        }
        assert len(self._readers) == len(classes), "two messages of one name"

    def encode(self, msg: object) -> str:
        cls = type(msg)
        write = self._writers[cls]
        try:
            return write(msg)
        except (LookupError, ValueError, TypeError, AttributeError):
            # It holds what it is not annotated with; that may be JSON all the same.
            return dumps((cls.__name__, *fields_of(cls)(msg)))  # type: ignore[arg-type]  # classes are hashable

    def decode(self, text: str) -> object:
        """Raises WireError for anything that ``encode`` could not have written."""
        try:
            values, end = scan(text, 0)
            read = self._readers[values.pop(0)]
            if end != len(text):
                raise ValueError(f"and {len(text) - end} characters more")  # noqa: TRY301
            return read(values)
        except (
            LookupError, ValueError, TypeError, AttributeError, RecursionError, StopIteration
        ) as error:  # fmt: skip
            raise WireError(f"not a message: {text[:100]!r}: {error!r}") from error
