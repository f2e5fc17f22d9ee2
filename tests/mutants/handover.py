"""Leaders that hand over at ticks: rightly, and one that does not know when it is over."""

from __future__ import annotations

from protocols.kernel import NodeId
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft
from protocols.raft.leadership import Leadership
from protocols.raft.messages import TimeoutNow


class Restless(Raft):
    """Right: each third tick or so a leader hands over to another, since no fault asks for it."""

    def tick(self) -> None:
        lead = self.leadership
        if lead is not None and self.peers and self.log.commit % 3 == 0:
            lead.hand_to(self.peers[self.log.commit % len(self.peers)])
            self.work(lead)
        super().tick()


class RestlessPaxos(MultiPaxos):
    """The same."""

    def tick(self) -> None:
        lead = self.leadership
        if lead is not None and self.peers and self.log.chosen % 3 == 0:
            lead.hand_to(self.peers[self.log.chosen % len(self.peers)], self.peers)
            self.work(lead)
        super().tick()


class LeadsOn(Raft):
    """A leader tells its heir to stand, and goes on to answer reads by a lease that voters do not keep to any more."""

    def hand_over(self, lead: Leadership, heir: NodeId) -> None:
        lead.heir = None
        self.send(heir, TimeoutNow(lead.term))


MUTANTS: dict[str, type[Raft]] = {"leads-on": LeadsOn}
