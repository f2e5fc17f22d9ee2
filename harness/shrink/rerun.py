"""A run on real hosts as a source of more: the same trial again, each time by ``harness test``."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from checker.history import Row
from checker.verdict import Outcome
from harness.errors import UsageError
from harness.shrink.freeze import with_faults
from harness.shrink.search import name_of
from harness.store.find import read_object
from harness.store.load import load_history
from harness.store.record import LATEST, PLAN, RESULTS, TRIAL
from harness.transports import LOCAL
from harness.trial import Trial

FOLDER = "shrink"
"""In the run's directory: the ledger, the smallest plan, what the runs said, the runs that failed."""


@dataclass(frozen=True, kw_only=True)
class RealSource:
    """A stored run on hosts. ``trial`` has its faults as they were: every target resolved.

    ``on`` is ``local`` or an inventory, ``hosts`` are the names of those that were used.
    ``evidence_ms``: when the last op of the evidence against ``check`` had ended; None: no evidence.
    """

    path: Path
    trial: Trial
    check: str
    on: str
    hosts: tuple[str, ...]
    evidence_ms: int | None

    @property
    def folder(self) -> Path:
        return self.path / FOLDER

    def words(self, trial: Trial, plan: Path) -> list[str]:
        """The command line that runs ``trial`` on such hosts, its plan in a file."""
        where = ["--on", self.on, "--nodes", ",".join(self.hosts)] if self.on != LOCAL else []
        # Without the plan's text: it may be long. What is given twice counts the last time.
        line = _without_plan(trial).command("test", *where, "--plan", f"@{plan}")
        return shlex.split(line)


def load_real(path: Path, saved: Mapping[str, object], check: str | None) -> RealSource:
    """The run in this directory, whose trial.json is ``saved``.

    ``check`` None: the first that says *invalid*. Raises UsageError where none does, or its plan is
    not known.
    """
    results = read_object(path / RESULTS)
    checks = (results or {}).get("checks")
    if not isinstance(checks, dict):
        raise UsageError(f"{path} has no verdict: nothing to shrink")
    invalid = [n for n, v in checks.items() if v.get("outcome") == Outcome.INVALID.value]
    if check is None and not invalid:
        raise UsageError(f"{path} is {(results or {}).get('outcome')}: nothing to shrink")
    if check is not None and check not in invalid:
        said = f"it is {checks[check].get('outcome')}" if check in checks else "there is none"
        raise UsageError(f"--check {check}: {said}: {', '.join(checks)}")
    check = check or invalid[0]
    try:
        plan = (path / PLAN).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} does not say which faults there were: {error}") from error
    trial = Trial.from_json({**saved, "plan": plan})
    hosts = saved.get("hosts")
    rows = load_history(path).history.rows
    evidence = [rows[index] for index in checks[check].get("evidence") or ()]
    return RealSource(
        path=path,
        trial=with_faults(trial, trial.windows()),
        check=check,
        on=str(saved.get("on", LOCAL)),
        hosts=tuple(str(host) for host in hosts) if isinstance(hosts, list) else (),
        evidence_ms=_end_ms(evidence),
    )


class Reruns:
    """Runs trials of a source by ``harness test``, each in a process of its own (a hunt's Runner)."""

    def __init__(self, source: RealSource) -> None:
        self.source = source

    def __call__(self, trial: Trial, known: int) -> bool | None:  # noqa: ARG002  a Runner's signature
        """Whether the check says *invalid* again; None where there was no verdict at all.

        A failed run is kept in ``failed/``. Ctrl-C is passed on, and waits until hosts are healed.
        """
        folder = self.source.folder
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix="run-") as scratch:
            plan, store = Path(scratch) / PLAN, Path(scratch) / "store"
            write_plan(plan, trial)
            words = [*self.source.words(trial, plan)[1:], "--store", str(store)]
            _run([sys.executable, "-m", "harness", *words], folder / "runs.log")
            results = read_object(store / LATEST / RESULTS)
            checks = (results or {}).get("checks")
            if not isinstance(checks, dict) or self.source.check not in checks:
                return None
            failed: bool = checks[self.source.check].get("outcome") == Outcome.INVALID.value
            if failed:
                made = (store / LATEST).resolve()
                kept = folder / "failed" / f"{name_of(trial)[:8]}-{made.name}"
                kept.parent.mkdir(exist_ok=True)
                shutil.move(made, kept)
            return failed

    def kept(self, trial: Trial) -> Path | None:
        """A run of this trial that failed, the youngest."""
        found = sorted((self.source.folder / "failed").glob(f"{name_of(trial)[:8]}-*"))
        return found[-1] if found else None


def write_plan(path: Path, trial: Trial) -> None:
    """The trial's windows as ``--plan @FILE`` reads them."""
    windows = json.loads(trial.plan or "[]")
    path.write_text(json.dumps(windows, indent=2) + "\n", encoding="utf-8")


def _run(argv: Sequence[str], log: Path) -> None:
    """Run a command to its end; what it says goes to the end of ``log``.

    In a process group of its own, so that a Ctrl-C comes to it once, from here, and it has all the
    time that it needs to heal the hosts. Raises KeyboardInterrupt, when it has ended.
    """
    with log.open("ab") as out:
        out.write(f"\n$ {shlex.join(argv)}\n".encode())
        out.flush()
        child = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True)
        try:
            child.wait()
        except KeyboardInterrupt:
            os.killpg(child.pid, signal.SIGINT)
            child.wait()
            raise


def _without_plan(trial: Trial) -> Trial:
    return with_faults(trial, ())


def _end_ms(evidence: Sequence[Row]) -> int | None:
    return -(-max(row.time_ns for row in evidence) // 1_000_000) if evidence else None


def real_trial(path: Path) -> Mapping[str, object] | None:
    """The trial.json of a run's directory, if it was a trial on hosts."""
    saved = read_object(path / TRIAL)
    if saved is None or "protocol" not in saved or saved.get("on") in ("sim", "explore"):
        return None
    return saved
