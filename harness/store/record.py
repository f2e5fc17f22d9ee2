"""A run directory while its trial runs: ``store/<name>/<UTC timestamp>/`` (ARCHITECTURE, section 2.5).

::

    trial.json      what was asked for      history.jsonl   what happened, as it happened
    plan.json       the faults, resolved    nodes/<name>/   logs and notes of each node
    results.json    what the checks said    harness.log, report.html: by those who write them

Single files appear whole or not at all (atomic rename); the history is appended. The links
``store/latest`` and ``store/<name>/latest`` point to the youngest run from its beginning on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from errno import EACCES
from itertools import count
from pathlib import Path

from checker.history import Row
from harness.errors import StoreError, UsageError
from harness.store.journal import Journal, write_rows
from nemesis.actions import Plan
from nemesis.plan import plan_to_json

HISTORY, TRIAL, PLAN, RESULTS, NOTES = (
    "history.jsonl", "trial.json", "plan.json", "results.json", "notes.jsonl",
)  # fmt: skip
LATEST = "latest"


class RunDirectory:
    """Where one trial is kept. All methods raise StoreError, with the path, where writing fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal: Journal | None = None

    @classmethod
    def create(cls, root: Path, name: str, *, now: datetime | None = None) -> RunDirectory:
        """Make ``root/name/20261121T101500Z`` (with ``-2`` behind it for a second of one second).

        Raises UsageError for a name that cannot be a folder's.
        """
        if not name or name in {".", "..", LATEST} or "/" in name or "\0" in name:
            raise UsageError(f"a run cannot be called {name!r}")
        stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        with _writing(root / name):
            (root / name).mkdir(parents=True, exist_ok=True)
            for attempt in count(1):
                path = root / name / (stamp if attempt == 1 else f"{stamp}-{attempt}")
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    continue
            _link(root / name / LATEST, path.name)
            _link(root / LATEST, f"{name}/{path.name}")
        return cls(path)

    def journal(self) -> Journal:
        """The history, open for appending: one for the whole trial, closed by ``finish``."""
        if self._journal is None:
            self._journal = Journal(self.path / HISTORY)
        return self._journal

    def write_history(self, rows: Iterable[Row]) -> None:
        """A history that exists already, whole."""
        write_rows(self.path / HISTORY, rows)

    def write_trial(self, trial: Mapping[str, object]) -> None:
        """What was asked for. ``started_wall_ns``, the wall clock (ns since 1970) at the history's
        time 0, lets the nodes' notes be placed in time.
        """
        self.write_json(TRIAL, trial)

    def write_plan(self, plan: Plan) -> None:
        """The windows as they were, every target resolved."""
        self.write_json(PLAN, plan_to_json(plan))

    def write_results(self, results: Mapping[str, object]) -> None:
        self.write_json(RESULTS, results)

    def write_json(self, name: str, value: object) -> None:
        """Whole or not at all. Raises TypeError for what is not JSON."""
        self.write_bytes(name, (json.dumps(value, indent=2) + "\n").encode())

    def write_bytes(self, name: str, data: bytes) -> None:
        """A file of the run, whole or not at all; ``name`` may have folders in it."""
        path = self.path / name
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)

    def node(self, name: str) -> Path:
        """The folder of a node's files, made if need be."""
        path = self.path / "nodes" / name
        with _writing(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def finish(self) -> None:
        """Close the history. Idempotent."""
        if self._journal is not None:
            self._journal.close()


def make_store(store: Path) -> None:
    """Make the directory, if need be, before a sandbox is entered that could not. Raises StoreError."""
    with _writing(store):
        store.mkdir(parents=True, exist_ok=True)
        if not os.access(store, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES), str(store))


def _link(link: Path, target: str) -> None:
    """Point a link somewhere else at once: it always points to some run."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}.{os.urandom(4).hex()}")
    fresh.symlink_to(target)
    try:
        fresh.replace(link)
    except OSError:
        fresh.unlink()
        raise


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"cannot write {where}: {error.strerror}") from error
