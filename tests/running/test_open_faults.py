"""Faults that overlap: at every moment the cluster is as the open ones say together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.running.open_faults import OpenFaults, cure
from nemesis import packet, partition, process
from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Cut,
    Fault,
    FillDisk,
    FreeDisk,
    Kill,
    Link,
    Mend,
    Pause,
    ResetClock,
    Resume,
    SetDrift,
    Shape,
    Start,
    Weather,
)
from tests.waiting import wait_until

NODES = range(4)


class World:
    """What actions make of links and processes."""

    def __init__(self) -> None:
        self.cut: set[Link] = set()
        self.weather: dict[Link, Weather] = {}
        self.state = dict.fromkeys(NODES, "runs")

    def perform(self, actions: Sequence[Action]) -> list[dict[str, Any]]:
        for action in actions:
            match action:
                case Cut(links):
                    self.cut |= set(links)
                case Mend(links):
                    self.cut -= set(links)
                case Shape(links, weather):
                    for link in links:
                        self.weather[link] = weather
                case Kill(node):
                    self.state[node] = "dead"
                case Start(node):
                    self.state[node] = "runs" if self.state[node] == "dead" else self.state[node]
                case Pause(node):
                    self.state[node] = "still" if self.state[node] == "runs" else self.state[node]
                case Resume(node):
                    self.state[node] = "runs" if self.state[node] == "still" else self.state[node]
                case _:
                    raise AssertionError(action)
        return [{"action": str(action), "bit": True} for action in actions]

    def seen(self) -> object:
        weather = {link: how for link, how in self.weather.items() if how != CLEAR}
        return self.cut, weather, self.state


LINK = st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda ab: ab[0] != ab[1])
SOME = st.lists(LINK, min_size=1, max_size=4)
FAULTS = st.one_of(
    SOME.map(lambda links: partition.cut("cut", links)),
    st.builds(
        lambda links, ms: packet.shape("slow", links, Weather(delay_ms=ms)),
        SOME,
        st.integers(1, 3),
    ),
    st.sets(st.sampled_from(NODES), min_size=1, max_size=2).map(
        lambda nodes: process.kill_nodes("kill", sorted(nodes))
    ),
    st.sets(st.sampled_from(NODES), min_size=1, max_size=2).map(
        lambda nodes: process.pause_nodes("pause", sorted(nodes))
    ),
)


@given(st.lists(st.one_of(FAULTS, st.integers(0, 5)), max_size=12))
def test_what_is_open_holds_and_nothing_else(script: list[Fault | int]) -> None:
    """Goal: ending one fault undoes no other. Method: after each step the world is that in which the
    open faults alone had begun, in their order."""
    world, numbers = World(), []
    faults = OpenFaults(world.perform, list, lambda _: None)
    for step in script:
        if isinstance(step, Fault):
            numbers.append(faults.begin(step, None)[0])
        elif step < len(numbers):
            faults.end(numbers.pop(step))
        alone = World()
        for each in faults.open.values():
            alone.perform(each.fault.begin)
        # A node that was killed while it stood still, or the other way round, is dead either way.
        both = {n for n in NODES if alone.state[n] != world.state[n]}
        assert world.seen()[:2] == alone.seen()[:2]  # type: ignore[index]
        assert all("dead" in (alone.state[n], world.state[n]) for n in both)
        assert all(world.state[n] == "runs" for n in NODES if alone.state[n] == "runs")


def test_the_test_above_would_see_a_cure_that_knows_no_others() -> None:
    both, one = partition.cut("a", [(0, 1), (1, 0)]), partition.cut("b", [(0, 1)])
    world = World()
    world.perform([*both.begin, *one.begin, *both.end])
    assert world.cut == set()
    world.perform([*both.begin, *one.begin, *cure(both, [one])])
    assert world.cut == {(0, 1)}


def test_a_restart_takes_the_node_out_of_the_faults_that_hold_it() -> None:
    world = World()
    faults = OpenFaults(world.perform, list, lambda _: None)
    number, _ = faults.begin(process.kill_nodes("kill", [0, 1]), None)
    faults.restart(0)
    assert [world.state[0], world.state[1]] == ["runs", "dead"]
    faults.end(number)
    assert world.state[1] == "runs"
    faults.begin(process.pause_nodes("pause", [2]), None)
    faults.restart(2)
    assert faults.open == {}


def test_a_fault_with_a_time_ends_by_itself_and_says_so() -> None:
    world, said = World(), []
    faults = OpenFaults(world.perform, list, said.append)
    faults.begin(partition.cut("cut", [(0, 1)]), 0.05)
    wait_until(lambda: said, 10, "it ended")
    assert (world.cut, faults.open, said) == (set(), {}, ["cut end: it healed"])


def test_a_fault_that_is_not_open_cannot_be_ended() -> None:
    with pytest.raises(UsageError, match="no open fault 7"):
        OpenFaults(World().perform, list, lambda _: None).end(7)


def test_a_disk_that_another_fault_keeps_full_stays_so() -> None:
    end = (FreeDisk(1), FreeDisk(2))
    ended = cure(
        Fault("full", (FillDisk(1, 0), FillDisk(2, 0)), end), [Fault("b", (FillDisk(2, 9),), ())]
    )
    assert ended == (FreeDisk(1),)


def test_a_clock_that_another_fault_holds_is_wrong_by_that_alone() -> None:
    bump, drift = BumpClock(1, 500), SetDrift(1, 5_000)
    both = [Fault("drift", (drift, SetDrift(2, 500)), (ResetClock(1), ResetClock(2)))]
    ended = cure(Fault("bump", (bump,), (ResetClock(1),)), both)
    assert ended == (ResetClock(1), drift)
    assert cure(both[0], [Fault("bump", (bump,), ())]) == (ResetClock(1), bump, ResetClock(2))
