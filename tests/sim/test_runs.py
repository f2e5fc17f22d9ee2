"""Runs with disk and clock faults as a user has them: stored, replayed, shrunk."""

from __future__ import annotations

import pytest

from harness.replay import load_simulated, replay
from harness.shrink import Bounds, first_invalid, shrink
from harness.shrink.milder import milder
from harness.shrink.targets import only, renumbered, targets_of
from harness.simulated import keep, play
from harness.trial import Trial
from nemesis.actions import (
    BumpClock,
    Fault,
    Kill,
    LoseUnsynced,
    ResetClock,
    SlowDisk,
    Start,
    Window,
)

DISKS_AND_CLOCKS = Trial(
    protocol="abd", nemesis="disk,clock", nodes=3, threads=6, time_ms=12_000, seed="4"
)
TORN = Window(
    100, 50,
    Fault(
        "disk-torn",
        (SlowDisk(0, 20), SlowDisk(2, 20)),
        (Kill(0), LoseUnsynced(0, torn=True), SlowDisk(0, 0), Start(0),
         Kill(2), LoseUnsynced(2, torn=True), SlowDisk(2, 0), Start(2)),
    ),
)  # fmt: skip
TORN_AT_2 = (Kill(2), LoseUnsynced(2, torn=True), SlowDisk(2, 0), Start(2))


def test_a_run_with_disk_and_clock_faults_is_played_again_byte_for_byte(tmp_path):
    played = play(DISKS_AND_CLOCKS)
    names = {window.fault.name for window in played.run.plan}
    assert any(name.startswith("disk-") for name in names)
    assert any(name.startswith("clock-") for name in names)
    path, _ = keep(tmp_path, DISKS_AND_CLOCKS, played)

    assert replay(load_simulated(path)).differs is None
    frozen = DISKS_AND_CLOCKS.with_plan(played.run.plan)
    assert play(frozen).run.digest == played.run.digest, "also with its faults as data"


def test_a_window_is_reduced_to_some_of_its_nodes_with_all_that_is_done_to_them():
    assert targets_of(TORN.fault) == (0, 2)
    assert only(TORN, [2]).fault == Fault("disk-torn", (SlowDisk(2, 20),), TORN_AT_2)
    assert renumbered(only(TORN, [2]), {2: 0}).fault.end[1] == LoseUnsynced(0, torn=True)
    assert renumbered(TORN, {1: 0}) is None


def test_a_milder_fault_is_a_plain_kill_or_smaller():
    kill, *smaller = milder(TORN)
    assert kill.fault == Fault("kill", (Kill(0), Kill(2)), (Start(0), Start(2)))
    assert [window.fault.begin[0].ms for window in smaller] == [1, 10]
    clock = Window(
        0, 9, Fault("clock-bump", (BumpClock(0, 7), BumpClock(1, -60)), (ResetClock(0),))
    )
    assert [window.fault.begin for window in milder(clock)] == [
        (BumpClock(0, 1), BumpClock(1, -1)), (BumpClock(0, 7), BumpClock(1, -10)),
    ]  # fmt: skip
    assert milder(Window(0, 9, "disk")) == []


@pytest.mark.parametrize("name", ["disk-torn", "disk-power"])
def test_a_failure_under_a_disk_fault_is_shrunk_to_a_plain_kill_where_that_does(name):
    trial = Trial(
        protocol="tests.mutants.abd:AcksBeforePersist", nemesis=name, nodes=3, threads=6,
        time_ms=6_000, seed="2",
    )  # fmt: skip
    played = play(trial)
    found = shrink(trial, played, first_invalid(played.results), bounds=Bounds(trials=1_500))
    (window,) = found.trial.windows()

    assert [type(action) for action in (*window.fault.begin, *window.fault.end)] == [Kill, Start]
    assert found.trial.nodes == 1
