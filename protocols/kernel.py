"""What a replica is: a state machine from events to effects, with explicit time and explicit chance.

A protocol is one subclass of :class:`Replica`. It never does anything: it says what to do. Two
interpreters carry that out, the simulator (``harness.sim``) and the node process (``harness.node``),
and both keep this contract:

- **Persist comes first.** All ``Persist`` of a step are durable before any ``Send``, ``Reply`` or
  ``Note`` of that step leaves, in whatever order the handler emitted them. What a step persists
  survives a crash as a whole or not at all, and only with what earlier steps persisted; meanwhile
  the replica may be given further events, whose effects wait behind.
- **Time and chance are requests.** A random time-out is asked for as a range, and runs by a monotonic
  clock: it may run at another pace than the clocks of others, but never jumps. ``now_ms`` is the
  wall clock, set by the interpreter before each step: it may be wrong, drift, and jump either way.
- **A request id is never used twice**, not even by another incarnation of the same node.
- **A message to oneself** arrives as an event of its own, soon, and is never lost (but a crash
  before it arrives forgets it).
- Messages to others may be lost, duplicated, delayed and reordered.
- ``Kill`` drops the object; ``Start`` builds a new one from what was persisted, and nothing else.
- **Amnesia is refused.** A node that has run before and whose disk is gone (replaced, wiped) is told so
  (``Started.lost``). What it voted for and promised is forgotten, and to vote again would break what
  others were told. A protocol that has a safe way back says so (:meth:`Replica.rejoins`) and takes it
  in ``on_lost``; in the place of any other a silent one runs (``protocols.amnesia``).

Standard library only: a node needs nothing but ``python3``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, dataclass_transform

Json: TypeAlias = object
"""Any value that survives JSON: None, bool, int, str, lists of them, dicts with str keys."""

NodeId: TypeAlias = int
RequestId: TypeAlias = int

T = TypeVar("T")
Message = TypeVar("Message")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Decorate a small immutable value: a message, an event, an effect, a log entry.

    mypy enforces that it is never changed. At run time it is an ordinary slotted dataclass, since
    constructing a frozen one costs two to three times as much and these are the hottest objects.

    >>> Send(2, "hello") == Send(2, "hello")
    True
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


@record
class Command:
    """What a client asks for.

    ``session`` and ``serial`` name the command for exactly-once execution: a session asks for one
    thing at a time and numbers its commands upward. An empty session asks for no such promise.
    """

    f: str
    key: str
    value: Json = None
    session: str = ""
    serial: int = 0


# --- events ---------------------------------------------------------------------------------------


@record
class Started:
    """The first event of every incarnation; ``durable`` is what earlier ones persisted.

    ``lost``: this node has run before, and all that it had persisted is gone. It is said again at each
    start until the replica has persisted something: by then it must be sure of its way back.
    """

    durable: Mapping[str, Json]
    lost: bool = False


@record
class Received:
    src: NodeId
    msg: object


@record
class Fired:
    timer: str


@record
class Requested:
    request: RequestId
    command: Command


Event: TypeAlias = Started | Received | Fired | Requested

# --- effects --------------------------------------------------------------------------------------


@record
class Send:
    dst: NodeId
    msg: object


@record
class SetTimer:
    """Fire ``timer`` once, after a time drawn from [ms_min, ms_max]; replaces one of that name."""

    timer: str
    ms_min: int
    ms_max: int


@record
class CancelTimer:
    timer: str


@record
class Persist:
    """Make ``key`` durable with this value; None forgets it. A log is one key an entry."""

    key: str
    value: Json


@record
class Reply:
    """Answer a client; ``ok`` False means that the command certainly had no effect, and never will; None,
    that nobody knows.
    """

    request: RequestId
    value: Json
    ok: bool | None = True


@record
class Note:
    """A fact that only the inside knows, for the checkers. They read these kinds:

    - ``decided`` ``[slot, what]``: no two nodes may decide differently in a slot (any JSON values);
    - ``executed`` ``[key, what]``: the order of a key's updates is the same at every node;
    - ``amnesia``: the node has lost its disk and is silent for good: nobody waits for it;
    - ``members`` ``[version, [node ...]]``: these are the members, by a decision of that version; no
      two nodes may say different ones of a version. Version 0 is noted at a node's start, unless all
      nodes are members;
    - ``leader`` ``[ballot, node]``: informative, for targets such as "leader" and for diagrams;
    - ``sometimes`` ``name``: something rare happened that a campaign ought to see now and then. The
      names are those that the replica's class promises in ``sometimes``; one that never happened
      says that the trials did not go there (Antithesis' *sometimes* assertions).
    """

    kind: str
    value: Json


Effect: TypeAlias = Send | SetTimer | CancelTimer | Persist | Reply | Note

SEND, PERSIST, NOTE, REPLY, SET_TIMER, CANCEL_TIMER = range(6)

Said: TypeAlias = tuple[int, Any, Any]
"""An effect as a handler leaves it, since to make a record of each is a tenth of a simulation's time:

- ``(SEND, nodes, message)``, to all of these, in this order
- ``(PERSIST, key, value)``
- ``(NOTE, kind, value)``
- ``(REPLY, request, (value, ok))``
- ``(SET_TIMER, timer, (ms_min, ms_max))``
- ``(CANCEL_TIMER, timer, None)``
"""


def effects_of(said: Iterable[Said]) -> list[Effect]:
    """As the records that ``step`` gives.

    >>> effects_of([(SEND, (0, 2), "hello"), (REPLY, 7, ("x", True))])
    [Send(dst=0, msg='hello'), Send(dst=2, msg='hello'), Reply(request=7, value='x', ok=True)]
    """
    effects: list[Effect] = []
    for kind, a, b in said:
        if kind == SEND:
            effects += [Send(dst, b) for dst in a]
        elif kind == PERSIST:
            effects.append(Persist(a, b))
        elif kind == NOTE:
            effects.append(Note(a, b))
        elif kind == REPLY:
            effects.append(Reply(a, *b))
        elif kind == SET_TIMER:
            effects.append(SetTimer(a, *b))
        else:
            assert kind == CANCEL_TIMER, kind
            effects.append(CancelTimer(a))
    return effects


# --- replicas -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    """Who takes part, and at what pace.

    ``rtt_ms`` is the round trip that protocols should expect: their time-outs are multiples of it,
    so that one number moves a protocol from a rack to a wide-area network. ``options`` are the
    protocol's own (``--option name=value``).
    """

    nodes: tuple[NodeId, ...]
    zones: tuple[str, ...] = ()
    rtt_ms: int = 20
    options: Mapping[str, Json] = field(default_factory=dict)

    @property
    def majority(self) -> int:
        return len(self.nodes) // 2 + 1

    def number(self, name: str, default: int, *, least: int = 1) -> int:
        """An option that is a whole number; on the command line it is text.

        >>> Cluster((0,), options={"batch": "8"}).number("batch", 64)
        8
        >>> Cluster((0,), options={"batch": "0"}).number("batch", 64)
        Traceback (most recent call last):
        ValueError: batch=0: it is a whole number of at least 1
        """
        text = str(self.options.get(name, default))
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise ValueError(f"{name}={text}: it is a whole number of at least {least}")
        return int(text)

    def truth(self, name: str, *, default: bool) -> bool:
        """An option that is true or false. Raises ValueError for any other word."""
        text = str(self.options.get(name, default)).lower()
        if text not in ("true", "false"):
            raise ValueError(f"{name}={text}: it is true or false")
        return text == "true"


class Replica(ABC, Generic[Message]):
    """One node's part of a protocol. Subclasses list their ``messages`` and write four handlers."""

    messages: ClassVar[tuple[type, ...]]
    commands: ClassVar[tuple[str, ...] | None] = None
    """The names of the commands that it serves; None: all that its state machine knows."""
    multi_key: ClassVar[bool] = False
    """Whether a command may concern several keys (its ``key`` is "" then)."""
    sometimes: ClassVar[tuple[str, ...]] = ()
    """The rare things that it notes under ``sometimes``, in words: "a snapshot was installed"."""
    choices: ClassVar[Mapping[str, tuple[int | str, ...]]] = {}
    """For some of its options, what ``harness sim --swarm`` draws from: small sizes, near limits."""
    synced: ClassVar[bool] = True
    """Whether what it persists is durable, whatever happens to its machine, before anything leaves. False
    leaves out the sync, as many a database's option does: a process that is killed loses nothing, yet."""
    heedful: ClassVar[bool] = True
    """Whether it ends when what it persists cannot be written, so that nobody hears of that, and starts again
    from what is on the disk: the one sound answer, since nobody else knows what that is (Rebello et al., "Can
    Applications Recover from fsync Failures?", ATC 2020). False goes on as if it had been written."""
    changes_members: ClassVar[bool] = False
    """Whether it serves ``join`` and ``leave`` (see ``protocols.membership``)."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        """Refuse nodes, zones or options with which it could not keep its word: raises ValueError
        that says why. It is asked before a host is touched.
        """

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:  # noqa: ARG003
        """Whether a node of this cluster that has lost its disk has a safe way back: ``on_lost``."""
        return False

    @classmethod
    def hands_over(cls, cluster: Cluster) -> bool:  # noqa: ARG003
        """Whether it serves ``lead`` in this cluster (see ``protocols.handover``)."""
        return False

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        self.id = id
        self.cluster = cluster
        self.nodes = cluster.nodes
        self.peers = tuple(n for n in cluster.nodes if n != id)
        self.majority = cluster.majority
        self.now_ms = 0
        self._said: list[Said] = []
        """What the step under way has said so far."""

    def step(self, event: Event) -> list[Effect]:
        """Take one event; say what is to be done. The returned list is the caller's."""
        return effects_of(self.react(event))

    def react(self, event: Event) -> list[Said]:
        """``step``, for interpreters within, which carry out what is said as it is."""
        said = self._said = []
        # Not `match`: a class pattern is an isinstance and a look-up by name for each field, and
        # every event of every simulation comes through here.
        if type(event) is Received:
            self.on_message(event.src, event.msg)  # type: ignore[arg-type]
        elif type(event) is Fired:
            self.on_timer(event.timer)
        elif type(event) is Requested:
            self.on_request(event.request, event.command)
        else:
            assert type(event) is Started, event
            if event.lost:
                self.on_lost()
            else:
                self.on_start(event.durable)
        return said

    def receive(self, src: NodeId, msg: Message) -> list[Said]:
        """``react`` to a message, as most events are."""
        said = self._said = []
        self.on_message(src, msg)
        return said

    @abstractmethod
    def on_start(self, durable: Mapping[str, Json]) -> None:
        """Build the state from what was persisted (as JSON gives it back: tuples became lists)."""

    def on_lost(self) -> None:
        """In the place of ``on_start``, where :meth:`rejoins` says so: the disk is gone. Nothing that
        could count as a vote may leave this node before it knows what it may have promised.
        """
        raise NotImplementedError(f"{type(self).__name__} has no way back without its disk")

    @abstractmethod
    def on_request(self, request: RequestId, command: Command) -> None: ...

    @abstractmethod
    def on_message(self, src: NodeId, msg: Message) -> None: ...

    @abstractmethod
    def on_timer(self, timer: str) -> None: ...

    def leader(self) -> NodeId | None:
        """Whom this replica follows, where the protocol has a leader (for faults aimed at it)."""
        return None

    def membership(self) -> tuple[int, tuple[NodeId, ...]]:
        """The newest configuration that it knows to be decided: its version, and who is in it."""
        return 0, self.nodes

    def state(self) -> dict[str, object]:
        """The whole state by name, for people who look (``GET /state``, traces, digests)."""
        hidden = {"cluster", "nodes", "peers", "majority", "_said"}
        return {name: value for name, value in vars(self).items() if name not in hidden}

    # What a handler may say. Each appends an effect, so that no helper can forget to hand it on.

    def send(self, dst: NodeId, msg: Message) -> None:
        self._said.append((SEND, (dst,), msg))

    def broadcast(self, msg: Message, to: Iterable[NodeId] | None = None) -> None:
        """Send to every node, oneself included, or to those named."""
        self._said.append((SEND, self.nodes if to is None else tuple(to), msg))

    def set_timer(self, timer: str, ms_min: int, ms_max: int | None = None) -> None:
        self._said.append((SET_TIMER, timer, (ms_min, ms_min if ms_max is None else ms_max)))

    def cancel_timer(self, timer: str) -> None:
        self._said.append((CANCEL_TIMER, timer, None))

    def persist(self, key: str, value: Json) -> None:
        self._said.append((PERSIST, key, value))

    def forget(self, key: str) -> None:
        self._said.append((PERSIST, key, None))

    def reply(self, request: RequestId, value: Json, *, ok: bool | None = True) -> None:
        self._said.append((REPLY, request, (value, ok)))

    def note(self, kind: str, value: Json) -> None:
        self._said.append((NOTE, kind, value))


def request_ids(node: NodeId, incarnation: int) -> Iterator[RequestId]:
    """The request ids of one incarnation of a node, never used by any other node or incarnation.

    Both interpreters draw from here. They count incarnations durably, before the first request.

    >>> next(request_ids(3, 1)) == next(request_ids(3, 2))
    False
    """
    assert 0 <= node < 256
    for serial in count(1):
        yield (incarnation << 40) | (serial << 8) | node
