"""Random schedules: the chain keeps its claims under each, and its mutants do not under all."""

from dataclasses import dataclass

import pytest

from protocols.chain import Chain
from tests.hosted import Hosted
from tests.known import Known
from tests.mutants.chain import MUTANTS

STEPS = 1500
KNOWN = Known("chain-random")
PASSING = 40
"""Of a thousand moves, how many are a tick of all nodes."""
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3}


@dataclass
class Links(Hosted):
    """Besides, now and then time passes for all: the master's patience is counted in ticks."""

    def move(self):
        if self.random.randrange(1000) >= PASSING:
            super().move()
            return
        for node in list(self.stage.replicas):
            for timer in list(self.stage.timers[node]):
                if not timer.endswith("watch") or self.random.randrange(4) == 0:
                    self.stage.fire(node, timer)

    def stores(self):
        replicas = self.stage.replicas.values()
        assert all(r.complete and r.is_member for r in replicas), "a node did not come back"
        return [r.history.store for r in replicas]


@pytest.mark.parametrize("read", ["tail", "craq"])
@pytest.mark.parametrize("n", [3, 5])
def test_the_history_is_one_and_linearizable_whatever_chance_does(n, read):
    """Goal: agreement, exactly-once, real-time order, and all nodes back in the chain at the end.

    Method: 8 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment.
    """
    for seed in range(8):
        Links(Chain, seed, n=n, options={**SMALL, "read": read}).play(STEPS)


def test_one_node_alone_serves():
    for seed in range(10):
        Links(Chain, seed, n=1).play(STEPS)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    options = {**SMALL, "read": "craq"} if mutant == "serves-dirty" else SMALL

    def finds(seed):
        return Links(MUTANTS[mutant], seed, options=options).broken(STEPS)

    KNOWN.hunt(mutant, range(200), finds)


def test_chance_is_not_too_kind():
    """Goal: not vacuous. Members left and came back, by a snapshot too; updates were sent again."""
    seen: dict[str, int] = {}
    replies = 0
    for seed in range(12):
        chance = Links(Chain, seed)
        chance.play(STEPS)
        for _, note in chance.stage.notes:
            if note.kind == "sometimes":
                seen[note.value] = seen.get(note.value, 0) + 1
        replies += len(chance.stage.replies)
    assert set(seen) == set(Chain.sometimes)
    assert replies > 100
