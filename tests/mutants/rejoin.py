"""Ways back of a node without its disk that come too early: multi-Paxos and Raft with ``rejoin=passive``,
broken.

K-n are hazards of paxakos (PROTOCOLS.md section 4.3).
"""

from __future__ import annotations

from protocols.kernel import NodeId
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Sworn
from protocols.raft import Raft
from protocols.raft.messages import Appended, RequestVote


class ActiveAtOnce(MultiPaxos):
    """P-5: no passive mode: a node that has lost its disk votes and promises as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class LeavesOnAnyCommit(MultiPaxos):
    """K-6: whatever it learns to be chosen ends a node's passive mode."""

    def advance(self) -> None:
        super().advance()
        if self.back is not None:
            self.back = None
            self.forget("passive")


class SkipsTheSlots(MultiPaxos):
    """A node is active as soon as it knows what it may have promised, and votes again for slots that it
    has forgotten its votes for."""

    def has_learnt(self, slot: int) -> bool:
        return True


class CountsOldPromises(MultiPaxos):
    """A promise of a node's former life counts in phase 1, though it has since voted in its new one."""

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        self.on_promise(src, msg.promise)


class RaftActiveAtOnce(Raft):
    """P-5: no passive mode: a server that has lost its disk votes and acknowledges as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class RaftVotesAtOnce(Raft):
    """A passive server votes in elections: for logs that lack what it has forgotten, and was decisive for."""

    def on_request_vote(self, src: NodeId, msg: RequestVote) -> None:
        back, self.back = self.back, None
        super().on_request_vote(src, msg)
        self.back = back


class RaftSkipsTheEntries(Raft):
    """A server votes again as soon as it knows what it may have promised, with a log that lacks entries
    which were committed by its acknowledgement."""

    def has_learnt(self, slot: int) -> bool:
        return True


class RaftCountsCopies(Raft):
    """What a passive server has copied is counted as acknowledged, by a server that has forgotten that
    it voted for the next leader."""

    def acknowledge(self, src: NodeId, match: int, round: int) -> None:
        self.send(src, Appended(self.term, match, round))


MUTANTS: dict[str, type[MultiPaxos | Raft]] = {
    "active-at-once": ActiveAtOnce,
    "leaves-on-any-commit": LeavesOnAnyCommit,
    "skips-the-slots": SkipsTheSlots,
    "counts-old-promises": CountsOldPromises,
    "raft-active-at-once": RaftActiveAtOnce,
    "raft-votes-at-once": RaftVotesAtOnce,
    "raft-skips-the-entries": RaftSkipsTheEntries,
    "raft-counts-copies": RaftCountsCopies,
}
