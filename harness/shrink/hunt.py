"""Shrinking where the same trial does not fail each time: on real hosts.

A candidate is run until it fails, or so often that one as likely to fail as the best so far would
have failed with 95 % probability (``chance.Rate.repeats``); then it is given up. So a smaller trial
is at times missed, and one may be taken that fails more seldom: the smallest is measured in the end,
and where it does not fail again, the one before it is, and so on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from harness.errors import HarnessError
from harness.shrink.chance import Rate
from harness.shrink.freeze import with_faults
from harness.shrink.leaving import leave_out
from harness.shrink.ledger import HUNT, MEASURE, Ledger
from harness.shrink.search import Bounds, Spent
from harness.trial import Trial

Runner: TypeAlias = Callable[[Trial, int], bool | None]
"""Runs a trial of which so many runs are known; whether it failed. None: that run says nothing."""

SAY_NOTHING = 3
"""So many runs in a row that say nothing end the hunt: something else is wrong."""

MARGIN_MS = 1_000
"""A trial goes on for so long after what is thought to matter."""

REAL_BOUNDS = Bounds(trials=200, seconds=3600.0)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One run that was made: of which trial, why, and how the trial's runs stand by now."""

    trial: Trial
    why: str
    failed: bool
    rate: Rate
    limit: int
    """After so many without a failure it is given up."""


@dataclass(frozen=True, kw_only=True)
class Hunted:
    """What came of it. ``rate`` is the smallest trial's, ``at_first`` that of the whole one.

    ``rate`` with no tries: interrupted before it was measured. ``trial`` is None where the failure
    was not found again.
    """

    trial: Trial | None
    at_first: Rate
    rate: Rate
    runs: int
    ended: str
    """Why it stopped early, in words; empty if nothing more could go."""


class Hunt:
    """The smallest trial so far, and what was run. ``runs`` are those made now, not those known."""

    jobs = 1

    def __init__(
        self,
        trial: Trial,
        run: Runner,
        ledger: Ledger,
        *,
        bounds: Bounds = REAL_BOUNDS,
        heard: Callable[[Heard], None] = lambda _: None,
    ) -> None:
        self.taken = [trial]
        self.rate = Rate(0, 0)
        """The best one's, as far as it is known."""
        self.runs = 0
        self._run, self._ledger, self._bounds, self._heard = run, ledger, bounds, heard
        self._tried = 0
        """Of the runs, those that bounds are about."""
        self._began: float | None = None

    @property
    def best(self) -> Trial:
        return self.taken[-1]

    def measure(self, trial: Trial, repeats: int) -> Rate:
        """How often the trial fails, from so many runs."""
        while self.measured(trial, repeats).tries < repeats:
            self._once(trial, MEASURE, repeats)
        return self.measured(trial, repeats)

    def measured(self, trial: Trial, repeats: int) -> Rate:
        """What is known of it by now."""
        outcomes = self._ledger.outcomes(trial, MEASURE)[:repeats]
        return Rate(sum(outcomes), len(outcomes))

    def attempt(self, candidates: Sequence[Trial]) -> int | None:
        """Take the first candidate that fails again; its place, or None if there is none.

        Raises Spent when the bounds are reached.
        """
        for place, candidate in enumerate(candidates):
            if candidate == self.best:
                continue
            limit = self.rate.repeats()
            for tries in range(1, limit + 1):
                if tries > len(self._ledger.outcomes(candidate, HUNT)):
                    self._within_bounds()
                    self._once(candidate, HUNT, limit)
                    self._tried += 1
                if self._ledger.outcomes(candidate, HUNT)[tries - 1]:
                    self.taken.append(candidate)
                    self.rate = Rate(1, tries)
                    return place
        return None

    def catch_up(self, repeats: int, evidence_ms: int | None) -> None:
        """Without a run more: as far as the ledger leads, where the whole trial is still the best."""
        self.rate = self.measured(self.best, repeats) if len(self.taken) == 1 else Rate(0, 0)
        if self.rate.found:
            self._bounds = Bounds(trials=0)
            with suppress(Spent):
                reduce_by_chance(self, evidence_ms)

    def _within_bounds(self) -> None:
        """The time counts from the first candidate on."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        if self._tried >= self._bounds.trials or now - self._began > self._bounds.seconds:
            raise Spent

    def _once(self, trial: Trial, why: str, limit: int) -> None:
        """One run, into the ledger."""
        known = sum(len(self._ledger.outcomes(trial, reason)) for reason in (HUNT, MEASURE))
        for _ in range(SAY_NOTHING):
            failed = self._run(trial, known)
            self.runs += 1
            if failed is not None:
                break
        else:
            raise HarnessError(f"{SAY_NOTHING} runs in a row said nothing: no verdict was reached")
        self._ledger.add(trial, why, failed=failed)
        outcomes = self._ledger.outcomes(trial, why)
        rate = Rate(sum(outcomes), len(outcomes))
        self._heard(Heard(trial=trial, why=why, failed=failed, rate=rate, limit=limit))


def hunt(search: Hunt, repeats: int, evidence_ms: int | None = None) -> Hunted:
    """Find the failure again, make its trial smaller, and measure the smallest.

    ``evidence_ms``: when in the first run the failure was complete. The bounds are the search's
    own; what measures comes on top. Ctrl-C ends it with the smallest so far.
    """
    whole, ended = search.best, ""
    try:
        at_first = search.rate = search.measure(whole, repeats)
        if not at_first.found:
            return Hunted(
                trial=None, at_first=at_first, rate=at_first, runs=search.runs, ended=ended
            )
        try:
            reduce_by_chance(search, evidence_ms)
        except Spent:
            ended = "the bounds were reached"
        while len(search.taken) > 1 and not search.measure(search.best, repeats).found:
            search.taken.pop()
    except KeyboardInterrupt:
        ended = "interrupted"
        search.catch_up(repeats, evidence_ms)
    at_first = search.measured(whole, repeats)
    return Hunted(
        trial=search.best if at_first.found else None,
        at_first=at_first,
        rate=search.measured(search.best, repeats),
        runs=search.runs,
        ended=ended,
    )


# --- what is tried --------------------------------------------------------------------------------


def reduce_by_chance(search: Hunt, evidence_ms: int | None) -> None:
    """Shorter, with fewer windows, with fewer clients and ops, until nothing can go."""
    if evidence_ms is not None:
        cut_to(search, evidence_ms + MARGIN_MS)
    taken = -1
    while taken != len(search.taken):
        taken = len(search.taken)
        leave_out(
            search, lambda: list(search.best.windows()), lambda plan: with_faults(search.best, plan)
        )
        shorter(search)
        for name in ("threads", "rate", "keys"):
            halved(search, name)


def cut_to(search: Hunt, time_ms: int) -> bool:
    """End the trial then, without the windows that would begin later; whether that was taken."""
    trial = search.best
    if not 0 < time_ms < trial.time_ms:
        return False
    plan = [window for window in trial.windows() if window.at_ms < time_ms]
    return search.attempt([replace(with_faults(trial, plan), time_ms=time_ms)]) is not None


def shorter(search: Hunt) -> None:
    """Half of the time as long as that goes; else until just after the last window."""
    while cut_to(search, search.best.time_ms // 2):
        continue
    if plan := search.best.windows():
        cut_to(search, max(window.at_ms + window.for_ms for window in plan) + MARGIN_MS)


def halved(search: Hunt, name: str) -> None:
    """Half of a number of the trial, down to 1, as long as that goes."""
    while (value := getattr(search.best, name)) > 1:
        fewer = replace(search.best, **{name: value // 2})
        if search.attempt([fewer]) is None:
            return
