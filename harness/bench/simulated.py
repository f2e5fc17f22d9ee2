"""Benchmarks in the simulator: latencies as distance and protocol make them, with no processor in it.

What is simulated takes no CPU, so a closed loop's throughput is that of its clients and the round
trips: a protocol that has much to compute is not seen to be slow here. On hosts it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.bench.asked import Asked, command
from harness.bench.measure import measure, site_names
from harness.bench.notes import notes
from harness.bench.result import BENCH, Benched, Measured, Usage, write
from harness.commit import commit
from harness.simulated import Played, keep, play
from harness.trial import Trial
from workloads.bench import Load


def bench(
    protocol: str, asked: Asked, options: Mapping[str, str] | None = None, store: Path | None = None
) -> Benched:
    """Simulate one benchmark of a protocol with these options; kept as a run where ``store`` is given.

    Raises UsageError for what cannot be meant, NothingMeasured where nothing could be.

    >>> near = Asked(nodes=3, clients=3, time_ms=1_000, load={"writes": "1"})
    >>> done = bench("abd", near)
    >>> done.outcome, done.measured.sites, round(done.measured.of("n1", "write").latency.p50)
    ('valid', ('n1', 'n2', 'n3'), 8)
    """
    trial = asked.trial(protocol, options)
    return played_bench(trial, play(trial), store)


def played_bench(trial: Trial, played: Played, store: Path | None = None) -> Benched:
    """The benchmark that a played trial of the workload ``bench`` was."""
    told = benched(trial, measured_of(trial, played), played.results.outcome.value, on="sim")
    if store is None:
        return told
    path, _ = keep(store, trial, played)
    told = replace(told, run=str(path))
    write(path / BENCH, [told], command(trial, "sim"))
    return told


def measured_of(trial: Trial, played: Played) -> Measured:
    """What was measured in it."""
    load = Load.of(trial.load())
    sites = site_names(trial.places(), trial.nodes)
    return measure(played.history, load, time_ms=trial.time_ms, sites=sites)


def benched(
    trial: Trial, measured: Measured, outcome: str, *, on: str, usage: Usage | None = None
) -> Benched:
    """The record of a benchmark."""
    made = Benched(
        protocol=trial.protocol,
        options=dict(trial.options),
        nodes=trial.nodes,
        clients=trial.threads,
        rate=trial.rate,
        on=on,
        outcome=outcome,
        measured=measured,
        seed=trial.seed,
        load=dict(trial.workload_options),
        keys=trial.keys,
        nemesis=trial.nemesis,
        wan=trial.wan,
        transport=trial.transport,
        usage=usage,
        commit=commit(),
    )
    return replace(made, notes=tuple(notes(made)))
