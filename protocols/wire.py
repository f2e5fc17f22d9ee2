"""How messages and durable values become bytes: JSON, with the types taken from the annotations.

A message is ``["ClassName", field, field, ...]``. Tuples and nested records become arrays on the
way out and their own type again on the way in, so both interpreters hand a replica exactly what
was sent, and never the sender's own objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
_Decode = Callable[[Any], Any]


class WireError(ValueError):
    """These bytes are not a message of this protocol. The interpreter drops and counts them."""


def _unpack(value: object) -> object:
    """Let ``json`` write a record as the array of its fields."""
    return _fields_of(type(value))(value)  # type: ignore[arg-type]  # classes are hashable


@cache
def _fields_of(cls: type) -> Callable[[object], tuple[object, ...]]:
    """From a record of this class to its fields' values."""
    if not is_dataclass(cls):
        raise TypeError(f"{cls} cannot travel: only JSON values, tuples and records can")
    names = [f.name for f in fields(cls)]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple([getattr(record, name) for name in names])


def _make_chunks() -> Callable[[object, int], Iterable[str]]:
    """From a value (and 0) to the pieces of its JSON text.

    ``JSONEncoder.encode`` makes a new C encoder for each call, which is two thirds of its time.
    Where the standard library is without the C encoder, that method does.
    """
    slow = json.JSONEncoder(separators=(",", ":"), default=_unpack, check_circular=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return lambda value, _: (slow.encode(value),)
    text_of = json.encoder.encode_basestring_ascii
    return cast(
        "Callable[[object, int], Iterable[str]]",
        make(None, _unpack, text_of, None, ":", ",", False, False, True),
    )


_chunks = _make_chunks()
_parse = json.JSONDecoder().decode
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
"""Parses one value and says where it ends; no white space around it, raises StopIteration."""


def dumps(value: object) -> str:
    """Any JSON value, tuple or record as compact JSON text.

    >>> dumps((1, "x", (2, None)))
    '[1,"x",[2,null]]'
    """
    return "".join(_chunks(value, 0))


def loads(text: str) -> Any:
    return _parse(text)


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

    >>> from protocols.kernel import Command
    >>> read_as(Command, loads(dumps(Command("write", "x", 1))))
    Command(f='write', key='x', value=1, session='', serial=0)
    """
    r = reader(cast("Any", tp))
    return cast("T", value if r is None else r(value))


class Codec:
    """The messages of one protocol, as text and back."""

    def __init__(self, classes: tuple[type, ...]) -> None:
        self._writers = {cls: (cls.__name__, _fields_of(cls)) for cls in classes}
        self._readers: dict[str, _Decode] = {
            cls.__name__: cast("_Decode", reader(cls)) for cls in classes
        }
        assert len(self._readers) == len(classes), "two messages of one name"

    def encode(self, msg: object) -> str:
        name, values = self._writers[type(msg)]
        return "".join(_chunks((name, *values(msg)), 0))

    def decode(self, text: str) -> object:
        """Raises WireError for anything that ``encode`` could not have written."""
        try:
            values, end = _scan(text, 0)
            read = self._readers[values.pop(0)]
            if end != len(text):
                raise ValueError(f"and {len(text) - end} characters more")  # noqa: TRY301
            return read(values)
        except (
            LookupError, ValueError, TypeError, AttributeError, RecursionError, StopIteration
        ) as error:  # fmt: skip
            raise WireError(f"not a message: {text[:100]!r}: {error!r}") from error
