"""Shrinking as one call: from a failing run to the smallest trial that was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from checker.verdict import Outcome
from harness.errors import UsageError
from harness.judge import Results
from harness.shrink.freeze import freeze, with_faults
from harness.shrink.reductions import reduce
from harness.shrink.search import Bounds, Search
from harness.shrink.size import Size, size_of
from harness.simulated import Played, play
from harness.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """The smallest trial that was found, what it does, and from how large it came."""

    trial: Trial
    played: Played
    before: Size
    after: Size
    trials: int
    interrupted: bool

    def sentence(self) -> str:
        """What was reached, in a line."""
        cut_short = " (interrupted)" if self.interrupted else ""
        return f"shrunk from {self.before} to {self.after} in {self.trials} trials{cut_short}"


def first_invalid(results: Results) -> str:
    """The check that is to go on saying *invalid*: the first that does."""
    return next(name for name, v in results.checks.items() if v.outcome is Outcome.INVALID)


def shrink(
    trial: Trial,
    played: Played,
    check: str,
    *,
    bounds: Bounds,
    jobs: int = 1,
    sound: str | None = None,
    heard: Callable[[Search], None] = lambda _: None,
) -> Shrunk:
    """Shrink a trial that ``played`` as invalid in ``check``. Ctrl-C ends it with the best so far.

    Where the trial fails only with ops that the workload makes as it goes, these go on being made,
    and there are just fewer. ``sound``: a protocol that must not fail in any trial that is taken. Raises UsageError where it does not fail again at all.
    """
    frozen = freeze(trial, played.run)
    drawn = with_faults(trial, played.run.plan)
    interrupted = False
    with Search(frozen, check, bounds=bounds, jobs=jobs, sound=sound, heard=heard) as search:
        if search.attempt([frozen, drawn, trial]) is None:
            raise UsageError(
                f"played again, the trial does not fail in {check}: no two runs are alike"
            )
        try:
            reduce(search, trial)
        except KeyboardInterrupt:
            interrupted = True
        best = play(search.best)
    return Shrunk(
        trial=search.best,
        played=best,
        before=size_of(trial, played.run),
        after=size_of(search.best, best.run),
        trials=search.trials,
        interrupted=interrupted,
    )
