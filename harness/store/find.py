"""Which run is meant: by path, by name, by time, or the latest."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError, UsageError
from harness.store.record import HISTORY, LATEST, RESULTS, TRIAL

STORE = Path("store")


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run in the store. ``trial`` and ``results`` are None where they are not there (yet), or are
    broken: ``broken`` then says which file, and what is wrong with it.
    """

    path: Path
    name: str
    stamp: str
    trial: Mapping[str, object] | None
    results: Mapping[str, object] | None
    broken: str | None = None

    @property
    def outcome(self) -> str | None:
        """The verdict's word; None for a run that is not over, or died."""
        return None if self.results is None else str(self.results.get("outcome"))


def list_runs(root: Path = STORE) -> list[StoredRun]:
    """All runs of a store, oldest first; none if there is no store.

    A run with a broken file is listed, too. Raises StoreError where the store cannot be looked at.
    """
    if not root.exists():
        return []
    try:
        paths = [
            path
            for folder in root.iterdir()
            if folder.is_dir() and not folder.is_symlink()
            for path in folder.iterdir()
            if path.is_dir() and not path.is_symlink()
        ]
    except OSError as error:
        raise StoreError(f"cannot read {error.filename or root}: {error.strerror}") from error
    return sorted(map(_stored, paths), key=lambda run: (_age(run.stamp), run.name))


def _stored(path: Path) -> StoredRun:
    """What is known of the run in a directory; never raises StoreError."""
    found: dict[str, Mapping[str, object] | None] = {}
    problems: list[str] = []
    for file in (TRIAL, RESULTS):
        try:
            found[file] = read_object(path / file)
        except StoreError as error:
            problems.append(str(error))
    return StoredRun(
        path=path,
        name=path.parent.name,
        stamp=path.name,
        trial=found.get(TRIAL),
        results=found.get(RESULTS),
        broken="; ".join(problems) or None,
    )


def _age(stamp: str) -> tuple[str, int]:
    """Sorts ``...Z``, ``...Z-2``, ``...Z-10`` as they were made."""
    time, _, nth = stamp.partition("-")
    return time, int(nth) if nth.isdecimal() else 1


def read_object(path: Path) -> dict[str, object] | None:
    """A JSON file of a run, or None if there is none. Raises StoreError where it is broken."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path}: an object was expected, not {type(value).__name__}")
    return value


def find_history(where: str | Path, *, root: Path = STORE) -> Path:
    """The history file that ``where`` means.

    A history file, a run directory, ``latest``, a run's name (its latest), ``name/timestamp`` or a
    timestamp. Raises UsageError, with the near match, if there is no such thing, and StoreError if
    it may not be looked at.
    """
    text = str(where)
    try:
        for path in (Path(text), root / text):
            if path.is_file():
                return path
            for folder in (path, path / LATEST):
                if (folder / HISTORY).is_file():
                    return folder / HISTORY
        stamped = [path / HISTORY for path in sorted(root.glob(f"*/{Path(text).name}"))]
        if "/" not in text and len(stamped) == 1 and stamped[0].is_file():
            return stamped[0]
        if Path(text).is_dir() or (root / text).is_dir():
            raise UsageError(f"{text} is not a run: there is no {HISTORY} in it")
    except OSError as error:
        raise StoreError(f"cannot read {error.filename or text}: {error.strerror}") from error
    raise UsageError(f"there is no run or file {text!r}{_nearest(text, root)}")


def _nearest(text: str, root: Path) -> str:
    runs = list_runs(root)
    if not runs:
        return f", and no run in {root}/"
    names = [n for run in runs for n in (run.name, f"{run.name}/{run.stamp}")]
    known = dict.fromkeys([LATEST, *names])
    close = difflib.get_close_matches(text, known, n=3, cutoff=0.6)
    if close:
        return f": did you mean {' or '.join(close)}?"
    return f" in {root}/: there are {', '.join(dict.fromkeys(run.name for run in runs))}"
