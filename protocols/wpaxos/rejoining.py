"""WPaxos' part in the way back of a node without its disk (``protocols.recalling``). Option ``rejoin``.

While it is passive a node promises nothing, votes for nothing, steals nothing and takes no commands of other nodes'
clients; it learns what is chosen, and hands its own clients' commands on. The objects that it owned nobody does: who
has heard of its new life steals them when they are asked for, others when their patience is at an end.

What is open below an object's floor a node on its way back has decided, once all have been asked in vain what
was chosen there: it has the owner propose reads in the next slots, or, where nobody is, or answers,
another steal the object, which adopts what its quorum knows of. Each tick it is another's turn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from protocols.appending import Forward
from protocols.kernel import Command, NodeId
from protocols.multipaxos.messages import (
    Accept,
    Accepted,
    Chosen,
    Commit,
    Preempted,
    Prepare,
    Promise,
    Sworn,
)
from protocols.quorum_systems import QuorumSystem
from protocols.recalling import Held, Recalling, probe
from protocols.transfer import Missing, Snapshot
from protocols.wpaxos.acceptor import Limits
from protocols.wpaxos.messages import LeaderChange, OfObject, SwornVote
from protocols.wpaxos.objects import Object

STOLEN_EVERY = 3
"""Ticks, the time to decide something, after which the next one is to steal an object that stays open."""


class Returner(Recalling):
    """Knows of lives, and tells of objects."""

    objects: dict[str, Object]
    quorums: QuorumSystem
    limits: Limits
    ticks: int

    @abstractmethod
    def object(self, key: str) -> Object:
        """The object of this key, made when it is first heard of."""

    # --- votes and promises, and what they are worth ------------------------------------------------

    def swear(self, promise: Promise) -> OfObject:
        return Sworn(promise, self.vows) if self.vows else promise

    def vow(self, accepted: Accepted) -> OfObject:
        return SwornVote(accepted, self.vows) if self.vows else accepted

    def void(self, nodes: list[NodeId]) -> None:
        for thing in self.objects.values():
            thing.void(nodes)

    def is_any_quorum(self, nodes: int) -> bool:
        return self.quorums.phase1(nodes) or self.quorums.phase2(nodes)

    # --- while it is passive ------------------------------------------------------------------------

    def look_on(self, src: NodeId, thing: Object, msg: OfObject) -> None:
        """Learn who owns an object, and what is chosen."""
        match msg:
            case Accept():
                thing.on_commit(Commit(msg.ballot, msg.chosen))
            case Commit():
                thing.on_commit(msg)
            case Prepare() | Preempted():
                thing.seen = max(thing.seen, msg.ballot)
            case Missing():
                thing.on_missing(src, msg)
            case Chosen():
                thing.on_chosen(src, msg)
            case Snapshot():
                thing.on_snapshot(src, msg)

    def refer(self, thing: Object, commands: Sequence[Command]) -> None:
        """Its clients' commands are for the owner; or for anybody, who will steal the object then."""
        batch = self.limits.batch
        node = self.whom(thing)
        for i in range(0, len(commands), batch):
            thing.send(node, Forward(tuple(commands[i : i + batch])))

    def whom(self, thing: Object) -> NodeId:
        return thing.owner if thing.owner in self.peers else self.anyone(self.ticks)

    def anyone(self, turn: int) -> NodeId:
        return self.peers[turn % len(self.peers)]

    def chosen(self) -> int:
        """In all objects together."""
        return sum(thing.log.chosen for thing in self.objects.values())

    # --- floors -------------------------------------------------------------------------------------

    def keys_held(self) -> Iterable[str]:
        return self.objects

    def holding(self, key: str) -> Held:
        thing = self.objects[key]
        return Held(key, thing.promised, max(thing.log.last, thing.log.chosen))

    def has_learnt(self, floor: Held) -> bool:
        return self.object(floor.key).log.chosen >= floor.last

    def learn_up_to(self, floor: Held, ticks: int) -> None:
        thing = self.object(floor.key)
        thing.seen = max(thing.seen, floor.promised)
        thing.heard(floor.last)
        if ticks == 1:  # later it is asked for as whatever else is missing is
            thing.ask(self.whom(thing))
        asked = ticks - len(self.peers) - 1
        if asked > len(self.peers) and asked % STOLEN_EVERY == 0:
            thing.send(self.anyone(asked // STOLEN_EVERY), LeaderChange(thing.seen))
        elif asked > 0 and self.back is not None:
            first = thing.log.chosen + 1
            last = min(floor.last, first + self.limits.batch - 1)
            slots = range(first, last + 1)
            self.refer(thing, [probe(floor.key, self.id, self.back.life, slot) for slot in slots])

    def promise_again(self, floor: Held) -> None:
        thing = self.object(floor.key)
        if floor.promised > thing.promised:
            thing.promise(floor.promised)
