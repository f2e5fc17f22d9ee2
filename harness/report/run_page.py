"""``report.html`` of a run directory: from what is stored, without judging again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from checker.history import History
from checker.verdict import Outcome, Verdict
from harness.bench.pictures import section
from harness.bench.result import BENCH, read
from harness.errors import StoreError
from harness.judge import Results
from harness.report.page import About, page
from harness.store.find import read_object
from harness.store.record import RESULTS, TRIAL, RunDirectory
from harness.trial import Trial

REPORT = "report.html"
_NOT_OPTIONS = ("reproduce", "started_wall_ns")


def write_page(run: Path, history: History, checks: Mapping[str, Verdict]) -> Path:
    """Write the page of a run with these verdicts; its path. Raises StoreError."""
    saved = read_object(run / TRIAL) or {}
    results = read_object(run / RESULTS) or {}
    text = page(_about(run, saved, results), history, checks)
    RunDirectory(run).write_bytes(REPORT, text.encode())
    return run / REPORT


def page_of_invalid(
    run: Path, history: History, results: Results, tell: Callable[[str], None]
) -> Path | None:
    """The page of a run that was found *invalid*, else none. Never fails: ``tell`` hears why not."""
    if results.outcome is not Outcome.INVALID:
        return None
    try:
        return write_page(run, history, results.checks)
    except Exception as error:  # noqa: BLE001  the verdict stands, whatever a page is worth
        tell(f"no report was written: {error!r}")
        return None


def stored_checks(run: Path) -> dict[str, Verdict] | None:
    """The verdicts in a run's results; None where it was not judged (yet).

    Raises StoreError where they are not what was written.
    """
    results = read_object(run / RESULTS)
    if results is None:
        return None
    try:
        checks: Any = results["checks"]
        return {name: _verdict(saved) for name, saved in checks.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{run / RESULTS}: these are no results: {error!r}") from error


def _verdict(saved: Mapping[str, Any]) -> Verdict:
    return Verdict(
        outcome=Outcome(saved["outcome"]),
        summary=str(saved["summary"]),
        evidence=tuple(int(row) for row in saved["evidence"]),
        explanation=tuple(str(line) for line in saved["explanation"]),
        details=dict(saved["details"]),
    )


def _about(run: Path, saved: Mapping[str, object], results: Mapping[str, object]) -> About:
    title = run.name
    reproduce = str(results.get("reproduce") or saved.get("reproduce") or f"harness check {run}")
    if "protocol" in saved:
        trial = Trial.from_json(saved)
        title = f"{trial.protocol}, {trial.workload}, nemesis {trial.nemesis}: {trial.nodes} nodes, {trial.threads} clients, {trial.length()}, seed {trial.seed}"
    stopped = saved.get("stopped")
    return About(
        title=title,
        where=str(run),
        reproduce=reproduce,
        options={name: value for name, value in saved.items() if name not in _NOT_OPTIONS},
        notes=[] if stopped is None else [str(stopped)],
        sections=list(section(read(run / BENCH))) if (run / BENCH).is_file() else (),
    )
