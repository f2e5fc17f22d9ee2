"""The history of a key, as a node noted it."""

from __future__ import annotations

from collections.abc import Sequence

Json = object
Executed = Sequence[tuple[Json, Json]]
"""Key and what, of each update, in the order in which a node executed them."""


def history_of(executed: Executed, key: str) -> list[Json]:
    """What a node executed of the key, each once: after a restart it runs what it has on disk again.

    >>> history_of([("x", "a"), ("y", "b"), ("x", "c"), ("x", "a")], "x")
    ['a', 'c']
    """
    return list(dict.fromkeys(_hashable(what) for of, what in executed if of == key))


def _hashable(what: Json) -> Json:
    return tuple(map(_hashable, what)) if isinstance(what, list) else what
