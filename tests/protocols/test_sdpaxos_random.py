"""Random schedules: SDPaxos keeps its claims under each, and no mutant keeps them under all."""

import pytest

from protocols.sdpaxos import SDPaxos
from protocols.sdpaxos.replica import GUESSED, SHORT
from tests.known import Known
from tests.mutants.sdpaxos import MUTANTS
from tests.schedules import Chance

STEPS = 1500
KNOWN = Known("sdpaxos-random")


@pytest.mark.parametrize("n", [1, 3, 5, 7])
def test_one_order_whatever_chance_does(n):
    """Goal: agreement, exactly-once, real-time order, and service again after all is healed.

    Method: 20 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment,
    with windows and snapshots so small that every boundary is crossed.
    """
    for seed in range(20):
        Chance(SDPaxos, seed, n=n).play(STEPS)


def test_the_same_with_the_defaults():
    for seed in range(15):
        Chance(SDPaxos, seed, n=5, options={}).play(STEPS)


@pytest.mark.parametrize("mutant", ["reuses-positions", "applies-when-ordered", "sequencer-alone"])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    KNOWN.hunt(mutant, range(150), lambda n: Chance(MUTANTS[mutant], n).broken(STEPS, KeyError))


def test_chance_is_not_too_kind():
    """Goal: not vacuous. There were several sequencers, short paths, guesses, snapshots sent."""
    leaders = snapshots = short = guessed = 0
    for seed in range(20):
        chance = Chance(SDPaxos, seed, n=5)
        chance.play(STEPS)
        notes = [note for _, note in chance.stage.notes]
        leaders += sum(note.kind == "leader" for note in notes)
        short += sum(note.value == SHORT for note in notes)
        guessed += sum(note.value == GUESSED for note in notes)
        lines = chance.stage.lines
        snapshots += sum("<- n" in line and " Snapshot(" in line for line in lines)
    assert leaders > 30
    assert short > 10
    assert snapshots
    assert guessed
