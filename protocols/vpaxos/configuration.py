"""Who votes in which ballot: the *configurations* of each group, and the master that decides on them.

The master is a multi-Paxos over all nodes, whose state they are: a group's ballots follow upon each
other in one order, and each is decided on in view of the one before it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, cast

from protocols.answers import Answer
from protocols.ballots import Ballot, owner
from protocols.kernel import Command, Json, NodeId, record
from protocols.multipaxos import MultiPaxos
from protocols.nested import wrapping
from protocols.quorum_systems import QuorumSystem, by_majority, mask_of

RECONFIGURE, COMPLETE = "reconfigure", "complete"


@record
class Config:
    """The newest configuration of a group: ``members`` vote in ``ballot``, which its owner leads.

    ``past`` are the members of the configurations that it must read: the last complete one and
    all after it, each but once. A complete one has nothing to read.
    """

    ballot: Ballot
    members: tuple[NodeId, ...]
    past: tuple[tuple[NodeId, ...], ...] = ()
    complete: bool = False

    @property
    def leader(self) -> NodeId:
        return owner(self.ballot)

    def followed(self, leader: NodeId, members: tuple[NodeId, ...]) -> Config:
        """The one that comes next.

        >>> Config((1, 0), (0, 1), complete=True).followed(2, (1, 2))
        Config(ballot=(2, 2), members=(1, 2), past=((0, 1),), complete=False)
        >>> Config((2, 2), (1, 2), past=((0, 1),)).followed(0, (0, 2)).past
        ((0, 1), (1, 2))
        """
        past = self.past if self.members in self.past else (*self.past, self.members)
        return Config((self.ballot[0] + 1, leader), members, past)

    def completed(self) -> Config:
        """Active: the last complete one (VP II)."""
        return Config(self.ballot, self.members, (), complete=True)


def first(nodes: tuple[NodeId, ...], number: int, size: int) -> Config:
    """The configuration that a group begins with, which nobody has to decide on.

    >>> first((0, 1, 2, 3, 4), 3, 3)
    Config(ballot=(1, 3), members=(0, 3, 4), past=(), complete=False)
    """
    ring = [nodes[(number + i) % len(nodes)] for i in range(size)]
    return Config((1, ring[0]), tuple(sorted(ring)))


class Vertical(QuorumSystem):
    """The quorums of a configuration: one of each that it must read, and all members to vote."""

    config: Config

    @classmethod
    def of(cls, config: Config) -> Vertical:
        system = by_majority(config.members)
        made = cls("vertical", system.nodes, system.first, system.second)
        made.config = config
        return made

    def phase1(self, nodes: int) -> bool:
        return all(nodes & mask_of(members) for members in self.config.past)

    def phase2(self, nodes: int) -> bool:
        return self.nodes & ~nodes == 0


class Table:
    """The master's machine (``protocols.multipaxos.machine``): the newest configuration of each group.

    A command names the one that it follows upon, or completes, whole: a group that is not in the
    table has its ``first``.
    """

    def __init__(self) -> None:
        self.configs: dict[int, Config] = {}

    def run(self, command: Command) -> Answer:
        if command.f not in (RECONFIGURE, COMPLETE):
            return Answer(None, ok=False)
        group, known = self._known(command)
        if self.ran(command):
            return Answer(f"the ballot is {known.ballot}", ok=False)
        if command.f == COMPLETE:
            self.configs[group] = known.completed()
        else:
            leader, members = cast("Any", command.value)[2:]
            self.configs[group] = known.followed(leader, tuple(members))
        return Answer(None)

    def ran(self, command: Command) -> bool:
        """Whether it is too late for this command."""
        _, known = self._known(command)
        late = read(cast("Any", command.value)[1]).ballot != known.ballot
        return late or (command.f == COMPLETE and known.complete)

    def _known(self, command: Command) -> tuple[int, Config]:
        group, config = cast("Any", command.value)[:2]
        return group, self.configs.get(group) or read(config)

    def snapshot(self) -> Json:
        return [[group, fields_of(config)] for group, config in sorted(self.configs.items())]

    @classmethod
    def restore(cls, snapshot: Json) -> Table:
        table = cls()
        for group, config in cast("Any", snapshot):
            table.configs[group] = read(config)
        return table


class Master(MultiPaxos):
    """Multi-Paxos on configurations. ``news``: the table has changed since that was looked at."""

    changes_members = False
    machine = Table
    served: Container[str] = (RECONFIGURE, COMPLETE)
    reads: Container[str] = ()
    news = False

    def executed(self, command: Command, answer: Answer) -> None:  # noqa: ARG002  the seam's
        self.news = True

    def restored(self) -> None:
        self.news = True

    @property
    def table(self) -> Table:
        return cast("Table", self.store)


def read(fields: Json) -> Config:
    """The configuration of these ``fields_of``, which stay as they are (``read_as`` uses them up)."""
    ballot, members, past, complete = cast("Any", fields)
    number, leader = ballot
    return Config((number, leader), tuple(members), tuple(tuple(each) for each in past), complete)


def fields_of(config: Config) -> list[Json]:
    """The configuration as JSON, for a command."""
    members, past = list(config.members), [list(each) for each in config.past]
    return [list(config.ballot), members, past, config.complete]


def reconfigure(group: int, config: Config, leader: NodeId, members: tuple[NodeId, ...]) -> Command:
    """To follow upon ``config`` with these. Commands of one name are the same command."""
    name = f"{group}:{config.ballot[0]}:{leader}:{list(members)}"
    value = [group, fields_of(config), leader, list(members)]
    return Command(RECONFIGURE, f"group {group}", value, name, 1)


def complete(group: int, config: Config) -> Command:
    """The state is with the members of ``config``."""
    name = f"{group}:{config.ballot[0]}:complete"
    return Command(COMPLETE, f"group {group}", [group, fields_of(config)], name, 1)


MASTER = wrapping("Master", MultiPaxos.messages)
