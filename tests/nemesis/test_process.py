"""Kill and pause: whom, and that the cure is for the same."""

from __future__ import annotations

from random import Random

import pytest

from nemesis import process
from nemesis.actions import Fault, Kill, Pause, Resume, Start
from nemesis.resolution import resolve

TARGETS = ("one", "minority", "majority", "all", "leader")


def test_what_is_killed_is_started_and_what_is_paused_is_resumed() -> None:
    assert process.kill_nodes("k", (1, 2)) == Fault("k", (Kill(1), Kill(2)), (Start(1), Start(2)))
    assert process.pause_nodes("p", (3,)) == Fault("p", (Pause(3),), (Resume(3),))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("verb", ["kill", "pause"])
def test_each_target_has_a_name(verb, target) -> None:
    fault = resolve(f"{verb}-{target}", Random(1), range(5), (4,))
    assert fault.name == f"{verb}-{target}"
    assert {type(action) for action in fault.begin} == {Kill if verb == "kill" else Pause}
    assert [action.node for action in fault.begin] == [action.node for action in fault.end]
    if target == "leader":
        assert [action.node for action in fault.begin] == [4]


@pytest.mark.parametrize("draw", [process.kill, process.pause])
def test_without_a_target_every_one_is_drawn(draw) -> None:
    names = {draw(Random(seed), range(5), ()).name for seed in range(100)}
    assert names == {f"{draw.__name__}-{target}" for target in TARGETS}
