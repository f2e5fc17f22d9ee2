"""The replica: owner of its slots, acceptor of the others', and revoker when it comes to that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, assert_never

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.mencius.learner import INSTALLED, Suggestion
from protocols.mencius.messages import (
    MESSAGES,
    Accepted,
    Batch,
    Chosen,
    Heard,
    Learn,
    Message,
    Overtaken,
    Prepare,
    Promise,
    Propose,
    Range,
    Refused,
    Revoked,
    Status,
    Suggest,
    Voted,
)
from protocols.mencius.rejoining import Returner
from protocols.mencius.revoker import ADOPTED, AHEAD, REVOKED
from protocols.quorum_systems import by_majority
from protocols.rejoining import Known, Rejoin, mode_of, refuse_alone
from protocols.transfer import Missing, Snapshot

TICK = 5
"""Round trips between two signs of life, and before anything is sent again."""

SUSPECT = 4
"""Ticks without a word after which a node is suspected."""

STALLED = 2
"""Ticks without progress after which the slot that all wait for is revoked, whoever owns it."""

PASSIVE = (Status, Suggest, Revoked, Chosen, Missing, Snapshot, Rejoin, Known)
"""What a passive replica listens to (``protocols.rejoining``)."""

OF_PASSIVE = (Rejoin, Heard, Missing)
"""What such a one says: no sign of life."""


class Mencius(Returner):
    """See the package. Options: ``batch`` (commands), ``pipeline`` (suggestions of one replica under
    way), ``snapshot_every`` and ``keep`` (slots), and ``rejoin``: no, passive or force (``mencius.rejoining``).
    """

    messages = MESSAGES
    multi_key = True
    sometimes = (REVOKED, ADOPTED, INSTALLED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "batch": (2, 8, 32),
        "pipeline": (2, 4),
        "snapshot_every": (3, 10, 100),
        "keep": (0, 1, 20, 100),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.last = 0
        """The last slot that this replica suggested in."""
        self.marked: dict[NodeId, tuple[int, int]] = dict.fromkeys(self.peers, (0, 0))
        """Each peer's ``last``, and up to where its slots after that are known to be skipped."""
        self.silence = dict.fromkeys(self.peers, 0)
        """Ticks since each peer was heard of."""
        self.stalled = (0, 0)
        """What was executed at the last tick, and for how many ticks it has been."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        if mode_of(cluster) == "passive":
            refuse_alone(by_majority(cluster.nodes), cluster.nodes)

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.load(durable)
        self.resume()
        self.set_timer("tick", TICK * self.cluster.rtt_ms)

    def resume(self) -> None:
        """Suggest again, as they were, suggestions that may not have been chosen. Any slot of its own
        that is on disk may have been suggested in, so that none of them is said to be skipped.
        """
        slots, before = self.slots, self.slots.base
        self.last = before
        number = slots.next_of(self.id, before)
        while number <= slots.used:
            slot = slots.get(number)
            if slot is not None and slot.saved:
                if number > slots.chosen and slot.voted == self.own and slot.promised == ZERO:
                    self.suggest_in(number, before, slot.batch)
                before = self.last = number
            number += len(self.nodes)

    @property
    def own(self) -> Ballot:
        """The ballot in which an owner suggests: below all others."""
        return (0, self.id)

    @property
    def index(self) -> int:
        """The next slot that this replica may suggest in (the paper's *I*)."""
        return self.slots.next_of(self.id, self.slots.used)

    def on_message(self, src: NodeId, msg: Message) -> None:
        if self.rejoining != "passive" or not isinstance(msg, OF_PASSIVE):
            self.silence[src] = 0
        if self.back is None or isinstance(msg, PASSIVE):
            self.take(src, msg)
            self.suggest()

    def take(self, src: NodeId, msg: Message) -> None:
        match msg:
            case Suggest():
                self.on_suggest(src, msg)
            case Accepted():
                self.on_accepted(src, msg)
            case Overtaken():
                self.on_overtaken(src, msg)
            case Learn():
                self.on_learn(src, msg)
            case Status():
                self.on_status(src, msg)
            case Prepare():
                self.on_prepare(src, msg)
            case Promise():
                self.on_promise(src, msg)
            case Propose():
                self.on_propose(src, msg)
            case Voted():
                self.on_voted(src, msg)
            case Refused():
                self.on_refused(msg)
            case Revoked():
                self.on_revoked(msg)
            case Chosen():
                self.on_chosen(src, msg)
            case Missing():
                self.on_missing(src, msg)
            case Snapshot():
                self.on_snapshot(src, msg)
            case Rejoin():
                self.on_rejoin(src, msg)
            case Known():
                self.on_known(src, msg)
            case Heard():
                self.on_heard(msg)
            case _:
                assert_never(msg)

    # --- rule 1: suggest --------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        if (asked := self.admit(request, command)) is not None:
            self.line.join([asked])
            self.suggest()

    def suggest(self) -> None:
        """Mao 2008, section 4.2, rule 1: what waits, in as few slots as the window asks."""
        slots = self.slots
        while self.back is None and self.line and len(self.mine) < self.pipeline:
            number = slots.next_of(self.id, max(slots.used, slots.chosen))
            while (slot := slots.get(number)) is not None and (slot.chosen or slot.promised > ZERO):
                number += len(self.nodes)
            if number > slots.chosen + self.reach:
                return
            batch = self.line.take(self.batch)
            slots[number].voted, slots[number].batch = self.own, batch
            before, self.last = self.last, number
            self.save(number)
            self.suggest_in(number, before, batch)
            self.advance()

    def suggest_in(self, number: int, before: int, batch: Batch) -> None:
        """With its own vote, which is on its disk. Its unused slots before it are skipped."""
        self.mine[number] = Suggestion(before, batch)
        self.line.under_way(batch)
        self.broadcast(Suggest(number, before, batch), self.peers)
        self.skip_own(before, number)
        self.on_accepted(self.id, Accepted(number, self.last, self.index))

    def on_suggest(self, src: NodeId, msg: Suggest) -> None:
        """Vote for it, unless the slot was revoked; rule 2: to vote is to skip what is below."""
        slots = self.slots
        self.mark(src, msg.before, msg.slot)
        if self.back is not None:
            self.advance()
            return
        known = slots.get(msg.slot) if msg.slot > slots.base else None
        if known is not None and known.chosen:
            if not known.batch:
                self.tell_overtaken(src, msg.slot)
            self.send(src, Chosen(msg.slot, (known.batch,)))
        elif slots.chosen < msg.slot <= slots.chosen + self.reach:
            slot = slots[msg.slot]
            slots.top = max(slots.top, msg.slot)
            revoked = slot.promised != ZERO
            if not revoked and slot.voted == ZERO:
                slot.voted, slot.batch = (0, src), msg.batch
                self.save(msg.slot)
            elif slots.used < msg.slot:
                slots.used = msg.slot
                self.save(msg.slot)
            self.skip_own(self.last, self.index)
            if revoked:
                self.tell_overtaken(src, msg.slot)
            else:
                self.send(src, Accepted(msg.slot, self.last, self.index))
        self.advance()

    def tell_overtaken(self, owner: NodeId, number: int) -> None:
        """This slot of the owner's is revoked, and how many after it."""
        last, step = number, len(self.nodes)
        while (slot := self.slots.get(last + step)) and (slot.chosen or slot.promised != ZERO):
            last += step
        self.send(owner, Overtaken(number, last, self.last, self.index))

    def on_overtaken(self, src: NodeId, msg: Overtaken) -> None:
        """Suggest nothing more where it would not be voted for. What is there already, is revoked."""
        slots = self.slots
        self.mark(src, msg.last, msg.index)
        if (
            slots.chosen < msg.slot
            and slots.used < msg.last_promised <= slots.chosen + 2 * self.reach
        ):
            self.save(msg.last_promised)
            self.skip_own(self.last, self.index)
        self.advance()

    def on_accepted(self, src: NodeId, msg: Accepted) -> None:
        if src != self.id:
            self.mark(src, msg.last, msg.index)
        suggestion = self.mine.get(msg.slot)
        if suggestion is not None:
            suggestion.voters[src] = None
            if len(suggestion.voters) == self.majority:
                self.learn(msg.slot, suggestion.batch)
                self.broadcast(Learn(msg.slot), self.peers)
        self.advance()

    def on_learn(self, src: NodeId, msg: Learn) -> None:
        slot = self.slots.get(msg.slot)
        if slot is not None and slot.voted == (0, src):
            self.learn(msg.slot, slot.batch)
            self.advance()

    # --- rule 2: skip -----------------------------------------------------------------------------

    def skip_own(self, last: int, index: int) -> None:
        """This replica's unused slots after ``last`` and below ``index``: it will not use them."""
        first = self.slots.next_of(self.id, max(last, self.slots.chosen))
        for number in range(first, index, len(self.nodes)):
            self.learn(number, ())

    def on_heard(self, msg: Heard) -> None:
        """Nobody suggests there, but all that comes before is waited for as if somebody did."""
        if self.hear_of(msg.slot):
            self.skip_own(self.last, self.index)
            self.advance()

    def be_active(self) -> None:
        """Its slots up to here are settled, and it has not used or skipped any after them."""
        self.last = max(self.last, self.slots.chosen)
        super().be_active()

    def mark(self, node: NodeId, last: int, index: int) -> None:
        """``node`` has said that it skips its slots after ``last`` and below ``index``."""
        slots = self.slots
        begin, done = self.marked[node]
        after = max(last, slots.chosen, done - 1 if begin == last else 0)
        upto = min(index, slots.chosen + self.reach)
        for number in range(slots.next_of(node, after), upto, len(self.nodes)):
            self.learn(number, ())
        self.marked[node] = (last, upto)

    def on_status(self, src: NodeId, msg: Status) -> None:
        self.ahead[src] = msg.chosen
        self.mark(src, msg.last, msg.index)
        self.advance()

    # --- rule 3: revoke; and time -----------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        assert timer == "tick", timer
        self.set_timer("tick", TICK * self.cluster.rtt_ms)
        self.tick()
        self.suggest()

    def tick(self) -> None:
        """What is for a replica to do now, and what its clients wait for."""
        if self.back is not None:
            self.look_around(self.back)
        else:
            self.look_after()
        self.line.join(self.clients.tick())
        self.line.tick(self.clients.commands())

    def look_after(self) -> None:
        """A sign of life; whatever may have been lost again; and a look at what all wait for."""
        chosen = self.slots.chosen
        self.stalled = (chosen, self.stalled[1] + 1 if self.stalled[0] == chosen else 0)
        for peer in self.peers:
            self.silence[peer] += 1
        self.broadcast(Status(self.last, self.index, chosen), self.peers)
        self.skip_own(self.last, self.index)
        self.advance()
        for number, suggestion in list(self.mine.items()):
            if suggestion.waited:
                unheard = [n for n in self.peers if n not in suggestion.voters]
                self.broadcast(Suggest(number, suggestion.before, suggestion.batch), unheard)
            suggestion.waited = True
        self.repeat_revocations()
        furthest = max(self.peers, key=lambda peer: self.ahead[peer], default=self.id)
        if furthest != self.id and self.ahead[furthest] > chosen:
            if self.stalled[1]:
                self.ask(furthest)
        elif self.presides():
            self.revoke_stuck()

    def alive(self, node: NodeId) -> bool:
        return node == self.id or self.silence[node] < SUSPECT

    def presides(self) -> bool:
        """Whether it is for this replica to revoke: the first that is not suspected."""
        alive = [node for node in self.nodes if self.alive(node)]
        return alive[0] == self.id and len(alive) >= self.majority

    def revoke_stuck(self) -> None:
        """Section 4.3, optimization 4: a suspect's slots, some ahead, before all wait for them."""
        slots, n = self.slots, len(self.nodes)
        for node in self.nodes:
            first = slots.next_of(node, slots.chosen)
            while (slot := slots.get(first)) is not None and slot.chosen:
                first += n
            if node in self.revocations:
                continue
            if not self.alive(node):
                if first <= slots.top + AHEAD // 2 * n:
                    last = slots.next_of(node, max(first, slots.top) + (AHEAD - 1) * n)
                    self.revoke(Range(node, first, min(last, first + 4 * AHEAD * n)))
            elif first == slots.chosen + 1 <= slots.top and self.stalled[1] >= STALLED:
                self.revoke(Range(node, first, slots.next_of(node, slots.top) - n))
