"""WPaxos broken on purpose, each in a few lines; W-n as in PROTOCOLS.md section 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.ballots import Ballot, above, owner
from protocols.clients import name
from protocols.kernel import Cluster, Command, NodeId
from protocols.log import Vote
from protocols.multipaxos.messages import Prepare, Promise
from protocols.quorum_systems import QuorumSystem, Rule
from protocols.wpaxos import WPaxos
from protocols.wpaxos.messages import LeaderChange
from protocols.wpaxos.objects import Object


class _Hasty(Object):
    def steal(self, commands: Iterable[Command] = ()) -> None:
        self.promise(above(max(self.promised, self.seen), self.node.id))
        self.park(commands)
        first = self.log.chosen + 1
        self.own(self.promised, first, {vote.slot: vote for vote in self.log.since(first)})


class StealsWithoutPhase1(WPaxos):
    """W1: a higher ballot is enough to own an object; nobody is asked what was voted for before."""

    def make_object(self, key: str) -> Object:
        return _Hasty(key, self)


class _Forgetful(Object):
    def adopt(self, votes: Iterable[Vote]) -> Mapping[int, Vote]:
        return {}


class NoMerge(WPaxos):
    """W2: a thief hears the votes of its quorum, and begins with what it wants itself."""

    def make_object(self, key: str) -> Object:
        return _Forgetful(key, self)


class _Reticent(Object):
    def testimony(self, msg: Prepare) -> Promise:
        return Promise(msg.ballot, 0, tuple(self.log.since(self.log.chosen + 1)))


class PromisesLackChosen(WPaxos):
    """W3: a promise has the votes that are still open, and neither what is chosen nor how far that
    goes (Paxi's P-1: its P1b lacks the highest slot that the authors' own TLA+ model has).
    """

    def make_object(self, key: str) -> Object:
        return _Reticent(key, self)


class MissesAZone(WPaxos):
    """W4: phase 1 is content with one zone less than all, though phase 2 is with any one."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        honest = self.quorums
        first = Rule(honest.first.groups, honest.first.needed - 1)
        self.quorums = QuorumSystem("short", honest.nodes, first, honest.second)


class TwoOwners(WPaxos):
    """W5: who is told to lead does, by the ballot of the one who told it, and asks nobody."""

    def on_leader_change(self, thing: Object, msg: LeaderChange) -> None:
        if msg.ballot >= thing.promised and thing.leadership is None:
            first = thing.log.chosen + 1
            thing.promise(msg.ballot)
            thing.own(msg.ballot, first, {vote.slot: vote for vote in thing.log.since(first)})


class _Jealous(Object):
    def yield_to(self, ballot: Ballot) -> None:
        wanted = dict(self.parked)
        if self.leadership is not None:
            wanted |= {name(p.command): p.command for p in self.leadership.open.values()}
        super().yield_to(ballot)
        if wanted and owner(ballot) != self.node.id:
            self.steal(wanted.values())


class PingPong(WPaxos):
    """W6: whoever is asked steals, and who was robbed steals back at once: no hold, no patience.
    An object that two zones use goes to and fro, and each is robbed before its commands are chosen.
    """

    def make_object(self, key: str) -> Object:
        return _Jealous(key, self)

    def may_rob(self, thing: Object) -> bool:
        return True


MUTANTS: dict[str, type[WPaxos]] = {
    "steals-without-phase-1": StealsWithoutPhase1,
    "no-merge": NoMerge,
    "promises-lack-chosen": PromisesLackChosen,
    "misses-a-zone": MissesAZone,
    "two-owners": TwoOwners,
    "ping-pong": PingPong,
}
