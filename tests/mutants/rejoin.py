"""Ways back of a node without its disk that come too early: protocols with ``rejoin=passive``, broken.

K-n are hazards of paxakos (PROTOCOLS.md section 4.3).
"""

from __future__ import annotations

from protocols.ballots import ZERO, Ballot
from protocols.epaxos import EPaxos
from protocols.epaxos.instances import AHEAD
from protocols.epaxos.messages import Deps
from protocols.kernel import NodeId
from protocols.m2paxos import M2Paxos
from protocols.m2paxos.messages import Message, SwornVote
from protocols.mencius import Mencius
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Sworn
from protocols.paxos import Paxos
from protocols.paxos.messages import Sworn as SwornPromise
from protocols.raft import Raft
from protocols.raft.messages import Appended, RequestVote
from protocols.recalling import Held
from protocols.rejoining import Rejoin, Return
from protocols.sdpaxos import SDPaxos
from protocols.sdpaxos.instances import first_ballot
from protocols.sdpaxos.messages import CAccepted
from protocols.sdpaxos.rejoining import Returning
from protocols.wpaxos import WPaxos
from protocols.wpaxos.messages import OfObject
from protocols.wpaxos.messages import SwornVote as SwornVoteOfObject
from protocols.wpaxos.objects import Object


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


class SkipsTheAdopted(MultiPaxos):
    """A leader says which slots it has proposed in, and not for which it has adopted commands; so a node
    votes again that has forgotten votes for these. (The first version here did.)"""

    def standing(self) -> tuple[Ballot, Ballot, int]:
        promised, leads, _ = super().standing()
        lead = self.leadership
        return (promised, ZERO, 0) if lead is None else (promised, leads, lead.next - 1)


class ActiveBeforeItsEra(MultiPaxos):
    """Where lives are in the log: a node is active when the configuration with its new life is decided, and votes
    in slots of which its former life was a member."""

    def ask_back(self, back: Return) -> None:
        electorate = self.electorate
        if electorate is not None and electorate.newest.renewed_as(self.id, back.nonce):
            self.be_active()
        else:
            super().ask_back(back)


class AsksAndGoesOn(MultiPaxos):
    """Where lives are in the log: a node asks for its new life, and does not wait until that is decided."""

    def ask_back(self, back: Return) -> None:
        super().ask_back(back)
        if self.following is not None and self.back is not None:
            self.be_active()


class CountsFormerMembers(MultiPaxos):
    """Where lives are in the log: a promise of a node's former life counts for eras of its new one."""

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        self.on_promise(src, msg.promise)

    def void(self, nodes: list[NodeId]) -> None:
        pass


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


class RaftAsksAndGoesOn(Raft):
    """Where lives are in the log: a server asks for its next life, and does not wait until that is committed."""

    def is_known(self, back: Return) -> bool:
        return self.following is not None


class RaftBelievesItsLog(Raft):
    """Where lives are in the log: a server is active when it has the entry, whoever else has."""

    def is_known(self, back: Return) -> bool:
        return self.configs.newest.renewed_as(self.id, back.nonce)


class SDPaxosActiveAtOnce(SDPaxos):
    """P-5: no passive mode: a replica that has lost its disk votes in both kinds of instances as a new one."""

    def on_lost(self) -> None:
        self.on_start({})


class SDPaxosSkipsTheRows(SDPaxos):
    """A replica is active as soon as it knows the turns that it may have voted for, and votes again for
    commands in places where it has forgotten its votes."""

    def has_learnt(self, slot: int) -> bool:
        return super(Returning, self).has_learnt(slot)


class SDPaxosForgetsItsRow(SDPaxos):
    """A replica goes on in its own row behind what it has executed, in the ballot of its former life: other
    commands in places that it had used."""

    def first_of(self, owner: NodeId) -> Ballot:
        return first_ballot(owner)

    def end_of_rows(self) -> dict[NodeId, int]:
        return super().end_of_rows() | {self.id: 0}


class SDPaxosCountsOldVotes(SDPaxos):
    """A command leader counts the vote of a life that is over."""

    def on_caccepted(self, src: NodeId, msg: CAccepted) -> None:
        place = (msg.owner, msg.index)
        super().on_caccepted(src, CAccepted(msg.ballot, *place, msg.promised))

    def void(self, nodes: list[NodeId]) -> None:
        if self.campaign is not None and not self.campaign.won:
            for node in nodes:
                self.campaign.drop(node)


class PaxosActiveAtOnce(Paxos):
    """P-5: no passive mode: a node that has lost its disk votes and promises as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class PaxosSkipsTheSlots(Paxos):
    """A node is active as soon as enough others keep its new life, and votes again in slots where it has
    forgotten its votes."""

    def end_of(self, back: Return) -> int:
        return 0


class PaxosCountsOldPromises(Paxos):
    """A promise of a node's former life counts, though it has since voted in its new one."""

    def on_sworn(self, src: NodeId, msg: SwornPromise) -> None:
        self.on_promise(src, msg.promise)


class MenciusActiveAtOnce(Mencius):
    """P-5: no passive mode: a node that has lost its disk votes, promises and suggests as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class MenciusSkipsTheSlots(Mencius):
    """A node is active as soon as enough others keep its new life, and votes and suggests again in slots where
    it has before."""

    def end_of(self, back: Return) -> int:
        return 0


class MenciusForgetsItsWindow(Mencius):
    """A node is active when it has executed what the others have heard of. Some of its own slots beyond
    it has said to skip, or votes in others are still under way."""

    def end_of(self, back: Return) -> int:
        return max(known.last for known in back.known.values())


class MenciusWaitsForTheForgotten(Mencius):
    """Whoever had executed most is asked for it, though it has lost its disk since: nobody finds out anew what
    was chosen. (The first version here did.)"""

    def on_rejoin(self, src: NodeId, msg: Rejoin) -> None:
        ahead = self.ahead[src]
        super().on_rejoin(src, msg)
        self.ahead[src] = ahead


class WPaxosActiveAtOnce(WPaxos):
    """P-5: no passive mode: a node that has lost its disk votes and promises as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class WPaxosSkipsTheSlots(WPaxos):
    """A node is active as soon as it knows what it may have promised, and votes again for slots of objects that
    it has forgotten its votes for."""

    def has_learnt(self, floor: Held) -> bool:
        return True


class WPaxosForgetsItsPromises(WPaxos):
    """A node is active when it has learnt all that it may have voted for, and votes for older owners of objects
    than those that it has helped to steal them."""

    def promise_again(self, floor: Held) -> None:
        pass


class WPaxosCountsOldVotes(WPaxos):
    """An owner counts the vote of a life that is over."""

    def on_object(self, src: NodeId, thing: Object, msg: OfObject) -> None:
        super().on_object(src, thing, msg.accepted if isinstance(msg, SwornVoteOfObject) else msg)

    def void(self, nodes: list[NodeId]) -> None:
        pass


class M2PaxosActiveAtOnce(M2Paxos):
    """P-5: no passive mode: a node that has lost its disk votes and promises as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class M2PaxosSkipsThePositions(M2Paxos):
    """A node is active as soon as it knows what it may have promised, and votes again for positions of objects
    that it has forgotten its votes for."""

    def has_learnt(self, floor: Held) -> bool:
        return True


class M2PaxosForgetsItsPromises(M2Paxos):
    """A node is active when it has learnt all that it may have voted for, and votes for older owners of objects
    than those that it has helped to acquire them."""

    def promise_again(self, floor: Held) -> None:
        pass


class M2PaxosCountsOldVotes(M2Paxos):
    """An owner counts the vote of a life that is over."""

    def on_message(self, src: NodeId, msg: Message) -> None:
        super().on_message(src, msg.accepted if isinstance(msg, SwornVote) else msg)

    def void(self, nodes: list[NodeId]) -> None:
        pass


class EPaxosActiveAtOnce(EPaxos):
    """P-5: no passive mode: a replica that has lost its disk answers all as one that has never seen anything."""

    def on_lost(self) -> None:
        self.on_start({})


class EPaxosSkipsTheRows(EPaxos):
    """A replica is active as soon as it knows how far the rows reach: to a recovery it says that it has never
    seen what it has pre-accepted, perhaps as one of a fast quorum."""

    def has_learnt(self, floor: Deps) -> bool:
        return True


class EPaxosUsesItsRowAgain(EPaxos):
    """A replica goes on in its row behind what the others have heard of: its former life may have used
    more than that, and they may hear of it yet."""

    def floor_of(self, back: Return) -> Deps:
        floor = list(super().floor_of(back))
        floor[self.row] -= AHEAD
        return tuple(floor)


class EPaxosForgetsTheFloor(EPaxos):
    """A replica names as dependencies what it knows of, and nothing for what it has met in its former life and
    became a no-op."""

    def go_on_from(self, floor: Deps) -> None:
        super().go_on_from(floor)
        self.heard = self.instances.floor = self.instances.none

    def raise_floor(self) -> None:
        pass


class EPaxosCountsOldWords(EPaxos):
    """What a replica said in a life that is over counts in quorums."""

    def is_sworn(self, src: NodeId, lives: tuple[int, ...]) -> bool:
        super().is_sworn(src, lives)
        return True

    def void(self, nodes: list[NodeId]) -> None:
        pass


MUTANTS: dict[str, type[MultiPaxos | Raft | Paxos | Mencius | WPaxos | M2Paxos | EPaxos]] = {
    "active-at-once": ActiveAtOnce,
    "leaves-on-any-commit": LeavesOnAnyCommit,
    "skips-the-slots": SkipsTheSlots,
    "counts-old-promises": CountsOldPromises,
    "skips-the-adopted": SkipsTheAdopted,
    "active-before-its-era": ActiveBeforeItsEra,
    "asks-and-goes-on": AsksAndGoesOn,
    "counts-former-members": CountsFormerMembers,
    "raft-active-at-once": RaftActiveAtOnce,
    "raft-votes-at-once": RaftVotesAtOnce,
    "raft-skips-the-entries": RaftSkipsTheEntries,
    "raft-counts-copies": RaftCountsCopies,
    "raft-asks-and-goes-on": RaftAsksAndGoesOn,
    "raft-believes-its-log": RaftBelievesItsLog,
    "sdpaxos-active-at-once": SDPaxosActiveAtOnce,
    "sdpaxos-skips-the-rows": SDPaxosSkipsTheRows,
    "sdpaxos-forgets-its-row": SDPaxosForgetsItsRow,
    "sdpaxos-counts-old-votes": SDPaxosCountsOldVotes,
    "paxos-active-at-once": PaxosActiveAtOnce,
    "paxos-skips-the-slots": PaxosSkipsTheSlots,
    "paxos-counts-old-promises": PaxosCountsOldPromises,
    "mencius-active-at-once": MenciusActiveAtOnce,
    "mencius-skips-the-slots": MenciusSkipsTheSlots,
    "mencius-forgets-its-window": MenciusForgetsItsWindow,
    "mencius-waits-for-the-forgotten": MenciusWaitsForTheForgotten,
    "wpaxos-active-at-once": WPaxosActiveAtOnce,
    "wpaxos-skips-the-slots": WPaxosSkipsTheSlots,
    "wpaxos-forgets-its-promises": WPaxosForgetsItsPromises,
    "wpaxos-counts-old-votes": WPaxosCountsOldVotes,
    "m2paxos-active-at-once": M2PaxosActiveAtOnce,
    "m2paxos-skips-the-positions": M2PaxosSkipsThePositions,
    "m2paxos-forgets-its-promises": M2PaxosForgetsItsPromises,
    "m2paxos-counts-old-votes": M2PaxosCountsOldVotes,
    "epaxos-active-at-once": EPaxosActiveAtOnce,
    "epaxos-skips-the-rows": EPaxosSkipsTheRows,
    "epaxos-uses-its-row-again": EPaxosUsesItsRowAgain,
    "epaxos-forgets-the-floor": EPaxosForgetsTheFloor,
    "epaxos-counts-old-words": EPaxosCountsOldWords,
}
