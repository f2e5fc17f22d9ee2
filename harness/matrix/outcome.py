"""What came out of a cell's trials, and whether that is what must come out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from checker.verdict import Outcome
from harness.matrix.cells import Cell
from harness.trial import Trial


@dataclass
class Tally:
    """The outcomes of one cell. ``example``: a trial that ought not to have ended as it did, and
    what was said of it.
    """

    cell: Cell
    counts: Counter[Outcome] = field(default_factory=Counter)
    example: tuple[Trial, str] | None = None
    cpu_s: float = 0.0
    commits: set[str | None] = field(default_factory=set)

    def add(
        self, trial: Trial, outcome: Outcome, summary: str, cpu_s: float, commit: str | None = None
    ) -> None:
        """Count one trial, which was played by the harness of this commit."""
        self.commits.add(commit)
        self.counts[outcome] += 1
        self.cpu_s += cpu_s
        wanted = {Outcome.VALID, self.cell.expected}
        if outcome not in wanted and self.example is None:
            self.example = trial, f"{outcome.value}: {summary}"

    @property
    def good(self) -> bool:
        """Valid every time where that is claimed; else invalid at least once, if it is not one that
        seldom is, and never undecided.
        """
        if not self.counts or self.example is not None:
            return False
        return self.counts[self.cell.expected] > 0 or self.cell.seldom

    @property
    def text(self) -> str:
        """The cell in a word: what is expected, or what there was instead."""
        trials = self.counts.total()
        if not trials:
            return "-"
        if self.good and self.cell.expected is Outcome.VALID:
            return f"{trials} valid"
        said = ", ".join(f"{count} {o.value}" for o, count in self.counts.most_common())
        return said if self.good else f"**{said}**"
