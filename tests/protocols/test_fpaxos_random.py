"""Flexible Paxos and HPaxos under random schedules, and their mutants, which do not survive them."""

import pytest

from protocols.fpaxos import FPaxos
from protocols.hpaxos import HPaxos
from tests.known import Known
from tests.mutants import fpaxos, hpaxos
from tests.schedules import Chance

STEPS = 1500
KNOWN = Known("fpaxos-random")
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3}
MUTANTS = {**fpaxos.MUTANTS, **hpaxos.MUTANTS}


@pytest.mark.parametrize(
    ("quorum", "n"), [("count:2,2", 3), ("count:3,1", 3), ("count:4,2", 5), ("count:2,4", 5)]
)
def test_fpaxos_keeps_its_claims_whatever_chance_does(quorum, n):
    """Goal: agreement, exactly-once, real-time order, service after healing. Method: 20 seeds."""
    for seed in range(20):
        Chance(FPaxos, seed, n=n, options={**SMALL, "quorum": quorum}).play(STEPS)


@pytest.mark.parametrize("n", [1, 3, 5])
def test_hpaxos_keeps_its_claims_whatever_chance_does(n):
    """The same, with crashes: each node comes back with its disk in the end."""
    for seed in range(20):
        Chance(HPaxos, seed, n=n).play(STEPS)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name):
    KNOWN.hunt(name, range(100), lambda n: Chance(MUTANTS[name], n).broken(STEPS))
