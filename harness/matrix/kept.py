"""What is known of trials of the matrix, kept in a file: so that a campaign of hours can be interrupted, and gone on with.

The file has a line of JSON for each trial. A trial is known by its cell, its number, and the seed that all are
made from; one that is in the file is not played again, whatever commit it is of: the table names them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from checker.verdict import Outcome
from harness.errors import UsageError
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
        self._path = path
        self.known: dict[Name, Known] = {}
        if path is not None:
            if not path.parent.is_dir():
                raise UsageError(f"--kept {path}: there is no directory {path.parent}")
            self.known = {known.name: known for known in _read(path)}

    def add(self, known: Known) -> None:
        """Keep one, at once: the next may be interrupted."""
        self.known[known.name] = known
        if self._path is not None:
            values = vars(known) | {"outcome": known.outcome.value}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")


def _read(path: Path) -> Iterator[Known]:
    """A last line without its end was being written when its process was killed: it is dropped."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    whole, _, torn = text.rpartition("\n")
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            values = json.loads(line)
            name, outcome = tuple(values.pop("name")), Outcome(values.pop("outcome"))
            yield Known(name, outcome, **values)
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(
                f"--kept {path}: line {number} is no trial of a matrix: {error}"
            ) from None
    if torn:
        path.write_text(whole + "\n" if whole else "", encoding="utf-8")
