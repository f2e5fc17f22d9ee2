"""The search of :mod:`checker.linearizable.frontier`, compiled: some thirty times as fast, where Numba is.

The model's step is called once for each state and class of ops that meet, when they do, and fills a
table; the rest is done over ints by :mod:`checker.linearizable.kernel`. So it serves every model, the
better the fewer states it has. What does not suit it is left to the plain search (None): more than
63 ops open at once, or hardly a step without a new state.

Same verdicts and same counterexamples as the plain search; where a budget ends, either may have
come further.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from checker.linearizable.decision import Budget, Decision
from checker.linearizable.states import full_name
from checker.linearizable.track import Track
from checker.linearizable.transitions import ILLEGAL, NOT_TRIED, Crowded, Transitions
from checker.models import Model, State
from checker.progress import ENDINGS, report, why
from checker.values import Ints
from checker.verdict import Outcome

if TYPE_CHECKING:
    from checker.linearizable.kernel import Halves, Line, Nodes

_PATIENCE = 20
"""As in the plain search."""
_TURN = 4_000_000
"""So many steps are made before anybody is told, or can end it: some 50 ms."""
_OPEN_PER_CONFIGURATION = 30
_WORD = 62
_MOST_WORDS = 8
_FIRST_ROOM = 1 << 12
_MOST_ENTRIES = 1 << 25
_MISSES = 20_000
_STEPS_PER_MISS = 8
"""Where more than so many entries are missing, and fewer steps are made for each, it does not pay."""
_MOST_STATES = 100


class Unsuited(Exception):  # noqa: N818
    """This object is for the plain search."""


def available() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


def kernel() -> ModuleType:
    """The compiled functions. To load them takes half a second; to make them, once a machine, fifteen."""
    from checker.linearizable import kernel as found  # noqa: PLC0415  slow to import

    return found


def warm() -> bool:
    """Whether Numba kept what it once made of the kernel, so that it need only be loaded."""
    code = kernel()
    if not available():
        return False
    cache = getattr(code.broad, "_cache", None)
    if cache is None:
        return False
    version = "".join(map(str, sys.version_info[:2]))
    kept = Path(str(cache.cache_path)).glob(f"kernel.broad-*.py{version}.nbi")
    source = Path(str(code.__file__)).stat().st_mtime
    return any(index.stat().st_mtime >= source for index in kept)


def decide(track: Track, model: Model, budget: Budget) -> Decision | None:
    """Judge one object; None where that is for the plain search. Raises what the step raises."""
    try:
        return Search(track, model, budget).run()
    except Unsuited:
        return None


@dataclass(frozen=True, eq=False)
class Plan:
    """The line of a track, and what people need of it: the op of each answer, and the ops' answers.

    ``beyond`` is the op whose answer is the first for which there was no room, or -1.
    """

    line: Line
    answered: Ints
    answers: int
    beyond: int


def plan(track: Track, most: int) -> Plan:
    """Lay out what is open when, in at most so many entries. Raises Unsuited."""
    code = kernel()
    n = len(track)
    ok = np.flatnonzero(track.ended >= 0)
    order = ok[np.argsort(track.ended[ok], kind="stable")]
    place = np.full(n, len(order), np.int64)
    place[order] = np.arange(len(order))
    look = np.array(track.looks, np.bool_)[track.kind] if n else np.zeros(0, np.bool_)
    crashed = track.ended < 0
    room = min(most, 64 * len(order))
    acts, looks = np.empty(room, np.int32), np.empty(room, np.int32)
    fresh = np.empty(max(int(look.sum()), 1), np.int32)
    acts_at, looks_at, fresh_at = (np.zeros(len(order) + 1, np.int64) for _ in range(3))
    due, answered = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
    bit, sizes = np.zeros(n, np.int64), np.zeros(3, np.int64)
    available_at = np.full(n, len(order), np.int64)  # after all answers, unless invoked before one
    count = code.play(
        track.invoked, track.ended[order], look, crashed, bit, sizes, acts_at, acts, looks_at,
        looks, fresh_at, fresh, due, answered, place, available_at,
    )  # fmt: skip
    if count < 0:
        raise Unsuited
    crashes = np.flatnonzero(crashed)
    crashes = crashes[np.argsort(track.kind[crashes], kind="stable")]
    crash_kind, crash_at = np.unique(track.kind[crashes], return_index=True)
    ends = np.append(crash_at, len(crashes))
    word, shift, mask, guards = _fields(np.diff(ends).tolist())
    line: Line = code.Line(
        due=due[:count],
        acts_at=acts_at[: count + 1],
        acts=acts[: sizes[0]].copy(),
        looks_at=looks_at[: count + 1],
        looks=looks[: sizes[1]].copy(),
        fresh_at=fresh_at[: count + 1],
        fresh=fresh,
        bit=bit,
        kind=track.kind,
        crash_kind=crash_kind.astype(np.int64),
        crash_at=ends.astype(np.int64),
        crash_from=available_at[crashes],
        crash_word=word,
        crash_shift=shift,
        crash_mask=mask,
        guards=guards,
    )
    beyond = int(order[count]) if count < len(order) else -1
    return Plan(line=line, answered=answered[:count], answers=len(order), beyond=beyond)


def _fields(counts: list[int]) -> tuple[Ints, Ints, Ints, Ints]:
    """Of each class its word, shift and mask, and the guard bits of each word."""
    word, shift, mask, guards = [], [], [], [0]
    at = 0
    for count in counts:
        bits = count.bit_length()
        if at + bits + 1 > _WORD:
            guards.append(0)
            at = 0
        word.append(len(guards) - 1)
        shift.append(at)
        mask.append((1 << bits) - 1)
        guards[-1] |= 1 << (at + bits)
        at += bits + 1
    if len(guards) > _MOST_WORDS:
        raise Unsuited
    fields = [np.array(some, np.int64) for some in (word, shift, mask, guards)]
    return fields[0], fields[1], fields[2], fields[3]


class Search:
    """One object: the arrays that the kernel works in, which grow here, and the table."""

    def __init__(self, track: Track, model: Model, budget: Budget) -> None:
        self.code = kernel()
        self.track, self.model, self.budget = track, model, budget
        self.plan = plan(track, budget.configurations * _OPEN_PER_CONFIGURATION)
        self.line = self.plan.line
        self.answers = len(self.plan.answered)
        self.limit = budget.limit(self.answers)
        self.registers = np.zeros(self.code.REGISTERS, np.int64)
        self.used = np.zeros(len(self.line.guards), np.int64)
        self.misses = 0
        self.spent = 0
        self.explained = 0
        self.where: set[int] = set()
        self.states = Transitions(model, track.classes, budget.state_bytes)
        kinds = max(len(track.classes), 1)
        self.table = np.full((max(_FIRST_ROOM // kinds, 2), kinds), NOT_TRIED, np.int32)

    def run(self) -> Decision:
        try:
            outcome = self.deep()
            if outcome is Outcome.UNKNOWN:
                outcome = self.broad()
        except Crowded as error:
            raise Unsuited from error
        except ENDINGS as ending:
            return self.stopped(Outcome.UNKNOWN, why(ending))
        if outcome is not Outcome.VALID:
            return self.stopped(outcome)
        beyond = self.plan.beyond
        return Decision(
            outcome=outcome if beyond < 0 else Outcome.UNKNOWN,
            answers=self.plan.answers,
            explained=self.answers,
            steps=self.steps,
            stuck=None if beyond < 0 else self.track.op(beyond),
        )

    @property
    def steps(self) -> int:
        return self.spent + int(self.registers[self.code.STEPS])

    def deep(self) -> Outcome:
        """Depth first; unknown after a share of all steps without a further answer."""
        code, registers = self.code, self.registers
        nodes = self.nodes(_FIRST_ROOM)
        stack, places = np.zeros(_FIRST_ROOM, np.int32), np.zeros(_FIRST_ROOM, np.int64)
        answer, placed = self.root()
        if answer == self.answers:
            return Outcome.VALID
        registers[code.BEST] = answer
        code.offer(self.line, self.registers, nodes, 0, answer, placed, 0, code.NONE, self.used)
        registers[code.COUNT] = registers[code.DEPTH] = 1
        forgot, best, give_up = False, -1, 0
        while True:
            if registers[code.BEST] > best:
                best = int(registers[code.BEST])
                give_up = min(self.steps + self.limit // _PATIENCE, self.limit)
            self.turn(give_up)
            ended = code.deep(self.line, self.table, registers, nodes, stack, places, self.used)
            if ended == code.EXPLAINED:
                return Outcome.VALID
            if ended == code.MISSING:
                self.fill()
                continue
            self.remember(nodes)
            if ended == code.EXHAUSTED:
                return Outcome.UNKNOWN if forgot else Outcome.INVALID
            if ended == code.PAUSED and self.steps >= give_up and registers[code.BEST] == best:
                return Outcome.UNKNOWN
            if ended == code.FULL and len(stack) >= self.budget.configurations:
                forgot = True
                self.restart(nodes, stack, places)
            elif ended == code.FULL:
                nodes = self.larger(nodes, int(registers[code.COUNT]))
                stack = np.concatenate([stack, np.zeros_like(stack)])
                places = np.concatenate([places, np.zeros_like(places)])

    def root(self) -> tuple[int, int]:
        """Where it begins: what observers say of the first state."""
        while True:
            answer, placed, _ = self.code.advance(
                self.line, self.table, self.registers, 0, 0, 0, self.code.NONE, self.answers
            )
            if answer >= 0:
                return int(answer), int(placed)
            self.fill()

    def restart(self, nodes: Nodes, stack: Halves, places: Ints) -> None:
        """Go on from the top of the stack alone: nothing before it will be tried again."""
        code, registers = self.code, self.registers
        node = int(stack[registers[code.DEPTH] - 1])
        top = [int(column[node]) for column in nodes[:4]]
        used = nodes.used[node].copy()
        code.forget(nodes, int(registers[code.COUNT]))
        code.offer(self.line, self.registers, nodes, 0, *top, used)
        stack[0], places[0] = 0, 0
        registers[code.COUNT] = registers[code.DEPTH] = 1

    def broad(self) -> Outcome:
        """Answer by answer: no luck, least memory; unknown when steps or room are spent."""
        code = self.code
        self.spent = self.steps
        registers = self.registers
        registers[:] = 0
        here, one, two = (self.nodes(_FIRST_ROOM) for _ in range(3))
        buckets = np.full(len(self.line.crash_from) + 2, -1, np.int32)
        waiting = np.full(_FIRST_ROOM, -1, np.int32)
        self.used[:] = 0
        code.offer(self.line, registers, one, 0, 0, 0, 0, code.NONE, self.used)
        registers[code.SOURCES] = 1
        registers[code.BUCKET], registers[code.TOP] = len(buckets), -1
        registers[code.CURRENT] = -1
        while True:
            self.turn(self.limit)
            ended = code.broad(
                self.line, self.table, registers, here, one, two, buckets, waiting, self.used
            )
            if ended == code.EXPLAINED:
                return Outcome.VALID
            if ended == code.MISSING:
                self.fill()
                continue
            if ended == code.EXHAUSTED:
                self.where.clear()  # the same, or only some of them
                self.remember(here)
                return Outcome.INVALID
            self.remember(here)
            if ended == code.PAUSED and self.steps >= self.limit:
                return Outcome.UNKNOWN
            if ended == code.FULL:
                if len(waiting) >= self.budget.configurations:
                    return Outcome.UNKNOWN
                flip = bool(registers[code.FLIP])
                counts = registers[[code.SOURCES, code.FOLLOWING]].tolist()
                here = self.larger(here, int(registers[code.COUNT]))
                one = self.larger(one, counts[flip])
                two = self.larger(two, counts[not flip])
                waiting = np.concatenate([waiting, np.full_like(waiting, -1)])

    def turn(self, until: int) -> None:
        """Before a call: say how far it is, and how long the call may go on."""
        code = self.code
        report(int(self.registers[code.BEST]), self.plan.answers, "answers")
        steps = int(self.registers[code.STEPS])
        self.registers[code.PAUSE] = min(steps + _TURN, until - self.spent)

    def fill(self) -> None:
        """Ask the model for the entry that is missing."""
        code, states = self.code, self.states
        state, kind = int(self.registers[code.STATE]), int(self.registers[code.KIND])
        self.misses += 1
        if self.misses > _MISSES and self.misses * _STEPS_PER_MISS > self.steps:
            raise Unsuited
        found = states.step(state, kind)
        if found >= len(self.table):
            if 2 * self.table.size > _MOST_ENTRIES:
                raise Unsuited
            self.table = np.concatenate([self.table, np.full_like(self.table, NOT_TRIED)])
        assert found >= ILLEGAL
        self.table[state, kind] = found

    def nodes(self, room: int) -> Nodes:
        made: Nodes = self.code.Nodes(
            answer=np.empty(room, np.int32),
            placed=np.empty(room, np.int64),
            state=np.empty(room, np.int32),
            before=np.empty(room, np.int32),
            used=np.empty((room, len(self.used)), np.int64),
            link=np.empty(room, np.int32),
            alive=np.empty(room, np.bool_),
            heads=np.full(2 * room, -1, np.int32),
        )
        return made

    def larger(self, nodes: Nodes, count: int) -> Nodes:
        """Twice the room, the same nodes."""
        made = self.nodes(2 * len(nodes.answer))
        for name in nodes._fields[:-1]:
            getattr(made, name)[:count] = getattr(nodes, name)[:count]
        self.code.rehash(made, count)
        return made

    def remember(self, nodes: Nodes) -> None:
        """Where it stands: how many answers are explained, and the states before the next one."""
        best, count = self.registers[[self.code.BEST, self.code.COUNT]].tolist()
        if best > self.explained:
            self.where.clear()
        if best >= self.explained:
            self.explained = best
            at = nodes.answer[:count] == best
            self.where.update(nodes.state[:count][at].tolist())

    def stopped(self, outcome: Outcome, reason: str | None = None) -> Decision:
        line, track = self.line, self.track
        best = int(self.registers[self.code.BEST])
        if best > self.explained:
            self.explained = best
            self.where.clear()
        explained = self.explained
        number = int(self.plan.answered[explained])
        open_now = [
            int(op)
            for ops, at in ((line.acts, line.acts_at), (line.looks, line.looks_at))
            for op in ops[at[explained] : at[explained + 1]]
            if op != number
        ]
        states: list[State] = [self.states.states[state] for state in self.where]
        return Decision(
            outcome=outcome,
            answers=self.plan.answers,
            explained=explained,
            steps=self.steps,
            stuck=track.op(number),
            others=tuple(track.op(op) for op in sorted(open_now)),
            states=tuple(sorted(states, key=full_name)[:_MOST_STATES]),
            stopped=reason,
        )
