"""What a benchmark prints, and the files that it leaves: numbers, plot, page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from harness.bench import compare
from harness.bench.markdown import findings, page
from harness.bench.notes import of_the_machine
from harness.bench.pictures import pictures
from harness.bench.result import Benched, write
from harness.bench.table import HEAD, SITES, row, site_rows
from harness.commit import commit
from harness.errors import StoreError
from harness.report.plot import stack
from harness.report.progress import to_stdout
from harness.report.tables import show_table

MOST_SITE_TABLES = 6
"""With more benchmarks than this, the sites are in the files alone."""
FEW = 3
WORDS = ("protocol", "site", "op", "verdict", "throughput is")
"""The columns that hold words."""


def tell(
    benched: Sequence[Benched],
    then: Sequence[Benched],
    *,
    store: Path,
    markdown: Path | None,
    typed: str,
) -> None:
    """Tables to stdout; numbers, plot and page to files. ``typed``: the command line, with its seed."""
    one_size = len({(one.nodes, one.clients) for one in benched}) == 1
    zoned = any(one.wan or len(one.measured.sites) < one.nodes for one in benched)
    sites = one_size and len(benched) <= MOST_SITE_TABLES and (zoned or len(benched) == 1)
    wrong = [number for number, one in enumerate(benched) if one.outcome != "valid"]
    show_table(HEAD, [row(one) for one in benched], words=WORDS, wrong=wrong)
    if sites:
        to_stdout("")
        show_table(SITES, [cells for one in benched for cells in site_rows(one)], words=WORDS)
    many = len(benched) > MOST_SITE_TABLES
    for sentence in findings(benched) if many else ():
        to_stdout(sentence)
    for one in benched:
        for note in one.notes:
            if not many or not of_the_machine(note):
                to_stdout(f"{one.name}, {one.nodes} nodes, {one.clients} clients: {note}")
        if one.outcome != "valid":
            to_stdout(f"  what is wrong:  harness report {one.run}")
    if then:
        compared(benched, then)
    base = free_name(store / compare.FOLDER)
    write(base.with_suffix(".json"), benched, typed)
    save(base.with_suffix(".svg"), stack(pictures(benched)))
    runs = [str(one.run) for one in benched]
    to_stdout(f"runs:       {', '.join(runs) if len(runs) <= FEW else f'{len(runs)}, in {store}'}")
    to_stdout(f"numbers:    {base.with_suffix('.json')}")
    to_stdout(f"plot:       {base.with_suffix('.svg')}")
    if markdown is not None:
        plots = markdown.with_suffix(".svg")
        save(plots, stack(pictures(benched)))
        save(markdown, page(benched, command=typed, about=about(benched), plots=plots.name))
        to_stdout(f"page:       {markdown}")
    to_stdout(f"reproduce:  {typed}")


def compared(benched: Sequence[Benched], then: Sequence[Benched]) -> None:
    """The earlier numbers beside these."""
    found = compare.pairs(then, benched)
    if not found:
        to_stdout("\n--compare: nothing of that was run now: no protocol of that size")
        return
    to_stdout("")
    show_table(compare.HEAD, list(compare.rows(found)), words=WORDS)
    to_stdout(compare.NOTE)
    for pair in found:
        for difference in compare.differences(pair):
            to_stdout(f"not alike: {difference}")


def about(benched: Sequence[Benched]) -> list[str]:
    """When, of what and where this was run, as sentences."""
    cores = os.cpu_count()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    where = "in the simulator" if benched[0].on == "sim" else f"on {benched[0].on} hosts"
    machine = (
        f"A machine with {cores} processors ({os.uname().machine}, Linux {os.uname().release}), which"
        f" clients, nodes and whoever else was there shared; its load at the end was {load}."
    )
    return [f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {where}.", machine]


def free_name(folder: Path) -> Path:
    """``folder/20261121T101500Z``, with ``-2`` behind it where there is such a one; without a suffix."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (folder / (stamp if n == 1 else f"{stamp}-{n}") for n in count(1))
    return next(name for name in names if not name.with_suffix(".json").exists())


def save(path: Path, text: str) -> None:
    """Raises StoreError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
