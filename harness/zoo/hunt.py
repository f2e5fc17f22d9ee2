"""One hunt: trials of one mutant, seed after seed, until the check that is to see it objects."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from checker.verdict import Outcome
from harness.simulated import play
from harness.trial import Trial
from harness.zoo.mutant import Mutant


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One trial: who objected (nobody, if it was valid), in which words, after how much work."""

    objections: tuple[tuple[str, str], ...]
    cpu_s: float

    def by(self, check: str) -> bool:
        """
        >>> Judged(objections=(("agreement", "two orders"),), cpu_s=0.1).by("linearizable")
        False
        """
        return any(name == check for name, _ in self.objections)


def judged(trial: Trial) -> Judged:
    """Play a trial. Whatever is not plainly *valid* is an objection, of the check that says so.

    Only one that says *invalid* objects under its bare name.
    """
    began = time.process_time()
    objections = [
        (name if v.outcome is Outcome.INVALID else f"{name} {v.outcome.value}", v.summary)
        for name, v in play(trial).results.checks.items()
        if v.outcome is not Outcome.VALID
    ]
    return Judged(objections=tuple(objections), cpu_s=time.process_time() - began)


@dataclass(kw_only=True)
class Hunt:
    """The ``index``-th hunt of a mutant, as far as it got: ``trials`` played in ``cpu_s``.

    Seeds depend on ``base``, the hunt and the trial alone: mutants hunted in the same configuration
    meet the same trials, which their twin then need play only once.
    """

    mutant: Mutant
    base: str
    index: int
    trials: int = 0
    cpu_s: float = 0.0
    found: Judged | None = None
    others: dict[str, int] = field(default_factory=dict)
    """Objections of other checks in trials that the expected one let pass, counted."""

    def nth(self, number: int) -> Trial:
        """The ``number``-th trial, counted from 0."""
        return replace(self.mutant.trial, seed=f"{self.base}.{self.index}.{number}")

    def twins_nth(self, number: int) -> Trial:
        """The very same trial, of the protocol without the bug."""
        return replace(self.nth(number), protocol=self.mutant.twin)

    def over(self, budget_s: float) -> bool:
        """Found, or given up: as many trials, or as many CPU seconds, as it may take."""
        if self.found is not None:
            return True
        return self.trials >= self.mutant.trials or self.cpu_s >= budget_s

    def take(self, seen: Judged) -> None:
        """Count the next trial."""
        self.trials += 1
        self.cpu_s += seen.cpu_s
        if seen.by(self.mutant.check):
            self.found = seen
            return
        for name, _ in seen.objections:
            self.others[name] = self.others.get(name, 0) + 1

    @property
    def command(self) -> str:
        """What plays the last trial again: the one that found it, if one did."""
        return self.nth(max(0, self.trials - 1)).command("sim")


def stretch(hunt: Hunt, *, most_s: float) -> list[Judged]:
    """The next trials of a hunt, until found, or ``most_s`` CPU seconds are spent.

    A hunt is played in stretches, so that many hunts share the cores and all end when they must.
    """
    seen: list[Judged] = []
    for number in range(hunt.trials, hunt.mutant.trials):
        seen.append(judged(hunt.nth(number)))
        if seen[-1].by(hunt.mutant.check) or sum(one.cpu_s for one in seen) >= most_s:
            break
    return seen
