"""``harness soak``, and the crews that play: one that dies loses one trial, a cluster is like processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from click.testing import CliRunner

from checker.verdict import Outcome
from harness.commands.soak import command
from harness.crew import ATTEMPTS, ClusterCrew, LocalCrew, play_all
from harness.errors import UsageError
from harness.matrix.cells import SMALL
from harness.simulated import lost, play_short
from harness.soak import bases, trials
from protocols import PROTOCOLS
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
TRIAL = replace(SMALL, protocol="abd", nodes=3, time_ms=300)


def double(number: int) -> int:
    """A stand-in for a trial: 13 kills whoever plays it."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def missing(number: int, why: str) -> int:
    assert str(ATTEMPTS) in why or "died" in why
    return -number


def test_who_dies_loses_only_the_trial_that_kills() -> None:
    with closing(LocalCrew(2)) as crew:
        results = sorted(play_all(range(20), crew, double, missing))
    assert results == [-13, *(2 * n for n in range(20) if n != 13)]


def test_an_error_of_a_trial_comes_through() -> None:
    with closing(LocalCrew(1)) as crew, pytest.raises(ZeroDivisionError):
        list(play_all([0], crew, reciprocal, missing))


def reciprocal(number: int) -> int:
    return 1 // number


# --- a cluster: a real scheduler and two workers on this machine ----------------------------------


@contextmanager
def cluster(directory: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its two workers; all end with the block."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    file = directory / "scheduler.json"
    scheduler = start("dask_scheduler", "--port", "0", "--scheduler-file", file)
    workers = []
    try:
        wait_until(lambda: address_in(file), 30, "a scheduler")
        workers += [
            start(
                "dask_worker",
                address_in(file),
                "--nthreads",
                "1",
                "--no-nanny",
                "--local-directory",
                directory,
            )
            for _ in range(2)
        ]
        yield str(address_in(file)), workers
    finally:
        for process in (*workers, scheduler):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """A worker says goodbye to its scheduler, which may be gone: then it is not waited for."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start(module: str, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1",
         "--no-dashboard", *map(str, words)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )  # fmt: skip


def address_in(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_text())["address"])
    except (OSError, ValueError):
        return None


def test_a_cluster_plays_the_same_trials_and_survives_the_loss_of_a_worker(tmp_path: Path) -> None:
    asked = [replace(TRIAL, seed=str(seed)) for seed in range(20)]
    with cluster(tmp_path) as (address, workers), closing(ClusterCrew(address)) as crew:
        wait_until(lambda: crew.hands() == 2, 30, "two workers")
        found = {}
        for short in play_all(asked, crew, play_short, lost):
            found[short.trial.seed] = short.digest
            if len(found) == 4:
                workers[0].kill()
    assert found == {trial.seed: play_short(trial).digest for trial in asked}


def test_no_scheduler_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="nobody answers"):
        ClusterCrew("tcp://127.0.0.1:9", patience_s=1)


# --- what is soaked ---------------------------------------------------------------------------------


def test_each_protocol_is_soaked_with_what_it_keeps() -> None:
    chosen = bases([], [], TRIAL)
    assert {trial.protocol for trial in chosen} == set(PROTOCOLS)
    assert {t.workload for t in bases(["abd"], [], TRIAL)} == {"register"}
    assert [t.protocol for t in bases(["some.module:Mine"], [], TRIAL)] == ["some.module:Mine"]


def test_trials_go_round_and_never_repeat_a_seed() -> None:
    chosen = bases(["abd", "raft"], ["register"], TRIAL)
    most = 2 * len(chosen)
    some = list(trials(chosen, "swarm", "7", until_s=inf, most=most))
    assert [trial.protocol for trial in some] == [base.protocol for base in chosen] * 2
    assert len({trial.seed for trial in some}) == most
    assert some == list(trials(chosen, "swarm", "7", until_s=inf, most=most))


def run(tmp_path: Path, *words: str) -> tuple[int, str]:
    told = ["--jobs", "1", "--seed", "7", "--store", str(tmp_path), *words]
    result = CliRunner().invoke(command, told, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_a_good_protocol_ends_with_0_and_a_line_for_each_trial(tmp_path: Path) -> None:
    code, output = run(tmp_path, "abd", "--trials", "4")
    assert code == 0, output
    (record,) = tmp_path.glob("soak/*/trials.jsonl")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert len(lines) == 4
    assert all(line["reproduce"].startswith("harness sim --protocol abd") for line in lines)


def test_a_bad_one_is_stored_and_shrunk_and_ends_with_1(tmp_path: Path) -> None:
    code, output = run(tmp_path, "tests.mutants.abd:ReadOne", "--trials", "30", "--failures", "1")
    assert code == 1
    assert "failed:     not linearizable" in output
    assert "shrunk from" in output
    assert Outcome.INVALID.value in output


@pytest.mark.parametrize("words", [("abdd",), ("-w", "regster"), ("abd", "-w", "bank")])
def test_what_there_is_not_is_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run(tmp_path, *words)
