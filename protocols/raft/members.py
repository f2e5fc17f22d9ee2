"""Changes of membership, one server at a time (dissertation, chapter 4; 4.1 is the section on why one).

Majorities of two configurations that differ by one server meet, so that no joint configuration is
needed; as long as there are never two changes that are not ordered by being committed:

- **None while one is under way** (4.1): the newest configuration in the leader's log is committed.
- **None before an entry of its own term is committed** (Ongaro, "bug in single-server membership
  changes", raft-dev, 10 July 2015): else an older leader's change may be about to be committed by
  a majority that this leader's does not meet.
- **A new server learns first** (4.2.1): it is written to, and not counted, in rounds, each up to where the
  log ended when it began. One that took no longer than a tick shows that it keeps up.
- **A leader that leaves** (4.2.2) leads until that is committed, and does not count itself.
- **Who has left** (4.2.3) may not know it, and want to lead: pre-votes and the rule that a server which
  hears its leader votes for nobody make that harmless. It is told, once: until the next tick after the
  commitment it is written to like the others.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from protocols.kernel import Command, NodeId
from protocols.membership import (
    JOIN,
    MEMBERS,
    Configuration,
    Renewed,
    changed,
    node_of,
    to_value,
)
from protocols.raft.candidate import Candidate
from protocols.raft.leadership import Follower, Leadership, Learner
from protocols.raft.log import Entry

PATIENCE = 40
"""Ticks after which a server that has not caught up is given up."""


class Reconfiguring(Candidate):
    """Changes the members, as a leader; and is changed."""

    def change(self, lead: Leadership, command: Command) -> None:
        """Somebody asks for a change. What cannot be done now is asked for again."""
        members = changed(self.configs.newest, command, self.nodes)
        if members is None or self.is_under_way() or not self.has_barrier(lead):
            return
        if command.f != JOIN and not self.would_last(lead, members):
            return
        if command.f != JOIN:
            lead.learner = None
            self.configure(lead, members)
        elif lead.learner is None or lead.learner.node != node_of(command):
            lead.learner = Learner(node_of(command), members, self.log.last)
            self.write_to_members(lead)
            self.teach(lead, lead.learner.node)  # it may have left just now, and lack nothing
            self.replicate(lead, lead.followers)

    def would_last(self, lead: Leadership, members: tuple[NodeId, ...]) -> bool:  # noqa: ARG002  for subclasses
        """Whether these, of whom one less are left, can do without it."""
        return True

    def is_under_way(self) -> bool:
        """Whether a change is not committed yet."""
        return self.configs.newest.version > self.log.commit

    def has_barrier(self, lead: Leadership) -> bool:
        """Whether an entry of this term is committed."""
        return self.log.commit >= lead.first

    def teach(self, lead: Leadership, src: NodeId) -> None:
        """A learner has more of the log than before: it joins, or has another round."""
        learner = lead.learner
        if learner is None or src != learner.node:
            return
        match = lead.followers[src].match
        if match < learner.target:
            return
        if learner.ticks > 1 and match < self.log.last:
            learner.target, learner.ticks = self.log.last, 0
            return
        lead.learner = None
        self.configure(lead, learner.members)

    def look_after(self, lead: Leadership) -> None:
        """At each tick: no learner for ever, and no longer to whoever has left."""
        learner = lead.learner
        if learner is not None:
            learner.ticks += 1
            learner.age += 1
            if learner.age > PATIENCE:
                lead.learner = None
        if len(lead.followers) > len(self.peers) and not self.is_under_way():
            self.write_to_members(lead)

    def configure(
        self, lead: Leadership, members: tuple[NodeId, ...], renewed: Renewed | None = None
    ) -> None:
        """The new configuration is an entry of the log, and in force at once."""
        index = self.log.last + 1
        config = Configuration(
            index, members, self.configs.newest.renewed if renewed is None else renewed
        )
        name = f"@{self.id}/{lead.term}"  # so that two leaders' entries are not taken for one
        self.append([Entry(lead.term, Command(MEMBERS, "", to_value(config), name, index))])
        leaving = {node: f for node, f in lead.followers.items() if node not in members}
        self.write_to_members(lead)
        for node, follower in leaving.items():
            follower.votes = False
            lead.followers[node] = follower
        self.replicate(lead, lead.followers)
        self.work(lead)

    def write_to_members(self, lead: Leadership) -> None:
        """The followers are the members, and the learner. One that is new is probed with the last entry:
        there is one, since there is one of this term.
        """
        before, lead.followers = lead.followers, {}
        for node in self.peers:
            lead.followers[node] = follower = before.get(node) or Follower(self.log.last)
            follower.votes = True
        if lead.learner is not None:
            node = lead.learner.node
            lead.followers[node] = follower = before.get(node) or Follower(self.log.last)
            follower.votes = False
        lead.votes = bool(self.voters >> self.id & 1)

    def left(self) -> None:
        """A leader steps down once it has told the others (``work``)."""
        if self.leadership is None:
            self.following = None

    @abstractmethod
    def replicate(self, lead: Leadership, nodes: Iterable[NodeId]) -> None:
        """Send these followers what they lack."""

    @abstractmethod
    def work(self, lead: Leadership) -> None:
        """Commit and append what can be."""
