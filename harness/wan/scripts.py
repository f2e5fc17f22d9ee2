"""What clients ask for in a measurement of latency, op by op: so that nothing waits, or the very thing does.

Each site has clients of its own, who ask at fixed times. The times do not depend on answers, and there
are so many clients that one is always free: the same ops, whatever the protocol. Values are never
written twice, so that the history can be checked; those below 0 are written while all warms up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from harness.wan.forms import Matrix, fast_quorum, majority
from workloads.script import ScriptedOp

MS = 1_000_000
SLOWEST_MS = 1_000
"""An op should have been answered after so long: as many clients are needed."""

Turn = tuple[int, int, int]
"""``(at_ms, round, site)``: a site asks once."""

Key = Callable[[int, int], str]
"""The key that a site asks for in a round."""


@dataclass(frozen=True)
class Script:
    """``threads`` clients, thread ``t`` at node ``t`` modulo the nodes, for ``time_ms``.

    What is asked before ``from_ms`` is not measured.
    """

    ops: tuple[ScriptedOp, ...]
    threads: int
    time_ms: int
    from_ms: int = 0


def together(sites: int, rounds: int, gap_ms: int, warm_ms: int) -> list[Turn]:
    """In each round each site asks, evenly spread over ``gap_ms``."""
    return [
        (warm_ms + number * gap_ms + site * gap_ms // sites, number, site)
        for number in range(rounds)
        for site in range(sites)
    ]


def in_turn(sites: int, rounds: int, gap_ms: int, warm_ms: int) -> list[Turn]:
    """One site asks in all its rounds, every ``gap_ms``, while the others are idle; then the next."""
    return [
        (warm_ms + (site * rounds + number) * gap_ms, number, site)
        for site in range(sites)
        for number in range(rounds)
    ]


def own(number: int, site: int) -> str:  # noqa: ARG001  the same in all rounds
    """A key that only this site uses."""
    return f"s{site}"


def handed_on(number: int, site: int) -> str:  # noqa: ARG001  the same for all sites
    """A key that the site before has just used, in each round another."""
    return f"t{number}"


def mixed(sites: int, local_permille: int) -> Key:
    """Own keys so often, and as often those of each other site, evenly strewn.

    >>> key = mixed(3, 500)
    >>> [key(number, 0) for number in range(8)]
    ['s0', 's1', 's0', 's2', 's0', 's1', 's0', 's2']
    """

    def key(number: int, site: int) -> str:
        away = (number + 1) * (1000 - local_permille) // 1000
        if away == number * (1000 - local_permille) // 1000:
            return own(number, site)
        return own(number, (site + 1 + (away - 1) % (sites - 1)) % sites)

    return key


def script(
    turns: Sequence[Turn], sites: int, key: Key = own, *, reads: bool = True, first: bool = False
) -> Script:
    """Writes and, where ``reads``, reads: in every second round or, for own and other keys, of the others.

    ``first``: each site writes its own key once, at the beginning. Else the first time that any site asks
    is not measured: a replica that has heard nothing for long may be slower then, as those of EPaxos are.
    """
    ops = [ScriptedOp(0, s, "write", own(0, s), -1 - s) for s in range(sites)] if first else []
    busy: dict[int, list[int]] = {site: [] for site in range(sites)}
    for value, (at_ms, number, site) in enumerate(turns, start=1):
        thread = _free(busy[site], at_ms) * sites + site
        name = key(number, site)
        read = number % 2 == 1 if key is own else name != own(number, site)
        f, what = ("read", None) if reads and read else ("write", value)
        ops.append(ScriptedOp(at_ms * MS, thread, f, name, what))
    from_ms = 0 if first else min(at_ms for at_ms, number, _ in turns if number == 1)
    return replace(_whole(ops, sites), from_ms=from_ms)


def _free(until_ms: list[int], at_ms: int) -> int:
    """The first of a site's clients that is free, or a new one; it is busy then."""
    for client, free_ms in enumerate(until_ms):
        if free_ms <= at_ms:
            until_ms[client] = at_ms + SLOWEST_MS
            return client
    until_ms.append(at_ms + SLOWEST_MS)
    return len(until_ms) - 1


def _whole(ops: Iterable[ScriptedOp], sites: int) -> Script:
    ordered = tuple(sorted(ops))
    threads = (max(op.thread for op in ordered) // sites + 1) * sites
    return Script(ordered, threads, ordered[-1].at_ns // MS + SLOWEST_MS)


# --- EPaxos' slow path -------------------------------------------------------------------------------


def interfered(
    matrix: Matrix, rounds: int, gap_ms: int, warm_ms: int, permille: int = 1000
) -> Script:
    """Reads, so many of which meet a write of another site that their own site does not know of yet.

    Then some of the first answers differ from what the reader's site knows, and others do not have to.
    Reads alone are to be measured.
    """
    sites, ops = len(matrix), []
    for value, (at_ms, number, site) in enumerate(in_turn(sites, rounds, gap_ms, warm_ms), start=1):
        key, at_ns = f"i{number}/{site}", at_ms * MS
        ops.append(ScriptedOp(at_ns, site, "read", key))
        if (number + 1) * permille // 1000 > number * permille // 1000:
            other, before_ms = interferer(matrix, site)
            early_ns = at_ns - round(before_ms * MS)
            ops.append(ScriptedOp(early_ns, sites + other, "write", key, value))
    return _whole(ops, sites)


MARGIN_MS = 4
"""By so much a write comes too late for a site to know of it when it is asked."""


def interferer(matrix: Matrix, site: int) -> tuple[int, float]:
    """Which node's write makes a read at ``site`` take the slow path, and costs it nothing besides.

    And how many ms earlier it is to begin: so that it is everywhere, but at ``site``, as early as it can
    be. Of those that do the one whose commit is known at ``site`` first.
    """
    ranked = []
    for other in range(len(matrix)):
        if other == site:
            continue
        before = max(0.0, matrix[other][site] / 2 - MARGIN_MS)
        differs = any(_first(matrix, site, other, before, q) for q in _answering(matrix, site))
        known = _latency(matrix, site, other, before) - before + matrix[other][site] / 2
        ranked.append((not differs, known, other, before))
    _, _, chosen, before = min(ranked)
    return chosen, before


def _answering(matrix: Matrix, node: int) -> list[int]:
    """Whose answers to a PreAccept of ``node`` come first, as many as a fast quorum needs."""
    near = sorted((ms, peer) for peer, ms in enumerate(matrix[node]) if peer != node)
    return [peer for _, peer in near[: fast_quorum(len(matrix)) - 1]]


def _first(matrix: Matrix, site: int, other: int, before: float, at: int) -> bool:
    """Whether the write gets to node ``at`` before the read."""
    return matrix[other][at] / 2 - before < matrix[site][at] / 2


def _latency(matrix: Matrix, site: int, other: int, before: float) -> float:
    """Of the write: it takes the slow path where it meets the read on its way."""
    answers = _answering(matrix, other)
    trips = [matrix[other][peer] for peer in answers]
    if all(peer != site and _first(matrix, site, other, before, peer) for peer in answers):
        return max(trips)
    return max(trips) + sorted(matrix[other])[majority(len(matrix)) - 1]
