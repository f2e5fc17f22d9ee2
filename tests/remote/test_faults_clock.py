"""What is seen of clocks: each fault bites only where the process' own answers say so."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from harness.errors import CapabilityError
from harness.remote.faults_clock import Clocks, Sample, seen
from harness.systems.kernel import ClockPage
from nemesis.actions import BumpClock, ResetClock, SetDrift, StrobeClock
from nemesis.shell import Facts, HostFacts
from tests.remote.agents import LocalRemote, said

BEFORE = Sample(0.0, 0.0, 0.0)
BUMP, STROBE, DRIFT, RESET = (
    BumpClock(0, 500),
    StrobeClock(0, -60, 20),
    SetDrift(0, 5_000),
    ResetClock(0),
)


def samples(wall_ms=0.0, ppm=0, strobe_ms=0, monotonic=None) -> list[Sample]:
    """40 of them, 4 ms apart, 100 ms after ``BEFORE``; the strobe in every other one."""
    return [
        Sample(
            100 + 4.0 * i,
            wall_ms + strobe_ms * (i % 2) + ppm * (100 + 4.0 * i) / 1e6,
            (ppm if monotonic is None else monotonic) * (100 + 4.0 * i) / 1e6,
        )
        for i in range(40)
    ]


@pytest.mark.parametrize(
    ("action", "after"),
    [
        (BUMP, samples(500)),
        (STROBE, samples(0, strobe_ms=-60)),
        (DRIFT, samples(0, ppm=5_000)),
        (RESET, samples(0)),
    ],
)
def test_a_fault_bites_where_the_process_says_so(action, after) -> None:
    assert seen([action], BEFORE, after)[0]
    for other in (BUMP, STROBE, DRIFT, RESET):
        assert seen([other], BEFORE, after)[0] is (other is action)


def test_a_drift_of_one_clock_alone_is_none() -> None:
    """But of a process whose monotonic clock is left alone."""
    half = samples(0, ppm=5_000, monotonic=0)
    assert not seen([DRIFT], BEFORE, half)[0]
    assert seen([DRIFT], BEFORE, half, both=False)[0]


def test_a_jump_comes_upon_what_was_before_and_a_reset_ends_all() -> None:
    before = Sample(0.0, -90.0, 0.0)
    assert seen([BUMP], before, samples(410))[0]
    assert not seen([BUMP], before, samples(500))[0]
    assert seen([RESET], before, samples(0))[0]
    assert seen([BUMP, BUMP], BEFORE, samples(1000))[0]


class Machine:
    """A process whose clock is in the state that a test says."""

    def __init__(self, *, pages: bool = True) -> None:
        self.remote = LocalRemote("h1", "127.0.0.1")
        self.state = "running"
        self.name = "machine"
        program = ("python3", "clock.py", "page") if pages else ()
        self.facts = Facts(tag="t", hosts={0: HostFacts(address="127.0.0.1", clock=program)})
        self.clocks = Clocks(
            {0: self.remote}, SimpleNamespace(system=self, look=lambda _: self.state)
        )
        self.sent = []
        self.asked = 0

    def clock(self, node: int) -> ClockPage:
        return ClockPage("page", 8000)

    def says(self, asked: list[Sample], *later: list[Sample]) -> None:
        """What it says when it is asked; the last of it again and again."""
        told = [
            [[s.at_ms * 1e6, s.wall_ms * 1e6, s.monotonic_ms * 1e6] for s in some]
            for some in (asked, *later)
        ]

        def look(argv, **_: object):
            self.asked += "look" in argv
            return said(json.dumps(told.pop(0) if len(told) > 1 else told[0]))

        self.remote.run = look

    def change(self, action):
        (proof,) = self.clocks.change([action], self.send, self.facts)
        return proof

    def send(self, actions):
        self.sent += actions
        return {0: said("")}


def test_a_strobe_is_asked_for_until_both_of_its_sides_were_seen() -> None:
    """Asked in step with it, the process always says the same."""
    machine = Machine()
    machine.says(samples(0), samples(-60), samples(-60), samples(0, strobe_ms=-60))
    proof = machine.change(STROBE)
    assert proof["bit"]
    assert proof["saw"]["ahead_ms"] == [-60.0, 0.0]
    assert machine.asked == 4, "once before"


def test_a_page_that_nobody_reads_did_not_bite(monkeypatch) -> None:
    monkeypatch.setattr("harness.remote.faults_clock.AGAIN_S", 0.01)
    machine = Machine()
    machine.says(samples(0))
    proof = machine.change(BUMP)
    assert (proof["bit"], proof["probe"]) == (False, "clock")
    assert proof["saw"]["ahead_ms"] == [0.0, 0.0]
    assert machine.clocks.wrong == {0}
    (healed,) = machine.clocks.prove_right(0, machine.facts)
    assert healed["bit"]
    assert machine.clocks.wrong == set()
    assert machine.clocks.prove_right(0, machine.facts) == []


@pytest.mark.parametrize("state", ["stopped", "gone"])
def test_who_cannot_answer_is_told_all_the_same(state) -> None:
    machine = Machine()
    machine.state = state
    proof = machine.change(BUMP)
    assert proof["bit"]
    assert proof["saw"] == {"hidden by a process that is": state}
    assert machine.sent == [BUMP]


def test_a_process_that_runs_and_says_nothing_proves_nothing(monkeypatch) -> None:
    monkeypatch.setattr("harness.remote.faults_clock.PATIENCE_S", 0.01)
    machine = Machine()
    machine.remote.answers["look"] = said("", status=1)
    proof = machine.change(BUMP)
    assert not proof["bit"]
    (healed,) = machine.clocks.prove_right(0, machine.facts)
    assert not healed["bit"]


def test_a_system_without_a_page_is_refused() -> None:
    with pytest.raises(CapabilityError, match="machine: nobody has said how its clocks"):
        Machine(pages=False).change(BUMP)
