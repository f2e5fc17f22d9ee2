"""The states of single nodes, and their steps: each state is kept once, and each step made once.

A step depends on nothing but the node's own state and the event, so worlds that share a node's
state share its steps too. A world is then a few small numbers, and to go from world to world is to
look steps up: the protocol's own code runs some thousands of times for millions of worlds.

To make a step from a state, the replica is built anew by playing again what led there since it was
last started. That asks nothing of a protocol but what the kernel does: same events, same state; a
copy would ask that all of it can be copied, and costs more in such small scopes (a state of ABD,
multi-Paxos, EPaxos: 9, 20, 28 µs; pickled 23, 44, 84; deep copies 51, 89, 183).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from harness.sim.explore_canonical import canonical, state_text
from protocols.kernel import (
    CancelTimer,
    Cluster,
    Command,
    Effect,
    Event,
    Fired,
    Note,
    Persist,
    Received,
    Replica,
    Reply,
    Requested,
    Send,
    SetTimer,
    Started,
)
from protocols.wire import Codec, dumps, loads

What: TypeAlias = int | str | None
"""What happens to a node: a message (its number), an op (-1 - its number), a timer (its name), or
None, a crash and the start after it."""


@dataclass(slots=True)
class Local:
    """One state of one node: what its replica knows, its disk, the timers that run; and a bit for
    each op that was ``asked`` of it, by which it is known what can not be asked any more.

    ``before`` and ``what`` say how it was first reached; a Local without ``before`` was started
    from its disk. ``steps`` are those made so far.
    """

    number: int
    node: int
    disk: Mapping[str, str]
    timers: tuple[str, ...]
    asked: int
    before: Local | None
    what: What
    started_from: Mapping[str, str]
    steps: dict[What, Step] = field(default_factory=dict)


@dataclass(slots=True)
class Step:
    """What a step did: the state after it, and what left the node.

    ``idle``: nothing at all has changed, and nothing was said. ``broken``: the replica raised this.
    """

    after: int
    sent: tuple[int, ...] = ()
    replies: tuple[tuple[int, bool, str], ...] = ()
    """(op, ok, the value as JSON)."""
    notes: tuple[tuple[str, str], ...] = ()
    """(kind, the value as JSON)."""
    idle: bool = False
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: two of the same text from the same node to the same are the same."""

    src: int
    dst: int
    text: str


@dataclass(slots=True)
class _Effects:
    """What left a node in one step, so far."""

    sent: list[int] = field(default_factory=list)
    replies: list[tuple[int, bool, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


class Nodes:
    """All states of all nodes that were met, by number, and all messages, by number."""

    def __init__(
        self, protocol: type[Replica[Any]], cluster: Cluster, commands: tuple[Command, ...]
    ) -> None:
        self.locals: list[Local] = []
        self.letters: list[Letter] = []
        self.played = 0
        """Steps of replicas, those to build them again included."""
        self.codec = Codec(protocol.messages)
        self._protocol, self._cluster, self._commands = protocol, cluster, commands
        self._numbers: dict[str, int] = {}
        self._letter_numbers: dict[Letter, int] = {}

    def start(self, node: int, disk: Mapping[str, str], asked: int = 0) -> Step:
        """A new incarnation, from what is on the disk."""
        return self._step(node, None, None, disk, asked)

    def step(self, number: int, what: What) -> Step:
        """What ``what`` does to the node in this state."""
        local = self.locals[number]
        step = local.steps.get(what)
        if step is None:
            if what is None:
                step = self.start(local.node, local.disk, local.asked)
            else:
                step = self._step(local.node, local, what, local.disk, local.asked)
            local.steps[what] = step
        return step

    def rebuild(self, number: int) -> Replica[Any]:
        """The replica of a state, as it is then."""
        path: list[Local] = []
        local: Local | None = self.locals[number]
        while local is not None:
            path.append(local)
            local = local.before
        path.reverse()
        first = path[0]
        replica = self._protocol(first.node, self._cluster)
        replica.step(Started(durable(first.started_from)))
        for later in path[1:]:
            replica.step(self.event(later.node, later.what))
        self.played += len(path)
        return replica

    def event(self, node: int, what: What) -> Event:
        """The event that ``what`` is to a replica. Everything in it is new, so that none is shared."""
        if isinstance(what, str):
            return Fired(what)
        assert what is not None
        if what < 0:
            op = -1 - what
            asked = self._commands[op]
            command = Command(asked.f, asked.key, asked.value, asked.session, asked.serial)
            return Requested(request_of(op, node), command)
        letter = self.letters[what]
        return Received(letter.src, self.codec.decode(letter.text))

    def _step(
        self, node: int, before: Local | None, what: What, disk: Mapping[str, str], asked: int
    ) -> Step:
        self.played += 1
        try:
            if before is None:
                replica = self._protocol(node, self._cluster)
                effects = replica.step(Started(durable(disk)))
            else:
                replica = self.rebuild(before.number)
                effects = replica.step(self.event(node, what))
        except Exception as error:  # noqa: BLE001  any way in which a replica breaks is a finding
            return Step(-1, broken=f"{type(error).__name__}: {error}")
        timers = dict.fromkeys(before.timers if before is not None else ())
        if isinstance(what, str):
            del timers[what]
        elif what is not None and what < 0:
            asked |= 1 << (-1 - what)
        done, written = _Effects(), dict(disk)
        self._carry_out(node, effects, done, timers, written)
        armed, saved = tuple(sorted(timers)), dict(sorted(written.items()))
        text = f"{node}|{asked}|{canonical(saved)}|{armed}|{state_text(replica)}"
        number = self._numbers.setdefault(text, len(self.locals))
        if number == len(self.locals):
            started_from = disk if before is None else before.started_from
            self.locals.append(Local(number, node, saved, armed, asked, before, what, started_from))
        idle = (
            before is not None
            and number == before.number
            and not (done.sent or done.replies or done.notes)
        )
        return Step(number, tuple(done.sent), tuple(done.replies), tuple(done.notes), idle)

    def _carry_out(
        self,
        node: int,
        effects: list[Effect],
        done: _Effects,
        timers: dict[str, None],
        disk: dict[str, str],
    ) -> None:
        for effect in effects:
            match effect:
                case Send(dst, msg):
                    done.sent.append(self.letter(Letter(node, dst, self.codec.encode(msg))))
                case SetTimer(timer):
                    timers[timer] = None
                case CancelTimer(timer):
                    timers.pop(timer, None)
                case Persist(key, None):
                    disk.pop(key, None)
                case Persist(key, value):
                    disk[key] = dumps(value)
                case Reply(_, _, None):
                    pass  # as if it were not answered
                case Reply(request, value, bool(ok)):
                    done.replies.append((op_of(request), ok, dumps(value)))
                case Note(kind, value):
                    done.notes.append((kind, dumps(value)))

    def letter(self, letter: Letter) -> int:
        """The number of a message."""
        number = self._letter_numbers.setdefault(letter, len(self.letters))
        if number == len(self.letters):
            self.letters.append(letter)
        return number


def durable(disk: Mapping[str, str]) -> dict[str, object]:
    return {key: loads(text) for key, text in disk.items()}


def request_of(op: int, node: int) -> int:
    """The request id of an op at a node. An op is asked for once, so no id is used twice; and it is
    the same whatever came before, so that states which differ in nothing else are the same.
    """
    return (op + 1) << 8 | node


def op_of(request: int) -> int:
    return (request >> 8) - 1
