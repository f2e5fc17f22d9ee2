"""Trials in the simulator: from a Trial to a played Run, judged; one or many, on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from checker.history import History
from checker.sometimes import happened
from checker.verdict import Outcome
from harness.commit import commit
from harness.crew import LocalCrew, play_all
from harness.judge import Results, judge
from harness.online import Online
from harness.sim import Observer, Run, Setup, Watch, simulate
from harness.store.record import RunDirectory
from harness.trial import Trial, run_name
from harness.wan import network_of
from nemesis.resolution import resolve

SETTLE_RTT = 50
"""Round trips between the heal and the final ops: an election or two."""


def setup_of(trial: Trial, online: Online | None = None) -> Setup:
    """The simulator's view of a trial, watched by ``online`` where it is to stop at an anomaly.

    Raises UsageError for what is not in the tables.
    """
    workload = trial.made_workload()
    if trial.stop_on_anomaly:
        workload = (online or Online()).watching(workload)
    return Setup(
        protocol=trial.replica(),
        workload=workload,
        options=trial.load(),
        plan=tuple(trial.windows()),
        seed=trial.seed,
        rtt_ms=trial.rtt_ms,
        protocol_options=dict(trial.options),
        client_timeout_ms=trial.client_timeout_ms,
        zones=trial.places(),
        network=network_of(trial),
        resolve=partial(resolve, zones=trial.places()),
        settle_ms=SETTLE_RTT * trial.rtt_ms if trial.final else 0,
        core=trial.heal == "core",
    )


@dataclass(frozen=True, kw_only=True)
class Played:
    """A trial that was simulated and judged, and the CPU seconds that each took.

    ``history`` are its rows in columns. ``online`` watched it; None: nothing did.
    """

    run: Run
    history: History
    results: Results
    online: Online | None
    simulating_s: float
    judging_s: float


def play(
    trial: Trial,
    observer: Observer | None = None,
    watch: Watch | None = None,
    *,
    only: str | None = None,
) -> Played:
    """Simulate a trial and judge its history, by all checks or by the one of this name."""
    began = time.process_time()
    online = Online() if trial.stop_on_anomaly else None
    setup = setup_of(trial, online)
    run = simulate(setup, observer=observer, watch=watch)
    simulated = time.process_time()
    history = History.of(run.rows)
    results = judge(
        history, setup.workload.checks, faults=bool(run.plan), rtt_ms=trial.rtt_ms, only=only
    )
    return Played(
        run=run,
        history=history,
        results=results,
        online=online,
        simulating_s=simulated - began,
        judging_s=time.process_time() - simulated,
    )


LONG_OPTION = 4_000
"""Characters of a plan, or of ops, beyond which a command line names a file instead."""


def keep(
    store: Path, trial: Trial, played: Played, more: Mapping[str, object] | None = None
) -> tuple[Path, str]:
    """Store a played trial as a run; its directory, and the command that plays it again.

    ``more`` is put into the run's ``trial.json``. Raises StoreError.
    """
    directory = RunDirectory.create(store, run_name(trial))
    texts = {"ops.json": trial.ops, "asked-plan.json": trial.plan}
    for file, text in texts.items():
        if text is not None and len(text) > LONG_OPTION:
            directory.write_bytes(file, text.encode())
            texts[file] = f"@{directory.path / file}"
    told = replace(trial, ops=texts["ops.json"], plan=texts["asked-plan.json"])
    reproduce = told.command("sim")
    run = played.run
    about = {**trial.to_json(), "on": "sim", "commit": commit(), **(more or {})}
    if played.online is not None and played.online.stopped is not None:
        about["stopped"] = played.online.stopped
    directory.write_trial(about)
    directory.write_history(run.rows)
    directory.write_plan(run.plan)
    results = {**played.results.to_json(), "digest": run.digest, "reproduce": reproduce}
    directory.write_results(results)
    directory.finish()
    return directory.path, reproduce


@dataclass(frozen=True, kw_only=True)
class Short:
    """What is kept of one trial among many."""

    trial: Trial
    outcome: Outcome
    summary: str
    digest: str
    events: int
    ops: int
    windows: int
    simulated_ms: int
    cpu_s: float
    sometimes: Mapping[str, int]
    """How often each rare thing happened that the replicas note."""
    features: frozenset[int] = frozenset()
    """What the trial showed of the replicas' behaviour, for a search that is guided by it."""


def play_short(trial: Trial) -> Short:
    """Play a trial and keep its outcome only, so that it is cheap to send between processes."""
    return shortened(trial, play(trial))


def shortened(trial: Trial, played: Played, features: frozenset[int] = frozenset()) -> Short:
    """What is kept of a trial that was played."""
    run, results = played.run, played.results
    worst = next((v for v in results.checks.values() if v.outcome is results.outcome), None)
    return Short(
        trial=trial,
        outcome=results.outcome,
        summary="" if worst is None else worst.summary,
        digest=run.digest,
        events=run.events,
        ops=int(np.count_nonzero(played.history.process >= 0)) // 2,
        windows=len(run.plan),
        simulated_ms=run.end_ns // 1_000_000,
        cpu_s=played.simulating_s + played.judging_s,
        sometimes=happened(run.rows),
        features=features,
    )


def campaign(
    trials: Iterable[Trial], jobs: int, play_one: Callable[[Trial], Short] = play_short
) -> Iterator[Short]:
    """Play many trials on ``jobs`` processes; results come as they are ready.

    A trial is asked for when somebody is free to play it, so that it may depend on earlier results.
    ``play_one`` is a function of a module, since it is sent to the processes by its name. Closing
    the iterator stops after the trials that are being played.
    """
    if jobs == 1:
        yield from map(play_one, trials)
        return
    crew = LocalCrew(jobs)
    try:
        yield from play_all(trials, crew, play_one, lost)
    finally:
        crew.close()


def lost(trial: Trial, why: str) -> Short:
    """What there is of a trial that nobody could play to its end."""
    return Short(
        trial=trial,
        outcome=Outcome.UNKNOWN,
        summary=why,
        digest="",
        events=0,
        ops=0,
        windows=0,
        simulated_ms=0,
        cpu_s=0.0,
        sometimes={},
    )
