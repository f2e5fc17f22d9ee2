"""Trials on given hosts: executed, read back from the store as ``harness check`` would, judged, reported."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from checker.history import History
from checker.verdict import Outcome
from harness.commit import commit
from harness.errors import HarnessError
from harness.judge import Results, judge
from harness.load_stats import Stats
from harness.real import RealTrial
from harness.remote.seam import Host
from harness.report.progress import Progress
from harness.report.run_page import page_of_invalid
from harness.report.summary import report
from harness.running.lifecycle import begin
from harness.running.registry import Asked
from harness.store.load import load_history
from harness.store.record import RunDirectory
from harness.trial import Trial, run_name

INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for besides the trial: where, how often, what to keep."""

    on: str
    hosts: tuple[Host, ...]
    count: int
    store: Path
    tunnel: bool
    leave_running: bool
    admin: bool = False
    lossy: bool = False


def trials(trial: Trial, wanted: Wanted, progress: Progress) -> int:
    """Run ``wanted.count`` trials; the exit code of the first that is not valid, else 0."""
    for number in range(wanted.count):
        seed = trial.seed if number == 0 else f"{trial.seed}/{number}"
        code = run(replace(trial, seed=seed), wanted, progress)
        if code != 0:
            return code
    return 0


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A trial that was run on hosts, stored and judged. ``reproduce`` is the command that asks for it."""

    real: RealTrial
    path: Path
    history: History
    results: Results
    stats: Stats
    reproduce: str


def execute(
    trial: Trial,
    wanted: Wanted,
    progress: Progress,
    *,
    reproduce: str | None = None,
    kind: type[RealTrial] = RealTrial,
) -> Executed:
    """One trial. Its run directory is whole whatever happens; only then is it judged."""
    directory = RunDirectory.create(wanted.store, run_name(trial))
    if reproduce is None:
        where = () if wanted.on == "local" else ("--on", wanted.on)
        reproduce = trial.command("test", *where, *(("--lossy",) if wanted.lossy else ()))
    about = {
        "on": wanted.on,
        "commit": commit(),
        "hosts": [host.name for host in wanted.hosts],
        "machine": " ".join(os.uname()),
        "reproduce": reproduce,
    }
    real = kind(
        trial, wanted.hosts, directory, progress,
        about=about, tunnel=wanted.tunnel, leave_running=wanted.leave_running, admin=wanted.admin,
        lossy=wanted.lossy,
    )  # fmt: skip
    try:
        stats = real.run()
    finally:
        directory.finish()
    began = time.monotonic()
    stored = load_history(directory.path)
    for warning in stored.warnings:
        progress.say(warning)
    results = judge(
        stored.history, real.workload.checks, faults=bool(real.plan), rtt_ms=trial.rtt_ms
    )
    directory.write_results({**results.to_json(), "load": stats.to_json(), "reproduce": reproduce})
    progress.say(f"judged {len(stored.history)} rows  ({time.monotonic() - began:.1f} s)")
    return Executed(
        real=real,
        path=directory.path,
        history=stored.history,
        results=results,
        stats=stats,
        reproduce=reproduce,
    )


def run(trial: Trial, wanted: Wanted, progress: Progress) -> int:
    """One trial, and what came of it on stdout; the exit code."""
    done = execute(trial, wanted, progress)
    title = (
        f"{trial.protocol}, {trial.workload}, nemesis {trial.nemesis}: {len(wanted.hosts)} hosts, "
        f"{trial.threads} clients, {trial.length()}, seed {trial.seed}\n"
        f"  ops began {lateness(done.stats)} after they were due, by the harness' own doing"
    )
    shown = page_of_invalid(done.path, done.history, done.results, progress.say)
    report(title, done.results, where=str(done.path), reproduce=done.reproduce, page=shown)
    if wanted.leave_running:
        keep(done.real, wanted, progress)
    return exit_code(done.results, interrupted=done.real.interrupted)


def keep(real: RealTrial, wanted: Wanted, progress: Progress) -> None:
    """Give the nodes that were left running to a holder, for `harness ps`, `shell` and `down`."""
    trial = real.trial
    asked = Asked(
        protocol=trial.protocol,
        on=wanted.on,
        hosts=wanted.hosts,
        nodes=trial.nodes,
        zones=trial.places(),
        rtt_ms=trial.rtt_ms,
        wan=trial.wan,
        options=trial.options,
        tunnel=wanted.tunnel,
        admin=wanted.admin,
        transport=trial.transport,
        tag=real.deployed.tag,
        adopted=True,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        entry = begin(asked, None, lambda _: None)
    except HarnessError as error:
        progress.say(f"left running, but nobody holds it: {error}; `harness ps` says what to do")
    else:
        name = entry.name
        progress.say(f"left running as {name}: `harness shell`, then `harness down {name}`")


def lateness(stats: Stats) -> str:
    """How late the driver was, as quantiles: by so much are all latencies too long."""
    p50, p99 = ((stats.lateness.quantile(permille) or 0) / 1e6 for permille in (500, 990))
    return f"{p50:.2f} ms (p50) and {p99:.2f} ms (p99)"


def exit_code(results: Results, *, interrupted: bool) -> int:
    """130 for an interrupted run, as shells have it, unless it found something."""
    if interrupted and results.outcome is not Outcome.INVALID:
        return INTERRUPTED
    return results.outcome.exit_code
