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

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from json import dumps

from protocols.ballots import Ballot
from protocols.kernel import Cluster, Json, NodeId
from protocols.log import Vote, key_of
from protocols.multipaxos.messages import Digest, Restore
from protocols.multipaxos.rejoining import Returner
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

REMEMBERED = 8
"""Of so many comparisons the digests are kept: who is behind hears of them before it gets there."""


def digest(picture: Json) -> str:
    """The same for equal states, however they are ordered.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return sha256(dumps(picture, sort_keys=True).encode()).hexdigest()[:16]


class Verifying(Returner):
    """A replica that compares; see the module."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.verify_every = cluster.number("verify", 0, least=0)
        self.digests: dict[int, dict[NodeId, str]] = {}
        """By slot what each node says of its state after it."""
        self.ejected = False
        self.donor: NodeId | None = None
        self.gift: tuple[int, Json] = (0, None)
        """What is being sent to one that has ejected its own."""

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.ejected = bool(durable.get("ejected"))

    # --- comparing --------------------------------------------------------------------------------

    def passed(self, chosen: int) -> None:
        super().passed(chosen)
        if self.verify_every and chosen % self.verify_every == 0:
            mine = digest(self.picture())
            self.broadcast(Digest(chosen, mine), self.peers)
            self.compare(self.id, chosen, mine)

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
        self.retire()
        self.incoming = Incoming()
        self.ask_state()

    # --- without a state --------------------------------------------------------------------------

    def learn(self, ballot: Ballot, chosen: int) -> None:
        if self.ejected:
            self.known = max(self.known, chosen)
        else:
            super().learn(ballot, chosen)

    def absorb(self, votes: Iterable[Vote], chosen: int) -> None:
        if not self.ejected:
            super().absorb(votes, chosen)

    def run_for_leader(self) -> None:
        if self.ejected:
            self.following, self.silence = None, 0
        else:
            super().run_for_leader()

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        if not self.ejected:
            super().on_missing(src, msg)

    def ask_state(self) -> None:
        """At each tick, until it has come. After a restart any other will do: all were asked to compare."""
        donor = self.following if self.donor is None else self.donor
        if donor is not None and donor != self.id:
            self.send(donor, Restore(self.incoming.slot, len(self.incoming.text)))

    def on_restore(self, src: NodeId, msg: Restore) -> None:
        """A state is sent as it was when its first part was: parts of another would not fit."""
        if self.ejected:
            return
        if msg.offset == 0 or msg.snapshot != self.gift[0]:
            self.gift = (self.log.chosen, self.picture())
        self.send(src, part(*self.gift, Missing(0, msg.snapshot, msg.offset)))

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if not self.ejected:
            super().on_snapshot(src, msg)
        elif self.incoming.add(msg):
            if self.incoming.complete and msg.slot >= self.log.chosen:
                self.reinstate(msg.slot, loads(self.incoming.text))
                return
            if self.incoming.complete:  # older than the log here, which cannot be executed upon it
                self.incoming = Incoming()
            else:
                self.ask_state()

    def reinstate(self, slot: int, state: Json) -> None:
        """Have another's state for one's own."""
        self.ejected, self.donor = False, None
        self.forget("ejected")
        self.note("reinstated", slot)
        if slot > self.log.chosen:
            self.install(slot, state)
            return
        self.incoming = Incoming()
        self.snapshot = (slot, state)
        self.persist("snapshot", self.snapshot)
        self.revive(state)
        for old in self.log.truncate(slot):
            self.forget(key_of(old))
        self.restored()
        self.answer_what_ran()
