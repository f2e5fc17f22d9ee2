"""Every mutant of EPaxos is found by random schedules, and EPaxos itself is not.

Two need more coincidences than a quick test can wait for. Chance finds them in the simulator, with
the trials that its ``ZOO`` names; here they play the paper tests' schedules.
"""

from __future__ import annotations

import pytest

from protocols.epaxos import EPaxos
from tests.mutants.epaxos import MUTANTS
from tests.protocols.test_epaxos_paper import decided, orphan, sutra
from tests.protocols.test_epaxos_random import Leaderless

TRIES = 30
SCRIPTED = {"one-ballot": sutra, "noop-over-pre-accepted": orphan}


@pytest.mark.parametrize("name", [n for n in MUTANTS if n not in SCRIPTED])
def test_random_schedules_find_it(name):
    for seed in range(TRIES):
        try:
            Leaderless(MUTANTS[name], seed, 5 if seed % 2 else 3).play(1500)
        except AssertionError:
            return
    raise AssertionError(f"{name} was not found in {TRIES} schedules")


@pytest.mark.parametrize("name", SCRIPTED)
def test_a_schedule_from_the_papers_finds_it(name):
    """One instance is decided in two ways; by EPaxos itself, under the same schedule, in one."""
    decisions = decided(SCRIPTED[name](MUTANTS[name]), 0, 1)
    assert any(d != decisions[0] for d in decisions)
    decisions = decided(SCRIPTED[name](EPaxos), 0, 1)
    assert all(d == decisions[0] for d in decisions)
