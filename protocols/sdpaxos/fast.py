"""The short path: when two votes choose a turn, and what a new sequencer must guess for that.

Zhao 2018, section 4. The sequencer S and a command leader L have voted for a turn of L: no majority
of 5 nodes. Yet L executes it, if a majority voted for its command, and all before it is executed.

Let a new sequencer have promises of Q, and let neither S nor L be in it (else it is told the turn).
No more than two are missing from a majority of up to 6 nodes: these are S and L. So a turn after S
began that nobody in Q knows of can only be one of L, if somebody in Q has a command for it; and
somebody has, since the majority that voted for it did so before it promised the new ballot, and
meets Q. A turn that was not chosen may be guessed as well as anything else. With 7 nodes three are
missing, and L may be either of two: there, two votes are not enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.ballots import Ballot, owner
from protocols.kernel import Command, NodeId
from protocols.quorums import majority
from protocols.sdpaxos.state import SEQUENCER, TURN, ballot_of

MISSING = 2
"""How many nodes may be missing from a majority, for two votes to be enough."""


def possible(n: int) -> bool:
    """
    >>> [possible(n) for n in (3, 5, 6, 7)]
    [True, True, True, False]
    """
    return n - majority(n) <= MISSING


def suspect(missing: Sequence[NodeId], began: Ballot) -> NodeId | None:
    """Whose turns, after the sequencer of ``began`` did begin, may have been chosen without any of
    the others' knowing, when these are ``missing``.
    """
    if owner(began) not in missing or len(missing) > MISSING:
        return None
    return next((node for node in missing if node != owner(began)), None)


def guesses(
    *,
    adopted: Mapping[int, Command],
    first: int,
    began: Ballot,
    turns: Mapping[NodeId, int],
    held: Mapping[NodeId, int],
    missing: Sequence[NodeId],
) -> dict[int, NodeId]:
    """Whose turn each slot from ``first`` on must be that no vote is known for.

    ``adopted`` are the entries that are known, ``began`` and ``turns`` what was executed before
    ``first``, ``held`` how far the rows are known to those who promised.
    """
    guessed: dict[int, NodeId] = {}
    taken = dict(turns)
    last, slot = max(adopted, default=first - 1), first
    while True:
        entry = adopted.get(slot)
        if entry is None:
            node = suspect(missing, began)
            if node is not None and taken[node] < held[node]:
                guessed[slot] = node
                taken[node] += 1
            elif slot > last:
                return guessed
        elif entry.f == TURN:
            taken[int(entry.key)] += 1
        elif entry.f == SEQUENCER:
            began = ballot_of(entry)
        slot += 1
