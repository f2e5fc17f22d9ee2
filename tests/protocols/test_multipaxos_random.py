"""Random schedules: the protocol keeps its claims under each, and no mutant keeps them under all."""

import pytest

from protocols.multipaxos import MultiPaxos
from tests.known import Known
from tests.mutants.multipaxos import MUTANTS
from tests.schedules import Chance

STEPS = 1500
KNOWN = Known("multipaxos-random")


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("options", [{}, {"options": {}}], ids=["small", "defaults"])
def test_the_log_is_one_and_linearizable_whatever_chance_does(n, options):
    """Goal: agreement, exactly-once, real-time order, and service again after all is healed.

    Method: 40 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment;
    with windows and snapshots so small that every boundary is crossed, and with the defaults.
    """
    for seed in range(40):
        Chance(MultiPaxos, seed, n=n, **options).play(STEPS)


def test_one_node_alone_serves():
    """Goal: quorums of one. Restarts are all that can happen to it."""
    for seed in range(20):
        Chance(MultiPaxos, seed, n=1).play(STEPS)


TIMED = ("restarts-at-once", "forgets-by-its-clock", "exempts-the-first")
"""What lasts for a while is over in no time where there is no time: the zoo finds these."""
OF_OPTIONS = ("leads-by-appointment",)
"""Wrong only with an option that is not given here: the zoo gives it."""
HUNTED = [name for name in MUTANTS if name not in TIMED + OF_OPTIONS]


@pytest.mark.parametrize("mutant", HUNTED)
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    KNOWN.hunt(mutant, range(400), lambda n: Chance(MUTANTS[mutant], n).broken(STEPS))


def test_chance_is_not_too_kind():
    """Goal: not vacuous. There were several leaders, snapshots sent, ops answered, slots filled."""
    leaders = snapshots = noops = replies = 0
    for seed in range(20):
        chance = Chance(MultiPaxos, seed)
        chance.play(STEPS)
        stage = chance.stage
        leaders += sum(note.kind == "leader" for _, note in stage.notes)
        snapshots += sum("<- n" in line and " Snapshot(" in line for line in stage.lines)
        noops += "noop" in stage.decided().values()
        replies += len(stage.replies)
    assert leaders > 40
    assert snapshots > 10
    assert noops
    assert replies > 200
