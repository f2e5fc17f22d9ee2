"""Messages that beget more than one message each: they would fill any memory, and no virtual time would pass.

A host ends the process that wants too much memory, and what it had sent but nobody read is lost with it. So it
is here: of too many messages under way, the node that sent the most fails.
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify
from typing import cast

from harness.sim.agenda import MESSAGE, TO_ITSELF, Entry
from harness.sim.network import Wire
from harness.sim.parcel import Parcel


def dam(heap: list[Entry]) -> tuple[int, str]:
    """Take the messages of the node that sent the most out of the agenda: which node, and what it did."""
    sent = Counter(map(_sender, heap))
    del sent[_NOBODY]
    node, messages = max(sent.items(), key=lambda item: (item[1], -item[0]))
    kinds = Counter(_kind(entry) for entry in heap if _sender(entry) == node)
    kind = max(kinds, key=lambda name: (kinds[name], name))
    heap[:] = [entry for entry in heap if _sender(entry) != node]
    heapify(heap)
    return (
        node,
        f"{sent.total():,} messages were under way, {messages:,} its own, most of them {kind}",
    )


_NOBODY = -1


def _sender(entry: Entry) -> int:
    """Who sent it; ``_NOBODY``: it is no message."""
    _, _, kind, where, a, _ = entry
    if kind == MESSAGE:
        return cast("Wire", a).src
    return where if kind == TO_ITSELF else _NOBODY


def _kind(entry: Entry) -> str:
    sent = entry[5]
    return type(sent.open() if isinstance(sent, Parcel) else sent).__name__
