"""Messages that beget more than one message each: they would fill any memory, and no virtual time would pass.

A host ends the process that wants too much memory, and what it had sent but nobody read is lost with it. So it
is here: where too many messages are under way, or timers, the node that has the most fails.
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify
from typing import cast

from harness.sim.agenda import MESSAGE, TIMER, TO_ITSELF, Entry
from harness.sim.network import Wire
from harness.sim.parcel import Parcel

_NOBODY = -1


def dam(heap: list[Entry]) -> tuple[int, str]:
    """Take what the node has on the agenda that has the most there off it: which node, and what it did."""
    had = Counter(map(_owner, heap))
    del had[_NOBODY]
    node, most = max(had.items(), key=lambda item: (item[1], -item[0]))
    kinds = Counter(_kind(entry) for entry in heap if _owner(entry) == node)
    kind = max(kinds, key=lambda name: (kinds[name], name))
    heap[:] = [entry for entry in heap if _owner(entry) != node]
    heapify(heap)
    return node, f"{had.total():,} messages were under way, {most:,} its own, most of them {kind}"


def _owner(entry: Entry) -> int:
    """Who sent it, or waits for it; ``_NOBODY``: it is no message, and no timer."""
    _, _, kind, where, a, _ = entry
    if kind == MESSAGE:
        return cast("Wire", a).src
    return where if kind in (TO_ITSELF, TIMER) else _NOBODY


def _kind(entry: Entry) -> str:
    _, _, kind, _, a, sent = entry
    if kind == TIMER:
        return f"timer {a}"
    return type(sent.open() if isinstance(sent, Parcel) else sent).__name__
