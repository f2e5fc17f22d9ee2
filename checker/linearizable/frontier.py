"""Search for an order of a model's ops that explains every answer.

Wing, Gong, "Testing and Verifying Concurrent Objects", JPDC 1993, just in time as in Lowe, "Testing
for Linearizability", Concurrency and Computation 29(4), 2017. The problem is NP-complete (Gibbons,
Korach 1997), so the search has a budget and says *unknown* when that is spent.

Ops are placed only when one of them must have been: at each answer, in order. A *configuration* is
(which answer comes next, which open ops are placed already, the model's state, how many crashed ops
were used): its size is that of the open ops, not of the history. These keep their number small:

- an open observer (a read) that is legal is placed at once: that forbids nothing;
- of open ops that ask and answer the same only the one that is answered first is tried;
- crashed ops (info) that ask the same are counted, and one is used only right before an op that
  would go otherwise without it: any other use can be left out;
- a configuration that used at least the crashed ops that an earlier one did is not tried again.

What is large, or proves hard, is handed to the same search :mod:`compiled
<checker.linearizable.compiled>`, where Numba is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from checker.history import Op
from checker.linearizable import compiled
from checker.linearizable.decision import Budget, Decision
from checker.linearizable.states import full_name
from checker.linearizable.timeline import Timeline
from checker.linearizable.track import Track, of_ops
from checker.linearizable.transitions import ILLEGAL, NOT_TRIED, Crowded, Transitions
from checker.models import Model, State
from checker.progress import ENDINGS, part, report, why
from checker.values import Json
from checker.verdict import Outcome

__all__ = ["Budget", "Decision", "decide", "decide_all", "decide_track"]

NONE = -1
_MOST_STATES = 100
_OPEN_PER_CONFIGURATION = 30
"""A configuration weighs as much as so many entries in the lists of what is open."""
_PATIENCE = 20
"""After so small a share of all steps without a further answer the depth first walk gives up."""
_REPORT_EVERY = 100_000
"""So many steps are made before anybody is told, or can end it."""
LARGE = 100_000
"""So many ops are worth compiling for; fewer are searched plainly before that pays."""
PLAIN_STEPS = 2_000_000
"""The plain search of fewer ops spends so much, half a second or so, before the compiled one is loaded;
if that would have to be made first, it goes on."""


def decide(ops: Iterable[Op], model: Model, budget: Budget) -> Decision:
    """Judge the ops of one object, in order of invocation."""
    return decide_track(of_ops(ops, model), model, budget)


def decide_all(
    parts: Sequence[tuple[Json, Track]], model: Model, budget: Budget
) -> list[tuple[Json, Decision]]:
    """Judge objects one after another, within one budget; after an ending no further one is begun."""
    share = budget.shared(len(parts))
    total = sum(len(track) for _, track in parts)
    decided: list[tuple[Json, Decision]] = []
    done, stopped = 0, None
    for name, track in parts:
        if stopped is None:
            with part(done, total):
                decision = decide_track(track, model, share, fast=total >= LARGE)
            stopped = decision.stopped
        else:
            decision = untried(track, stopped)
        decided.append((name, decision))
        done += len(track)
    return decided


def decide_track(track: Track, model: Model, budget: Budget, *, fast: bool = False) -> Decision:
    """Judge one object; ``fast``: compiled at once. Raises what the model's ``step`` raises."""
    try:
        able = compiled.available()
        if able and (fast or len(track) >= LARGE):
            decision = compiled.decide(track, model, budget)
            if decision is not None:
                return decision
            able = False
        timeline = Timeline(track, most=budget.configurations * _OPEN_PER_CONFIGURATION)
        limit = budget.limit(len(timeline.answered))
        able = able and limit > PLAIN_STEPS
        first = Walk(timeline, model, budget, PLAIN_STEPS if able else limit).run()
        if not able or first.outcome is not Outcome.UNKNOWN or first.stopped is not None:
            return first
        decision = compiled.decide(track, model, budget) if compiled.warm() else None
        return decision or Walk(timeline, model, budget, limit).run()
    except ENDINGS as ending:
        return untried(track, why(ending))


def untried(track: Track, stopped: str) -> Decision:
    """Nothing is known of this object, since the search was ended before."""
    answers = track.ended[track.ended >= 0]
    if not len(answers):
        return Decision(outcome=Outcome.VALID, answers=0, explained=0, steps=0, stopped=stopped)
    first = int((track.ended == answers.min()).argmax())
    return Decision(
        outcome=Outcome.UNKNOWN,
        answers=len(answers),
        explained=0,
        steps=0,
        stuck=track.op(first),
        states=(),
        stopped=stopped,
    )


class _Used:
    """How many crashed ops of each class were used, in fields of one int.

    Each field has a guard bit on top, so that one subtraction compares them all.
    """

    def __init__(self, crashed: dict[int, int]) -> None:
        self.one: dict[int, int] = {}
        self.field: dict[int, tuple[int, int]] = {}
        self.guards = 0
        at = 0
        for kind, number in crashed.items():
            bits = number.bit_length()
            self.one[kind] = 1 << at
            self.field[kind] = at, (1 << bits) - 1
            self.guards |= 1 << (at + bits)
            at += bits + 1

    def count(self, used: int, kind: int) -> int:
        at, mask = self.field[kind]
        return used >> at & mask

    def total(self, used: int) -> int:
        """How many crashed ops were used."""
        return sum(self.count(used, kind) for kind in self.field) if used else 0

    def covers(self, more: int, less: int) -> bool:
        """Whether ``more`` used at least what ``less`` did, of every class."""
        return (more | self.guards) - less & self.guards == self.guards


Configuration: TypeAlias = tuple[int, int, int, int, int]
"""Which answer is next, the bits of the open ops that are placed, the state, the crashed ops used,
and the state before the last op if that was a crashed one, else NONE."""


class Walk:
    """The configurations of one object, in at most ``limit`` steps.

    Deep first, since most histories are fine and then luck holds; broad where it does not, since
    then only the configurations of one answer are kept.
    """

    def __init__(self, timeline: Timeline, model: Model, budget: Budget, limit: int) -> None:
        self.timeline, self.budget, self.limit = timeline, budget, limit
        self.transitions = Transitions(model, timeline.track.classes, budget.state_bytes)
        self.used = _Used(timeline.crashed)
        self.answers = len(timeline.answered)
        self.steps = 0
        self.told = 0
        self.explained = 0
        self.where: dict[State, None] = {}

    def run(self) -> Decision:
        try:
            outcome = self.deep(self.limit // _PATIENCE)
            if outcome is Outcome.UNKNOWN:
                outcome = self.broad()
        except ENDINGS as ending:
            return self.stopped(Outcome.UNKNOWN, why(ending))
        if outcome is not Outcome.VALID:
            return self.stopped(outcome)
        beyond = self.timeline.beyond
        return Decision(
            outcome=outcome if beyond is None else Outcome.UNKNOWN,
            answers=self.timeline.all_answers,
            explained=self.answers,
            steps=self.steps,
            stuck=beyond,
        )

    def deep(self, patience: int) -> Outcome:
        """Depth first, remembering what was tried; unknown after so many steps without progress."""
        give_up = patience
        self.seen: dict[tuple[int, int, int, int], list[int]] = {}
        stack = [(0, 0, 0, 0, NONE)]
        try:
            while stack:
                answer, placed, state, used, before = self.advance(*stack.pop(), self.answers)
                if answer == self.answers:
                    return Outcome.VALID
                if answer >= self.explained:
                    if answer > self.explained:
                        give_up = min(self.steps + patience, self.limit)
                    self.stand(answer, state)
                if self.steps > give_up:
                    return Outcome.UNKNOWN
                if self.steps > self.told:
                    self.tell()
                if len(self.seen) > self.budget.configurations:
                    self.seen.clear()  # costs time, not truth
                if self.is_new(answer, placed, state, used, before):
                    stack += reversed(self.branch(answer, placed, state, used, before))
        except Crowded:
            return Outcome.UNKNOWN
        return Outcome.INVALID

    def broad(self) -> Outcome:
        """Answer by answer, keeping all that explains those before it: no luck, least memory.

        Within an answer those that used fewest crashed ops go first, so that they rule others out.
        """
        states = self.transitions
        states.keep([states.model.init])
        layer: list[Configuration] = [(0, 0, 0, 0, NONE)]
        for answer in range(self.answers):
            self.seen = {}
            try:
                following = self.layer(answer, layer)
            except Crowded:
                return Outcome.UNKNOWN
            if following is None:
                return Outcome.UNKNOWN
            layer = [
                (answer + 1, placed, state, used, NONE)
                for (placed, state), several in following.items()
                for used in several
            ]
            if not layer:
                return Outcome.INVALID
            if 2 * states.bytes > states.most_bytes:
                layer = self.thinned(layer)
        return Outcome.VALID

    def layer(
        self, answer: int, layer: list[Configuration]
    ) -> dict[tuple[int, int], list[int]] | None:
        """All ways past one answer, as uses by (bits placed, state); None when the budget is spent."""
        following: dict[tuple[int, int], list[int]] = {}
        waiting = [(self.used.total(c[3]), c) for c in layer]
        heapify(waiting)
        while waiting:
            total, configuration = heappop(waiting)
            reached, placed, state, used, before = self.advance(*configuration, answer + 1)
            if reached > answer:
                self.keep(following, (placed, state), used)
                continue
            if answer >= self.explained:
                self.stand(answer, state)
            if self.is_new(answer, placed, state, used, before):
                for then in self.branch(answer, placed, state, used, before):
                    heappush(waiting, (total + (then[3] != used), then))
            if self.steps > self.told:
                self.tell()
            if self.steps > self.limit or len(self.seen) > self.budget.configurations:
                return None
        return following

    def thinned(self, layer: list[Configuration]) -> list[Configuration]:
        """The same layer; all states but its own are forgotten."""
        states = self.transitions.states
        number: dict[int, int] = {}
        for _, _, state, _, _ in layer:
            number.setdefault(state, len(number))
        self.transitions.keep([states[state] for state in number])
        return [
            (answer, placed, number[state], used, NONE) for answer, placed, state, used, _ in layer
        ]

    def advance(  # noqa: PLR0917  a configuration and its end
        self, answer: int, placed: int, state: int, used: int, before: int, until: int
    ) -> Configuration:
        """Place observers that are legal, and pass answers of placed ops, up to ``until``."""
        if answer == until:
            return answer, placed, state, used, before
        timeline, after = self.timeline, self.transitions.after[state]
        bit, class_of, answered = timeline.bit, timeline.class_of, timeline.answered
        fresh, looks = timeline.fresh, timeline.looks_at[answer]
        while True:
            self.steps += 1 + len(looks)
            for number in looks:
                if not placed & bit[number]:
                    kind = class_of[number]
                    found = after.get(kind, NOT_TRIED)
                    if found == NOT_TRIED:
                        found = self.transitions.step(state, kind)
                    if found == state:
                        placed |= bit[number]
                        before = NONE  # it was not legal there, else it would be placed
            here = bit[answered[answer]]
            if not placed & here:
                return answer, placed, state, used, before
            placed ^= here
            answer += 1
            if answer == until:
                return answer, placed, state, used, before
            looks = fresh[answer]

    def is_new(self, answer: int, placed: int, state: int, used: int, before: int) -> bool:
        """Remember a configuration, unless one was tried that used no more of any crashed op."""
        known = self.seen.get((answer, placed, state, before))
        if before != NONE:
            freer = self.seen.get((answer, placed, state, NONE), ())
            if any(self.used.covers(used, less) for less in freer):
                return False
        if known is None:
            self.seen[answer, placed, state, before] = [used]
            return True
        return self.add(known, used)

    def keep(
        self, layer: dict[tuple[int, int], list[int]], name: tuple[int, int], used: int
    ) -> None:
        known = layer.get(name)
        if known is None:
            layer[name] = [used]
        else:
            self.add(known, used)

    def add(self, known: list[int], used: int) -> bool:
        """Add to the least uses of a configuration; whether it is one of them."""
        covers = self.used.covers
        self.steps += len(known) >> 1
        if any(covers(used, less) for less in known):
            return False
        known[:] = [more for more in known if not covers(more, used)]
        known.append(used)
        return True

    def branch(
        self, answer: int, placed: int, state: int, used: int, before: int
    ) -> list[Configuration]:
        """Every op that may come next; the one whose answer is due first of all."""
        timeline = self.timeline
        tried: set[int] = set()
        found: list[Configuration] = []
        for number in timeline.acts_at[answer]:
            kind = timeline.class_of[number]
            if placed & timeline.bit[number] or kind in tried:
                continue
            tried.add(kind)
            then = self.then(state, kind)
            if then != ILLEGAL and (before == NONE or then != self.then(before, kind)):
                found.append((answer, placed | timeline.bit[number], then, used, NONE))
        for kind, number in timeline.crashed_at[answer]:
            if self.used.count(used, kind) < number:
                then = self.then(state, kind)
                if then in (ILLEGAL, state):
                    continue
                if before == NONE or then != self.then(before, kind):
                    found.append((answer, placed, then, used + self.used.one[kind], state))
        self.steps += len(found)
        return found

    def then(self, state: int, kind: int) -> int:
        found = self.transitions.after[state].get(kind, NOT_TRIED)
        return self.transitions.step(state, kind) if found == NOT_TRIED else found

    def stand(self, answer: int, state: int) -> None:
        """Remember how far it came, and all states in which it stood there."""
        if answer > self.explained:
            self.explained = answer
            self.where.clear()
        self.where[self.transitions.states[state]] = None

    def tell(self) -> None:
        self.told = self.steps + _REPORT_EVERY
        report(self.explained, self.timeline.all_answers, "answers")

    def stopped(self, outcome: Outcome, reason: str | None = None) -> Decision:
        timeline = self.timeline
        number = timeline.answered[self.explained]
        op = timeline.track.op
        there = (*timeline.acts_at[self.explained], *timeline.looks_at[self.explained])
        return Decision(
            outcome=outcome,
            answers=timeline.all_answers,
            explained=self.explained,
            steps=self.steps,
            stuck=op(number),
            others=tuple(op(other) for other in sorted(there) if other != number),
            states=tuple(sorted(self.where, key=full_name)[:_MOST_STATES]),
            stopped=reason,
        )
