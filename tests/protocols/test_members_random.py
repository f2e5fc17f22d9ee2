"""Random schedules in which nodes join and leave, too: the claims of ``tests.schedules`` hold under each."""

from dataclasses import dataclass

import pytest

from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft
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
