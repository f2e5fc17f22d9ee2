"""``harness zoo``: how soon the tester finds what is known to be broken."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from harness.crew import LocalCrew
from harness.errors import UsageError
from harness.report.progress import Progress
from harness.zoo import Campaign, Record, load, select
from harness.zoo.diary import Diary
from harness.zoo.markdown import (
    configuration_text,
    page,
    seconds_text,
    seen_text,
    size_text,
    trials_text,
)
from harness.zoo.mutant import HERE, elusive
from harness.zoo.smallest import shrink_all

INTERRUPTED = 130
SPEAK_EVERY_S = 10.0


@click.command("zoo")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--seeds-per", "hunts", type=click.IntRange(1, 1000), default=3, show_default=True,
    help="Hunts for each mutant, each with seeds of its own; the median counts.",
)  # fmt: skip
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default=True,
    help="Processes.",
)  # fmt: skip
@click.option(
    "--budget-s", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="CPU seconds after which a hunt is given up.",
)  # fmt: skip
@click.option("--shrink", is_flag=True, help="Shrink what is found: how small does each become?")
@click.option(
    "--shrink-s", "shrink_s", type=click.FloatRange(min=0, min_open=True), default=30.0,
    show_default=True, help="CPU seconds for each; one second more once it is small.",
)  # fmt: skip
@click.option(
    "--resume", "diary", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep there what is found out, as it is, and do not do again what is there.",
)  # fmt: skip
@click.option("--seed", default="zoo", show_default=True, help="What all seeds are made from.")
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the table there, too.",
)  # fmt: skip
@click.option(
    "--of", "place", default=HERE, show_default=True, metavar="PACKAGE.MODULE:NAME",
    help="Another zoo: a tuple of harness.zoo.Mutant; of those that it does not find, ELUSIVE beside it may tell why.",
)  # fmt: skip
def command(**given: Any) -> int:
    """Hunt protocols that are broken on purpose, and count how soon each is found.

    NAME is a mutant or a protocol; default: all. The unmutated protocol must pass the very same
    trials. Exit code 1 if a mutant is not found, or a twin fails. Needs a checkout: mutants are
    kept with the tests.

    \b
    Examples:
      harness zoo                                        all, three hunts for each
      harness zoo abd epaxos/one-ballot --seeds-per 10
      harness zoo --seeds-per 10 --shrink --markdown docs/zoo.md --resume zoo.jsonl
    """
    mutants = select(load(given["place"]), given["names"])
    path: Path | None = given["markdown"]
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--markdown {path}: there is no directory {path.parent}")
    diary = Diary(given["diary"], budget_s=given["budget_s"], shrink_s=given["shrink_s"])
    campaign = Campaign(
        mutants,
        hunts=given["hunts"],
        jobs=given["jobs"],
        budget_s=given["budget_s"],
        base=given["seed"],
        diary=diary,
    )
    began = time.monotonic()
    interrupted = not play(campaign)
    jobs = given["jobs"] if given["shrink"] and not interrupted else 0
    records, cut_short = shrunk(campaign.records(), diary, jobs, given["shrink_s"])
    show(records)
    commits = sorted(diary.commits)
    about = (
        f"Commit{'s' * (len(commits) > 1)} {', '.join(commits)}, seed {given['seed']}: {given['hunts']} hunts for each mutant, at most "
        f"{given['budget_s']:g} CPU seconds each; {campaign.cpu_s:.0f} CPU seconds of hunting, "
        f"{time.monotonic() - began:.0f} s in all on {given['jobs']} processes."
        + f" Shrinking had at most {given['shrink_s']:g} each."
        * given["shrink"]
    )
    click.echo(about)
    if path is not None:
        others = [m.name for m in load(given["place"]) if m not in mutants]
        text = page(records, about=about, others=others, elusive=elusive(given["place"]))
        path.write_text(text, encoding="utf-8")
    if interrupted or cut_short:
        click.echo("interrupted: what is not above is not known")
        return INTERRUPTED
    return 0 if all(record.good for record in records) else 1


def play(campaign: Campaign) -> bool:
    """Play it to its end, telling of each mutant when it is known; False if it was interrupted."""
    progress, spoken = Progress(), time.monotonic()
    try:
        for records in campaign:
            known = f"{len(campaign.complete)} of {len(campaign.mutants)}"
            for record in records:
                progress.say(f"{known}  {record.mutant.name}: {said(record)}")
            if records:
                spoken = time.monotonic()
            elif time.monotonic() - spoken > SPEAK_EVERY_S:
                spoken = time.monotonic()
                progress.say(f"{known}  {campaign.trials} trials, {campaign.cpu_s:.0f} CPU s")
    except KeyboardInterrupt:
        return False
    return True


def shrunk(
    records: Sequence[Record], diary: Diary, jobs: int, cpu_s: float
) -> tuple[list[Record], bool]:
    """The same records, with how small each first finding becomes in so many CPU seconds; whether it was
    interrupted. No ``jobs``: as far as the diary knows.
    """
    found = {r.mutant.name: r.example for r in records if r.example is not None}
    known = {name: s for name, hunt in found.items() if (s := diary.smallest(hunt)) is not None}
    if not jobs:
        return [replace(r, smallest=known.get(r.mutant.name)) for r in records], False
    progress, crew, interrupted = Progress(), LocalCrew(jobs), False
    try:
        waiting = [hunt for name, hunt in found.items() if name not in known]
        for hunt, smallest in shrink_all(waiting, crew, cpu_s):
            if smallest is not None:
                known[hunt.mutant.name] = smallest
                diary.keep_smallest(hunt, smallest)
            size = None if smallest is None else smallest.size
            progress.say(f"{len(known)} of {len(found)}  {hunt.mutant.name}: shrunk to {size}")
    except KeyboardInterrupt:
        interrupted = True
    finally:
        crew.close()
    return [replace(r, smallest=known.get(r.mutant.name)) for r in records], interrupted


def said(record: Record) -> str:
    """A record in a line."""
    if record.problem:
        return record.problem
    return (
        f"found after {trials_text(record.median_trials)} trials, "
        f"{seconds_text(record.median_s)} CPU s, by {seen_text(record)}; "
        f"its twin: {record.twin_text}"
    )


def show(records: Sequence[Record]) -> None:
    """The table, to stdout; and what is wrong, a line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("mutant", "left"), ("found", "right"), ("trials", "right"), ("CPU s", "right"),
        ("seen by", "left"), ("shrunk to", "left"), ("twin", "right"), ("hunted with", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for record in records:
        if record.hunts:
            table.add_row(*cells(record), style="" if record.good else "red")
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table)
    for record in records:
        if record.hunts and record.problem:
            console.print(f"{record.mutant.name}: {record.problem}", markup=False, soft_wrap=True)


def cells(record: Record) -> list[str]:
    return [
        record.mutant.name,
        f"{record.found}/{len(record.hunts)}",
        trials_text(record.median_trials),
        seconds_text(record.median_s),
        seen_text(record),
        size_text(record),
        record.twin_text,
        configuration_text(record.mutant.trial),
    ]
