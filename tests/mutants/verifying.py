"""Replicas whose state goes wrong by itself: what no protocol is about, and ``verify`` finds."""

from __future__ import annotations

from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft
from protocols.sdpaxos import SDPaxos
from protocols.statemachine import Answer, KeyValue

OFTEN, SELDOM = 9, 60
"""At the last node a bit flips after each so many slots: seldom, where it is to be mended in between."""


def flipped(value: Json, bit: int) -> Json:
    return value ^ 1 << bit if type(value) is int else value


class FlipsABit(MultiPaxos):
    """A bit of one replica's memory flips, now and then, and nobody compares (Google's Paxos had checksums
    for it: Chandra 2007, section 6.2)."""

    every = OFTEN

    def apply(self, slot: int, command: Command) -> Answer:
        answer = super().apply(slot, command)
        if (
            slot % self.every == 0
            and self.id == self.nodes[-1]
            and isinstance(self.store, KeyValue)
        ):
            for key, value in self.store.values.items():
                self.store.values[key] = flipped(value, slot // self.every)
        return answer


class RaftFlipsABit(Raft):
    """A bit of one server's memory flips, now and then, and nobody compares (Chandra 2007, section 6.2)."""

    every = OFTEN

    def run(self, command: Command) -> Answer:
        answer = super().run(command)
        if self.log.commit % self.every == 0 and self.id == self.nodes[-1]:
            for key, value in self.store.values.items():
                self.store.values[key] = flipped(value, self.log.commit // self.every)
        return answer


class RaftFlippedAndVerified(RaftFlipsABit):
    """The same, and states are compared: no mutant."""

    every = SELDOM

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.verify_every = self.every // 3


class SDPaxosFlipsABit(SDPaxos):
    """A bit of one replica's memory flips, now and then, and nobody compares (Chandra 2007, section 6.2)."""

    every = OFTEN

    def passed(self, chosen: int) -> None:
        if chosen % self.every == 0 and self.id == self.nodes[-1]:
            for key, value in self.store.values.items():
                self.store.values[key] = flipped(value, chosen // self.every)
        super().passed(chosen)


class SDPaxosFlippedAndVerified(SDPaxosFlipsABit):
    """The same, and states are compared: no mutant."""

    every = SELDOM

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.verify_every = self.every // 3


class FlippedAndVerified(FlipsABit):
    """The same, and states are compared, every so often: as it should be, so that it is no mutant. What is
    answered between a flip and the next comparison is wrong all the same."""

    every = SELDOM

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.verify_every = self.every // 3


MUTANTS: dict[str, type[MultiPaxos]] = {
    "flips-a-bit": FlipsABit,
    "raft-flips-a-bit": RaftFlipsABit,
    "sdpaxos-flips-a-bit": SDPaxosFlipsABit,
}
