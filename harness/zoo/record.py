"""What is known of a mutant after its hunts, and whether the tester is good enough for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median_high

from harness.shrink import Size
from harness.zoo.hunt import Hunt
from harness.zoo.mutant import Mutant
from harness.zoo.smallest import Smallest

FEW_VACUOUS = 0.01


@dataclass(frozen=True, kw_only=True)
class Record:
    """``hunts`` that are over; ``twin_trials`` played by the twin, and what was said of any; in ``twin_vacuous`` of
    them too little happened to say anything, which no more than a few may be (``FEW_VACUOUS``).

    A hunt that found nothing counts as longer than all that did.
    """

    mutant: Mutant
    hunts: Sequence[Hunt]
    twin_trials: int
    twin_complaints: Sequence[str]
    twin_vacuous: int = 0
    smallest: Smallest | None = None
    """What the first finding was shrunk to, where that was asked for."""
    complete: bool = True
    """Whether all its hunts are over, and its twin has played all their trials."""

    @property
    def found(self) -> int:
        return sum(hunt.found is not None for hunt in self.hunts)

    @property
    def median_trials(self) -> float:
        """Trials to find, at the median: the greater of the middle two. Infinite: not found."""
        return self._median([float(hunt.trials) for hunt in self.hunts])

    @property
    def median_s(self) -> float:
        """CPU seconds to find, likewise."""
        return self._median([hunt.cpu_s for hunt in self.hunts])

    def _median(self, costs: list[float]) -> float:
        found = [hunt.found is not None for hunt in self.hunts]
        return median_high([c if f else inf for c, f in zip(costs, found, strict=True)] or [inf])

    @property
    def seen_by(self) -> Counter[str]:
        """Which checks objected to the trials that ended a hunt."""
        return Counter(
            name for hunt in self.hunts if hunt.found for name, _ in hunt.found.objections
        )

    @property
    def good(self) -> bool:
        """Found at the median, by the check that should; and nothing is wrong with the twin."""
        return not self.problem

    @property
    def problem(self) -> str:
        """Why it is not good, in words; nothing if it is."""
        if self.twin_complaints:
            return f"its twin fails: {self.twin_complaints[0]}"
        if self.median_trials == inf:
            return f"not found by {self.mutant.check} in {self._spent()}"
        if self.twin_vacuous > FEW_VACUOUS * self.twin_trials:
            return f"too little happens to its twin: {self.twin_text}"
        return "" if self.twin_trials else "its twin was not played"

    @property
    def twin_text(self) -> str:
        """As in ``2633 valid, 1 vacuous``."""
        if self.twin_complaints:
            return "FAILS"
        vacuous = f", {self.twin_vacuous} vacuous" if self.twin_vacuous else ""
        return f"{self.twin_trials - self.twin_vacuous} valid{vacuous}"

    def _spent(self) -> str:
        missed = [hunt for hunt in self.hunts if hunt.found is None]
        trials, cpu_s = sum(h.trials for h in missed), sum(h.cpu_s for h in missed)
        return f"{len(missed)} of {len(self.hunts)} hunts ({trials} trials, {cpu_s:.0f} CPU s)"

    @property
    def size(self) -> Size | None:
        """Of the first finding, as it was shrunk."""
        return self.smallest.size if self.smallest is not None else None

    @property
    def example(self) -> Hunt | None:
        """A hunt that found it, if any did."""
        return next((hunt for hunt in self.hunts if hunt.found is not None), None)
