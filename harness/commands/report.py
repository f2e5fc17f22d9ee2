"""``harness report``: a run as a page to look at and to send to others."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands import shared
from harness.errors import UsageError
from harness.judge import judge
from harness.report.progress import to_stdout
from harness.report.run_page import stored_checks, write_page
from harness.store.find import find_history, read_object
from harness.store.load import load_history
from harness.store.record import TRIAL
from harness.trial import Trial


@click.command("report")
@click.argument("run", metavar="RUN")
@shared.store
def command(run: str, store: Path) -> None:
    """Write report.html into a run's directory: one page, needing nothing else.

    Verdicts, each anomaly and the stalest read with their pictures, rates and latencies over time,
    the faults with their proofs, the options, and the command to run it again. A run that was never
    judged is judged.

    \b
    Examples:
      harness report latest
      harness report store/epaxos-register/20261121T101500Z
    """
    path = find_history(run, root=store).parent
    stored = load_history(path, root=store)
    for warning in stored.warnings:
        click.echo(f"harness: warning: {warning}", err=True)
    checks = stored_checks(path)
    if checks is None:
        saved = read_object(path / TRIAL)
        if saved is None or "protocol" not in saved:
            raise UsageError(f"{path} is no run: there is no {TRIAL}; see `harness check --svg`")
        trial = Trial.from_json(saved)
        workload = Trial(protocol="", workload=trial.workload).made_workload()
        checks = dict(judge(stored.history, workload.checks, faults=bool(trial.faults)).checks)
    to_stdout(f"written: {write_page(path, stored.history, checks)}")
