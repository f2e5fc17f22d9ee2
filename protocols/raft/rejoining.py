"""Raft's part in the way back of a server without its disk (``protocols.rejoining``).

A passive server grants no votes, and stands in no election. It writes what leaders send it into its log,
and says so by ``Copied``, by which a leader knows what comes next, and counts nothing: neither for
commitment nor for the round of a read or a lease. A leader that hears of a new life of a follower
forgets what it knew of its log.

What it forgot in terms below that of the leader whose word ends its way back: an entry that was committed
by its acknowledgement is in that leader's log, since somebody voted for that leader who had the entry; so
it is in this server's log by then, and votes go to nobody who lacks it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Json, NodeId
from protocols.raft.leadership import Follower, Leadership
from protocols.raft.members import Reconfiguring
from protocols.raft.messages import (
    Appended,
    Conflict,
    Copied,
    Message,
    RequestVote,
    Sworn,
    TimeoutNow,
    Vote,
)
from protocols.rejoining import Rejoin, Rejoining


def ballot_of(term: int) -> Ballot:
    """A term among ballots: it has no owner before there is a leader.

    >>> ballot_of(1) > ballot_of(0) > ZERO
    True
    """
    return (term, 0)


class Returner(Rejoining, Reconfiguring):
    """A candidate that knows of lives."""

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.load_lives(durable)

    # --- of who comes back ------------------------------------------------------------------------

    def is_any_quorum(self, nodes: int) -> bool:
        return self.is_majority(nodes)

    def chosen(self) -> int:
        return self.log.commit

    def learn_up_to(self, slot: int, leader: NodeId) -> None:
        """The leader sends all that this server lacks, unasked."""

    def promise_again(self, ballot: Ballot, leader: NodeId) -> None:
        """In that term it votes for nobody else, nor in one before."""
        self.enter(max(self.term, ballot[0]), leader if self.term <= ballot[0] else None)

    def on_request_vote(self, src: NodeId, msg: RequestVote) -> None:
        if self.back is None:
            super().on_request_vote(src, msg)

    def on_timeout_now(self, src: NodeId, msg: TimeoutNow) -> None:
        if self.back is None:
            super().on_timeout_now(src, msg)

    def stand(self) -> None:
        if self.back is None:
            super().stand()
        else:
            self.following, self.silence = None, 0

    def acknowledge(self, src: NodeId, match: int, round: int) -> None:
        """The log is the leader's up to ``match``, and on disk."""
        if self.back is None:
            self.send(src, Appended(self.term, match, round))
        else:
            self.send(src, Copied(self.term, match))

    def decline(self, src: NodeId, conflict: Conflict) -> None:
        """It is not; a passive server does not say, either, that it is in the leader's round."""
        if self.back is not None:
            term, at, other, first = (
                conflict.term,
                conflict.prev_index,
                conflict.other,
                conflict.first,
            )
            conflict = Conflict(term, at, other, first, 0)
        self.send(src, conflict)

    # --- of the others ----------------------------------------------------------------------------

    def standing(self) -> tuple[Ballot, Ballot, int]:
        leads = ZERO if self.leadership is None else ballot_of(self.term)
        return ballot_of(self.term), leads, self.log.last

    def on_rejoin(self, src: NodeId, msg: Rejoin) -> None:
        super().on_rejoin(src, msg)
        lead = self.leadership
        if lead is not None and src in lead.followers and not lead.followers[src].passive:
            self.write_anew(lead, src, 0)
            self.replicate(lead, [src])

    def write_anew(self, lead: Leadership, node: NodeId, match: int) -> Follower:
        """All that was known of a follower's log went with its disk."""
        votes, passive = lead.followers[node].votes, True
        lead.followers[node] = new = Follower(match + 1, match, votes=votes, passive=passive)
        return new

    def on_copied(self, src: NodeId, msg: Copied) -> None:
        lead = self.answered(src, msg.term, 0)
        if lead is None:
            return
        follower = lead.followers[src]
        if not follower.passive:
            follower = self.write_anew(lead, src, msg.match)
        follower.matched(msg.match)
        self.replicate(lead, [src])

    def void(self, nodes: list[NodeId]) -> None:
        if self.campaign is not None:
            for node in nodes:
                self.campaign.drop(node)

    def swear(self, vote: Vote) -> Message:
        """What is sent to a candidate. Lives are told where there may be more than one."""
        return Sworn(vote, tuple(self.lives)) if self.rejoining == "passive" else vote

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        if self.is_sworn(src, msg.lives):
            self.on_vote(src, msg.vote)

    @abstractmethod
    def answered(self, src: NodeId, term: int, round: int) -> Leadership | None:
        """A follower has answered; the leadership, if it is the one that was answered."""
