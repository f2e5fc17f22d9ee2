"""Raft's part in the way back of a server without its disk (``protocols.rejoining``).

A passive server grants no votes, and stands in no election. It writes what leaders send it into its log,
and says so by ``Copied``, by which a leader knows what comes next, and counts nothing: neither for
commitment nor for the round of a read or a lease. A leader that hears of a new life of a follower
forgets what it knew of its log.

What it forgot in terms below that of the leader whose word ends its way back: an entry that was committed
by its acknowledgement is in that leader's log, since somebody voted for that leader who had the entry; so
it is in this server's log by then, and votes go to nobody who lacks it.

Where members change, a passive server asks the leader for a configuration with its next life, an entry of the
log like others (one at a time, 4.1): the members are the same. It is active when that entry is *committed*. Until
then it counts for nothing, so the entry was acknowledged by a set Q of others that is a majority without it:

1. A candidate without the entry, of a later term, needs a majority of the configuration before. Of that Q has somebody
   other than this server, who has the entry, and votes for nobody who lacks it; whatever the former life voted.
   One that has the entry drops a vote of the former life (``Sworn``).
2. What the former life acknowledged in the leader's own term comes before the entry, and is committed with it;
   what was committed in earlier terms is in the leader's log; and had it acknowledged anything of a later term,
   the entry would not have been committed: most of the others would have been in that term.
3. So its log has by then all that was committed with its help, and nobody leads, or can come to, by a vote of
   the former life who has not got the entry.

A server that is no member, and loses its disk, has its next life put down as well, before it may join. A leader takes
no ``leave`` that leaves but two, or of which those who answer, and are not passive, would be no majority.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Cluster, Json, NodeId
from protocols.membership import Configuration, decided, renewal
from protocols.quorums import majority
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
from protocols.rejoining import LEAST, Rejoin, Rejoining, Return, in_the_log


def ballot_of(term: int) -> Ballot:
    """A term among ballots: it has no owner before there is a leader.

    >>> ballot_of(1) > ballot_of(0) > ZERO
    True
    """
    return (term, 0)


class Returner(Rejoining, Reconfiguring):
    """A candidate that knows of lives."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.renews = in_the_log(cluster)
        """Whether lives are decided in the log."""

    def load(self, durable: Mapping[str, Json]) -> None:
        self.load_lives(durable)
        super().load(durable)

    # --- lives in the log -------------------------------------------------------------------------

    def ask_back(self, back: Return) -> None:
        if not self.renews:
            super().ask_back(back)
        elif self.is_known(back):
            if self.voted_for is None and self.following is not None:
                self.enter(self.term, self.following)
            self.be_active()
        elif self.following is not None:
            self.send(self.following, Rejoin(back.nonce, 0))

    def is_known(self, back: Return) -> bool:
        return self.configs.as_of(self.log.commit).renewed_as(self.id, back.nonce)

    def renewed(self, config: Configuration) -> None:
        if self.renews:
            self.learn_lives({node: life for node, life, _ in config.renewed})

    def renew(self, lead: Leadership, node: NodeId, nonce: int) -> None:
        """Put the next life of this server down. What cannot be done now is asked for again."""
        index = self.log.last + 1
        config = decided(self.configs.newest, renewal(node, nonce), self.nodes, index)
        if config is not None and not self.is_under_way() and self.has_barrier(lead):
            self.configure(lead, config.members, config.renewed)

    def would_last(self, lead: Leadership, members: tuple[NodeId, ...]) -> bool:
        if not self.renews:
            return True
        alive = [
            node
            for node in members
            if node == self.id or (lead.alive >> node & 1 and not lead.followers[node].passive)
        ]
        return len(members) >= LEAST and len(alive) >= majority(len(members))

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
        lead = self.leadership
        if not self.renews:
            super().on_rejoin(src, msg)
        elif lead is not None:
            self.renew(lead, src, msg.nonce)
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
