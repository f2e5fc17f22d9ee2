"""Random schedules: the protocol keeps its claims under each, and no mutant keeps them under all."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from protocols.paxos import Paxos
from tests.known import Known
from tests.mutants.paxos import MUTANTS
from tests.schedules import Chance

STEPS = 1500
KNOWN = Known("paxos-random")


@dataclass
class Leaderless(Chance):
    """Nobody leads: any node is ready at any time, and learns the rest when it proposes itself.

    More is asked, so that several propose in one slot.
    """

    asks: int = 150

    def beat(self, node: int, round_: int) -> None:
        self.stage.fire(node, "tick")
        if "propose" in self.stage.timers[node]:
            self.stage.fire(node, "propose")

    def ready(self) -> bool:
        return True

    def asked_finally(self) -> list[int]:
        return list(range(self.n))


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("options", [{}, {"options": {}}], ids=["small", "defaults"])
def test_the_log_is_one_and_linearizable_whatever_chance_does(n, options):
    """Goal: agreement, exactly-once, real-time order, and service again after all is healed.

    Method: 40 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment;
    with windows and snapshots so small that every boundary is crossed, and with the defaults.
    """
    for seed in range(40):
        Leaderless(Paxos, seed, n=n, **options).play(STEPS)


def test_one_node_alone_serves():
    """Goal: quorums of one. Restarts are all that can happen to it."""
    for seed in range(20):
        Leaderless(Paxos, seed, n=1).play(STEPS)


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name != "forgets-promise"])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails.

    ``forgets-promise`` needs too much to come together: its schedule is played by hand, in
    ``test_paxos_paper``.
    """
    KNOWN.hunt(mutant, range(300), lambda n: Leaderless(MUTANTS[mutant], n).broken(STEPS))


def test_chance_is_not_too_kind():
    """Goal: not vacuous. There were duels, older proposals, snapshots sent, ops answered."""
    happened = set()
    replies = 0
    for seed in range(20):
        chance = Leaderless(Paxos, seed)
        chance.play(STEPS)
        happened |= {note.value for _, note in chance.stage.notes if note.kind == "sometimes"}
        replies += len(chance.stage.replies)
    assert happened == set(Paxos.sometimes)
    assert replies > 500
