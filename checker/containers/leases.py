"""Leases: no two clients believe to hold the same one at the same moment, each by its own clock.

``acquire`` of a number of ms answers a token; ``refresh`` of ``[token, ms]`` prolongs it; ``release`` of
the token ends it (Gray and Cheriton, "Leases", SOSP 1989). A holder believes from the answer on, until
so many ms after it *asked*, less a margin for clocks of others that run faster than its own; or until
it asks for the release. Here the clients' clock is the history's. By time, not by rows; n log n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checker.containers.lock import of_tokens
from checker.containers.objects import judge_objects
from checker.history import OK, History, Op
from checker.phrases import moments, plural
from checker.shapes import Malformed, answer_row, answers, expect, integer, listed
from checker.verdict import Verdict
from checker.witness import Witness

MARGIN_PERCENT = 20
"""What a holder allows for: the clocks of nodes may run fast by a fifth."""

_KNOWN = frozenset({"acquire", "refresh", "release"})
_ACQUIRED = frozenset({"acquire"})


@dataclass
class Belief:
    """Of the process of ``op``, in its token, from ``begin_ns`` until just before ``end_ns``."""

    op: Op
    token: int
    begin_ns: int
    end_ns: int


@answers
def check(history: History, *, margin_percent: int = MARGIN_PERCENT) -> Verdict:
    """Beliefs of one key do not overlap, and its tokens differ and grow; one lease a key."""

    def find(history: History, ops: Sequence[Op]) -> list[Witness]:
        return of_tokens(history, ops) + _overlaps(_beliefs(history, ops, margin_percent))

    return judge_objects(history, find, what="lease", observers=_ACQUIRED)


def _beliefs(history: History, ops: Sequence[Op], margin_percent: int) -> list[Belief]:
    """All intervals of belief. One that lapsed before its refresh was answered begins again then."""
    expect(ops, _KNOWN, "lease")
    found: list[Belief] = []
    current: dict[int, Belief] = {}
    for op in ops:
        asked_ns = int(history.time_ns[op.invoked])
        if op.f == "release":
            belief = current.pop(op.process, None)
            if belief is not None:
                belief.end_ns = min(belief.end_ns, asked_ns)
            continue
        if op.type != OK or op.completed is None:
            continue
        ms, row = op.argument, op.invoked
        if op.f == "refresh":
            pair = listed(op.argument, row, "a refresh")
            if len(pair) != 2:
                raise Malformed(row, "a refresh is of [token, ms]")
            ms = pair[1]
        token = integer(op.result, answer_row(op), "a token")
        end_ns = asked_ns + integer(ms, row, "a time") * (100 - margin_percent) * 10_000
        begin_ns = int(history.time_ns[op.completed])
        belief = current.get(op.process)
        if belief is not None and belief.token == token and begin_ns <= belief.end_ns:
            belief.end_ns = max(belief.end_ns, end_ns)
        else:
            belief = current[op.process] = Belief(op, token, begin_ns, end_ns)
            found.append(belief)
    return [belief for belief in found if belief.begin_ns < belief.end_ns]


def _overlaps(beliefs: list[Belief]) -> list[Witness]:
    beliefs.sort(key=lambda belief: belief.begin_ns)
    found: list[Witness] = []
    longest: Belief | None = None
    for belief in beliefs:
        if (
            longest is not None
            and belief.begin_ns < longest.end_ns
            and belief.token != longest.token
        ):
            found.append(_both(longest, belief))
        if longest is None or belief.end_ns > longest.end_ns:
            longest = belief
    return found


def _both(first: Belief, second: Belief) -> Witness:
    witness = Witness("held by two at once")
    overlap = min(first.end_ns, second.end_ns) - second.begin_ns
    for belief in (first, second):
        since, until = moments(belief.begin_ns, belief.end_ns)
        witness.add(belief.op.invoked)
        witness.lines.append(
            f"process {belief.op.process} believed in token {belief.token} from {since} until {until}"
            f" (row {belief.op.completed})"
        )
    witness.lines.append(f"both at once for {plural(overlap // 1_000_000, 'ms', 'ms')}")
    return witness
