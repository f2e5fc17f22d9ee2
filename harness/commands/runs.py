"""``harness runs``: what is in the store."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.commands import shared
from harness.store.find import list_runs

WIDE = 500


@click.command("runs")
@shared.store
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many.")
def command(store: Path, last: int) -> None:
    """List the runs in the store, the youngest last.

    \b
    Examples:
      harness runs
      harness runs --last 100 --store nightly
    """
    table = Table(box=None, pad_edge=False)
    runs = list_runs(store)[-last:]
    longest = max((len(f"{run.name}/{run.stamp}") for run in runs), default=0)
    table.add_column("run", min_width=longest, no_wrap=True)
    for column in ("nemesis", "seed", "on", "verdict"):
        table.add_column(column, overflow="fold", no_wrap=column in ("seed", "verdict"))
    for run in runs:
        trial = run.trial or {}
        table.add_row(
            f"{run.name}/{run.stamp}",
            str(trial.get("nemesis", "")),
            str(trial.get("seed", "")),
            str(trial.get("on", "")),
            run.outcome or ("(broken)" if run.broken else "(not over)"),
        )
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDE  # in a pipe a run is a line
    console.print(table)
    for run in runs:
        if run.broken:
            click.echo(f"harness: warning: {run.broken}", err=True)
