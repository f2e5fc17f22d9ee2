"""What is known of trials of the matrix, kept in a file: so that a campaign of hours can be interrupted, and gone on with.

The file has a line of JSON for each trial. A trial is known by its cell, its number, and the seed that all are
made from; one that is in the file is not played again, whatever commit it is of: the table names them all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from checker.verdict import Outcome
from harness.errors import UsageError
from harness.lines import Lines
from harness.matrix.cells import Cell
from harness.trial import Trial

Name: TypeAlias = tuple[str, ...]
"""Which trial it is: the protocol with its options, workload, nemesis, seed; "sim" or "real"."""


@dataclass(frozen=True)
class Known:
    """``cpu_s``: seconds of the processor in simulation, else of the clock."""

    name: Name
    outcome: Outcome
    summary: str
    cpu_s: float
    commit: str | None


def name_of(cell: Cell, trial: Trial, where: str) -> Name:
    """The name of a cell's trial."""
    return *cell.name, str(trial.seed), where


class Kept:
    """The trials that a file has; None: there is no file, and nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        """Raises UsageError, naming the line, for a file that is none of ours."""
        self._lines = Lines(path)
        self.known: dict[Name, Known] = {}
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"--kept {path}: there is no directory {path.parent}")
        for number, line in enumerate(self._lines.read(), 1):
            try:
                known = _known(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise UsageError(
                    f"--kept {path}: line {number} is no trial of a matrix: {error}"
                ) from None
            self.known[known.name] = known

    def add(self, known: Known) -> None:
        """Keep one."""
        self.known[known.name] = known
        self._lines.add(vars(known) | {"outcome": known.outcome.value})


def _known(values: dict[str, Any]) -> Known:
    name, outcome = tuple(values.pop("name")), Outcome(values.pop("outcome"))
    return Known(name, outcome, **values)
