"""Benchmarks one after another: what fails leaves the others, and Ctrl-C keeps what there is."""

from __future__ import annotations

import pytest

from harness.bench.asked import Asked
from harness.bench.campaign import run_all
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
