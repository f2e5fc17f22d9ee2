"""A replica's state as text: two states have the same text only if they are the same.

The other direction is not needed: states that differ in the order of a dict's keys behave alike
nearly always, and are told apart all the same, since a protocol may lean on that order.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType, MappingProxyType, MethodType, NoneType
from typing import Any

from protocols.kernel import Replica

_Write = Callable[[Any, "_Root"], str]


class _Root:
    """What the walk does not go into again: the replica itself, and what never changes."""

    __slots__ = ("replica",)

    def __init__(self, replica: Replica[Any] | None) -> None:
        self.replica = replica


def canonical(value: object, replica: Replica[Any] | None = None) -> str:
    """Any value made of data, as text. Types are told apart where ``==`` would not.

    References back to ``replica`` are named, not followed. Raises TypeError for what is no data (a
    generator, a file), and RecursionError for other values that contain themselves.

    >>> canonical((1, True, "1", {2: [None]}))
    "(1,True,'1',{2:[None]})"
    """
    return _text(value, _Root(replica))


def state_text(replica: Replica[Any]) -> str:
    """The whole state of a replica, but for the clock, which stands still while we explore."""
    root = _Root(replica)
    state = replica.state()
    return ",".join(f"{name}={_text(v, root)}" for name, v in state.items() if name != "now_ms")


def _text(value: Any, root: _Root) -> str:
    write = _WRITERS.get(type(value))
    return _object(value, root) if write is None else write(value, root)


def _atom(value: object, root: _Root) -> str:  # noqa: ARG001  one signature for all writers
    return repr(value)


def _sequence(value: Any, root: _Root) -> str:
    ends = "()" if type(value) is tuple else "[]"
    return f"{ends[0]}{','.join([_text(v, root) for v in value])}{ends[1]}"


def _set(value: Any, root: _Root) -> str:
    return f"set({','.join(sorted(_text(v, root) for v in value))})"


def _mapping(value: Mapping[Any, Any], root: _Root) -> str:
    items = [f"{_text(k, root)}:{_text(v, root)}" for k, v in value.items()]
    return f"{{{','.join(items)}}}"


def _method(value: MethodType, root: _Root) -> str:
    return f"{value.__func__.__qualname__} of {_text(value.__self__, root)}"


def _named(value: Any, root: _Root) -> str:  # noqa: ARG001  one signature for all writers
    if getattr(value, "__closure__", None):
        raise TypeError(f"{value!r} closes over a state that cannot be seen")
    return f"{value.__module__}.{value.__qualname__}"


def _object(value: Any, root: _Root) -> str:
    if value is root.replica:
        return "self"
    cls = type(value)
    if isinstance(value, type):
        return _named(value, root)
    if is_dataclass(cls):
        names = [field.name for field in fields(cls)]
    elif hasattr(value, "__dict__") or hasattr(cls, "__slots__"):
        names = [name for c in cls.__mro__ for name in _slots(c) if hasattr(value, name)]
        names += getattr(value, "__dict__", {})
    else:
        raise TypeError(f"a replica's state must be data, which {value!r} is not")
    inside = ",".join([f"{name}={_text(getattr(value, name), root)}" for name in names])
    if isinstance(value, tuple | list | set | frozenset | dict):
        inside += ";" + next(_WRITERS[c](value, root) for c in cls.__mro__ if c in _WRITERS)
    return f"{cls.__qualname__}({inside})"


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


_WRITERS: dict[type, _Write] = {
    **dict.fromkeys((NoneType, bool, int, str, bytes, float), _atom),
    **dict.fromkeys((tuple, list, deque), _sequence),
    **dict.fromkeys((set, frozenset), _set),
    **dict.fromkeys((dict, defaultdict, OrderedDict, MappingProxyType), _mapping),
    MethodType: _method,
    FunctionType: _named,
}
