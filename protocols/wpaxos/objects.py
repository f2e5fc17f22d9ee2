"""One object at the node that steals or owns it: phase 1, phase 2, and who asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from protocols.appending import Forward
from protocols.ballots import Ballot, above
from protocols.clients import Name, name
from protocols.kernel import Command, NodeId
from protocols.log import Vote
from protocols.multipaxos.leadership import Campaign, Leadership, fill, highest
from protocols.multipaxos.messages import (
    Accept,
    Accepted,
    Chosen,
    Commit,
    Preempted,
    Prepare,
    Promise,
)
from protocols.policies import Demand
from protocols.statemachine import NOOP, READS
from protocols.transfer import Snapshot
from protocols.wpaxos.acceptor import ADOPTED, CAUGHT_UP, CONTESTED, FILLED, Acceptor, Node


class Object(Acceptor):
    """An acceptor that may be the owner. ``parked`` are commands that wait for a steal to succeed."""

    def __init__(self, key: str, node: Node) -> None:
        super().__init__(key, node)
        self.campaign: Campaign | None = None
        self.leadership: Leadership | None = None
        self.demand: Demand | None = None
        self.parked: dict[Name, Command] = {}
        self.lost = 0
        """Campaigns that were turned away since something was last chosen here."""

    @property
    def open(self) -> bool:
        """Whether something is under way from here that may have to be sent again."""
        lead = self.leadership
        return self.campaign is not None or (lead is not None and bool(lead.open or lead.queue))

    # --- phase 1 ----------------------------------------------------------------------------------

    def steal(self, commands: Iterable[Command] = ()) -> None:
        """Section 3.1: a ballot above all that were heard of, for every slot that is not known to
        be chosen. It is promised here, on disk, before anybody hears of it: none is used twice.
        ``commands`` are what for.
        """
        ballot = above(max(self.promised, self.seen), self.node.signature)
        self.promise(ballot)
        self.park(commands)
        self.campaign = Campaign(ballot, self.log.chosen + 1, 1 << self.node.id)
        if self.node.quorums.phase1(self.campaign.voters):
            self.win(self.campaign)
        else:
            self.broadcast(Prepare(ballot, self.log.chosen + 1))

    def yield_to(self, ballot: Ballot) -> None:
        """Steal and own no more. What was not decided yet is the new owner's to propose; of what was
        under way it may have adopted some already, which runs once all the same.
        """
        super().yield_to(ballot)
        if self.leadership is not None:
            self.park(proposal.command for proposal in self.leadership.open.values())
            self.park(self.leadership.queue)
        self.campaign = self.leadership = self.demand = None
        if self.owner != self.node.id:
            waiting, self.parked = list(self.parked.values()), {}
            self.forward(waiting)

    def forward(self, commands: Sequence[Command]) -> None:
        """Hand commands on to the owner, which is another node; or keep them, if it has lost its disk."""
        if self.owner == -1:
            self.park(commands)
            return
        batch = self.node.limits.batch
        for i in range(0, len(commands), batch):
            self.send(self.owner, Forward(tuple(commands[i : i + batch])))

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        campaign = self.campaign
        if campaign is None or campaign.won or msg.ballot != campaign.ballot:
            return
        campaign.add(src, msg)
        if self.node.quorums.phase1(campaign.voters):
            self.win(campaign)

    def win(self, campaign: Campaign) -> None:
        campaign.won = True
        for promise in campaign.promises.values():
            self.absorb(promise.votes, promise.chosen)
        self.take_office(campaign)

    def take_office(self, campaign: Campaign) -> None:
        """Own the object, as soon as all is known that a promise said to be chosen."""
        if campaign.promises:
            chosen, donor = campaign.donor()
            if self.log.chosen < chosen:
                self.node.note("sometimes", CAUGHT_UP)
                self.ask(donor)
                return
        first = self.log.chosen + 1
        self.own(campaign.ballot, first, self.adopt(chain(self.log.since(first), campaign.votes())))

    def adopt(self, votes: Iterable[Vote]) -> Mapping[int, Vote]:
        return highest(votes)

    def own(self, ballot: Ballot, first: int, votes: Mapping[int, Vote]) -> None:
        """Propose from ``first`` on what these votes say, and a no-op where there is none."""
        limits = self.node.limits
        adopted = fill(dict(votes), first)
        if adopted:
            self.node.note("sometimes", FILLED if NOOP in adopted else ADOPTED)
        self.leadership = Leadership(
            ballot,
            first,
            adopted,
            batch=limits.batch,
            pipeline=limits.pipeline,
            capacity=limits.reach,
        )
        self.campaign = None
        self.since = self.node.ticks
        self.node.note("leader", [list(ballot), self.node.id])
        parked, self.parked = list(self.parked.values()), {}
        self.propose(parked)

    def on_preempted(self, msg: Preempted) -> None:
        """The object was stolen, or is about to be."""
        mine = self.leadership or self.campaign
        if mine is None or msg.ballot <= mine.ballot:
            self.seen = max(self.seen, msg.ballot)
            return
        self.node.note("sometimes", CONTESTED)
        if self.campaign is not None:
            self.lost += 1
        self.yield_to(msg.ballot)

    def void(self, nodes: Iterable[NodeId]) -> None:
        """What these nodes have promised and voted for is of a life that is over: they are asked again."""
        campaign, lead = self.campaign, self.leadership
        for node in nodes:
            if campaign is not None:
                campaign.drop(node)
            if lead is not None:
                lead.void(node)
        if campaign is not None:
            campaign.won = campaign.won and self.node.quorums.phase1(campaign.voters)

    # --- phase 2 ----------------------------------------------------------------------------------

    def park(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if len(self.parked) < self.node.limits.reach:
                self.parked[name(command)] = command

    def propose(self, commands: Iterable[Command]) -> None:
        """Section 3.2, for commands of any node's clients."""
        lead = self.leadership
        if lead is None:
            return
        for command in commands:
            if command.f in READS or not self.store.ran(command):
                lead.enqueue(command)
        self.work(lead)

    def work(self, lead: Leadership) -> None:
        """Propose what waits, learn what has a quorum."""
        before = self.log.chosen
        told = before
        self.settle(lead)
        while commands := lead.next_batch(self.log.chosen):
            first = lead.next
            for slot, command in enumerate(commands, first):
                self.vote(slot, lead.ballot, command)
            lead.propose(commands, self.node.id)
            told = self.log.chosen
            self.broadcast(Accept(lead.ballot, first, commands, told))
            self.settle(lead)
        if self.log.chosen > before:
            self.lost = 0
        if self.log.chosen > told:
            self.broadcast(Commit(lead.ballot, self.log.chosen))

    def settle(self, lead: Leadership) -> None:
        while lead.is_chosen(self.log.chosen + 1, self.node.quorums):
            lead.close(self.log.chosen + 1)
            self.advance()

    def on_accepted(self, src: NodeId, msg: Accepted) -> None:
        lead = self.leadership
        if lead is not None and msg.ballot == lead.ballot:
            lead.vote(src, msg.first, msg.count)
            self.work(lead)

    # --- catching up: an owner does not change slots beneath its own proposals -----------------------

    def heard(self, chosen: int) -> None:
        """Who has nothing under way, and yet lacks what is chosen, was robbed unawares."""
        if self.leadership is not None and not self.open and chosen > self.log.chosen:
            self.leadership = self.demand = None
        super().heard(chosen)

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:
        if self.leadership is None:
            super().on_chosen(src, msg)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if self.leadership is None:
            super().on_snapshot(src, msg)

    def caught_up(self, src: NodeId) -> None:
        if self.campaign is not None and self.campaign.won:
            self.take_office(self.campaign)
        else:
            super().caught_up(src)

    # --- the tick ---------------------------------------------------------------------------------

    def remind(self) -> None:
        """Send again what may have been lost since the last tick."""
        campaign, lead = self.campaign, self.leadership
        if campaign is not None and campaign.won:
            chosen, _ = campaign.donor()
            donors = [n for n, p in campaign.promises.items() if p.chosen == chosen]
            self.ask(donors[self.node.ticks % len(donors)])
        elif campaign is not None:
            unheard = [n for n in self.node.peers if n not in campaign.promises]
            self.node.tell(self.key, Prepare(campaign.ballot, campaign.slot), unheard)
        elif lead is not None:
            for peer in self.node.peers:
                for accept in lead.reminders(peer, self.log.chosen):
                    if accept.commands:
                        self.send(peer, accept)
            lead.sent_before_tick = lead.next - 1
