"""What each trial on hosts came to, in a file: runs take long, and none is made twice.

A hunt asks its ledger before it runs anything. Started again, it comes to the same decisions from
the same outcomes, without a run, up to where it was ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.store.find import read_object
from harness.trial import Trial

HUNT, MEASURE = "hunt", "measure"
"""Why a trial was run: to see whether it fails at all, until it does; or how often it does.
The outcomes of a hunt end with a failure, so they say less of how often."""


class Ledger:
    """The outcomes of each trial, in the order of its runs; in ``path`` as JSON, after each run.

    Raises StoreError for a file that is broken or is about another check.
    """

    def __init__(self, path: Path, check: str) -> None:
        self.path, self.check = path, check
        self._entries: dict[tuple[str, str], list[bool]] = {}
        self._trials: dict[str, Mapping[str, object]] = {}
        saved = read_object(path)
        if saved is not None:
            self._read(saved)

    def outcomes(self, trial: Trial, why: str) -> tuple[bool, ...]:
        """Whether each run of this trial, for this reason, failed."""
        return tuple(self._entries.get((_key(trial), why), ()))

    def add(self, trial: Trial, why: str, *, failed: bool) -> None:
        """One more run."""
        key = _key(trial)
        self._trials.setdefault(key, trial.to_json())
        self._entries.setdefault((key, why), []).append(failed)
        self._write()

    def _read(self, saved: Mapping[str, Any]) -> None:
        try:
            check = saved["check"]
            for entry in saved["trials"]:
                trial = Trial.from_json(entry["trial"])
                self._trials[_key(trial)] = entry["trial"]
                for why in (HUNT, MEASURE):
                    self._entries[_key(trial), why] = [bool(failed) for failed in entry[why]]
        except (KeyError, TypeError) as error:
            raise StoreError(
                f"{self.path} is broken: {error!r}; delete it to start anew"
            ) from error
        if check != self.check:
            raise StoreError(
                f"{self.path} is about check {check}, not {self.check}; delete it to start anew"
            )

    def _write(self) -> None:
        """Whole or not at all: a hunt may be killed at any time."""
        trials = [
            {"trial": trial, **{why: self._entries.get((key, why), []) for why in (HUNT, MEASURE)}}
            for key, trial in self._trials.items()
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        text = json.dumps({"check": self.check, "trials": trials}, indent=1)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(self.path)


def _key(trial: Trial) -> str:
    return trial.command("test")
