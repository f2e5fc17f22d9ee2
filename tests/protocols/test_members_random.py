"""Random schedules in which nodes join and leave, too: the claims of ``tests.schedules`` hold under each."""

from dataclasses import dataclass

import pytest

from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft
from tests.mutants.rejoin import AsksAndGoesOn, RaftAsksAndGoesOn
from tests.protocols.disks import Disks
from tests.schedules import Chance

STEPS = 1200
SMALL = {"batch": 2, "pipeline": 2, "snapshot_every": 5, "keep": 1, "members": "3"}


@dataclass
class Changing(Chance):
    """And of a hundred moves one asks for a change. All nodes are members in the end."""

    changes: int = 0

    def newest(self):
        return max(
            (replica.membership() for replica in self.stage.replicas.values()),
            key=lambda config: config[0],
            default=(0, ()),
        )

    def move(self):
        if self.random.randrange(100):
            super().move()
        elif self.stage.replicas:
            version, members = self.newest()
            node = self.random.randrange(self.n)
            if node not in members or len(members) > 2:
                self.change("leave" if node in members else "join", node, version)

    def change(self, f, node, version):
        at = self.random.choice(list(self.stage.replicas))
        request = self.stage.request(at, Command(f, "", [node, version]))
        del self.stage.replies[request]  # it says nothing

    def beat(self, node, round_):
        version, members = self.newest()
        if node == 0 and (missing := [n for n in range(self.n) if n not in members]):
            self.change("join", missing[0], version)
        super().beat(node, round_)

    def ready(self):
        self.changes = self.newest()[0]
        return len(self.newest()[1]) == self.n and super().ready()


@dataclass
class Forgetting(Changing):
    """And now and then one of them loses its disk, while no other is on its way back; that one asks often."""

    losses: int = 0

    def __post_init__(self):
        super().__post_init__()
        self.stage = Disks(self.protocol, self.n, self.options)

    def move(self):
        up = self.stage.replicas
        able = [node for node in self.newest()[1] if node in up]
        back = [node for node, disk in enumerate(self.stage.disks) if "passive" in disk]
        if back and back[0] in up and not self.random.randrange(20):
            self.stage.fire(back[0], "tick")
        elif back or not able or self.random.randrange(60):
            super().move()
        else:
            self.losses += 1
            self.stage.lose(self.random.choice(able), now_ms=self.losses)


@pytest.mark.parametrize(
    ("protocol", "options"),
    [(Raft, SMALL), (MultiPaxos, {**SMALL, "alpha": "2"}), (MultiPaxos, SMALL)],
    ids=["raft", "multipaxos-2", "multipaxos"],
)
@pytest.mark.parametrize("n", [4, 5])
def test_the_log_is_one_whoever_joins_and_leaves(protocol, options, n):
    """Goal: agreement, exactly-once, real-time order under changes, and all members are in the same state
    in the end. Method: as in ``schedules``; changes at any moment, also while leaders change.
    """
    changes = 0
    for seed in range(8):
        chance = Changing(protocol, seed, n=n, options=dict(options))
        chance.play(STEPS)
        changes += chance.changes > 0
    assert changes == 8, "in each, some were decided"


LOSING = {**SMALL, "rejoin": "passive"}


@pytest.mark.parametrize(
    ("protocol", "options"),
    [(Raft, LOSING), (MultiPaxos, {**LOSING, "alpha": "2"}), (MultiPaxos, LOSING)],
    ids=["raft", "multipaxos-2", "multipaxos"],
)
def test_nor_whoever_loses_its_disk(protocol, options):
    """Goal: the same where members forget, too. Method: the same; several lost their disks in each, and came back."""
    losses = back = 0
    for seed in range(25):
        chance = Forgetting(protocol, seed, n=5, options=dict(options))
        chance.play(STEPS)
        losses += chance.losses
        back += sum(note.kind == "rejoined" for _, note in chance.stage.notes)
    assert losses >= back > 25, (losses, back)


@pytest.mark.parametrize("mutant", [AsksAndGoesOn, RaftAsksAndGoesOn])
def test_a_mutant_that_forgets_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    assert any(Forgetting(mutant, n, n=5, options=dict(LOSING)).broken(STEPS) for n in range(60))
