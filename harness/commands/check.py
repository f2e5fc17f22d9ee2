"""``harness check``: judge stored histories again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from harness.judge import judge
from harness.report.progress import to_stdout
from harness.report.summary import report
from harness.store.find import STORE, read_object
from harness.store.load import Stored, load_history
from harness.store.record import HISTORY, TRIAL
from harness.trial import NO_FAULTS, Trial


@click.command("check")
@click.argument("runs", nargs=-1, required=True, metavar="RUN_OR_FILE...")
@click.option(
    "--workload", "-w", help="Whose checks to apply; default: the run's own, or register."
)
@click.option("--json", "as_json", is_flag=True, help="The results as JSON.")
@click.option("--store", type=click.Path(path_type=Path), default=STORE, show_default=True)
def command(runs: tuple[str, ...], workload: str | None, as_json: bool, store: Path) -> int:
    """Judge stored histories again: runs, or files in the format of history.jsonl.

    A run that was killed half-way can be judged too: what is there is what is judged.

    \b
    Examples:
      harness check latest
      harness check store/epaxos-register/20261121T101500Z
      harness check history.jsonl --workload cas --json
    """
    return combine_codes([one(run, workload, as_json=as_json, store=store) for run in runs])


def one(where: str, workload: str | None, *, as_json: bool, store: Path) -> int:
    """Judge and report one history; its exit code."""
    stored = load_history(where, root=store)
    saved = trial_of(stored)
    asked = workload or (saved.workload if saved else "register")
    checks = Trial(protocol="", workload=asked).made_workload().checks
    for warning in stored.warnings:
        click.echo(f"harness: warning: {warning}", err=True)
    faults = saved is not None and (saved.nemesis != NO_FAULTS or saved.plan is not None)
    results = judge(stored.history, checks, faults=faults)
    reproduce = f"harness check {stored.path}" + (f" --workload {workload}" if workload else "")
    if as_json:
        to_stdout(json.dumps({"history": str(stored.path), **results.to_json()}, indent=2))
    else:
        title = f"{stored.path}: {len(stored.history)} rows, workload {asked}"
        report(title, results, where=None, reproduce=reproduce)
    return results.outcome.exit_code


def trial_of(stored: Stored) -> Trial | None:
    """The trial that made this history, where it is a run's and says so."""
    if stored.path.name != HISTORY:
        return None
    saved: Mapping[str, object] | None = read_object(stored.path.parent / TRIAL)
    return None if saved is None or "protocol" not in saved else Trial.from_json(saved)


def combine_codes(codes: list[int]) -> int:
    """One exit code for several histories: any invalid is 1, else any undecided is 2.

    >>> combine_codes([0, 2, 1]), combine_codes([0, 2])
    (1, 2)
    """
    return next((code for code in (1, 2) if code in codes), 0)
