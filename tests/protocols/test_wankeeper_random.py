"""Random schedules: WanKeeper keeps its claims under each, and its mutants do not under all."""

from dataclasses import dataclass

import pytest

from protocols.multipaxos import MultiPaxos
from protocols.wankeeper import WanKeeper
from tests.hosted import Hosted
from tests.mutants.wankeeper import MUTANTS

STEPS = 1500
ELSEWHERE = ("forgets-tokens", "no-epochs")
"""Mutants that chance finds too seldom here; the zoo finds them."""
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3, "threshold": 2, "zones": 2}


@dataclass
class Tokens(Hosted):
    """``stores``: all nodes follow all logs; and of each key there is one log that has it."""

    def ready(self):
        parts = [part.replica for r in self.stage.replicas.values() for part in r.parts.values()]
        return all(replica.leader() is not None for replica in parts)

    def stores(self):
        replicas = self.stage.replicas.values()
        for replica in replicas:
            for key, token in replica.master.table.tokens.items():
                held = [i for i, group in replica.groups.items() if key in group.store.cells]
                assert held in ([token.at], []), "a token is at two places"
        return [[p.replica.store.snapshot() for p in r.parts.values()] for r in replicas]


@pytest.mark.parametrize("threshold", [1, 2])
@pytest.mark.parametrize("n", [3, 5])
def test_a_key_is_linearizable_wherever_chance_moves_it(n, threshold):
    """Goal: agreement, exactly-once, real-time order, and all nodes alike at the end.

    Method: 6 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment.
    """
    for seed in range(6):
        Tokens(WanKeeper, seed, n=n, options={**SMALL, "threshold": threshold}).play(STEPS)


def test_one_node_alone_serves():
    for seed in range(10):
        Tokens(WanKeeper, seed, n=1, options=SMALL).play(STEPS)


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name not in ELSEWHERE])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""

    def play():
        for seed in range(100):
            Tokens(MUTANTS[mutant], seed, options={**SMALL, "threshold": 1}).play(STEPS)

    with pytest.raises(AssertionError):
        play()


def test_chance_is_not_too_kind():
    """Goal: not vacuous. Tokens were granted, released and brought back, and commands came late."""
    seen: dict[str, int] = {}
    replies = 0
    for seed in range(12):
        chance = Tokens(WanKeeper, seed, options={**SMALL, "threshold": 1})
        chance.play(STEPS)
        for _, note in chance.stage.notes:
            if note.kind == "sometimes":
                seen[note.value] = seen.get(note.value, 0) + 1
        replies += len(chance.stage.replies)
    own = [name for name in WanKeeper.sometimes if name not in MultiPaxos.sometimes]
    assert {*own} <= {*seen}
    assert min(seen[name] for name in own) > 1
    assert replies > 100
