"""Benchmarks in the simulator: latencies as distance and protocol make them, with no processor in it.

What is simulated takes no CPU, so a closed loop's throughput is that of its clients and the round
trips: a protocol that has much to compute is not seen to be slow here. On hosts it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.bench.measure import measure, site_names
from harness.bench.notes import notes
from harness.bench.result import Benched, Measured
from harness.commit import commit
from harness.simulated import Played, keep, play
from harness.trial import Trial
from harness.wan import longest_ms, zones_of
from workloads.bench import Load

LOADING_MS = 30_000
"""What the load phase may take, beside the warm-up and what is measured; the run begins as it ends."""
LONGEST_MS = 600_000
"""What a benchmark of so many ops may take."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A benchmark, whole, but for the protocol. Times are ms; ``rate`` 0 is a closed loop.

    ``load`` are options of the workload (:mod:`workloads.bench`): distribution, writes, ops ...
    ``time_ms`` is what is measured (where ``load`` has no ``ops``), after ``warmup_ms``.
    """

    nodes: int = 5
    clients: int = 20
    rate: int = 100
    keys: int = 100
    time_ms: int = 10_000
    warmup_ms: int = 2_000
    seed: str = "0"
    load: Mapping[str, str] | None = None
    wan: str | None = None
    zones: str = ""
    network: str = "steady"
    nemesis: str = Trial.nemesis
    rtt_ms: int | None = None
    client_timeout_ms: int = 5_000

    def trial(self, protocol: str, options: Mapping[str, str] | None = None) -> Trial:
        """The trial that this asks for."""
        load = dict(self.load or {})
        whole_ms = LONGEST_MS
        if "ops" not in load:
            load["time"] = str(self.time_ms)
            whole_ms = self.time_ms
        load["warmup"] = str(self.warmup_ms)
        loading_ms = 0 if load.get("load") == "false" else LOADING_MS
        wan, nodes, zones = self.wan, self.nodes, self.zones
        if wan and not zones:
            zones = ",".join(zones_of(wan, nodes))
        return Trial(
            protocol=protocol,
            workload="bench",
            nemesis=self.nemesis,
            nodes=nodes,
            threads=self.clients,
            time_ms=loading_ms + self.warmup_ms + whole_ms,
            rate=self.rate,
            keys=self.keys,
            seed=self.seed,
            rtt_ms=self.rtt_ms or (longest_ms(wan, zones.split(",")) if wan else Trial.rtt_ms),
            client_timeout_ms=self.client_timeout_ms,
            options=dict(options or {}),
            network=self.network,
            zones=zones,
            wan=wan,
            workload_options=load,
        )


def bench(
    protocol: str, asked: Asked, options: Mapping[str, str] | None = None, store: Path | None = None
) -> Benched:
    """Simulate one benchmark of a protocol with these options; kept as a run where ``store`` is given.

    Raises UsageError for what cannot be meant, and where nothing could be measured.

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
    return replace(told, run=str(path))


def measured_of(trial: Trial, played: Played) -> Measured:
    """What was measured in it."""
    load = Load.of(trial.load())
    sites = site_names(trial.places(), trial.nodes)
    return measure(played.history, load, time_ms=trial.time_ms, sites=sites)


def benched(trial: Trial, measured: Measured, outcome: str, *, on: str) -> Benched:
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
        commit=commit(),
    )
    return replace(made, notes=tuple(notes(made)))
