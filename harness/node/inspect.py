"""A replica's state as JSON, for people: best effort, and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from itertools import islice

from protocols.kernel import Json, Replica

ITEMS_MAX = 1000
"""Of one collection."""
DEPTH_MAX = 12
VALUES_MAX = 20_000
"""In all: what a node shows of itself must not hold it up for long."""


def plain(value: object) -> Json:
    """Records become objects by field name, other things their ``repr``; long things are cut.

    >>> from protocols.kernel import Command
    >>> plain({(1, 2): {3}, "last": Command("read", "x")})["(1, 2)"]
    [3]
    """
    return _Plain().of(value, 0)


class _Plain:
    def __init__(self) -> None:
        self._left = VALUES_MAX
        self._around: set[int] = set()
        """The ids of the objects that the present one is in."""

    def of(self, value: object, depth: int) -> Json:
        self._left -= 1
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if depth > DEPTH_MAX or self._left < 0 or id(value) in self._around:
            return "..."
        self._around.add(id(value))
        try:
            return self._composite(value, depth + 1)
        finally:
            self._around.remove(id(value))

    def _composite(self, value: object, depth: int) -> Json:
        if isinstance(value, Mapping):
            return self._object(((str(k), v) for k, v in value.items()), len(value), depth)
        if isinstance(value, (list, tuple, AbstractSet)):
            items = [self.of(v, depth) for v in islice(value, self._room())]
            return items if len(items) == len(value) else [*items, f"... {len(value)} in all"]
        if is_dataclass(value):
            names = [f.name for f in fields(value)]
            pairs = ((name, getattr(value, name)) for name in names if hasattr(value, name))
            return self._object(pairs, len(names), depth)
        if callable(value):
            return str(getattr(value, "__qualname__", type(value).__qualname__))
        if isinstance(value, Replica):  # seen from one of its parts
            return "..."
        if names := _attributes(value):
            return self._object(((n, getattr(value, n)) for n in names), len(names), depth)
        return repr(value)

    def _object(self, items: Iterable[tuple[str, object]], count: int, depth: int) -> Json:
        shown: dict[str, Json] = {k: self.of(v, depth) for k, v in islice(items, self._room())}
        if len(shown) < count:
            shown["..."] = f"{count} in all"
        return shown

    def _room(self) -> int:
        return max(0, min(ITEMS_MAX, self._left))


def _attributes(value: object) -> list[str]:
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return [name for name in (*slots, *getattr(value, "__dict__", ())) if hasattr(value, name)]
