"""A replica's state as JSON, for people: best effort, and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass

from protocols.kernel import Json

ITEMS_MAX = 1000
DEPTH_MAX = 12


def plain(value: object, depth: int = 0) -> Json:
    """Records become objects by field name, other things their ``repr``; long things are cut.

    >>> from protocols.kernel import Command
    >>> plain({(1, 2): {3}, "last": Command("read", "x")})["(1, 2)"]
    [3]
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth > DEPTH_MAX:
        return "..."
    if isinstance(value, Mapping):
        return _cut_object(((str(k), v) for k, v in value.items()), len(value), depth)
    if isinstance(value, (list, tuple, AbstractSet)):
        items = [plain(v, depth + 1) for v, _ in zip(value, range(ITEMS_MAX), strict=False)]
        return items if len(value) <= ITEMS_MAX else [*items, f"... {len(value)} in all"]
    if is_dataclass(value):
        names = [f.name for f in fields(value)]
        return _cut_object(((n, getattr(value, n)) for n in names), len(names), depth)
    if hasattr(value, "__dict__"):
        return _cut_object(vars(value).items(), len(vars(value)), depth)
    return repr(value)


def _cut_object(items: Iterable[tuple[str, object]], count: int, depth: int) -> Json:
    shown: dict[str, Json] = {
        k: plain(v, depth + 1) for (k, v), _ in zip(items, range(ITEMS_MAX), strict=False)
    }
    if count > ITEMS_MAX:
        shown["..."] = f"{count} in all"
    return shown
