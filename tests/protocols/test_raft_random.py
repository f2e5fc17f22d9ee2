"""Random schedules: the protocol keeps its claims under each, and mutants do not under all."""

import pytest

from protocols.raft import Raft
from tests.known import Known
from tests.mutants.raft import MUTANTS
from tests.schedules import Chance

STEPS = 1200
KNOWN = Known("raft-random")
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3}
ELSEWHERE = {"forgets-vote", "commits-old-terms", "reads-early", "snapshot-goes-back"}
"""Rare here: the first 40 seeds do not show them. The paper tests play their schedules by hand, and
the zoo hunts them."""


def play(protocol, seeds, n=3, options=SMALL):
    for seed in seeds:
        Chance(protocol, seed, n=n, options=dict(options)).play(STEPS)


@pytest.mark.parametrize("n", [3, 4, 5])
@pytest.mark.parametrize("options", [SMALL, {}, {**SMALL, "read": "log"}], ids=str)
def test_the_log_is_one_and_linearizable_whatever_chance_does(n, options):
    """Goal: agreement, exactly-once, real-time order, and service again after all is healed.

    Method: crashes, loss, duplication, overtaking, partitions and timers at any moment; with windows
    and snapshots so small that every boundary is crossed, and with the defaults.
    """
    play(Raft, range(12), n, options)


def test_one_server_alone_serves():
    """Goal: quorums of one. Restarts are all that can happen to it."""
    play(Raft, range(10), n=1)


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name not in ELSEWHERE])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""

    def finds(seed):  # or the mutant stumbles over its own log
        return Chance(MUTANTS[mutant], seed, options=dict(SMALL)).broken(STEPS, IndexError)

    KNOWN.hunt(mutant, range(40), finds)


def test_chance_is_not_too_kind():
    """Goal: not vacuous. All that is rare happened, there were several leaders, and answers."""
    seen = dict.fromkeys(Raft.sometimes, 0)
    leaders = replies = 0
    for seed in range(15):
        chance = Chance(Raft, seed)
        chance.play(STEPS)
        for _, note in chance.stage.notes:
            if note.kind == "sometimes":
                seen[note.value] += 1
            leaders += note.kind == "leader"
        replies += len(chance.stage.replies)
    assert all(seen.values()), seen
    assert leaders > 30
    assert replies > 150
