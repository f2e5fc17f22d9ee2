"""Any JSON value, tuple or record as compact JSON text, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, cast

quoted = json.encoder.encode_basestring_ascii
"""A str as JSON text."""


def _unpack(value: object) -> object:
    """Let ``json`` write a record as the array of its fields."""
    return fields_of(type(value))(value)  # type: ignore[arg-type]  # classes are hashable


@cache
def fields_of(cls: type) -> Callable[[object], tuple[object, ...]]:
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
    return cast(
        "Callable[[object, int], Iterable[str]]",
        make(None, _unpack, quoted, None, ":", ",", False, False, True),
    )


_chunks = _make_chunks()
_parse = json.JSONDecoder().decode
scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
"""Parses one value and says where it ends; no white space around it, raises StopIteration."""


def dumps(value: object) -> str:
    """Any JSON value, tuple or record as compact JSON text.

    >>> dumps((1, "x", (2, None)))
    '[1,"x",[2,null]]'
    """
    return "".join(_chunks(value, 0))


def loads(text: str) -> Any:
    return _parse(text)
