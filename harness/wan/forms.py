"""Closed forms: what a matrix of round trips makes of a protocol's latency, where nothing waits in a queue.

A client is beside each node; ``[i]`` of what a function gives is the time in ms from its request to its
answer. The forms are those of Ailijiang, Charapko, Demirbas, "Dissecting the Performance of
Strongly-Consistent Replication Protocols", SIGMOD 2019, section 3 (a latency is a round trip to the
leader and one from there to a quorum), with each protocol's own quorums and hops put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

Matrix: TypeAlias = Sequence[Sequence[float]]
"""``[a][b]``: the round trip between two nodes in ms, the same both ways."""

Sites: TypeAlias = list[float]
"""A latency in ms for the clients at each node."""


def majority(nodes: int) -> int:
    return nodes // 2 + 1


def fast_quorum(nodes: int) -> int:
    """Of EPaxos, the owner included: all but e = ⌈(f+1)/2⌉, which of 2f+1 nodes is f + ⌊(f+1)/2⌋
    (Moraru 2013, section 4.2); of an even number see ``protocols.epaxos.recovery.sizes``.

    >>> [fast_quorum(n) for n in (3, 4, 5, 6, 7, 9)]
    [2, 3, 3, 4, 5, 6]
    """
    f = (nodes - 1) // 2
    return nodes - min(f, (nodes - f + 1) // 2)


def quorum(matrix: Matrix, node: int, size: int) -> float:
    """How long ``node`` waits for a quorum of ``size`` that it is one of itself.

    >>> [quorum([[0, 7, 3], [7, 0, 5], [3, 5, 0]], 0, size) for size in (1, 2, 3)]
    [0, 3, 7]
    """
    return sorted(matrix[node])[size - 1]


def leader(matrix: Matrix, at: int, size: int | None = None) -> Sites:
    """Multi-Paxos: to the leader and back, and meanwhile from there to its quorum of phase 2 and back.

    ``size`` is that quorum, for Flexible Paxos (Howard 2016); else a majority.
    """
    decides = quorum(matrix, at, size or majority(len(matrix)))
    return [row[at] + decides for row in matrix]


def led_by(matrix: Matrix, leaders: Sequence[int]) -> Sites:
    """The same where the keys that are asked for at node ``i`` are led by ``leaders[i]``."""
    return [leader(matrix, at)[node] for node, at in enumerate(leaders)]


def appointed(matrix: Matrix, leaders: Sequence[int], members: Sequence[Sequence[int]]) -> Sites:
    """Vertical Paxos (Lamport 2009), where all of a configuration vote: those of who leads node ``i``'s keys are
    ``members[i]``.
    """
    return [
        matrix[node][at] + max(matrix[at][member] for member in members[node])
        for node, at in enumerate(leaders)
    ]


def one_round(matrix: Matrix, size: int | None = None) -> Sites:
    """One round trip to the nearest quorum: EPaxos' fast path, a quorum read (PQR)."""
    n = len(matrix)
    return [quorum(matrix, node, size or fast_quorum(n)) for node in range(n)]


def two_rounds(matrix: Matrix, first: int | None = None) -> Sites:
    """And then one to the nearest majority: ABD, and EPaxos' slow path (``first``: its fast quorum)."""
    n = len(matrix)
    return [
        a + b for a, b in zip(one_round(matrix, first), one_round(matrix, majority(n)), strict=True)
    ]


def by_conflict(matrix: Matrix, permille: int) -> Sites:
    """EPaxos where so many of the commands take the slow path."""
    fast, slow = one_round(matrix), two_rounds(matrix)
    return [a + (b - a) * permille / 1000 for a, b in zip(fast, slow, strict=True)]


def sequenced(matrix: Matrix, at: int, *, short: bool = True) -> Sites:
    """SDPaxos (Zhao 2018): a majority has the command, and its turn, given at ``at``, is chosen.

    A turn is chosen when a majority's votes for it have come to who gave the command. On the ``short``
    path of up to five nodes the sequencer's and one's own are enough (section 4).
    """
    n = len(matrix)
    needed = min(2, majority(n)) if short else majority(n)
    sites = []
    for node in range(n):
        command = quorum(matrix, node, majority(n))
        votes = [(matrix[node][at] + matrix[at][x] + matrix[x][node]) / 2 for x in range(n)]
        sites.append(max(command, sorted(votes)[needed - 1]))
    return sites


def relayed(matrix: Matrix, at: int) -> Sites:
    """SDPaxos without the short path, as it is here: the sequencer at ``at`` tells that a turn is chosen,
    when a majority has it, and when it hears that a majority has the command.
    """
    size = majority(len(matrix))
    turn = quorum(matrix, at, size)
    return [max(turn, quorum(matrix, i, size)) + row[at] for i, row in enumerate(matrix)]


def farthest(matrix: Matrix) -> Sites:
    """Mencius (Mao 2008) where all are busy: each slot waits until the farthest has used, or skipped, his."""
    return [max(row) for row in matrix]


def chain(matrix: Matrix, order: Sequence[int]) -> Sites:
    """A write into a chain (van Renesse 2004): to the head, along it, and from the tail to who asked."""
    along = sum(matrix[a][b] for a, b in pairwise(order)) / 2
    return [(row[order[0]] + row[order[-1]]) / 2 + along for row in matrix]


# --- WPaxos (Ailijiang 2020) ------------------------------------------------------------------------


def zones(places: Sequence[str]) -> list[list[int]]:
    """The nodes of each zone, in the order in which zones are first named.

    >>> zones(["eu", "us", "eu"])
    [[0, 2], [1]]
    """
    return [
        [i for i, place in enumerate(places) if place == zone] for zone in dict.fromkeys(places)
    ]


def of_zones(matrix: Matrix, node: int, grid: Iterable[Sequence[int]], count: int) -> float:
    """How long ``node`` waits for majorities of ``count`` zones of ``grid``."""
    waits = []
    for zone in grid:
        trips = sorted(matrix[node][peer] for peer in zone)
        waits.append(trips[majority(len(zone)) - 1])
    return sorted(waits)[count - 1]


def owned(matrix: Matrix, grid: Sequence[Sequence[int]], fz: int) -> Sites:
    """WPaxos for objects that are owned by the node asked: majorities of ``fz`` + 1 zones."""
    return [of_zones(matrix, node, grid, fz + 1) for node in range(len(matrix))]


def stolen(matrix: Matrix, grid: Sequence[Sequence[int]], fz: int) -> Sites:
    """And for objects that are stolen first: phase 1 wants all zones but ``fz``."""
    first = [of_zones(matrix, node, grid, len(grid) - fz) for node in range(len(matrix))]
    return [a + b for a, b in zip(first, owned(matrix, grid, fz), strict=True)]


def by_locality(matrix: Matrix, grid: Sequence[Sequence[int]], fz: int, permille: int) -> Sites:
    """WPaxos where so many requests are for own objects, and all others forwarded to who owns theirs.

    Objects stay where they are, and those of all other nodes are asked for alike: SIGMOD 2019, section 3,
    ``(1 - l)(D_L + D_Q) + l D_Q``, with the mean over the owners for ``D_L + D_Q``.
    """
    here = owned(matrix, grid, fz)
    sites = []
    for node, own in enumerate(here):
        others = [trip + here[at] for at, trip in enumerate(matrix[node]) if at != node]
        away = sum(others) / len(others)
        sites.append(own + (away - own) * (1000 - permille) / 1000)
    return sites


# --- load --------------------------------------------------------------------------------------------


def load(leaders: int, quorum: int, conflict: float = 0) -> float:
    """Messages that the busiest node handles for an operation: SIGMOD 2019, section 3.

    ``(1 + c)(Q + l - 2) / l``: a leader of one of ``l`` shares of the operations sends to Q - 1 others,
    and is itself asked by the other leaders.

    >>> [round(load(l, q), 2) for l, q in ((1, 5), (9, 5), (3, 3))]
    [4.0, 1.33, 1.33]
    """
    return (1 + conflict) * (quorum + leaders - 2) / leaders


def mean(sites: Sequence[float]) -> float:
    return sum(sites) / len(sites)
