"""A run that is stopped at each event is the run that is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from harness.sim import Seen, Setup, simulate
from harness.sim.stepping import Stepper
from harness.simulated import setup_of
from harness.trial import Trial
from workloads.kernel import Generator, Options, Poll

TRIAL = Trial(
    protocol="multipaxos", nodes=3, threads=6, time_ms=1_500, rate=60, seed="5", nemesis="kill,partition"
)  # fmt: skip


@pytest.mark.parametrize(
    "trial",
    [
        TRIAL,
        replace(TRIAL, protocol="abd", workload="cas", nemesis="disk,pause,packet", heal="core"),
        replace(TRIAL, protocol="epaxos", network="perfect", nemesis="none", final=False),
    ],
    ids=lambda trial: trial.protocol,
)
def test_steps_are_those_of_the_run(trial: Trial) -> None:
    seen: list[Seen] = []
    whole = simulate(setup_of(trial), watch=seen.append)
    stepper = Stepper(setup_of(trial))
    steps: list[tuple[Seen, ...]] = []
    while not stepper.over:
        steps.append(stepper.step())
    assert stepper.result() == whole
    assert steps.pop() == ()
    assert all(steps)
    assert stepper.steps == len(steps)
    first = len(seen) - sum(map(len, steps))  # what was lost before the first step
    assert [one for step in steps for one in step] == seen[first:]
    assert all(one.kind == "lost" for one in seen[:first])


def test_a_step_is_one_entry() -> None:
    """All of a step is of one moment, and hardly ever more than a few things."""
    stepper = Stepper(setup_of(TRIAL))
    sizes = []
    while seen := stepper.step():
        assert len({one.time_ns for one in seen}) == 1
        assert stepper.simulator.agenda.now_ns == seen[0].time_ns
        arrived = [one for one in seen if one.kind in {"message", "timer", "request", "<- itself"}]
        assert len(arrived) <= 1
        sizes.append(len(seen))
    assert sizes.count(1) > len(sizes) // 2


def test_after_its_end_there_is_nothing() -> None:
    stepper = Stepper(setup_of(replace(TRIAL, time_ms=20, rate=0, nemesis="none")))
    while stepper.step():
        pass
    steps = stepper.steps
    assert (stepper.step(), stepper.over, stepper.steps) == ((), True, steps)


class Breaks:
    """A user's generator with a mistake in it."""

    def __init__(self, whole: Generator) -> None:
        self.whole = whole

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if now_ns > 100_000_000:
            raise LookupError("no such key")
        return self.whole.poll(now_ns, idle)

    def update(self, thread: int, row: object) -> None: ...


def breaking(setup: Setup) -> Setup:
    def main(random: Random, options: Options) -> Generator:
        return Breaks(setup.workload.main(random, options))

    return replace(setup, workload=replace(setup.workload, main=main))


def test_a_users_mistake_comes_through_and_ends_it() -> None:
    stepper = Stepper(breaking(setup_of(TRIAL)))

    def to_the_end() -> None:
        while stepper.step():
            pass

    with pytest.raises(LookupError, match="no such key"):
        to_the_end()
    assert stepper.over
