"""Benchmarks one after another: what each measured, what could not be run, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from checker.verdict import Outcome, combine
from harness.bench.result import Benched
from harness.bench.simulated import played_bench
from harness.bench.table import rate
from harness.errors import HarnessError
from harness.remote.seam import Host
from harness.report.progress import Progress
from harness.simulated import play
from harness.trial import Trial

Run = Callable[[Trial], tuple[Benched, bool]]
"""Runs one; and says whether somebody interrupted it."""


@dataclass
class Done:
    """What was measured, what could not be, and the exit code of that."""

    benched: list[Benched] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False
    code: int = 0


def repeated(trials: Sequence[Trial], times: int) -> list[Trial]:
    """All of them once, then all again, each time with other seeds: what disturbs disturbs all alike."""
    again = [
        [replace(trial, seed=f"{trial.seed}/{number}") for trial in trials]
        for number in range(1, times)
    ]
    return [trial for round_ in ([*trials], *again) for trial in round_]


def medians(benched: Sequence[Benched]) -> list[Benched]:
    """Of each benchmark that was run several times the one of median throughput (the lower of two).

    Its outcome is that of all of them, and so are its notes on what is not valid.
    """
    same: dict[tuple[str, int, int], list[Benched]] = {}
    for one in benched:
        same.setdefault((one.name, one.nodes, one.clients), []).append(one)
    return [_median(group) if len(group) > 1 else group[0] for group in same.values()]


def _median(group: Sequence[Benched]) -> Benched:
    ordered = sorted(group, key=lambda one: one.throughput)
    middle = ordered[(len(ordered) - 1) // 2]
    outcome = combine(Outcome(one.outcome) for one in group).value
    repeats = tuple(one.throughput for one in group)
    if outcome == middle.outcome:
        return replace(middle, repeats=repeats)
    worst = next(one for one in group if one.outcome == outcome)
    notes = (*(n for n in worst.notes if n not in middle.notes), *middle.notes)
    return replace(middle, repeats=repeats, outcome=outcome, run=worst.run, notes=notes)


class Calm(Progress):
    """For many trials: what goes well is not said for each."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        del name
        yield


def run_all(trials: Sequence[Trial], run: Run, progress: Progress) -> Done:
    """One after another; what cannot be run is said, and the others are."""
    done = Done()
    for number, trial in enumerate(trials, 1):
        name = f"{label(trial)} ({number} of {len(trials)})"
        try:
            one, done.interrupted = run(trial)
        except KeyboardInterrupt:
            done.interrupted = True
        except HarnessError as error:
            if len(trials) == 1:
                raise
            progress.say(f"{name}: {error}")
            done.problems.append(f"{label(trial)}: {error}")
            done.code = error.exit_code
        else:
            done.benched.append(one)
            progress.say(f"{name}: {rate(one.throughput)} ok/s, {one.outcome}")
        if done.interrupted:
            break
    return done


def label(trial: Trial) -> str:
    options = "".join(f"+{k}={v}" for k, v in trial.options.items())
    return f"{trial.protocol}{options}, {trial.nodes} nodes, {trial.threads} clients"


def simulated(trials: Sequence[Trial], store: Path, progress: Progress, jobs: int = 1) -> Done:
    """In the simulator, each kept as a run; ``jobs`` at a time, and told in their order."""
    if jobs == 1:
        return run_all(trials, lambda trial: (_played(trial, store), False), progress)
    with ProcessPoolExecutor(jobs) as pool:
        left = [pool.submit(_played, trial, store) for trial in trials]
        try:
            return run_all(trials, lambda _trial: (left.pop(0).result(), False), progress)
        finally:
            pool.shutdown(cancel_futures=True)


def _played(trial: Trial, store: Path) -> Benched:
    return played_bench(trial, play(trial), store)


def on_hosts(
    trials: Sequence[Trial],
    hosts: Sequence[Host],
    on: str,
    store: Path,
    progress: Progress,
    *,
    tunnel: bool = False,
) -> Done:
    """Each on the first of these hosts, kept as a run."""
    from harness.bench.on_hosts import bench_on_hosts  # noqa: PLC0415  a second of imports
    from harness.on_hosts import Wanted  # noqa: PLC0415

    teller = progress if len(trials) == 1 else Calm()

    def run(trial: Trial) -> tuple[Benched, bool]:
        wanted = Wanted(
            on=on, hosts=tuple(hosts[: trial.nodes]), count=1, store=store,
            tunnel=tunnel, leave_running=False,
        )  # fmt: skip
        return bench_on_hosts(trial, wanted, teller)

    return run_all(trials, run, progress)
