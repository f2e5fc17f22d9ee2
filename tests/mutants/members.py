"""Changes of membership broken on purpose, in Raft and in Multi-Paxos.

A-n, U-n, L-n and K-n are those of PROTOCOLS.md sections 4.3 and 5; figures and sections are of
Ongaro's dissertation.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.membership import (
    MEMBERS,
    Configuration,
    Configurations,
    changed,
    first,
    to_json,
)
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.electorate import FOREVER, Electorate
from protocols.multipaxos.leadership import Leadership as Office
from protocols.quorum_systems import Quorums, count
from protocols.quorums import majority
from protocols.raft import Raft
from protocols.raft.leadership import Leadership


class CountsLearner(Raft):
    """A2: what a server has that is yet to catch up counts for a majority of those it will join."""

    def write_to_members(self, lead: Leadership) -> None:
        super().write_to_members(lead)
        if lead.learner is not None:
            lead.followers[lead.learner.node].votes = True


class CountsTheGone(Raft):
    """A3: a server that has left is written to on, and what it has counts for a majority of the rest."""

    def write_to_members(self, lead: Leadership) -> None:
        gone = {n: f for n, f in lead.followers.items() if n not in self.peers}
        super().write_to_members(lead)
        lead.followers = {**gone, **lead.followers}

    def configure(self, lead: Leadership, members: tuple[int, ...]) -> None:
        super().configure(lead, members)
        for follower in lead.followers.values():
            follower.votes = True


class ChangesTwiceAtOnce(Raft):
    """A4: a change is begun while another is not committed: two leaders' majorities need not meet."""

    def change(self, lead: Leadership, command: Command) -> None:
        known = Configuration(self.membership()[0], self.configs.newest.members)
        members = changed(known, command, self.nodes)
        if members is not None and command.f == "leave" and self.has_barrier(lead):
            self.configure(lead, members)
        else:
            super().change(lead, command)


class NeedsNoBarrier(Raft):
    """U5: a leader changes the members before an entry of its own term is committed: another's change,
    of a term before, may then be committed by a majority that does not meet its own (raft-dev, 2015)."""

    def has_barrier(self, lead: Leadership) -> bool:
        return True


class AppliesOnCommit(Raft):
    """U6: a configuration is in force where it is known to be committed, and not from when it is in the
    log: who has not heard of it yet elects by one that is long past."""

    def adopt(self, index: int, command: Command) -> None:
        if index <= self.log.commit:
            super().adopt(index, command)

    def advance(self) -> None:
        index = self.log.commit + 1
        command = self.log[index].command
        super().advance()
        self.adopt(index, command)
        self.use_newest()
        if self.leadership is not None and command.f == MEMBERS:
            self.write_to_members(self.leadership)

    def write_to_members(self, lead: Leadership) -> None:
        """And to whoever it wrote to before."""
        before = lead.followers
        super().write_to_members(lead)
        for node in before.keys() - lead.followers.keys():
            before[node].votes = False
            lead.followers[node] = before[node]

    def is_under_way(self) -> bool:
        open_ = self.log.since(self.log.commit + 1, self.log.last)
        return any(entry.command.f == MEMBERS for entry in open_)


class ForgetsMembers(Raft):
    """L5: a snapshot has the state, and not who the members are."""

    def install(self, index: int, term: int, state: Json, config: Json) -> None:
        super().install(index, term, state, to_json(first(self.cluster)))

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        later = [config for config in self.configs if config.version > self.snapshot[0]]
        self.configs = Configurations(first(self.cluster))
        for config in later:
            self.configs.put(config)
        self.use_newest()


class NeedsNoWindow(MultiPaxos):
    """A1: a leader proposes in slots whose configuration it cannot know yet, and so by the wrong one."""

    def horizon(self, lead: Office) -> int:
        return FOREVER


class KeepsItsMandate(MultiPaxos):
    """K-3: promises that were given by the members of one time are taken for those of another."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        if self.electorate is not None:
            first = self.electorate._eras[0]
            self.electorate = _Hasty(first.config, first.quorums, self.electorate.alpha)
            self.quorums = self.electorate

    def horizon(self, lead: Office) -> int:
        lead.covered = FOREVER
        return super().horizon(lead)


class _Hasty(Electorate):
    def phase1(self, nodes: int) -> bool:
        return self._eras[0].quorums.phase1(nodes)


class AnybodyVotes(MultiPaxos):
    """A3: votes are counted, and not whose they are: those of nodes that left count, too."""

    def use_members(self, electorate: Electorate) -> None:
        super().use_members(electorate)
        self.peers = tuple(node for node in self.nodes if node != self.id)

    def quorums_at(self, slot: int) -> Quorums:
        assert self.electorate is not None
        needed = majority(self.electorate.of(slot).nodes.bit_count())
        return count(self.nodes, needed, needed)


class ForgetsEras(MultiPaxos):
    """L5: a snapshot has the state, and not who the members are."""

    def revive(self, picture: Json) -> None:
        assert self.electorate is not None
        store, _ = picture  # type: ignore[misc]
        super().revive([store, [[1, to_json(first(self.cluster))]]])


RAFT: dict[str, type[Raft]] = {
    "counts-learner": CountsLearner,
    "counts-the-gone": CountsTheGone,
    "changes-twice-at-once": ChangesTwiceAtOnce,
    "needs-no-barrier": NeedsNoBarrier,
    "applies-on-commit": AppliesOnCommit,
    "forgets-members": ForgetsMembers,
}
MULTIPAXOS: dict[str, type[MultiPaxos]] = {
    "needs-no-window": NeedsNoWindow,
    "keeps-its-mandate": KeepsItsMandate,
    "anybody-votes": AnybodyVotes,
    "forgets-eras": ForgetsEras,
}
MUTANTS: dict[str, type[Raft | MultiPaxos]] = {**RAFT, **MULTIPAXOS}
