"""Multi-Paxos broken on purpose, each in a few lines, by mistakes that were made elsewhere.

P-n and G-n are bugs of Paxi and of GoPaxos (PROTOCOLS.md sections 1.2 and 3), M-n the table there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from protocols.ballots import ZERO, Ballot, owner
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.log import Log, Vote
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Campaign, Leadership
from protocols.multipaxos.leases import NOBODY, Lease
from protocols.multipaxos.messages import Prepare, Promise
from protocols.multipaxos.reads import Questions
from protocols.quorum_systems import QuorumSystem, count
from protocols.statemachine import READS, Answer, KeyValue


class OmitsChosen(MultiPaxos):
    """P-1 (M5): phase 1b tells of votes not known to be chosen, and not how far the chosen go."""

    def testimony(self, msg: Prepare) -> Promise:
        return Promise(msg.ballot, msg.slot - 1, tuple(self.log.since(self.log.chosen + 1)))


class ForgetsPromise(MultiPaxos):
    """M1: a promise is given before, and without, being made durable."""

    def promise(self, ballot: Ballot) -> None:
        self.promised = ballot


class ForgetsVote(MultiPaxos):
    """M2, G-9: a vote is cast without being made durable."""

    def vote(self, slot: int, ballot: Ballot, command: Command) -> None:
        self.log.put(Vote(slot, ballot, command))


class AdoptsLowest(MultiPaxos):
    """M3: of the votes for a slot, the new leader adopts that of the lowest ballot."""

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        ordered = sorted(votes, key=lambda vote: vote.ballot, reverse=True)
        return {vote.slot: vote for vote in ordered}


class IgnoresVotes(MultiPaxos):
    """M4: a new leader begins after its own chosen prefix with commands of its own choice."""

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        return {}


class ClosesTheGap(MultiPaxos):
    """M11: a slot that no vote was reported for is not filled, but taken by what was adopted for the next."""

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        best = super().adopt(votes)
        return {self.log.chosen + 1 + i: best[slot] for i, slot in enumerate(sorted(best))}


class ReusesBallot(MultiPaxos):
    """M6, G-2: after a restart ballots are counted from zero again, and what was proposed in them
    is remembered by the other acceptors alone: one ballot, two commands in a slot."""

    def on_start(self, durable: Mapping[str, Json]) -> None:
        super().on_start(durable)
        self.campaigned = ZERO
        if owner(self.promised) == self.id:
            self.promised = ZERO

    def vote(self, slot: int, ballot: Ballot, command: Command) -> None:
        if owner(ballot) == self.id:
            self.log.put(Vote(slot, ballot, command))
        else:
            super().vote(slot, ballot, command)


class LeadsByAppointment(MultiPaxos):
    """Whom option ``leader`` names takes office without anybody's promise: at a later start, too, when another leads
    and has decided what it does not know of."""

    def run_for_leader(self) -> None:
        if self.preferred != self.id:
            super().run_for_leader()
        else:
            everybody = sum(1 << node for node in self.nodes)
            self.campaign = Campaign(self.next_ballot(), self.log.chosen + 1, everybody)
            self.win(self.campaign)


class AcceptsLower(MultiPaxos):
    """M7: votes in ballots below the one that it promised."""

    def refuses(self, ballot: Ballot) -> bool:
        return False


class HalfIsMajority(MultiPaxos):
    """M8: n/2 nodes are taken for a majority."""

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        half = len(cluster.nodes) // 2
        return count(cluster.nodes, half, half)


class TrustsOldVote(MultiPaxos):
    """A slot is said to be chosen, and the follower executes what it voted for there, in whatever
    ballot: the leader may have chosen another command."""

    def learn(self, ballot: Ballot, chosen: int) -> None:
        while self.log.chosen < chosen and self.log.chosen + 1 in self.log:
            self.advance()
        super().learn(ballot, chosen)


class RunsTwice(MultiPaxos):
    """M13: a command that is decided in two slots, because it was sent twice, runs twice."""

    def run(self, command: Command) -> Answer:
        return self.store.run(Command(command.f, command.key, command.value))


class DedupsAtTheLeader(MultiPaxos):
    """D2: the leader knows which commands ran; a follower runs whatever it learns, twice if it comes twice."""

    def run(self, command: Command) -> Answer:
        if self.leadership is None and self.campaign is None:
            return self.store.run(Command(command.f, command.key, command.value))
        return super().run(command)


class ForgetsByItsClock(MultiPaxos):
    """D4: a replica drops a session that it has not heard of for a while, by its own clock, and runs a
    command of it again that others do not."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.heard: dict[str, int] = {}

    def run(self, command: Command) -> Answer:
        last = self.heard.get(command.session, self.now_ms)
        self.heard[command.session] = self.now_ms
        if abs(self.now_ms - last) > 4 * self.cluster.rtt_ms:
            return self.store.run(Command(command.f, command.key, command.value))
        return super().run(command)


class LosesSessions(MultiPaxos):
    """M14, D3: the sessions are not in the snapshot, so that a retry runs again after it."""

    def on_start(self, durable: Mapping[str, Json]) -> None:
        super().on_start(durable)
        self._forget_sessions()

    def install(self, slot: int, state: Json) -> None:
        super().install(slot, state)
        self._forget_sessions()

    def _forget_sessions(self) -> None:
        saved: Any = self.store.snapshot()
        self.store = KeyValue.restore({**saved, "sessions": {}})


class SnapshotLacksItsLast(MultiPaxos):
    """L1: a snapshot is of the state before its last slot, whose command is dropped from the log with the rest."""

    before: Json = None

    def advance(self) -> None:
        due = (self.log.chosen + 1) % self.snapshot_every == 0
        self.before = super().picture() if due else None
        super().advance()

    def picture(self) -> Json:
        return super().picture() if self.before is None else self.before


class SnapshotDropsVotes(MultiPaxos):
    """K-1, L4: installing a snapshot makes an acceptor forget its own votes above it."""

    def install(self, slot: int, state: Json) -> None:
        super().install(slot, state)
        self.log = Log(slot)


class ReadsLocally(MultiPaxos):
    """P-6, E2r: whoever is asked answers a read from its own state, leader or not."""

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f in READS:
            self.reply(request, self.store.run(command).value)
        else:
            super().on_request(request, command)


class _Hasty(Questions):
    def rinsed(self, slot: int, chosen: int) -> bool:
        return True


class ReadsUnrinsed(MultiPaxos):
    """E1r: a quorum read is answered at once, without executing what the quorum has voted for."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.read_mode, self.questions = "quorum", _Hasty(self.quorums)


class _LeaseMutant(MultiPaxos):
    """Its leader answers reads, whatever the option says."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.read_mode = "leader"


class HoldsTooLong(_LeaseMutant):
    """Z1: the holder's lease ends after the grantors' promise to keep still."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.lease = Lease(self.quorums, id, dilation=-100)


class NoMargin(_LeaseMutant):
    """Z1: the holder's lease is as long as the grantors' promise, by clocks that go at another pace."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.lease = Lease(self.quorums, id, dilation=0)


class ExemptsTheFirst(_LeaseMutant):
    """Z3, K-2: who keeps still makes an exception for the leader, and goes on to make it for the first
    that it ever had."""

    first: NodeId | None = None

    def keep_still(self, holder: NodeId) -> None:
        if self.first is None and holder != NOBODY:
            self.first = holder
        super().keep_still(holder)

    def follow(self, node: NodeId) -> None:
        if self.first is None:
            self.first = node
        super().follow(node)

    def watch(self) -> None:
        bound = self.bound
        if self.first in (None, self.id):
            self.bound = None
        super().watch()
        self.bound = bound if self.campaign is None else None

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        if src == self.first and self.leadership is None:
            self.bound = self.following = None
        super().on_prepare(src, msg)


class RestartsAtOnce(_LeaseMutant):
    """Z2: a grantor that comes back knows of no grant, and promises whom it likes."""

    def on_start(self, durable: Mapping[str, Json]) -> None:
        super().on_start(durable)
        self.bound = None


class _ByTheWall(Lease):
    """Its end is a time of day."""

    def __init__(self, replica: MultiPaxos) -> None:
        super().__init__(replica.quorums, replica.id)
        self.open = 16
        self._replica = replica
        self._ends: dict[int, int] = {}

    def ask(self, ballot: Ballot) -> int:
        number = super().ask(ballot)
        self._ends[number] = self._replica.now_ms + self.held * self._replica.cluster.rtt_ms
        return number

    def ran_out(self, timer: str) -> None:
        pass

    def good(self, ballot: Ballot) -> bool:
        now = self._replica.now_ms
        self._grants = {n: mask for n, mask in self._grants.items() if now < self._ends[n]}
        return super().good(ballot)


class TrustsTheWallClock(_LeaseMutant):
    """Z4: the holder's lease is over when its wall clock says so."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.lease = _ByTheWall(self)


class NeedsNoLease(_LeaseMutant):
    """P-6, E2r: who thinks that it leads answers reads."""

    def may_answer(self, lead: Leadership) -> bool:
        return self.log.chosen >= lead.adopted


class AnswersTooSoon(_LeaseMutant):
    """A new leader answers before it has executed what it adopted, which clients may know of."""

    def may_answer(self, lead: Leadership) -> bool:
        return self.lease.good(lead.ballot)


MUTANTS: dict[str, type[MultiPaxos]] = {
    "omits-chosen": OmitsChosen,
    "forgets-promise": ForgetsPromise,
    "forgets-vote": ForgetsVote,
    "adopts-lowest": AdoptsLowest,
    "ignores-votes": IgnoresVotes,
    "closes-the-gap": ClosesTheGap,
    "reuses-ballot": ReusesBallot,
    "accepts-lower": AcceptsLower,
    "leads-by-appointment": LeadsByAppointment,
    "half-is-majority": HalfIsMajority,
    "trusts-old-vote": TrustsOldVote,
    "runs-twice": RunsTwice,
    "loses-sessions": LosesSessions,
    "snapshot-drops-votes": SnapshotDropsVotes,
    "snapshot-lacks-its-last": SnapshotLacksItsLast,
    "reads-locally": ReadsLocally,
    "reads-unrinsed": ReadsUnrinsed,
    "dedups-at-the-leader": DedupsAtTheLeader,
    "forgets-by-its-clock": ForgetsByItsClock,
    "holds-too-long": HoldsTooLong,
    "no-margin": NoMargin,
    "exempts-the-first": ExemptsTheFirst,
    "restarts-at-once": RestartsAtOnce,
    "trusts-the-wall-clock": TrustsTheWallClock,
    "needs-no-lease": NeedsNoLease,
    "answers-too-soon": AnswersTooSoon,
}
