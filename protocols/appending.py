"""The way of a client's command to the leader of a log: sent, refused by a ``Nay``, sent again; option ``retry``.

- ``tick``, the default: at each tick again, and to each new leader; after 100 ticks it is given up. Nobody says why
  a command was not taken.
- ``backoff``: after 1, 2, 4 ... ticks. Who does not take a command says so by ``Nay``: for want of room, which
  the waiting is for; or since it does not lead, which begins the waiting anew.
- ``never``: once. Where nobody is known to lead, or the leader that was asked is this node and has no room, the client
  is refused at once: nothing was sent. A ``Nay`` from afar ends the waiting, too, but *does not refuse*: the network
  may bring the same ``Forward`` a second time, when there is room. So the answer is that nobody knows.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from protocols.clients import POLICIES, Clients, Name, Serving, name
from protocols.kernel import Cluster, Command, NodeId, RequestId, record

NOBODY, NOT_LEADING, FULL = "nobody leads", "does not lead", "too many wait"


@record
class Forward:
    """Commands of the sender's clients, for the leader to propose."""

    commands: tuple[Command, ...]


@record
class Nay:
    """The answer to a Forward: the commands of these names (session, serial) are not taken, and why."""

    names: tuple[tuple[str, int], ...]
    why: str


def retry_of(cluster: Cluster) -> str:
    """Raises ValueError for a policy that there is not."""
    retry = str(cluster.options.get("retry", "tick"))
    if retry not in POLICIES:
        raise ValueError(f"retry={retry}: it is one of {', '.join(POLICIES)}")
    return retry


class Appending(Serving[Any]):
    """Gets commands of this node's clients to the end of the leader's log."""

    batch: int
    following: NodeId | None

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.retry = retry_of(cluster)
        self.clients = Clients(capacity=1024, patience=100, due=POLICIES[self.retry])

    def submit(self, commands: Sequence[Command]) -> None:
        """Get commands of this node's clients proposed, if it is known by whom."""
        if self.leads:
            self.propose(commands)
        elif self.following is not None:
            for i in range(0, len(commands), self.batch):
                self.send(self.following, Forward(tuple(commands[i : i + self.batch])))

    def submit_first(self, request: RequestId, command: Command) -> None:
        """The same for one that has just come."""
        if self.retry != "never" or (not self.leads and self.following is not None):
            self.submit([command])
        elif not self.leads:
            self.refuse(request, command, NOBODY)
        elif self.take_in([command]):
            self.refuse(request, command, FULL)

    def refuse(self, request: RequestId, command: Command, why: str) -> None:
        """It has gone nowhere, and will not."""
        self.clients.pop(command)
        self.reply(request, f"refused: {why}", ok=False)

    def on_forward(self, src: NodeId, msg: Forward) -> None:
        refused: Sequence[Command] = self.take_in(msg.commands) if self.leads else msg.commands
        if refused and self.retry != "tick":
            self.send(src, Nay(tuple(map(name, refused)), FULL if self.leads else NOT_LEADING))

    def on_nay(self, msg: Nay) -> None:
        for one in msg.names:
            if self.retry == "never":
                self.give_up(one, msg.why)
            elif msg.why == NOT_LEADING:
                self.clients.begin_anew(one)

    def give_up(self, one: Name, why: str) -> None:
        """It was sent, and not taken; but nobody knows what the network keeps of it."""
        request = self.clients.pop_named(one)
        if request is not None:
            self.reply(request, f"given up: {why}", ok=None)

    @property
    @abstractmethod
    def leads(self) -> bool:
        """Whether commands are for this replica to propose."""

    @abstractmethod
    def propose(self, commands: Iterable[Command]) -> None:
        """Get these decided, if this replica leads."""

    @abstractmethod
    def take_in(self, commands: Iterable[Command]) -> Sequence[Command]:
        """The same of one that leads; those that cannot even wait, since too many do, are returned."""
