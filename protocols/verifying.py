"""Verification: replicas compare their states now and then, and one that differs from most drops its own.

paxakos' *verify* and *eject*; Castro and Liskov, "Practical Byzantine Fault Tolerance", OSDI 1999, section
4.3, compares checkpoints so, too. After each ``--option verify=SLOTS`` slots a replica digests what it has
executed, and tells the others. Of replicas that executed the same commands the states are equal, so
one whose digest is not that of a majority has had a bit flip, or a bug that others did not have. It
*ejects* its state: it answers no client and executes nothing, hands no snapshot on, and does not lead,
until one that was right has sent its own. Its promises and votes are no part of the state, and stand.

What was answered from a wrong state before the next comparison was wrong: this bounds for how long.
Where no majority agrees nobody knows better, and nothing is ejected.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from json import dumps
from typing import Any

from protocols.kernel import Cluster, Json, NodeId, Replica, record
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

REMEMBERED = 8
"""Of so many comparisons the digests are kept: who is behind hears of them before it gets there."""


@record
class Digest:
    """What the sender's state is after ``slot``, in short."""

    slot: int
    value: str


@record
class Restore:
    """The sender has ejected its state, and asks for the receiver's (a ``Snapshot``). It has ``offset``
    characters of the one at slot ``snapshot``.
    """

    snapshot: int
    offset: int


def digest(picture: Json) -> str:
    """The same for equal states, however they are ordered.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return sha256(dumps(picture, sort_keys=True).encode()).hexdigest()[:16]


class Verifying(Replica[Any]):
    """A replica that compares; see the module. What a protocol has to say is abstract."""

    incoming: Incoming

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.verify_every = cluster.number("verify", 0, least=0)
        self.digests: dict[int, dict[NodeId, str]] = {}
        """By slot what each node says of its state after it."""
        self.ejected = False
        self.donor: NodeId | None = None
        self.gift: tuple[int, Json] = (0, None)
        """What is being sent to one that has ejected its own."""

    def load_ejected(self, durable: Mapping[str, Json]) -> None:
        self.ejected = bool(durable.get("ejected"))

    # --- comparing --------------------------------------------------------------------------------

    def executed_up_to(self, slot: int) -> None:
        """To be called after each slot."""
        if self.verify_every and slot % self.verify_every == 0:
            mine = digest(self.image()[1])
            self.broadcast(Digest(slot, mine), self.peers)
            self.compare(self.id, slot, mine)

    def compare(self, src: NodeId, slot: int, value: str) -> None:
        told = self.digests.setdefault(slot, {})
        told[src] = value
        if len(self.digests) > REMEMBERED:
            del self.digests[min(self.digests)]
        mine = told.get(self.id)
        most, count = Counter(told.values()).most_common(1)[0]
        if mine not in (None, most) and 2 * count > len(self.peers) + 1 and not self.ejected:
            self.eject(slot, next(node for node in told if told[node] == most))

    def eject(self, slot: int, donor: NodeId) -> None:
        self.ejected, self.donor = True, donor
        self.persist("ejected", True)
        self.note("ejected", slot)
        self.give_up_leading()
        self.incoming = Incoming()
        self.ask_state()

    # --- without a state --------------------------------------------------------------------------

    def ask_state(self) -> None:
        """At each tick, until it has come. After a restart any other will do: all were asked to compare."""
        donor = self.leader() if self.donor is None else self.donor
        if donor is not None and donor != self.id:
            self.send(donor, Restore(self.incoming.slot, len(self.incoming.text)))

    def on_restore(self, src: NodeId, msg: Restore) -> None:
        """A state is sent as it was when its first part was: parts of another would not fit."""
        if self.ejected:
            return
        if msg.offset == 0 or msg.snapshot != self.gift[0]:
            self.gift = self.image()
        self.send(src, part(*self.gift, Missing(0, msg.snapshot, msg.offset)))

    def on_gift(self, msg: Snapshot) -> None:
        """A part of the state that was asked for. One that is older than the log here cannot be executed
        upon it.
        """
        if not self.ejected or not self.incoming.add(msg):
            return
        if not self.incoming.complete:
            self.ask_state()
            return
        text, self.incoming = self.incoming.text, Incoming()
        if msg.slot >= self.state_at():
            self.be_right(msg.slot)
            self.reinstate(msg.slot, loads(text))

    def be_right(self, slot: int) -> None:
        self.ejected, self.donor = False, None
        self.forget("ejected")
        self.note("reinstated", slot)

    # --- what the protocol has to say ---------------------------------------------------------------

    @abstractmethod
    def state_at(self) -> int:
        """The last slot that was executed here."""

    @abstractmethod
    def image(self) -> tuple[int, Json]:
        """That, and what came of it."""

    @abstractmethod
    def reinstate(self, slot: int, state: Json) -> None:
        """Have another's state for one's own."""

    @abstractmethod
    def give_up_leading(self) -> None:
        """Neither lead nor want to."""
