"""The interpreter of a replica's effects, without sockets: events in, effects out, persisted first.

A *turn* takes all the events that have come in, commits what their steps persist with one sync, and
only then lets go of what they send, reply and note, in order. So each step keeps the contract of
``protocols.kernel``, and many share one sync. Events that a turn brings about (messages to oneself)
are of the next turn: what needs no sync to leave is never held up by what follows from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from harness.node.journal import Journal
from protocols.amnesia import new_replica
from protocols.kernel import (
    CancelTimer,
    Cluster,
    Command,
    Effect,
    Event,
    Fired,
    NodeId,
    Note,
    Persist,
    Received,
    Replica,
    Reply,
    Requested,
    RequestId,
    Send,
    SetTimer,
    Started,
    record,
    request_ids,
)
from protocols.wire import Codec, dumps

RESERVED = "@"
"""Keys of the journal that begin so are the engine's own; a replica's never do."""
_INCARNATION = "@incarnation"
_IDENTITY = "@identity"
_LOST = "@lost"
"""True where the journal was begun in the place of one that is gone."""

EVENTS_PER_TURN = 1000


class IdentityError(Exception):
    """The journal is of another node or of another protocol."""


@record
class _Due:
    """A timer that ran down; a generation is one setting of one timer."""

    timer: str
    generation: int


class World(Protocol):
    """What an engine acts upon. Called during a turn, after what it persists has become durable.

    Messages and values come as JSON text.
    """

    def send(self, dst: NodeId, text: str) -> None:
        """Send to another node, if that can be done; never blocks, never raises."""
        ...

    def set_timer(self, timer: str, generation: int, ms_min: int, ms_max: int) -> None:
        """Call ``Engine.fire(timer, generation)`` once, later; replaces the timer of that name."""
        ...

    def cancel_timer(self, timer: str) -> None: ...

    def reply(self, request: RequestId, value: str, ok: bool | None) -> None: ...

    def note(self, kind: str, value: str) -> None: ...


class Engine:
    """One incarnation of a replica upon its journal.

    Counts its incarnation durably, so before any request. ``disk_lost``: an empty journal is not that
    of a new node, but the replacement of one that is gone. Raises IdentityError where the journal
    was written by another node or protocol; lets every exception of a step pass: it is a bug.
    """

    def __init__(
        self,
        protocol: type[Replica[Any]],
        id: NodeId,
        cluster: Cluster,
        *,
        identity: str,
        journal: Journal,
        world: World,
        now_ms: Callable[[], int],
        disk_lost: bool = False,
    ) -> None:
        saved = journal.get(_IDENTITY)
        if saved not in (None, identity):
            raise IdentityError(f"{journal.directory} belongs to {saved}, not to {identity}")
        incarnation = journal.get(_INCARNATION)
        if isinstance(incarnation, int):
            self.incarnation = incarnation + 1
        else:  # where the count is lost, the time is above it
            self.incarnation = 1 + (now_ms() if disk_lost else 0)
        begun = {_IDENTITY: dumps(identity), _INCARNATION: dumps(self.incarnation)}
        if saved is None and disk_lost:
            begun[_LOST] = dumps(True)
        journal.commit(begun)
        durable = {k: v for k, v in journal.durable().items() if not k.startswith(RESERVED)}
        lost = journal.get(_LOST) is True and not durable
        self.id = id
        self.replica = new_replica(protocol, id, cluster, lost=lost)
        self.codec = Codec(protocol.messages)
        self.inbox: deque[Event] = deque()
        self.due: deque[_Due] = deque()
        self.steps = 0
        self.turns = 0
        self.commits = 0
        self._journal = journal
        self._world = world
        self._now_ms = now_ms
        self._requests = request_ids(id, self.incarnation)
        self._armed: dict[str, int] = {}
        self._generation = 0
        self.inbox.append(Started(durable, lost))

    def request(self, command: Command) -> RequestId:
        """Take in a client's command; its answer will name this request."""
        request = next(self._requests)
        self.inbox.append(Requested(request, command))
        return request

    def receive(self, src: NodeId, text: str) -> None:
        """Take in a peer's message. Raises WireError if it is none."""
        self.inbox.append(Received(src, self.codec.decode(text)))

    def fire(self, timer: str, generation: int) -> None:
        """Take in that a timer has run down, unless it was set again or cancelled since.

        It comes before what has arrived but was not taken yet: a process that was stopped finds both
        when it wakes up, and a lease that ran out in its sleep must not answer what came after.
        """
        if self._armed.get(timer) == generation:
            self.due.append(_Due(timer, generation))

    @property
    def busy(self) -> bool:
        """Whether there is something to take."""
        return bool(self.inbox or self.due)

    def turn(self) -> None:
        """Take what has come in, persist, act."""
        held: list[Effect] = []
        persists: dict[str, str] = {}
        inbox, due, armed = self.inbox, self.due, self._armed
        self.turns += 1
        while due:
            timer = due.popleft()
            # The step of another may have cancelled it or set it again.
            if armed.get(timer.timer) == timer.generation:
                del armed[timer.timer]
                self._step(Fired(timer.timer), held, persists)
        for _ in range(min(len(inbox), EVENTS_PER_TURN)):
            self._step(inbox.popleft(), held, persists)
        if persists:
            self.commits += 1
            self._journal.commit(persists)
        self._act(held)

    def _step(self, event: Event, held: list[Effect], persists: dict[str, str]) -> None:
        """Run one step. Its values become text at once: the replica may change its own later."""
        replica, armed = self.replica, self._armed
        replica.now_ms = self._now_ms()
        self.steps += 1
        last: object = None
        text = ""
        for effect in replica.step(event):
            if isinstance(effect, Send):
                if effect.msg is not last:  # a broadcast is one message to many: encoded once
                    last = effect.msg
                    text = self.codec.encode(last)
                held.append(Send(effect.dst, text))
            elif isinstance(effect, Persist):
                assert not effect.key.startswith(RESERVED), effect
                persists[effect.key] = dumps(effect.value)
            elif isinstance(effect, Reply):
                held.append(Reply(effect.request, dumps(effect.value), effect.ok))
            elif isinstance(effect, SetTimer):
                self._generation += 1
                armed[effect.timer] = self._generation
                held.append(effect)
            elif isinstance(effect, CancelTimer):
                armed.pop(effect.timer, None)
                held.append(effect)
            else:
                held.append(Note(effect.kind, dumps(effect.value)))

    def _act(self, held: list[Effect]) -> None:
        world, armed = self._world, self._armed
        for effect in held:
            match effect:
                case Send(dst, str() as text):
                    if dst == self.id:
                        self.inbox.append(Received(dst, self.codec.decode(text)))
                    else:
                        world.send(dst, text)
                case Reply(request, str() as text, ok):
                    world.reply(request, text, ok)
                case SetTimer(timer, ms_min, ms_max):
                    if timer in armed:  # else cancelled later in the same turn
                        world.set_timer(timer, armed[timer], ms_min, ms_max)
                case CancelTimer(timer):
                    if timer not in armed:  # else set again later in the same turn
                        world.cancel_timer(timer)
                case Note(kind, str() as text):
                    world.note(kind, text)
                case _:
                    raise AssertionError(effect)
