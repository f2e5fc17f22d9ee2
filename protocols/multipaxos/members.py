"""Changes of membership by the log: commands among others, which all replicas execute alike.

Lamport, "The Part-Time Parliament", 1998, section 3.3.4; Lamport, Malkhi, Zhou, "Reconfiguring a State
Machine", ACM SIGACT News 41(1), 2010. A ``join`` or ``leave`` that was decided in slot i changes the quorums
from slot i + alpha on (``electorate``), so that at most alpha slots are open at a time. Any number
may be under way: each names the configuration that it changes, so they are ordered by the log.

- **Phase 2** of a slot takes a quorum of the era of that slot.
- **Phase 1** takes one of every era that a slot not known to be chosen may be of. What a leader learns of
  later eras as it executes, it must get promises for before it proposes in them (``Prepare`` of its own ballot,
  in office): a promise that was given under other members says nothing of their slots. If such a
  promise tells of votes in those slots, another leader knew those members first: this one steps down, and
  finds them in its next phase 1.
- **A new era begins soon**: the leader proposes no-ops up to its first slot.
- **A new member** is written to from the decision on, and so has those slots' time to catch up.
- **A leader that leaves** leads until the era in which it is no member begins.
- **A member that has lost its disk** is replaced by another of its name, which it becomes: ``multipaxos.rejoining``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import cast

from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.membership import (
    CHANGES,
    MEMBERS,
    RENEW,
    Configuration,
    decided,
    first,
    first_members,
    noted,
)
from protocols.multipaxos.candidate import Candidate
from protocols.multipaxos.electorate import FOREVER, Electorate
from protocols.multipaxos.leadership import Campaign, Leadership
from protocols.multipaxos.messages import Prepare, Promise
from protocols.multipaxos.reads import Questions
from protocols.quorum_systems import Quorums, QuorumSystem, by_majority
from protocols.statemachine import NOOP, Answer

ASKED = frozenset({*CHANGES, RENEW})

OUTDATED_CHANGE = Answer("nothing to change, or of another version", ok=False)


class Reconfiguring(Candidate):
    """Its members are those that were decided, where the class ``changes_members``."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.out = False
        """Whether it knows that it is no member."""
        self.electorate: Electorate | None = None
        if self.changes_members:
            alpha = cluster.number("alpha", self.batch * self.pipeline)
            self.electorate = Electorate(first(cluster), self.quorums_of(cluster), alpha)
            self.quorums = self.electorate
            self.questions = Questions(self.quorums)
            self.use_members(self.electorate)

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        """Majorities; of the first members, where they can change."""
        return by_majority(first_members(cluster) if cls.changes_members else cluster.nodes)

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        electorate = self.electorate
        if electorate is not None:
            self.use_members(electorate)
            if electorate.newest.version == 0 and electorate.newest.members != self.nodes:
                self.note(MEMBERS, noted(electorate.newest))

    def membership(self) -> tuple[int, tuple[NodeId, ...]]:
        if self.electorate is None:
            return super().membership()
        config = self.electorate.newest
        return config.version, config.members

    def use_members(self, electorate: Electorate) -> None:
        """Whoever is in some era is written to."""
        members = electorate.members()
        self.peers = tuple(node for node in members if node != self.id)
        self.out = self.id not in members

    # --- what is decided --------------------------------------------------------------------------

    def apply(self, slot: int, command: Command) -> Answer:
        if self.electorate is None or command.f not in ASKED:
            return super().apply(slot, command)
        return self.reconfigure(self.electorate, slot, command)

    def reconfigure(self, electorate: Electorate, slot: int, command: Command) -> Answer:
        config = decided(electorate.newest, command, self.nodes, slot)
        if config is None:
            return OUTDATED_CHANGE
        electorate.decide(config)
        self.note(MEMBERS, noted(config))
        self.use_members(electorate)
        self.renewed(config)
        lead = self.leadership
        if lead is not None:
            lead.promisers |= 1 << self.id
            lead.covered = min(lead.covered, electorate.begins - 1)
            lead.audience = self.chosen_audience(lead)
            self.look_ahead(electorate, lead)
        return Answer(noted(config))

    def renewed(self, config: Configuration) -> None:
        """For subclasses: it is known which life of each node is a member."""

    def passed(self, chosen: int) -> None:
        electorate = self.electorate
        if electorate is not None and electorate.changing and electorate.passed(chosen):
            self.use_members(electorate)
            lead = self.leadership
            if lead is not None and lead.covered < FOREVER:
                self.look_ahead(electorate, lead)
            elif lead is None and self.out:
                self.following = None

    def picture(self) -> Json:
        if self.electorate is None:
            return super().picture()
        return [super().picture(), self.electorate.snapshot()]

    def revive(self, picture: Json) -> None:
        if self.electorate is None:
            super().revive(picture)
            return
        store, eras = cast("tuple[Json, Json]", picture)
        super().revive(store)
        self.electorate.restore(eras)
        self.use_members(self.electorate)
        if self.electorate.newest.version:
            self.note(MEMBERS, noted(self.electorate.newest))
        self.renewed(self.electorate.newest)

    # --- the candidate ----------------------------------------------------------------------------

    def run_for_leader(self) -> None:
        if self.out:
            self.following, self.silence = None, 0
        else:
            super().run_for_leader()

    def take_office(self, campaign: Campaign) -> None:
        """What it has learnt since it was elected may name others whose promises it needs."""
        if self.quorums.phase1(campaign.voters):
            super().take_office(campaign)
            return
        campaign.won = False
        unheard = [node for node in self.peers if node not in campaign.promises]
        self.broadcast(Prepare(campaign.ballot, campaign.slot), unheard)

    # --- the leader -------------------------------------------------------------------------------

    def look_ahead(self, electorate: Electorate, lead: Leadership) -> None:
        """Ask for the promises that lack, if any do, for eras that it learnt of in office. Those that it
        has were of nodes without a vote there, and in a lower ballot they will cast none.
        """
        if electorate.phase1(lead.promisers):
            lead.covered = FOREVER
        else:
            unheard = [node for node in self.peers if not lead.promisers >> node & 1]
            self.broadcast(Prepare(lead.ballot, lead.next), unheard)

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        lead = self.leadership
        if self.electorate is None or lead is None or msg.ballot != lead.ballot:
            super().on_promise(src, msg)
        elif lead.covered == FOREVER:
            return
        elif msg.chosen >= lead.next or any(vote.slot > lead.covered for vote in msg.votes):
            self.retire()
            self.ask(src)
        else:
            lead.promisers |= 1 << src
            if self.electorate.phase1(lead.promisers):
                lead.covered = FOREVER
                self.work(lead)

    def quorums_at(self, slot: int) -> Quorums:
        """Whose votes choose a command in this slot."""
        return self.quorums if self.electorate is None else self.electorate.of(slot)

    def horizon(self, lead: Leadership) -> int:
        """The last slot that may be proposed in now: its era is known, and so are enough promises."""
        if self.electorate is None:
            return FOREVER
        return min(self.log.chosen + self.electorate.alpha, lead.covered)

    def hasten(self, lead: Leadership) -> None:
        """No-ops, for want of commands, so that the next era begins."""
        electorate = self.electorate
        if electorate is not None and electorate.changing:
            lack = electorate.begins - lead.next - len(lead.queue)
            lead.queue.extend([NOOP] * lack)

    @abstractmethod
    def chosen_audience(self, lead: Leadership) -> tuple[NodeId, ...]:
        """Who is sent what is proposed."""

    @abstractmethod
    def work(self, lead: Leadership) -> None:
        """Propose what waits, and learn what has a quorum."""
