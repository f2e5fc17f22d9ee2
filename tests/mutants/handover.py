"""Leadership that is handed over by leaders who do not know when it is over."""

from __future__ import annotations

from protocols.kernel import NodeId
from protocols.raft import Raft
from protocols.raft.leadership import Leadership
from protocols.raft.messages import TimeoutNow


class LeadsOn(Raft):
    """A leader tells its heir to stand, and goes on to answer reads by a lease that voters do not keep to any more."""

    def hand_over(self, lead: Leadership, heir: NodeId) -> None:
        lead.heir = None
        self.send(heir, TimeoutNow(lead.term))


MUTANTS: dict[str, type[Raft]] = {"leads-on": LeadsOn}
