"""What a campaign has found out, line by line as it does: an hour's work survives an interruption.

A line is an object of JSON: ``of`` says of what (``hunt``, ``twin``, ``size``), ``key`` of which one, in
full, so that what was found out of another configuration, or with another budget, is not taken for this
one's; ``commit`` is the code that did it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.commit import commit
from harness.errors import StoreError
from harness.lines import Lines
from harness.shrink import Size
from harness.zoo.hunt import Hunt, Judged
from harness.zoo.smallest import Smallest

HUNT, TWIN, SIZE = "hunt", "twin", "size"


class Diary:
    """The lines of a file, and those that are added. ``path`` None: kept nowhere.

    ``commits`` are those of the lines that were made use of, this one's among them. Raises StoreError for
    a file that cannot be read, or is none of these. A last line that was not written to its end is cut off.
    """

    def __init__(self, path: Path | None, *, budget_s: float = 0, shrink_s: float = 0) -> None:
        self._lines, self._commit = Lines(path), commit() or "unknown"
        self.commits = {self._commit}
        self._bounds = {HUNT: f" within {budget_s:g} s", TWIN: "", SIZE: f" within {shrink_s:g} s"}
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}
        try:
            for line in self._lines.read():
                told = json.loads(line)
                self._known[told["of"], told["key"]] = told
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is no diary of a zoo: {error!r}") from error

    def _look(self, of: str, key: str) -> Mapping[str, Any] | None:
        told = self._known.get((of, key + self._bounds[of]))
        if told is not None:
            self.commits.add(str(told["commit"]))
        return told

    def _tell(self, of: str, key: str, **what: object) -> None:
        self._lines.add({"of": of, "key": key + self._bounds[of], "commit": self._commit, **what})

    # --- hunts ------------------------------------------------------------------------------------

    def recall(self, hunt: Hunt) -> None:
        """Put a hunt that has not begun to where it ended, if it has."""
        told = self._look(HUNT, _name(hunt))
        if told is not None:
            hunt.trials, hunt.cpu_s, hunt.others = told["trials"], told["cpu_s"], told["others"]
            if told["found"] is not None:
                objections = tuple((str(name), str(said)) for name, said in told["found"])
                hunt.found = Judged(objections=objections, cpu_s=told["last_s"])

    def keep(self, hunt: Hunt) -> None:
        """One that is over."""
        found = hunt.found
        self._tell(
            HUNT, _name(hunt), trials=hunt.trials, cpu_s=hunt.cpu_s, others=hunt.others,
            found=None if found is None else found.objections,
            last_s=None if found is None else found.cpu_s,
        )  # fmt: skip

    # --- twins ------------------------------------------------------------------------------------

    def said(self, command: str) -> tuple[str, ...] | None:
        """What was said of the trial of a twin; None: it was not played."""
        told = self._look(TWIN, command)
        return None if told is None else tuple(told["said"])

    def keep_said(self, command: str, said: tuple[str, ...]) -> None:
        self._tell(TWIN, command, said=said)

    # --- sizes ------------------------------------------------------------------------------------

    def smallest(self, hunt: Hunt) -> Smallest | None:
        """What the finding was shrunk to; None: nobody tried."""
        told = self._look(SIZE, _finding(hunt))
        if told is None:
            return None
        return Smallest(size=Size(*told["size"]) if told["size"] else None, command=told["command"])

    def keep_smallest(self, hunt: Hunt, smallest: Smallest) -> None:
        self._tell(SIZE, _finding(hunt), size=smallest.size, command=smallest.command)


def _name(hunt: Hunt) -> str:
    """Its first trial, which names all others, who is to see it, and after how many it is given up."""
    return f"{hunt.nth(0).command('sim')} for {hunt.mutant.check} in {hunt.mutant.trials} trials"


def _finding(hunt: Hunt) -> str:
    return f"{hunt.command} for {hunt.mutant.check}"
