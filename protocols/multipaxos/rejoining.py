"""Multi-Paxos' part in the way back of a node without its disk (``protocols.rejoining``).

Where members change, a ``renew`` that is decided in slot i makes another member of the node from slot i +
alpha on, and that is how it comes to be active:

1. It is passive until all slots before i + alpha are executed here. So it *votes* only in slots of which its
   former life cannot have heard: nobody proposed there before slot i was executed, and the ``renew`` was proposed
   after the loss. An ``Accepted`` is of the life that was a member in its slot, whenever it comes.
2. A *promise* of the new life says that the slots before i + alpha are chosen. Where it counts for an older era, its
   candidate executes them first, and looks again whether it has a quorum of each era that there is then.
3. A *promise of the old life* counts for eras that it was a member of, like that of one who has died since. Whoever
   executes slot i drops it, since it does not count for the new era: and nobody proposes there before that,
   nor without promises for that era (``look_ahead``). Promises say of which life they are (``Sworn``).
4. Its *ballots* are others than those that it has forgotten: it signs by another name (``ballots.renamed``).
5. *Leases*: it keeps still for as long as a grant may last, as after each start. A *quorum read* may ask it: it
   has executed all slots in which its former life may have voted.

So a member that has lost its disk is a member that is down until it is another one. Of two members none can be;
and a leader proposes no ``leave`` that leaves but two, or of which those who answer would be no majority.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from protocols.ballots import ZERO, Ballot, renamed
from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.membership import Configuration, mask, node_of, renewal
from protocols.multipaxos.leadership import Leadership
from protocols.multipaxos.members import Reconfiguring
from protocols.multipaxos.messages import Message, Promise, Sworn
from protocols.quorums import majority
from protocols.rejoining import LEAST, Rejoining, Return, in_the_log


class Returner(Rejoining, Reconfiguring):
    """A candidate that knows of lives."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.renews = self.electorate is not None and in_the_log(cluster)
        """Whether lives are decided in the log."""

    def load(self, durable: Mapping[str, Json]) -> None:
        self.load_lives(durable)
        super().load(durable)

    # --- lives in the log -------------------------------------------------------------------------

    def ask_back(self, back: Return) -> None:
        electorate = self.electorate
        if electorate is None or not self.renews:
            super().ask_back(back)
        elif electorate.knows(self.id, back.nonce):
            self.be_active()
        elif not electorate.newest.renewed_as(self.id, back.nonce):
            self.submit([renewal(self.id, back.nonce)])

    def renewed(self, config: Configuration) -> None:
        if self.renews:
            self.learn_lives({node: life for node, life, _ in config.renewed})

    def signature(self) -> int:
        return renamed(self.id, self.lives[self.id]) if self.renews else self.id

    def would_last(self, lead: Leadership, leave: Command) -> bool:
        """Whether who is left when one has gone can lose a disk, and have answered lately as a majority."""
        assert self.electorate is not None, "members change"
        left = [n for n in self.electorate.newest.members if n != node_of(leave)]
        alive = mask(left) & (lead.alive | lead.heard | 1 << self.id)
        return len(left) >= LEAST and alive.bit_count() >= majority(len(left))

    @abstractmethod
    def submit(self, commands: Sequence[Command]) -> None:
        """Get these proposed, if it is known by whom."""

    # --- lives that enough others keep ------------------------------------------------------------

    def is_any_quorum(self, nodes: int) -> bool:
        return self.quorums.phase1(nodes) or self.quorums.phase2(nodes)

    def standing(self) -> tuple[Ballot, Ballot, int]:
        lead = self.leadership
        if lead is None:
            return self.promised, ZERO, 0
        return self.promised, lead.ballot, max(lead.next - 1, lead.adopted)

    def chosen(self) -> int:
        return self.log.chosen

    def learn_up_to(self, slot: int, leader: NodeId) -> None:
        self.known = max(self.known, slot)
        self.ask(leader)

    def promise_again(self, ballot: Ballot, leader: NodeId) -> None:  # noqa: ARG002
        self.promise(ballot)

    def void(self, nodes: list[NodeId]) -> None:
        campaign, lead = self.campaign, self.leadership
        if campaign is not None:
            for node in nodes:
                campaign.drop(node)
            campaign.won = campaign.won and self.quorums.phase1(campaign.voters)
        if lead is not None:
            lead.promisers &= ~mask(nodes)

    def swear(self, promise: Promise) -> Message:
        """What is sent to a candidate. Lives are told where there may be more than one."""
        if self.rejoining != "passive":
            return promise
        return Sworn(promise, tuple(self.lives))

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        if self.is_sworn(src, msg.lives):
            self.on_promise(src, msg.promise)
