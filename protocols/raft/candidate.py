"""The candidate: terms, votes, and elections (sections 5.1, 5.2, 5.4.1; pre-vote: dissertation 9.6)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from protocols.kernel import Cluster, Json, NodeId
from protocols.raft.leadership import Campaign, Leadership
from protocols.raft.messages import Message, RequestVote, TimeoutNow, Vote
from protocols.raft.server import Server
from protocols.wire import read_as

CONTESTED = "an election was not won at once"


class Candidate(Server):
    """Votes, and asks for votes."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.campaign: Campaign | None = None
        self.leadership: Leadership | None = None
        self.following: NodeId | None = None
        self.silence = 0
        """Looks in vain since a sign of life: of the leader, or for a leader of a majority."""
        self.cautious = False
        """Whether a leader that is not followed any more, or was before a restart, may have a lease."""

    def load(self, durable: Mapping[str, Json]) -> None:
        """Figure 2: currentTerm and votedFor are on disk."""
        self.term, self.voted_for = read_as(tuple[int, int | None], durable.get("term", (0, None)))
        self.cautious = self.read_mode == "lease" and self.term > 0
        super().load(durable)

    def leader(self) -> NodeId | None:
        return self.following

    def is_majority(self, servers: int) -> bool:
        """Whether these (a bit for each) are a majority of the members, of whom alone it is asked."""
        return (servers & self.voters).bit_count() >= self.majority

    # --- terms ------------------------------------------------------------------------------------

    def observe(self, term: int) -> None:
        """Figure 2, rules for all servers: a higher term makes a follower of whoever sees it."""
        if term > self.term:
            self.enter(term, None)
            self.step_down()

    def enter(self, term: int, voted_for: NodeId | None) -> None:
        """The term and the vote in it are on disk before anybody hears of them."""
        self.term, self.voted_for = term, voted_for
        self.matched = self.log.commit
        self.persist("term", (term, voted_for))

    def step_down(self) -> None:
        """Neither lead nor want to; give whoever does a whole time-out to show it. Another's lease is
        not over yet by that.
        """
        if self.read_mode == "lease" and self.following not in (None, self.id):
            self.cautious = True
        self.leadership = self.campaign = self.following = None
        self.silence = 0

    def has_leader(self) -> bool:
        """Whether a leader is alive, or has a lease yet, as far as can be known here."""
        return (self.following is not None or self.cautious) and self.silence < 2

    # --- elections --------------------------------------------------------------------------------

    def stand(self) -> None:
        """Ask first whether one could win: a server that cannot should not disturb the others."""
        self.following, self.cautious, self.silence = None, False, 1
        if self.is_out():
            return
        if self.campaign is not None:
            self.note("sometimes", CONTESTED)
        self.campaign = Campaign(self.term + 1, pre=True, voters=1 << self.id)
        self.canvass(self.campaign)

    def stand_in_earnest(self, *, handed: bool = False) -> None:
        """A majority would vote for this server, or the leader has told it to: begin the term, and vote for
        oneself.
        """
        self.enter(self.term + 1, self.id)
        self.campaign = Campaign(self.term, pre=False, voters=1 << self.id, handed=handed)
        self.canvass(self.campaign)

    def on_timeout_now(self, src: NodeId, msg: TimeoutNow) -> None:
        """Dissertation, section 3.10."""
        if msg.term == self.term and src == self.following and not self.is_out():
            self.step_down()
            self.cautious = False
            self.stand_in_earnest(handed=True)

    def canvass(self, campaign: Campaign) -> None:
        """Ask those who have not answered, until a majority has voted for this server."""
        if not self.is_majority(campaign.voters):
            log = self.log
            msg = RequestVote(campaign.term, log.last, log.last_term, campaign.pre, campaign.handed)
            self.broadcast(msg, [n for n in self.peers if not campaign.answered >> n & 1])
        elif campaign.pre:
            self.stand_in_earnest()
        else:
            self.lead()

    def on_request_vote(self, src: NodeId, msg: RequestVote) -> None:
        """One vote a term (5.2), for a log that is up-to-date (5.4.1), and none at all while a leader
        is heard (section 6, the last paragraph but one).
        """
        if self.has_leader() and src != self.following and not msg.handed:
            return
        if msg.pre:
            granted = msg.term > self.term and self.may_lead(msg)
            self.send(src, self.swear(Vote(msg.term if granted else self.term, granted, pre=True)))
            return
        self.observe(msg.term)
        granted = msg.term == self.term and self.voted_for in (None, src) and self.may_lead(msg)
        if granted:
            self.silence = 0
            if self.voted_for is None:
                self.enter(self.term, src)
        self.send(src, self.swear(Vote(self.term, granted, pre=False)))

    def swear(self, vote: Vote) -> Message:
        """What is sent to a candidate: more than the vote, where that might be forgotten."""
        return vote

    def may_lead(self, msg: RequestVote) -> bool:
        """The election restriction: it has all that may be committed (section 5.4.1)."""
        return self.log.up_to_date(msg.last_index, msg.last_term)

    def on_vote(self, src: NodeId, msg: Vote) -> None:
        if not msg.granted:
            self.observe(msg.term)
        campaign = self.campaign
        if campaign is None or msg.pre != campaign.pre:
            return
        if not msg.granted:
            campaign.answered |= 1 << src
        elif msg.term == campaign.term:
            campaign.answered |= 1 << src
            campaign.voters |= 1 << src
            if self.is_majority(campaign.voters):
                self.canvass(campaign)

    @abstractmethod
    def lead(self) -> None:
        """A majority voted for this server in this term."""
