"""Who is in the chain, in which order: the *configuration*, and the master that decides on it.

The master is a multi-Paxos over all nodes whose state is the configuration. Epochs count up by one,
and each is decided from the one before it, so that all nodes see one sequence of configurations.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import cast

from protocols.answers import Answer
from protocols.kernel import Command, Json, NodeId, record
from protocols.multipaxos import MultiPaxos
from protocols.nested import wrapping

RECONFIGURE = "reconfigure"


@record
class Config:
    """The chain of one epoch, head first.

    >>> chain = Config(3, (0, 2, 4))
    >>> chain.head, chain.tail, chain.before(2), chain.after(2), chain.after(4), chain.before(1)
    (0, 4, 0, 4, None, None)
    """

    epoch: int
    members: tuple[NodeId, ...]

    @property
    def head(self) -> NodeId:
        return self.members[0]

    @property
    def tail(self) -> NodeId:
        return self.members[-1]

    def before(self, node: NodeId) -> NodeId | None:
        """The predecessor of a member; None for the head, and for others."""
        place = self.members.index(node) if node in self.members else 0
        return self.members[place - 1] if place else None

    def after(self, node: NodeId) -> NodeId | None:
        """The successor of a member; None for the tail, and for others."""
        members = self.members
        if node not in members or node == members[-1]:
            return None
        return members[members.index(node) + 1]


FIRST = 1
"""The epoch of the chain of all nodes, in the order of their ids, which nobody has to decide on."""


class Configuration:
    """The master's machine (``protocols.multipaxos.machine``). No members: those of ``FIRST``."""

    def __init__(self) -> None:
        self.epoch = FIRST
        self.members: tuple[NodeId, ...] = ()

    def run(self, command: Command) -> Answer:
        """Go on to ``value``, an [epoch, members], if it is the next epoch."""
        if command.f != RECONFIGURE:
            return Answer(None, ok=False)
        epoch, members = cast("tuple[int, Sequence[NodeId]]", command.value)
        if epoch != self.epoch + 1:
            return Answer(f"the epoch is {self.epoch}", ok=False)
        self.epoch, self.members = epoch, tuple(members)
        return Answer(epoch)

    def ran(self, command: Command) -> bool:
        """Whether it is too late for this command."""
        value = cast("tuple[int, Json]", command.value)
        return command.f == RECONFIGURE and value[0] <= self.epoch

    def snapshot(self) -> Json:
        return [self.epoch, list(self.members)]

    @classmethod
    def restore(cls, snapshot: Json) -> Configuration:
        machine, saved = cls(), cast("tuple[int, Sequence[NodeId]]", snapshot)
        machine.epoch, machine.members = saved[0], tuple(saved[1])
        return machine


class Master(MultiPaxos):
    """Multi-Paxos on configurations."""

    changes_members = False
    machine = Configuration
    served: Container[str] = (RECONFIGURE,)
    reads: Container[str] = ()

    def latest(self, cluster: tuple[NodeId, ...]) -> Config:
        """The last configuration that this replica knows to be decided."""
        machine = cast("Configuration", self.store)
        return Config(machine.epoch, machine.members or cluster)


def reconfigure(config: Config, members: tuple[NodeId, ...]) -> Command:
    """To follow on ``config`` with these members. Commands of one name are the same command."""
    epoch = config.epoch + 1
    return Command(RECONFIGURE, "chain", [epoch, list(members)], f"{epoch}:{list(members)}", 1)


MASTER = wrapping("Master", MultiPaxos.messages)
