"""What a benchmark asks for, and the trials that this makes: one for each protocol and size."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from harness.trial import Trial, seconds
from harness.wan import longest_ms, zones_of
from nemesis.plan import period
from workloads.bench import DEFAULTS

CHECKED, UNCHECKED = "bench", "bench-unchecked"
"""The workloads."""

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
    check: bool = True
    """Whether histories are judged."""
    network: str = "steady"
    nemesis: str = Trial.nemesis
    interval_ms: int | None = None
    rtt_ms: int | None = None
    client_timeout_ms: int = 5_000
    transport: str = Trial.transport

    def trial(self, protocol: str, options: Mapping[str, str] | None = None) -> Trial:
        """The trial that this asks for."""
        load = dict(self.load or {})
        whole_ms, interval_ms = LONGEST_MS, self.interval_ms
        if "ops" not in load:
            load["time"] = str(self.time_ms)
            whole_ms = self.time_ms
            if self.nemesis != Trial.nemesis:
                interval_ms = interval_ms or _interval_ms(self.warmup_ms, self.time_ms)
        load["warmup"] = str(self.warmup_ms)
        loading_ms = 0 if load.get("load") == "false" else LOADING_MS
        wan, nodes, zones = self.wan, self.nodes, self.zones
        if wan and not zones:
            zones = ",".join(zones_of(wan, nodes))
        return Trial(
            protocol=protocol,
            workload=CHECKED if self.check else UNCHECKED,
            nemesis=self.nemesis,
            interval_ms=interval_ms,
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
            workload_options={k: v for k, v in load.items() if v != DEFAULTS.get(k)},
            transport=self.transport,
        )


def _interval_ms(warmup_ms: int, time_ms: int) -> int:
    """Between faults: as many as a trial of this length sees, though loading may take longer still."""
    return period(warmup_ms + time_ms)


_FLAGS = {
    "distribution": "--distribution",
    "writes": "--write-ratio",
    "min": "--min",
    "ops": "--ops",
}


def command(trial: Trial, on: str) -> str:
    """The command line that runs this benchmark again, alone.

    >>> command(Asked(nodes=3, clients=8, rate=0, time_ms=3_000).trial("abd"), "local")
    'harness bench -p abd --nodes 3 --concurrency 8 --closed --time 3 --warmup 2 --seed 0'
    """
    load = {**DEFAULTS, **trial.workload_options}
    protocol = "+".join([trial.protocol, *(f"{k}={v}" for k, v in trial.options.items())])
    words = ["harness", "bench", "-p", protocol, *(["--on", on] if on != "local" else [])]
    words += ["--nodes", str(trial.nodes), "--concurrency", str(trial.threads)]
    words += ["--rate", str(trial.rate)] if trial.rate else ["--closed"]
    if load["throttle"] != DEFAULTS["throttle"]:
        words += ["--throttle", load["throttle"]]
    if load["time"] != DEFAULTS["time"]:
        words += ["--time", seconds(int(load["time"]))]
    words += ["--warmup", seconds(int(load["warmup"]))]
    if trial.keys != Asked.keys:
        words += ["--keys", str(trial.keys)]
    for name, flag in _FLAGS.items():
        if load[name] != DEFAULTS[name]:
            words += [flag, load[name]]
    words += ["--no-load"] if load["load"] == "false" else []
    words += ["--no-check"] if trial.workload == UNCHECKED else []
    words += _trial_words(trial, on)
    return shlex.join([*words, "--seed", trial.seed])


def _trial_words(trial: Trial, on: str) -> list[str]:
    """What of a trial is not of its load."""
    words: list[str] = []
    if trial.nemesis != Trial.nemesis:
        words += ["--nemesis", trial.nemesis]
        words += ["--interval", seconds(trial.interval_ms)] if trial.interval_ms else []
    if trial.wan:
        words += ["--wan", trial.wan]
    if trial.zones and not trial.zones_of_wan() and on in ("sim", "local"):
        words += ["--zones", trial.zones]
    elif not trial.wan and trial.rtt_ms != Trial.rtt_ms:
        words += ["--rtt", str(trial.rtt_ms)]
    if trial.client_timeout_ms != Asked.client_timeout_ms:
        words += ["--timeout", str(trial.client_timeout_ms)]
    if trial.transport != Asked.transport:
        words += ["--transport", trial.transport]
    if on == "sim" and trial.network != Asked.network:
        words += ["--network", trial.network]
    return words
