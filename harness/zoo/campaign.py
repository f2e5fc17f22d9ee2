"""Hunts for many mutants on all cores, and the same trials by their unmutated twins.

Work is cut into stretches of a CPU second or so: the hunts of all mutants advance together, and an
interruption ends within one. Which trial finds a mutant depends on no timing, unless the budget of
CPU seconds ends a hunt.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeAlias

from checker.verdict import Outcome
from harness.trial import Trial
from harness.workers import begin
from harness.zoo.diary import Diary
from harness.zoo.hunt import Hunt, Judged, judged, stretch
from harness.zoo.mutant import Mutant
from harness.zoo.record import Record

STRETCH_S = 1.0
TWIN_TRIALS = 8
"""How many trials of a twin are one task."""

Settle: TypeAlias = Callable[[Any], None]
"""What is done with the result of a task."""
Task: TypeAlias = tuple[Callable[[], Any], Settle]


class Campaign:
    """``hunts`` hunts for each mutant, on ``jobs`` processes, each for at most ``budget_s`` CPU s.

    Iterating plays it, and gives after each task the records that it completed, mostly none;
    :meth:`records` tells what is known at any time, of those that are not complete as well.
    """

    def __init__(
        self,
        mutants: Sequence[Mutant],
        *,
        hunts: int,
        jobs: int,
        budget_s: float,
        base: str,
        diary: Diary | None = None,
    ) -> None:
        self.mutants, self.jobs, self.budget_s = mutants, jobs, budget_s
        self.diary = diary or Diary(None)
        self.hunts = {
            m.name: [Hunt(mutant=m, base=base, index=i) for i in range(hunts)] for m in mutants
        }
        self.twins: dict[str, tuple[str, ...] | None] = {}
        """What was said of each twin's trial (its command), played once for all mutants of the
        twin; None: not yet known."""
        self.tasks: deque[Task] = deque()
        self.complete: set[str] = set()

    def __iter__(self) -> Iterator[list[Record]]:
        for hunts in self.hunts.values():
            for hunt in hunts:
                self.diary.recall(hunt)
                self._go_on(hunt)
        context = get_context("forkserver")
        with ProcessPoolExecutor(
            # Ctrl-C is for the process that started the others: it lets them finish and ends them.
            self.jobs, mp_context=context, initializer=begin, initargs=(signal.SIG_IGN,)
        ) as pool:  # fmt: skip
            running: dict[Future[Any], Settle] = {}
            try:
                yield self._newly_complete()
                while running or self.tasks:
                    while self.tasks and len(running) < self.jobs + 1:
                        task, settle = self.tasks.popleft()
                        running[pool.submit(task)] = settle
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        running.pop(done)(done.result())
                    yield self._newly_complete()
            finally:
                for future in running:
                    future.cancel()

    def _go_on(self, hunt: Hunt) -> None:
        """Queue the next stretch of a hunt, or, when it is over, its trials for the twin."""
        if hunt.over(self.budget_s):
            self._confront(hunt)
            return
        most_s = min(STRETCH_S, self.budget_s - hunt.cpu_s)
        task = partial(stretch, hunt, most_s=most_s)
        self.tasks.append((task, partial(self._advance, hunt)))

    def _advance(self, hunt: Hunt, seen: list[Judged]) -> None:
        for one in seen:
            hunt.take(one)
        if hunt.over(self.budget_s):
            self.diary.keep(hunt)
        self._go_on(hunt)

    def _confront(self, hunt: Hunt) -> None:
        """Queue those of the twin's trials that no other mutant's hunt has queued."""
        trials = (hunt.twins_nth(i) for i in range(hunt.trials))
        new = {command: t for t in trials if (command := t.command("sim")) not in self.twins}
        self.twins |= {command: self.diary.said(command) for command in new}
        commands = [command for command in new if self.twins[command] is None]
        for first in range(0, len(commands), TWIN_TRIALS):
            some = commands[first : first + TWIN_TRIALS]
            task = partial(_sayings, [new[command] for command in some])
            self.tasks.appendleft((task, partial(self._learn, some)))

    def _learn(self, commands: Sequence[str], said: list[tuple[str, ...]]) -> None:
        for command, sayings in zip(commands, said, strict=True):
            self.twins[command] = sayings
            self.diary.keep_said(command, sayings)

    def _newly_complete(self) -> list[Record]:
        new = [m for m in self.mutants if m.name not in self.complete and self._is_complete(m)]
        self.complete |= {mutant.name for mutant in new}
        return [self.record(mutant) for mutant in new]

    def _is_complete(self, mutant: Mutant) -> bool:
        hunts = self.hunts[mutant.name]
        return all(h.over(self.budget_s) for h in hunts) and all(
            self.twins.get(command) is not None for h in hunts for command in _twins_of(h)
        )

    def record(self, mutant: Mutant) -> Record:
        """What is known of a mutant by now: its hunts that are over, the twin's trials that are."""
        over = [hunt for hunt in self.hunts[mutant.name] if hunt.over(self.budget_s)]
        said = {c: self.twins.get(c) for hunt in over for c in _twins_of(hunt)}
        return Record(
            mutant=mutant,
            hunts=over,
            twin_trials=sum(sayings is not None for sayings in said.values()),
            twin_complaints=[
                f"{what} ({c})"
                for c, sayings in said.items()
                for what in sayings or ()
                if not is_vacuous(what)
            ],
            twin_vacuous=sum(any(map(is_vacuous, sayings or ())) for sayings in said.values()),
            complete=self._is_complete(mutant),
        )

    def records(self) -> list[Record]:
        """Of all mutants, in the zoo's order."""
        return [self.record(mutant) for mutant in self.mutants]

    @property
    def trials(self) -> int:
        """Trials of mutants played so far."""
        return sum(hunt.trials for hunts in self.hunts.values() for hunt in hunts)

    @property
    def cpu_s(self) -> float:
        """CPU seconds they took."""
        return sum(hunt.cpu_s for hunts in self.hunts.values() for hunt in hunts)


def _twins_of(hunt: Hunt) -> list[str]:
    """The commands of the twin's trials."""
    return [hunt.twins_nth(number).command("sim") for number in range(hunt.trials)]


def _sayings(trials: list[Trial]) -> list[tuple[str, ...]]:
    """The objections to each of these trials, as sentences."""
    return [tuple(f"{name}: {said}" for name, said in judged(t).objections) for t in trials]


def is_vacuous(saying: str) -> bool:
    """Whether an objection is that too little happened: that is no fault of a twin's.

    >>> [is_vacuous(said) for said in ("membership vacuous: nothing was decided", "stats: all is vacuous")]
    [True, False]
    """
    return saying.partition(":")[0].endswith(f" {Outcome.VACUOUS.value}")
