"""Replicas within a replica: a host that is made of parts, each of them a whole protocol of its own.

A key-value store of several logs has a multi-Paxos for each; a chain has its configuration agreed
on by a multi-Paxos beside it. A :class:`Host` gives its parts what an interpreter gives a replica,
and keeps the kernel's contract for them by handing their effects on to its own:

- what a part sends travels wrapped, in a record that says which part it is of (``wrapping``);
- its timers and durable keys are the host's, named ``part/name``;
- what it replies and notes goes to the host, which decides (``answered``, ``noted``);
- a part may be of a subset of the nodes (``among``): then its quorums are of those alone.

A part keeps its node's id and the host's request ids, and all effects of one step of the host are
one step's: persisted first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import make_dataclass, replace
from typing import Any, ClassVar, TypeVar, cast

from protocols.kernel import (
    NOTE,
    REPLY,
    SEND,
    Cluster,
    Command,
    Event,
    Fired,
    Json,
    NodeId,
    Replica,
    Requested,
    RequestId,
    Said,
    Started,
    record,
)

Message = TypeVar("Message")
SEPARATOR = "/"


@record
class Wrapped:
    """A message ``msg`` between the replicas of ``part``. Only the kinds' own classes travel."""

    part: str
    msg: object
    wrappers: ClassVar[Mapping[type, type[Wrapped]]] = {}


def wrapping(kind: str, messages: Iterable[type]) -> type[Wrapped]:
    """A kind of part, whose replicas tell each other ``messages``: made once, at import.

    For each message class there is a record of its own, since the wire reads types from
    annotations. The host lists them among its messages: ``carried``.

    >>> from protocols.kernel import Command
    >>> from protocols.wire import Codec
    >>> Zone = wrapping("Zone", [Command])
    >>> Codec(carried(Zone)).encode(Zone.wrappers[Command]("z1", Command("read", "x")))
    '["ZoneCommand","z1",["read","x",null,"",0]]'
    """
    wrappers: dict[type, type[Wrapped]] = {}
    base = type(kind, (Wrapped,), {"__slots__": (), "wrappers": wrappers})
    for cls in messages:
        wrappers[cls] = make_dataclass(
            kind + cls.__name__,
            [("part", str), ("msg", cls)],
            bases=(base,),
            namespace={"__module__": __name__},
            slots=True,
            unsafe_hash=True,
        )
    return base


def carried(*kinds: type[Wrapped]) -> tuple[type, ...]:
    """The classes that parts of these kinds make travel."""
    return tuple(cls for kind in kinds for cls in kind.wrappers.values())


class Layered(Mapping[str, Json]):
    """Options over others. They are asked for by name, and never looked through on the way: so an option that no
    part asks for is known to be misspelt.
    """

    def __init__(self, over: Mapping[str, Json], under: Mapping[str, Json]) -> None:
        self._over, self._under = over, under

    def __getitem__(self, name: str) -> Json:
        return self._over[name] if name in self._over else self._under[name]

    def __contains__(self, name: object) -> bool:
        return name in self._over or name in self._under

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._over, *self._under])

    def __len__(self) -> int:
        return len({*self._over, *self._under})


def some(options: Mapping[str, Json], names: Iterable[str]) -> dict[str, Json]:
    """Those of the options that have these names."""
    return {name: options[name] for name in names if name in options}


def among(cluster: Cluster, nodes: Iterable[NodeId], options: Mapping[str, Json] = {}) -> Cluster:
    """The cluster that only these of its nodes are, with these options besides its own.

    >>> among(Cluster((0, 1, 2), zones=("a", "b", "b")), [1, 2]).zones
    ('b', 'b')
    """
    chosen = tuple(nodes)
    zone = dict(zip(cluster.nodes, cluster.zones, strict=False))
    return replace(
        cluster,
        nodes=chosen,
        zones=tuple(zone[n] for n in chosen if n in zone),
        options=Layered(options, cluster.options),
    )


class Part:
    """One replica within a host, and under what name. Its effects come out as the host's."""

    def __init__(self, name: str, kind: type[Wrapped], replica: Replica[Any]) -> None:
        assert SEPARATOR not in name, name
        self.name, self.kind, self.replica = name, kind, replica

    def key(self, name: str) -> str:
        """The host's name for a timer or a durable key of this part."""
        return f"{self.name}{SEPARATOR}{name}"


class Host(Replica[Message]):
    """A replica with parts. Subclasses make them (``add_part``) in ``__init__``, list
    ``carried(...)`` among their messages, and call ``start_parts``, ``to_part`` and ``part_fired``
    from their own handlers.
    """

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.parts: dict[str, Part] = {}

    def add_part(self, name: str, kind: type[Wrapped], replica: Replica[Any]) -> Part:
        assert name not in self.parts, name
        part = self.parts[name] = Part(name, kind, replica)
        return part

    # --- events -----------------------------------------------------------------------------------

    def start_parts(self, durable: Mapping[str, Json], *, lost: bool = False) -> None:
        """Start each part with what is its own of the disk; ``lost``: with the loss of it."""
        saved: dict[str, dict[str, Json]] = {name: {} for name in self.parts}
        for key, value in durable.items():
            name, found, rest = key.partition(SEPARATOR)
            if found and name in saved:
                saved[name][rest] = value
        for part in self.parts.values():
            self.step_part(part, Started(saved[part.name], lost))

    def to_part(self, src: NodeId, msg: Wrapped) -> None:
        """Deliver a message to its part. One for a part that is not here, or from a node that is
        not of it, is dropped: a peer's mistake, and to the protocols a lost message.
        """
        part = self.parts.get(msg.part)
        if part is not None and isinstance(msg, part.kind) and src in part.replica.nodes:
            replica = part.replica
            replica.now_ms = self.now_ms
            self._hand_on(part, replica.receive(src, msg.msg))

    def part_fired(self, timer: str) -> bool:
        """Whether the timer is a part's, which has then had it."""
        name, found, rest = timer.partition(SEPARATOR)
        part = self.parts.get(name) if found else None
        if part is None:
            return False
        self.step_part(part, Fired(rest))
        return True

    def ask_part(self, part: Part, request: RequestId, command: Command) -> None:
        self.step_part(part, Requested(request, command))

    def step_part(self, part: Part, event: Event) -> None:
        """Let a part take an event, and hand on what it says."""
        replica = part.replica
        replica.now_ms = self.now_ms
        self._hand_on(part, replica.react(event))

    def _hand_on(self, part: Part, said: list[Said]) -> None:
        """What is sent again and again stays one message to many, which interpreters encode once."""
        last: object = None
        wrapped: Wrapped | None = None
        for kind, a, b in said:
            if kind == SEND:
                if wrapped is None or b is not last:
                    last = b
                    wrapped = part.kind.wrappers[type(b)](part.name, b)
                self._said.append((SEND, a, wrapped))
            elif kind == NOTE:
                self.noted(part, a, b)
            elif kind == REPLY:
                self.answered(part, a, *b)
            else:
                self._said.append((kind, part.key(a), b))
        self.stepped(part)

    # --- what a host decides ----------------------------------------------------------------------

    def answered(self, part: Part, request: RequestId, value: Json, ok: bool | None) -> None:  # noqa: ARG002
        """A part answers a request that it was asked: the client's own, unless overridden."""
        self.reply(request, value, ok=ok)

    def noted(self, part: Part, kind: str, value: Json) -> None:
        """A part's decisions are told apart from another part's, as are the orders of its keys, so
        that the parts are checked each by itself.
        """
        if kind in ("decided", "executed"):
            name, what = cast("tuple[Json, Json]", value)
            value = [(part.name, name), what]
        self.note(kind, value)

    def stepped(self, part: Part) -> None:
        """A part has taken an event: look here at what has become of it."""
