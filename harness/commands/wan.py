"""``harness wan``: latencies of protocols across a wide-area network, beside what its matrix predicts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.commands import shared
from harness.commands.test import SIMULATED, again
from harness.errors import UsageError
from harness.remote import sandbox
from harness.remote.cluster import LocalCluster
from harness.report.progress import Progress, to_stdout
from harness.transports import LOCAL
from harness.wan import hosts_in, zones_of
from harness.wan.measured import Place, Result, on_hosts, simulated
from harness.wan.rows import Maker, Row, by_zone, chosen
from harness.wan.table import cells, markdown, predictions, text

WITHIN = {SIMULATED: 10, LOCAL: 15}
"""Percent. Processors and disks, which are in no closed form, take time on hosts."""
SLACK_MS = {SIMULATED: 3.0, LOCAL: 6.0}
"""Simulated: four hops of 0.6 ms, which is what a message takes where distance adds nothing."""
FAR, UNKNOWN, INTERRUPTED = 1, 2, 130


@click.command("wan")
@click.argument("rows", nargs=-1, metavar="[ROW]...")
@click.option(
    "--wan", default="wan5", show_default=True, metavar="INVENTORY",
    help="Zones and round trips between nodes: wan5, wan9, or a TOML file.",
)  # fmt: skip
@click.option(
    "--on", default=SIMULATED, show_default=True, type=click.Choice([SIMULATED, LOCAL]),
    help="Measure in the simulator, or on hosts made on this machine.",
)  # fmt: skip
@click.option("--predict", is_flag=True, help="Print the closed forms only.")
@click.option(
    "--rounds", type=click.IntRange(2, 10_000), default=12, show_default=True,
    help="How often each site asks.",
)  # fmt: skip
@click.option(
    "--within", type=click.IntRange(1, 1000), metavar="PERCENT", show_default="10, on hosts 15",
    help="How near each site's mean must be to its form (or 3 ms, on hosts 6).",
)  # fmt: skip
@click.option("--seed", default="0", show_default=True, help="A number or any text.")
@click.option(
    "--markdown", "page", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the table there, too.",
)  # fmt: skip
@click.option(
    "--plots", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Draw there, as SVG, what the literature claims, with what theory predicts; no table.",
)  # fmt: skip
@shared.store
def command(**given: Any) -> int:
    """Measure each protocol's mean latency at each site, beside the closed form of the round trips.

    Clients are beside each node and ask one at a time, so that nothing waits in a queue. ROW is a word
    of a row's name; without any, all are measured. Exit code 1: some site is not within --within of
    its form, a history is not valid, or a claim does not hold; 2: some row could not be measured.

    \b
    Examples:
      harness wan
      harness wan --predict --wan wan9
      harness wan --on local epaxos "leader oregon" abd
      harness wan --markdown table.md --rounds 40
      harness wan --plots docs/wan
    """
    wan, on = given["wan"], given["on"]
    places = zones_of(wan, hosts_in(wan))
    maker = Maker(wan, places, given["rounds"])
    rows, zones = chosen(maker.all(), given["rows"]), maker.zones
    if given["plots"] is not None:
        return drawn(maker, given["plots"], given["seed"], on)
    page: Path | None = given["page"]
    if page is not None and not page.parent.is_dir():
        raise UsageError(f"--markdown {page}: there is no directory {page.parent}")
    if given["predict"]:
        head = ["predicted ms", *zones, "mean"]
        shown = [predictions(predicted(row, zones)) for row in rows]
        tell(head, shown, page)
        return 0
    if on == LOCAL and not sandbox.inside():
        sandbox.enter([sys.executable, "-m", "harness", *again(given["seed"])])
    share = (given["within"] or WITHIN[on]) / 100
    results: list[Result] = []
    try:
        results += measured(rows, zones, given, len(places))
    except KeyboardInterrupt:
        to_stdout("interrupted: what is not below was not measured")
    how = "simulated" if on == SIMULATED else "on hosts"
    tell([f"{wan}: means, {how}", *zones, "mean", "off"], [cells(one) for one in results], page)
    if len(results) < len(rows):
        return INTERRUPTED
    code = judged(results, share, SLACK_MS[on])
    if code == FAR and on == LOCAL:
        to_stdout(
            f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, which hosts made here"
            " share with all else: where that is busy ops are late"
        )
    return code


def drawn(maker: Maker, folder: Path, seed: str, on: str) -> int:
    """Measure the shapes, draw them, and say which of their claims hold."""
    from harness.wan import shapes  # noqa: PLC0415  with all that draws

    if on != SIMULATED:
        raise UsageError("--plots: shapes are measured in the simulator; leave out --on")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--plots {folder}: {error.strerror}") from error
    scene, failed = shapes.Scene(maker=replace(maker, rounds=shapes.ROUNDS), seed=seed), 0
    for measure in shapes.ALL:
        shape = measure(scene)
        path = folder / f"{shape.name}.svg"
        path.write_text(shape.picture + "\n", encoding="utf-8")
        to_stdout(f"{path}")
        for claim, holds in shape.claims.items():
            to_stdout(f"  {'holds   ' if holds else 'DOES NOT'}  {claim}")
            failed += not holds
    return FAR if failed else 0


def predicted(row: Row, zones: Sequence[str]) -> Result:
    """A row that nobody measured."""
    forms = by_zone(row, zones, row.predicted)
    return Result(row=row, predicted=forms, measured=[None] * len(zones), outcome="")


def measured(
    rows: Sequence[Row], zones: Sequence[str], given: dict[str, Any], nodes: int
) -> Iterator[Result]:
    """Each row; what is being measured is said meanwhile."""
    progress = Progress()
    if given["on"] == SIMULATED:
        yield from one_by_one(
            rows, progress, lambda row: simulated(row, given["wan"], zones, given["seed"])
        )
        return
    with LocalCluster(nodes) as cluster:
        place = Place(
            hosts=cluster.hosts, store=given["store"], progress=Progress(quiet=len(rows) > 1)
        )
        yield from one_by_one(
            rows, progress, lambda row: on_hosts(row, given["wan"], zones, given["seed"], place)
        )


def one_by_one(
    rows: Sequence[Row], progress: Progress, run: Callable[[Row], Result]
) -> Iterator[Result]:
    for number, row in enumerate(rows, start=1):
        one = run(row)
        told = "; ".join(said for said in (one.outcome, one.why) if said)
        progress.say(f"{number} of {len(rows)}: {row.name}: {told}")
        yield one


def tell(head: Sequence[str], rows: Sequence[Sequence[str]], page: Path | None) -> None:
    """The table, to stdout and to the page."""
    for line in text(head, rows):
        to_stdout(line)
    if page is not None:
        try:
            page.write_text("\n".join(markdown(head, rows)) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--markdown {page}: {error.strerror}") from error


def judged(results: Sequence[Result], share: float, slack_ms: float) -> int:
    """Say which rows are not as predicted; the exit code."""
    near = [one for one in results if one.within(share, slack_ms)]
    to_stdout(
        f"{len(near)} of {len(results)} rows are within {share:.0%} or {slack_ms:g} ms of their forms"
        " at each site"
    )
    for one in results:
        if one not in near:
            to_stdout(f"not: {one.row.name} ({one.outcome}) {one.why}".rstrip())
    if any(one.why for one in results):
        return UNKNOWN
    return 0 if len(near) == len(results) else FAR
