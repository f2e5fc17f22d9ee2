"""The candidate: phase 1, from a silence that lasted too long to the first proposal of a leader."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import ClassVar

from protocols.ballots import ZERO, Ballot, above
from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.log import Vote
from protocols.multipaxos.leadership import Campaign, Leadership, fill, highest
from protocols.multipaxos.learner import Learner
from protocols.multipaxos.messages import Message, Preempted, Prepare, Promise, Yield
from protocols.multipaxos.voters import VOTERS, Voter, voter_of
from protocols.statemachine import NOOP
from protocols.window import window_of
from protocols.wire import read_as

CONTESTED, CAUGHT_UP = "a ballot was contested", "a winner caught up before it led"
FILLED = "a gap was filled with a no-op"


class Candidate(Learner):
    """Promises, and asks for promises."""

    voters: ClassVar[Mapping[str, Voter]] = VOTERS

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.voter = voter_of(cluster, self.voters)
        self.campaign: Campaign | None = None
        self.leadership: Leadership | None = None
        self.following: NodeId | None = None
        self.silence = 0
        """Looks in vain since a sign of life: of the leader, or for a leader of a quorum."""
        self.bound: NodeId | None = None
        """Whom a lease was granted to that has not passed yet."""
        self.seen = ZERO
        """The highest ballot that a refusal named."""
        self.announced = 0
        """The chosen prefix that a leader last told the others."""
        self.handed = False
        """Whether the leader has just told it to stand."""

    def load(self, durable: Mapping[str, Json]) -> None:
        self.promised = read_as(tuple[int, int], durable.get("promised", ZERO))
        self.campaigned = read_as(tuple[int, int], durable.get("campaigned", ZERO))
        super().load(durable)

    def leader(self) -> NodeId | None:
        return self.following

    def run_for_leader(self) -> None:
        """Lamport 2001, section 2.2, phase 1a: a new ballot, higher than any seen, for all slots
        from the first that is not known to be chosen.
        """
        ballot = self.next_ballot()
        self.following, self.silence = None, 0
        handed, self.handed = self.handed, False
        self.campaign = Campaign(ballot, self.log.chosen + 1, 1 << self.id, handed=handed)
        if self.quorums.phase1(self.campaign.voters):
            self.win(self.campaign)
        else:
            self.broadcast(self.campaign.prepare(self.log.chosen + 1), self.peers)

    def on_yield(self, src: NodeId, msg: Yield) -> None:
        """``protocols.handover``."""
        if self.following == src and msg.ballot == self.promised and self.bound is None:
            self.handed = True
            self.run_for_leader()

    def next_ballot(self) -> Ballot:
        """A ballot that was never used: it is on disk before anybody hears of it."""
        self.campaigned = above(max(self.promised, self.seen, self.campaigned), self.signature())
        self.persist("campaigned", self.campaigned)
        return self.campaigned

    def signature(self) -> int:
        """What it writes in its ballots; another in another life, where that has forgotten them."""
        return self.id

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        """Lamport 2001, section 2.2, phase 1b. Of two candidates the higher goes on."""
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
        elif self.campaign is not None and msg.ballot < self.campaign.ballot:
            self.send(src, Preempted(self.campaign.ballot))
        elif self.bound in (None, src) and (msg.handed or self.voter(self, src)):
            if msg.ballot > self.promised:
                self.retire()
                self.promise(msg.ballot)
            self.send(src, self.swear(self.testimony(msg)))

    def refuses(self, ballot: Ballot) -> bool:
        return ballot < self.promised

    def has_leader(self) -> bool:
        """Whether a leader is alive, as far as can be known here (see Departures)."""
        return self.following is not None and self.silence < 2

    def promise(self, ballot: Ballot) -> None:
        self.promised = ballot
        self.persist("promised", ballot)

    def testimony(self, msg: Prepare) -> Promise:
        """Every vote from the Prepare's slot on, those for chosen slots included; of these none if
        they are too many or truncated, since ``chosen`` keeps the candidate off their slots.
        """
        chosen = self.log.chosen
        close = msg.slot > self.log.base and chosen - msg.slot < self.batch
        first = msg.slot if close else chosen + 1
        return Promise(msg.ballot, chosen, tuple(self.log.since(first)))

    def swear(self, promise: Promise) -> Message:
        """What is sent to a candidate: more than the promise, where that might be forgotten."""
        return promise

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        campaign = self.campaign
        if campaign is None or campaign.won or msg.ballot != campaign.ballot:
            return
        campaign.add(src, msg)
        if self.quorums.phase1(campaign.voters):
            self.win(campaign)

    def win(self, campaign: Campaign) -> None:
        """The others' promises and one's own are a quorum."""
        assert not self.refuses(campaign.ballot), (
            "a campaign ends with the promise of a higher ballot"
        )
        campaign.won = True
        self.promise(campaign.ballot)
        for promise in campaign.promises.values():
            self.absorb(promise.votes, promise.chosen)
        self.take_office(campaign)

    def take_office(self, campaign: Campaign) -> None:
        """Lead, as soon as all is known that a promise said to be chosen."""
        if campaign.promises:
            chosen, donor = campaign.donor()
            if self.log.chosen < chosen:
                self.note("sometimes", CAUGHT_UP)
                self.ask(donor)
                return
        first = self.log.chosen + 1
        adopted = self.adopt(chain(self.log.since(first), campaign.votes()))
        proposed = fill(adopted, first)
        if NOOP in proposed:
            self.note("sometimes", FILLED)
        self.leadership = Leadership(
            campaign.ballot,
            first,
            proposed,
            batch=self.batch,
            pipeline=self.pipeline,
            capacity=self.reach,
            window=window_of(self.cluster, self.pipeline),
        )
        self.campaign, self.following, self.silence = None, self.id, 0
        self.note("leader", [list(campaign.ballot), self.id])
        self.announced = self.log.chosen
        self.remind(self.leadership)
        self.propose(self.clients.again())

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        return highest(votes)

    def on_preempted(self, msg: Preempted) -> None:
        self.seen = max(self.seen, msg.ballot)
        mine = self.leadership or self.campaign
        if mine is not None and msg.ballot > mine.ballot:
            self.note("sometimes", CONTESTED)
            self.retire()

    def retire(self) -> None:
        """Neither lead nor want to; give whoever does a whole time-out to show it."""
        self.leadership = self.campaign = self.following = None
        self.silence = 0

    def caught_up(self, src: NodeId) -> None:
        """Some was learnt from ``src``: enough to lead, or ask for more."""
        if self.campaign is not None and self.campaign.won:
            self.take_office(self.campaign)
        elif self.log.chosen < self.known:
            self.ask(src)

    # --- what phase 2 does for a new leader -------------------------------------------------------

    @abstractmethod
    def propose(self, commands: Iterable[Command]) -> None:
        """Get these decided, if this replica leads."""

    @abstractmethod
    def remind(self, lead: Leadership) -> None:
        """Send again what was not answered, and a sign of life."""
