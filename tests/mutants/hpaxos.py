"""HPaxos broken on purpose. I-n are those of PROTOCOLS.md, section 5."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.hpaxos import HPaxos
from protocols.kernel import Cluster, Command
from protocols.log import Vote
from protocols.quorum_systems import QuorumSystem, count
from protocols.statemachine import Answer


class ReusesSlot(HPaxos):
    """I1: who becomes leader proposes its own commands in the slots that another has begun."""

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        return {}


class RetriesTwice(HPaxos):
    """I2: the loser's command, tried again in a later slot, runs again where it was chosen before."""

    def run(self, command: Command) -> Answer:
        return self.store.run(Command(command.f, command.key, command.value))


class SparesOne(HPaxos):
    """To outlive a crash phase 2 asks for all nodes but one, and phase 1 still for one."""

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        return count(cluster.nodes, 1, len(cluster.nodes) - 1)


MUTANTS: dict[str, type[HPaxos]] = {
    "reuses-slot": ReusesSlot,
    "retries-twice": RetriesTwice,
    "spares-one": SparesOne,
}
