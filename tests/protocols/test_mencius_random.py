"""Random schedules: Mencius keeps its claims under each, and no mutant keeps them under all."""

import pytest

from protocols.mencius import Mencius
from protocols.mencius.revoker import ADOPTED, REVOKED
from tests.known import Known
from tests.mutants.mencius import MUTANTS
from tests.schedules import Chance

STEPS = 1500
KNOWN = Known("mencius-random")


class Turns(Chance):
    """There is no leader: time is ticks alone, and a node is asked at any time."""

    def beat(self, node, round_):
        self.stage.fire(node, "tick")

    def ready(self):
        return True

    def asked_finally(self):
        return list(range(self.n))


@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("options", [{}, {"options": {}}], ids=["small", "defaults"])
def test_one_order_whatever_chance_does(n, options):
    """Goal: agreement, exactly-once, real-time order, and service again after all is healed.

    Method: 20 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment;
    with windows and snapshots so small that every boundary is crossed, and with the defaults.
    """
    for seed in range(20):
        Turns(Mencius, seed, n=n, **options).play(STEPS)


TOO_RARE = "votes-for-the-past"
"""It takes a plan that repeats the shape of its schedule (``tests.mutants.hunts.mencius``)."""


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name != TOO_RARE])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    KNOWN.hunt(mutant, range(150), lambda n: Turns(MUTANTS[mutant], n).broken(STEPS, KeyError))


def test_chance_is_not_too_kind():
    """Goal: not vacuous. Slots were revoked, suggestions found by that, snapshots sent."""
    revoked = adopted = snapshots = replies = 0
    for seed in range(20):
        chance = Turns(Mencius, seed)
        chance.play(STEPS)
        notes = [note.value for _, note in chance.stage.notes]
        revoked += notes.count(REVOKED)
        adopted += notes.count(ADOPTED)
        lines = chance.stage.lines
        snapshots += sum("<- n" in line and " Snapshot(" in line for line in lines)
        replies += len(chance.stage.replies)
    assert revoked > 50
    assert adopted
    assert snapshots > 10
    assert replies > 200
