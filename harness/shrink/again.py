"""Hunting again, in less: what was asked for, with half of the time, of the ops, of the faults, and other seeds.

Leaving out parts of one trial keeps its luck, and ends where that is needed. What is asked for is no luck:
so as long as a smaller hunt finds the bug too, the search begins with what that found. It is what people
do by hand; and each finding is another beginning, of which some end smaller than others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.shrink.freeze import freeze, with_faults
from harness.shrink.search import Search
from harness.shrink.size import MOST_OPS, MOST_WINDOWS, size_of
from harness.trial import NO_FAULTS, Trial

WORK = 60_000
"""So much may one hunt in less come to, in ops that clients ask for: 150 trials of 400."""

IDLE_RATE = 100
"""Nodes that nobody asks for anything do as much as with so many ops a second."""

MOST_SEEDS = 200

FEW_OPS = 4 * MOST_OPS
"""With so few ops, and no more windows than a person can take in, the rest is left to the other reductions."""


class Again:
    """Other findings of what was ``asked`` for: each time that it :meth:`finds`, the search has another.

    Of the trials that failed, each with less asked for than the one before, it begins with the last, and goes
    back turn by turn: what is found in the least may need more luck than a person can take in, where
    one window more would have done.
    """

    def __init__(self, search: Search, asked: Trial) -> None:
        self._search, self._asked = search, asked
        self.steps: list[Trial] = []
        """What was asked for, and less and less of it, in which the check still failed; none: nobody has tried."""
        self._turn = 0

    def finds(self) -> bool:
        """Whether there is one. It is data: its faults are resolved and its ops written down."""
        if not self.steps:
            self.steps = hunt_in_less(self._search, self._asked)
            return len(self.steps) > 1 and self._as_data()
        step = self.steps[-1 - self._turn % len(self.steps)]
        self._turn += 1
        less = [step] if self._asked.ops is not None else [*_halved(step), step]
        trials = _seeded(self._asked, less, self._turn)
        place = self._search.attempt(trials, ())
        if place is None:
            return False
        found = replace(trials[place], seed=self._asked.seed)
        if step is self.steps[-1] and found != step:
            self.steps.append(found)
        return self._as_data()

    def _as_data(self) -> bool:
        best, run = self._search.best, self._search.look().run
        drawn = with_faults(best, run.plan)
        return self._search.attempt([freeze(best, run), drawn], ()) is not None


def hunt_in_less(search: Search, asked: Trial) -> list[Trial]:
    """What was ``asked`` for, and less and less of it, in which the check still fails; the search has what failed.

    Of a trial that is data already nothing is drawn: it is given back alone.
    """
    steps = [asked]
    while asked.ops is None and not _few(steps[-1]):
        trials = _seeded(asked, list(_halved(steps[-1])), 0)
        place = search.attempt(trials, ())
        if place is None:
            break
        steps.append(replace(trials[place], seed=asked.seed))
    return steps


def _few(trial: Trial) -> bool:
    size = size_of(trial)
    return size.windows <= MOST_WINDOWS and trial.rate * trial.time_ms <= FEW_OPS * 1000


def _seeded(asked: Trial, less: Sequence[Trial], turn: int) -> list[Trial]:
    """These with other seeds, by turns: which of them fails often is not known beforehand."""
    each = sum(trial.time_ms * (trial.rate + IDLE_RATE) for trial in less) // 1000
    number = max(1, min(MOST_SEEDS, WORK // max(1, each)))
    return [replace(t, seed=f"{asked.seed}/{turn}/{n}") for n in range(number) for t in less]


def _halved(trial: Trial) -> Iterator[Trial]:
    """The same without what is asked at the end; in half of the time; with half of the ops; without one of the faults."""
    if trial.final:
        yield replace(trial, final=False)
    time_ms = trial.time_ms // 2
    if time_ms > trial.calm_ms:
        shorter = replace(trial, time_ms=time_ms)
        if trial.plan is not None:
            shorter = with_faults(shorter, [w for w in trial.windows() if w.at_ms < time_ms])
        yield shorter
    if trial.rate > 1:
        yield replace(trial, rate=trial.rate // 2)
    for gone in trial.faults:
        others = ",".join(name for name in trial.faults if name != gone)
        yield replace(trial, nemesis=others or NO_FAULTS)
