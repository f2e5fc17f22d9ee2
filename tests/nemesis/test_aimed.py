"""Aimed faults: at whom something has just happened, as the simulator knows it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from harness.simulated import play
from nemesis.actions import Kill, Pause
from nemesis.aimed import AIMS, hit
from nemesis.plan import resolve
from tests.mutants.trials import STORM

TRIAL = replace(STORM, protocol="abd", seed="1", interval_ms=150)


@pytest.mark.parametrize("name", AIMS)
def test_the_node_that_is_given_is_hit(name):
    for seed in range(10):
        fault = resolve(name, Random(seed), range(5), [3])
        (action,) = fault.begin
        assert action in (Kill(3), Pause(3)) or 3 in hit(fault.begin), fault


def test_where_nobody_knows_any_node_is_hit():
    assert {resolve("aimed-kill-writer", Random(seed), range(3)).begin for seed in range(30)} == {
        (Kill(0),), (Kill(1),), (Kill(2),)
    }  # fmt: skip


def test_the_healed_are_those_of_the_window_before():
    plan = play(replace(TRIAL, nemesis="kill-one,aimed-cut-healed")).run.plan
    after_kills = [
        (before.fault.begin[0].node, window.fault.begin)
        for before, window in pairwise(plan)
        if (before.fault.name, window.fault.name) == ("kill-one", "aimed-cut-healed")
        and before.at_ms + before.for_ms <= window.at_ms
    ]
    assert after_kills
    assert all(node in hit(cut) for node, cut in after_kills)


def test_the_writer_is_one_that_writes():
    """The plan names nobody: who writes when the window opens is hit, and that changes."""
    run = play(replace(TRIAL, nemesis="aimed-kill-writer")).run
    assert {w.fault.name for w in run.plan} == {"aimed-kill-writer"}
    assert len({w.fault.begin for w in run.plan}) > 1
