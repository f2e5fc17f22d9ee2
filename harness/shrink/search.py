"""Trying candidates: the best one so far, within bounds of trials and seconds, on several cores.

Candidates are tried in order and the first that fails is taken, so that the result does not depend
on how many are tried side by side.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from checker.verdict import Outcome
from harness.errors import UsageError
from harness.simulated import Played, play
from harness.trial import Trial
from harness.workers import begin

PROCESSES_PAY_S = 0.1
"""Trials shorter than this are played one by one."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """When to stop, whatever is left to try."""

    trials: int = 5_000
    seconds: float = 120.0
    clock: Callable[[], float] = time.monotonic
    """By which the seconds count: with ``time.process_time`` those of a busy machine do not."""


class Spent(Exception):  # noqa: N818
    """The bounds are reached."""


def fails_in(trial: Trial, check: str, sound: str | None = None) -> bool:
    """Whether this check says *invalid* of this trial, and does not of the same by protocol ``sound``.

    A trial that cannot be played, or in which a replica raises, fails in another way.
    """
    if said_of(trial, check) is not Outcome.INVALID:
        return False
    if sound is None:
        return True
    return said_of(replace(trial, protocol=sound), check) not in (None, Outcome.INVALID)


def said_of(trial: Trial, check: str) -> Outcome | None:
    """What this check says of this trial; None where it says nothing."""
    try:
        verdict = play(trial, only=check).results.checks.get(check)
    except UsageError:
        return None
    except Exception:  # noqa: BLE001  whatever a replica under test may raise
        return None
    return None if verdict is None else verdict.outcome


def name_of(trial: Trial) -> str:
    """A short name that no other trial has."""
    return blake2b(trial.command("sim").encode(), digest_size=16).hexdigest()


class Search:
    """The best trial so far. A context: it holds processes where trials are long and ``jobs`` > 1.

    ``heard`` is told the search each time that a trial is taken. ``sound``: a protocol in which no trial
    that is taken may fail, so that what fails is the bug that it does not have, and not another.
    """

    def __init__(
        self,
        trial: Trial,
        check: str,
        *,
        bounds: Bounds,
        jobs: int = 1,
        sound: str | None = None,
        heard: Callable[[Search], None] = lambda _: None,
    ) -> None:
        self.sound = sound
        self.first = trial
        """What it begins with."""
        self.best, self.check, self.bounds, self.jobs = trial, check, bounds, jobs
        self.trials = self.taken = 0
        self.seeds: tuple[str, ...] = ()
        """Others that each candidate is tried with, where its own does not fail."""
        self._heard = heard
        self._began = bounds.clock()
        self._passed: dict[str, None] = {}
        self._pool: ProcessPoolExecutor | None = None
        self._slow = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def look(self) -> Played:
        """Play the best trial so far, to see what it does, as the search's check sees it."""
        return play(self.best, only=self.check)

    def attempt(
        self, candidates: Sequence[Trial], seeds: Sequence[str] | None = None
    ) -> int | None:
        """Take the first candidate that fails; its place, or None if there is none.

        Each is tried with its own seed and with ``seeds``, by default the search's own. Raises Spent when the
        bounds are reached; ``best`` is the best so far even then.
        """
        others = self.seeds if seeds is None else seeds
        trials: list[tuple[int, Trial]] = []
        for place, candidate in enumerate(candidates):
            trials.append((place, candidate))
            trials += [(place, replace(candidate, seed=seed)) for seed in others]
        fresh = [(place, t) for place, t in trials if name_of(t) not in self._passed]
        while fresh:
            if self.trials >= self.bounds.trials:
                raise Spent
            if self.bounds.clock() - self._began > self.bounds.seconds:
                raise Spent
            width = self.jobs if self._slow else 1
            batch = fresh[: min(width, self.bounds.trials - self.trials)]
            fresh = fresh[len(batch) :]
            for (place, trial), fails in zip(batch, self._play([t for _, t in batch]), strict=True):
                self.trials += 1
                if fails:
                    self.best, self.taken = trial, self.taken + 1
                    self._heard(self)
                    return place
                self._passed[name_of(trial)] = None
        return None

    def _play(self, trials: Sequence[Trial]) -> list[bool]:
        began = time.monotonic()
        if len(trials) == 1:
            found = [fails_in(trials[0], self.check, self.sound)]
        else:
            fails = partial(fails_in, check=self.check, sound=self.sound)
            found = list(self._processes().map(fails, trials))
        self._slow = time.monotonic() - began > PROCESSES_PAY_S
        return found

    def _processes(self) -> ProcessPoolExecutor:
        """Made when first needed: they take a second to come up."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.jobs,
                mp_context=get_context("forkserver"),
                initializer=begin,
                initargs=(signal.SIG_IGN,),  # the parent hears of it
            )
        return self._pool
