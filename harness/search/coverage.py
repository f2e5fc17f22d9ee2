"""What a trial showed of the replicas' behaviour: a set of small numbers, comparable between trials.

After Mallory (Meng, Pîrlea, Roychoudhury, Sergey, "Greybox Fuzzing of Distributed Systems", CCS
2023), which abstracts happens-before into states, and AFL's counted edges. A feature is what kinds of
events one node took one after the other, whether two came from the same peer, and what was wrong
then; or which roles the nodes had as a multiset. Nodes have no names in it: two trials that
differ in which node did what are the same. How often, counts by powers of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from zlib import crc32

from checker.history import NEMESIS, Row
from harness.sim.seen import LOST, Seen

DEPTH = 3
"""Events of one node in a feature."""


class Recorder:
    """Watches one run. ``watch`` is for the simulator, ``features`` for afterwards."""

    def __init__(self) -> None:
        self._tails: dict[int, tuple[str, ...]] = {}
        self._peers: dict[int, int | None] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._faults = 0

    def watch(self, seen: Seen) -> None:
        kind = seen.kind
        if kind in ("message", "<- itself"):
            what = message_kind(seen.text)
        elif kind == "timer":
            what = seen.text
        elif kind == "nemesis":
            self._tails = {
                node: (*tail[1 - DEPTH :], fault_kind(seen.text))
                for node, tail in self._tails.items()
            }
            return
        elif kind in LOST:
            what = kind
        else:
            return
        node, src = seen.node, seen.src
        if src is not None and src == self._peers.get(node):
            what += "="
        self._peers[node] = src
        tail = self._tails[node] = (*self._tails.get(node, ())[1 - DEPTH :], what)
        self._counts[tail] += 1

    def features(self, rows: Iterable[Row]) -> frozenset[int]:
        """Of the events seen, and of the notes in the history's rows."""
        found = {
            crc32(f"{' '.join(tail)} {count.bit_length()}".encode())
            for tail, count in self._counts.items()
        }
        return frozenset(found | {crc32(text.encode()) for text in note_states(rows)})


def message_kind(text: str) -> str:
    """The name of a message in the wire's JSON.

    >>> message_kind('["Accept",[1,2],3]')
    'Accept'
    """
    return text[2 : text.index('"', 2)]


def fault_kind(text: str) -> str:
    """The name of an action, without its targets.

    >>> fault_kind("Kill(node=1)")
    'Kill'
    """
    return text.partition("(")[0]


def note_states(rows: Iterable[Row]) -> Iterable[str]:
    """States of the whole cluster by its notes: for each node its last rare note and how far it is.

    How far is counted from the hindmost, by powers of two; nodes are sorted, so that they are folded.
    A new state is looked for where a note is not of the frequent kinds, or a fault comes or goes.
    """
    far: dict[int, int] = {}
    last: dict[int, str] = {}
    for row in rows:
        if row.process < NEMESIS:
            node = -2 - row.process
            if row.f in ("decided", "executed"):
                far[node] = far.get(node, 0) + 1
                continue
            last[node] = str(row.value) if row.f == "sometimes" else row.f
        elif row.process != NEMESIS:
            continue
        least = min(far.values(), default=0)
        nodes = sorted(
            f"{last.get(node, '')}:{(far.get(node, 0) - least).bit_length()}"
            for node in far.keys() | last.keys()
        )
        yield f"{row.f} | {' '.join(nodes)}"
