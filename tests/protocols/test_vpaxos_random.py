"""Random schedules: Vertical Paxos keeps its claims under each, and its mutants do not under all."""

from dataclasses import dataclass

import pytest

from protocols.kernel import Command
from protocols.vpaxos import VPaxos
from protocols.vpaxos.replica import HANDED_ON, MOVED, SUPERSEDED
from tests.hosted import Hosted
from tests.known import Known
from tests.mutants.vpaxos import MUTANTS
from tests.transcript import Stage

STEPS = 1500
KNOWN = Known("vpaxos-random")
ELSEWHERE = "newest-only"
"""A mutant that chance finds too seldom here; the zoo finds it."""
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3, "threshold": 2, "groups": 2}


@dataclass
class Groups(Hosted):
    def ready(self):
        replicas = self.stage.replicas.values()
        return all(
            replica.master.leader() is not None and all(g.config.complete for g in replica.groups)
            for replica in replicas
        )

    def stores(self):
        return [
            [part.replica.store.snapshot() for part in replica.parts.values()]
            for _, replica in sorted(self.stage.replicas.items())
        ]


@pytest.mark.parametrize("n", [3, 5])
def test_a_group_is_linearizable_wherever_chance_moves_it(n):
    """Goal: agreement, exactly-once, real-time order, and all nodes alike at the end."""
    for seed in range(5):
        Groups(VPaxos, seed, n=n, options=SMALL).play(STEPS)


def test_one_node_alone_serves():
    for seed in range(5):
        Groups(VPaxos, seed, n=1, options=SMALL).play(STEPS)


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name != ELSEWHERE])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    options = {**SMALL, "groups": 1, "threshold": 1}
    KNOWN.hunt(
        mutant,
        range(60),
        lambda n: Groups(MUTANTS[mutant], n, n=5, options=options).broken(STEPS),
    )


def test_chance_is_not_too_kind():
    """Goal: not vacuous. Groups moved, leaders were replaced, and some before they were complete."""
    seen = set()
    for seed in range(12):
        chance = Groups(VPaxos, seed, options=SMALL)
        chance.play(STEPS)
        seen |= {note.value for _, note in chance.stage.notes if note.kind == "sometimes"}
    assert seen >= {MOVED, HANDED_ON, SUPERSEDED}


def test_what_is_kept_does_not_grow_with_the_ops():
    """Goal: logs, disk and sessions are bounded by keys and options."""
    stage = Stage(VPaxos, 1, SMALL)
    stage.start()
    for _ in range(2):
        stage.fire(0, "master/watch")
    sizes = []
    for _ in range(3):
        for serial in range(1, 301):
            command = Command("write", f"r{serial % 3}", serial, f"c{len(sizes)}.{serial}", 1)
            assert stage.replies[stage.request(0, command)].ok
        stage.fire(0, "tick")
        logs = [len(list(p.replica.log.since(0))) for p in stage.replicas[0].parts.values()]
        sizes.append((len(stage.disks[0]), logs))
    assert sizes[1] == sizes[2]
    assert sizes[2][0] < 40
