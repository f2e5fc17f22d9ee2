"""Messages that hold a list or a dict: what a wire would make of them, without the wire.

``frozen`` is for those in which nothing can change. All others are copied for each receiver, which does
not need their text: the copy here is what reading it would give, as long as all fields hold what they are
annotated with (``parcel`` looks at samples).
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from harness.sim.frozen import content_of, frozen, hints_of
from harness.sim.jsonable import plain, scalars
from protocols.shapes import SCALARS, copier

_ANYTHING = (*SCALARS, object, Any)


class Content(NamedTuple):
    """``read``: from a record to what reading its text would give. ``copy``: from that to another for a
    receiver. ``held``: from that to all that it holds, in plain values.
    """

    read: Callable[[Any], Any]
    copy: Callable[[Any], Any]
    held: Callable[[Any], object]


@cache
def contents(cls: type) -> Content | None:
    """None for a class in whose lists or dicts there are records. Raises TypeError for one that is none."""
    if not _is_plain(cls):
        return None
    return Content(copier(cls, plain), copier(cls, _copy), content_of(cls))


def restored(value: Any) -> object:
    """What ``loads(dumps(value))`` is. Of a frozen record, as most durable values are, what it holds says so."""
    cls = type(value)
    if is_dataclass(cls) and frozen(cls)(value):
        name_and_fields: Any = content_of(cls)(value)
        return plain(name_and_fields[1:])
    return plain(value)


def _copy(value: Any) -> Any:
    """A copy of JSON, in which there are no tuples."""
    if type(value) is list and scalars(map(type, value)):
        return value[:]
    return marshal.loads(marshal.dumps(value))  # noqa: S302  ours


def _is_plain(tp: Any) -> bool:
    """Whether lists and dicts of a type hold nothing but JSON."""
    origin, args = get_origin(tp), get_args(tp)
    if tp in _ANYTHING or tp is Ellipsis:
        return True
    if isinstance(tp, type) and is_dataclass(tp):
        return all(map(_is_plain, hints_of(tp).values()))
    if origin is tuple or (origin in (Union, UnionType) and len(args) == 2 and NoneType in args):
        return all(map(_is_plain, args))
    return origin in (list, dict, Mapping) and all(tp in _ANYTHING for tp in args)
