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
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from checker.history import FAIL, INFO, OK, Op
from checker.models import Illegal, Model, State
from checker.values import identity
from checker.verdict import Outcome

_NOT_TRIED, _ILLEGAL, _NONE = -2, -1, -1
_MOST_STATES = 100
_LEAST_STEPS = 100_000
_OPEN_PER_CONFIGURATION = 30
"""A configuration weighs as much as so many entries in the lists of what is open."""
_PATIENCE = 20
"""After so small a share of all steps without a further answer the depth first walk gives up."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """For one object: ``steps`` and ``steps_per_answer`` for each of its answers.

    A step is about a quarter of a microsecond, a configuration 300 bytes.
    """

    steps: int = 20_000_000
    steps_per_answer: int = 200
    configurations: int = 1_000_000

    def shared(self, objects: int) -> Budget:
        """For each of so many objects, so that all together cost little more than one."""
        return replace(
            self, steps=max(self.steps // max(objects, 1), min(self.steps, _LEAST_STEPS))
        )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """``explained`` answers of ``answers`` can be explained; all of them if the outcome is valid.

    Else ``stuck`` is the op whose answer is the first that cannot be (invalid) or was not reached
    (unknown), ``others`` the ops that were open then, and ``states`` what the object can have held
    just before that answer.
    """

    outcome: Outcome
    answers: int
    explained: int
    steps: int
    stuck: Op | None = None
    others: tuple[Op, ...] = ()
    states: tuple[State, ...] = ()


def decide(ops: Iterable[Op], model: Model, budget: Budget) -> Decision:
    """Judge the ops of one object, in order of invocation."""
    timeline = Timeline(ops, model, most=budget.configurations * _OPEN_PER_CONFIGURATION)
    return _Walk(timeline, Transitions(model, timeline.classes), budget).run()


class Timeline:
    """What is open when: ops are numbered by invocation, and have a bit as long as they are open.

    ``answered`` are the ops in order of their answers. Before each answer, ``open_at`` are the open
    ops in the order in which they will be answered, ``fresh`` those of them that were not yet open
    before the previous answer, and ``crashed_at`` how many crashed ops of each class had been
    invoked, as (class, number). Ops of a class ask and answer the same. A timeline that would hold
    more than ``most`` open ops in all ends early: ``beyond`` is the op whose answer is the first that
    it leaves out.
    """

    def __init__(self, ops: Iterable[Op], model: Model, *, most: int) -> None:
        self.ops = [op for op in ops if op.type != FAIL or model.fails]
        self.classes: list[Op] = []
        self.class_of: list[int] = []
        known: dict[Hashable, int] = {}
        for op in self.ops:
            name = (
                op.f,
                op.type,
                identity(op.key),
                identity(op.argument),
                identity(op.result) if op.type == OK else None,
                op.process if model.processes else None,
            )
            if name not in known:
                known[name] = len(self.classes)
                self.classes.append(op)
            self.class_of.append(known[name])
        self.observer = [op.f in model.observers or op.type == FAIL for op in self.ops]
        self.bit = [0] * len(self.ops)
        self.answered: list[int] = []
        self.open_at: list[tuple[int, ...]] = []
        self.fresh: list[tuple[int, ...]] = []
        self.crashed_at: list[tuple[tuple[int, int], ...]] = []
        self.beyond: Op | None = None
        self._play(most)

    def _play(self, most: int) -> None:
        invoked = [(op.invoked, number) for number, op in enumerate(self.ops)]
        ended = [
            (op.completed, ~number)
            for number, op in enumerate(self.ops)
            if op.type != INFO and op.completed is not None
        ]
        ended.sort()
        self.all_answers = len(ended)
        place = {~number: i for i, (_, number) in enumerate(ended)}
        opened: list[int] = []
        free: list[int] = []
        width = 0
        new: list[int] = []
        crashed: dict[int, int] = {}
        counts: tuple[tuple[int, int], ...] = ()
        for _, number in sorted([*invoked, *ended]):
            if number < 0:
                most -= len(opened)
                if most < 0:
                    self.beyond = self.ops[~number]
                    break
                self.answered.append(~number)
                self.open_at.append(tuple(sorted(opened, key=place.__getitem__)))
                self.fresh.append(tuple(new))
                self.crashed_at.append(counts)
                new = []
                opened.remove(~number)
                free.append(self.bit[~number])
            elif number in place:
                if not free:
                    free.append(1 << width)
                    width += 1
                self.bit[number] = free.pop()
                opened.append(number)
                new.append(number)
            else:
                kind = self.class_of[number]
                crashed[kind] = crashed.get(kind, 0) + 1
                counts = tuple(crashed.items())
        self.crashed = crashed


class Transitions:
    """The model's steps, between numbered states, each asked for once."""

    def __init__(self, model: Model, classes: list[Op]) -> None:
        self.model, self.classes = model, classes
        self.states: list[State] = []
        self.after: list[dict[int, int]] = []
        self._numbers: dict[State, int] = {}
        self.start = self._number(model.init)

    def _number(self, state: State) -> int:
        found = self._numbers.get(state)
        if found is None:
            found = self._numbers[state] = len(self.states)
            self.states.append(state)
            self.after.append({})
        return found

    def step(self, state: int, kind: int) -> int:
        """The state after an op of this class, or _ILLEGAL."""
        after = self.model.step(self.states[state], self.classes[kind])
        found = _ILLEGAL if isinstance(after, Illegal) else self._number(after)
        self.after[state][kind] = found
        return found


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
and the state before the last op if that was a crashed one, else _NONE."""


class _Walk:
    """The configurations of one object.

    Deep first, since most histories are fine and then luck holds; broad where it does not, since
    then only the configurations of one answer are kept.
    """

    def __init__(self, timeline: Timeline, transitions: Transitions, budget: Budget) -> None:
        self.timeline, self.transitions, self.budget = timeline, transitions, budget
        self.used = _Used(timeline.crashed)
        self.answers = len(timeline.answered)
        self.limit = budget.steps + budget.steps_per_answer * self.answers
        self.steps = 0
        self.explained = 0

    def run(self) -> Decision:
        outcome = self.deep(self.limit // _PATIENCE)
        if outcome is Outcome.UNKNOWN:
            outcome = self.broad()
        if outcome is Outcome.VALID:
            beyond = self.timeline.beyond
            return Decision(
                outcome=outcome if beyond is None else Outcome.UNKNOWN,
                answers=self.timeline.all_answers,
                explained=self.answers,
                steps=self.steps,
                stuck=beyond,
            )
        return self.stopped(outcome)

    def deep(self, patience: int) -> Outcome:
        """Depth first, remembering what was tried; unknown after so many steps without progress."""
        give_up = patience
        self.seen: dict[tuple[int, int, int, int], list[int]] = {}
        stack = [(0, 0, self.transitions.start, 0, _NONE)]
        while stack:
            answer, placed, state, used, before = self.advance(*stack.pop(), self.answers)
            if answer == self.answers:
                return Outcome.VALID
            if answer > self.explained:
                self.explained, give_up = answer, min(self.steps + patience, self.limit)
            if self.steps > give_up:
                return Outcome.UNKNOWN
            if len(self.seen) > self.budget.configurations:
                self.seen.clear()  # costs time, not truth
            if self.is_new(answer, placed, state, used, before):
                stack += reversed(self.branch(answer, placed, state, used, before))
        return Outcome.INVALID

    def broad(self) -> Outcome:
        """Answer by answer, keeping all that explains those before it: no luck, least memory.

        Within an answer those that used fewest crashed ops go first, so that they rule others out.
        """
        layer: list[Configuration] = [(0, 0, self.transitions.start, 0, _NONE)]
        for answer in range(self.answers):
            self.seen, self.explained = {}, answer
            following: dict[tuple[int, int], list[int]] = {}
            waiting = [(self.used.total(c[3]), c) for c in layer]
            heapify(waiting)
            while waiting:
                total, configuration = heappop(waiting)
                reached, placed, state, used, before = self.advance(*configuration, answer + 1)
                if reached > answer:
                    self.keep(following, (placed, state), used)
                elif self.is_new(answer, placed, state, used, before):
                    for then in self.branch(answer, placed, state, used, before):
                        heappush(waiting, (total + (then[3] != used), then))
                if self.steps > self.limit or len(self.seen) > self.budget.configurations:
                    return Outcome.UNKNOWN
            layer = [
                (answer + 1, placed, state, used, _NONE)
                for (placed, state), several in following.items()
                for used in several
            ]
            if not layer:
                return Outcome.INVALID
        return Outcome.VALID

    def advance(  # noqa: PLR0917  a configuration and its end
        self, answer: int, placed: int, state: int, used: int, before: int, until: int
    ) -> Configuration:
        """Place observers that are legal, and pass answers of placed ops, up to ``until``."""
        if answer == until:
            return answer, placed, state, used, before
        timeline, after = self.timeline, self.transitions.after[state]
        bit, class_of, answered = timeline.bit, timeline.class_of, timeline.answered
        observer, candidates = timeline.observer, timeline.open_at[answer]
        while True:
            self.steps += 1 + len(candidates)
            for number in candidates:
                if observer[number] and not placed & bit[number]:
                    kind = class_of[number]
                    found = after.get(kind, _NOT_TRIED)
                    if found == _NOT_TRIED:
                        found = self.transitions.step(state, kind)
                    if found == state:
                        placed |= bit[number]
                        before = _NONE  # it was not legal there, else it would be placed
            here = bit[answered[answer]]
            if not placed & here:
                return answer, placed, state, used, before
            placed ^= here
            answer += 1
            if answer == until:
                return answer, placed, state, used, before
            candidates = timeline.fresh[answer]

    def is_new(self, answer: int, placed: int, state: int, used: int, before: int) -> bool:
        """Remember a configuration, unless one was tried that used no more of any crashed op."""
        known = self.seen.get((answer, placed, state, before))
        if before != _NONE:
            freer = self.seen.get((answer, placed, state, _NONE), ())
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
        for number in timeline.open_at[answer]:
            kind = timeline.class_of[number]
            if placed & timeline.bit[number] or kind in tried:
                continue
            tried.add(kind)
            then = self.then(state, kind)
            if then != _ILLEGAL and (before == _NONE or then != self.then(before, kind)):
                found.append((answer, placed | timeline.bit[number], then, used, _NONE))
        for kind, number in timeline.crashed_at[answer]:
            if self.used.count(used, kind) < number:
                then = self.then(state, kind)
                if then in (_ILLEGAL, state):
                    continue
                if before == _NONE or then != self.then(before, kind):
                    found.append((answer, placed, then, used + self.used.one[kind], state))
        self.steps += len(found)
        return found

    def then(self, state: int, kind: int) -> int:
        found = self.transitions.after[state].get(kind, _NOT_TRIED)
        return self.transitions.step(state, kind) if found == _NOT_TRIED else found

    def stopped(self, outcome: Outcome) -> Decision:
        timeline = self.timeline
        number = timeline.answered[self.explained]
        states = dict.fromkeys(
            state for answer, _, state, _ in self.seen if answer == self.explained
        )
        others = [other for other in timeline.open_at[self.explained] if other != number]
        return Decision(
            outcome=outcome,
            answers=timeline.all_answers,
            explained=self.explained,
            steps=self.steps,
            stuck=timeline.ops[number],
            others=tuple(timeline.ops[other] for other in others),
            states=tuple(self.transitions.states[s] for s in list(states)[:_MOST_STATES]),
        )
