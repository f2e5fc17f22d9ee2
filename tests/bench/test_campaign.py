"""Benchmarks one after another: what fails leaves the others, and Ctrl-C keeps what there is."""

from __future__ import annotations

import pytest

from harness.bench.asked import Asked
from harness.bench.campaign import medians, repeated, run_all
from harness.bench.result import Benched
from harness.errors import NotReadyError
from harness.report.progress import Progress
from harness.trial import Trial
from tests.bench.made import made

TRIALS = [Asked(nodes=3).trial(name) for name in ("abd", "raft", "epaxos")]


def quiet() -> Progress:
    return Progress(quiet=True)


def test_one_that_cannot_be_run_is_said_and_the_others_are_run() -> None:
    def run(trial: Trial) -> tuple[Benched, bool]:
        if trial.protocol == "raft":
            raise NotReadyError("n2: does not serve")
        return made(protocol=trial.protocol), False

    done = run_all(TRIALS, run, quiet())
    assert [one.protocol for one in done.benched] == ["abd", "epaxos"]
    assert done.problems == ["raft, 3 nodes, 20 clients: n2: does not serve"]
    assert (done.code, done.interrupted) == (255, False)


def test_a_single_one_that_cannot_be_run_ends_the_command() -> None:
    def run(trial: Trial) -> tuple[Benched, bool]:
        raise NotReadyError(trial.protocol)

    with pytest.raises(NotReadyError):
        run_all(TRIALS[:1], run, quiet())


@pytest.mark.parametrize("how", ["between", "within"])
def test_an_interrupt_keeps_what_was_measured(how: str) -> None:
    def run(trial: Trial) -> tuple[Benched, bool]:
        if trial.protocol == "raft" and how == "between":
            raise KeyboardInterrupt
        return made(protocol=trial.protocol), trial.protocol == "raft"

    done = run_all(TRIALS, run, quiet())
    assert done.interrupted
    assert [one.protocol for one in done.benched] == ["abd", "raft"][: 1 + (how == "within")]


def test_all_are_run_once_before_any_is_run_again_and_with_other_seeds() -> None:
    again = repeated(TRIALS, 3)
    assert [trial.protocol for trial in again] == ["abd", "raft", "epaxos"] * 3
    assert [trial.seed for trial in again[::3]] == ["0", "0/1", "0/2"]
    assert again[:3] == TRIALS == repeated(TRIALS, 1)


def test_of_several_runs_the_median_is_told_with_all_throughputs() -> None:
    raft = made(50, protocol="raft")
    told = medians([made(300), raft, made(100), made(200)])
    assert [one.throughput for one in told] == [200, 50]
    assert told[0].repeats == (300, 100, 200)
    assert told[1] == raft


def test_one_run_that_is_wrong_makes_all_of_them_wrong() -> None:
    wrong = made(300, outcome="invalid", notes=("the history is invalid",), run="store/wrong")
    (told,) = medians([made(100), made(200), wrong])
    assert (told.throughput, told.outcome, told.run) == (200, "invalid", "store/wrong")
    assert told.notes == ("the history is invalid",)
