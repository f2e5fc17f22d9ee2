"""A row of the table, measured: played in the simulator, or run on hosts, and held to its closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.history import History
from checker.verdict import Outcome
from harness.bench.measure import measure
from harness.bench.result import ALL
from harness.errors import HarnessError, NothingMeasured
from harness.remote.seam import Host
from harness.report.progress import Progress
from harness.simulated import play
from harness.trial import Trial
from harness.wan.forms import mean
from harness.wan.geography import longest_ms
from harness.wan.rows import Row, by_zone
from workloads.bench import Load

CLIENT_TIMEOUT_MS = 5_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """Means in ms by zone, ``None`` where no op was answered. ``why`` there are none, if so."""

    row: Row
    predicted: list[float]
    measured: list[float | None]
    outcome: str
    why: str = ""

    def off(self) -> float | None:
        """How far the mean over all zones is from the predicted one, as a share of that."""
        known = [ms for ms in self.measured if ms is not None]
        if len(known) < len(self.measured) or not known:
            return None
        return difference(mean(known), mean(self.predicted))

    def within(self, share: float, slack_ms: float) -> bool:
        """Whether each zone's mean is near its form, and the history in order.

        Near is ``share`` of it or, where that is less, ``slack_ms``: what clients, disks and processors
        take is in no closed form.
        """
        if self.why or self.outcome not in ("valid", "vacuous"):  # vacuous: writes alone
            return False
        pairs = zip(self.measured, self.predicted, strict=True)
        return all(m is not None and abs(m - p) <= max(share * p, slack_ms) for m, p in pairs)


def difference(ms: float, predicted: float) -> float:
    """As a share of what was predicted; nothing that was to take no time is a share of anything."""
    return (ms - predicted) / predicted if predicted else 0.0


def trial_of(row: Row, wan: str | None, seed: str) -> Trial:
    """The trial that measures a row; without a WAN, all nodes are in one room."""
    nodes = len(row.places)
    trial = Trial(
        protocol=row.protocol,
        nodes=nodes,
        threads=row.script.threads,
        time_ms=row.script.time_ms,
        seed=seed,
        rtt_ms=longest_ms(wan, row.places) if wan else Trial.rtt_ms,
        client_timeout_ms=CLIENT_TIMEOUT_MS,
        options=dict(row.options),
        final=False,
        network="steady",
        zones=",".join(row.places),
        wan=wan,
    )
    return trial.with_ops(row.script.ops)


def means(row: Row, history: History) -> list[float | None]:
    """By node: the mean in ms of the ops that are to be measured; None where some were not answered."""
    nodes = len(row.places)
    load = Load(
        keys=1, rate=0, threads=row.script.threads, nodes=nodes, sites=tuple(range(nodes)),
        load=False, warmup_ms=row.script.from_ms,
    )  # fmt: skip
    names = [f"n{node + 1}" for node in range(nodes)]
    found = measure(history, load, time_ms=row.script.time_ms, sites=names)
    sites: list[float | None] = []
    for name in names:
        groups = [
            g for g in found.groups if g.site == name and g.f != ALL and g.f in (row.f or g.f)
        ]
        if not groups or any(g.ok < g.ops or g.latency is None for g in groups):
            sites.append(None)
        else:
            total = sum(g.ops * g.latency.mean for g in groups if g.latency is not None)
            sites.append(total / sum(g.ops for g in groups))
    return sites


def result(row: Row, zones: Sequence[str], history: History, outcome: str) -> Result:
    """What a history of a row shows."""
    sites = means(row, history)
    silent = [node for node, ms in enumerate(sites) if ms is None]
    zonal = by_zone(row, zones, [ms or 0.0 for ms in sites])
    lacking = {row.places[node] for node in silent}
    named = ", ".join(f"n{node + 1}" for node in silent)
    return Result(
        row=row,
        predicted=by_zone(row, zones, row.predicted),
        measured=[None if z in lacking else ms for z, ms in zip(zones, zonal, strict=True)],
        outcome=outcome,
        why=f"not all ops were answered at {named}" if silent else "",
    )


def simulated(row: Row, wan: str, zones: Sequence[str], seed: str) -> Result:
    """Play it."""
    trial = trial_of(row, wan, seed)
    played = play(trial)
    return result(row, zones, played.history, played.results.outcome.value)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Hosts on which rows are run, and the store that keeps the runs."""

    hosts: Sequence[Host]
    store: Path
    progress: Progress


def on_hosts(row: Row, wan: str, zones: Sequence[str], seed: str, place: Place) -> Result:
    """Run it, kept as a run. A host that fails is the row's problem alone.

    Raises KeyboardInterrupt where somebody interrupted the run, after it has healed.
    """
    from harness.on_hosts import Wanted, execute  # noqa: PLC0415  a second of imports

    trial = trial_of(row, wan, seed)
    wanted = Wanted(
        on="local", hosts=tuple(place.hosts), count=1, store=place.store, tunnel=False,
        leave_running=False,
    )  # fmt: skip
    for last in (False, True):
        try:
            done = execute(trial, wanted, place.progress)
        except HarnessError as error:
            return _nothing(row, zones, "unknown", str(error))
        if done.real.interrupted:
            raise KeyboardInterrupt
        # Where the distances could not be proved, the machine may have been too busy for a moment.
        if done.results.outcome is not Outcome.INVALID_HARNESS or last:
            break
    outcome = done.results.outcome.value
    try:
        return result(row, zones, done.history, outcome)
    except NothingMeasured as error:
        return _nothing(row, zones, outcome, str(error))


def _nothing(row: Row, zones: Sequence[str], outcome: str, why: str) -> Result:
    predicted = by_zone(row, zones, row.predicted)
    measured: list[float | None] = [None] * len(zones)
    return Result(row=row, predicted=predicted, measured=measured, outcome=outcome, why=why)
