"""The node: it coordinates for its clients, keeps what it is home of, and stands in for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, assert_never

from protocols.dynamo.antientropy import AntiEntropy
from protocols.dynamo.messages import (
    MESSAGES,
    NOBODY,
    Compare,
    Get,
    Got,
    HandedOff,
    Handoff,
    Leaves,
    Message,
    Put,
    Stored,
    Sync,
)
from protocols.dynamo.options import Settings
from protocols.dynamo.pending import Pending
from protocols.dynamo.ring import Ring
from protocols.dynamo.versions import EMPTY, State, counter_after, merge, mint, resolve
from protocols.kernel import Cluster, Command, Json, NodeId, Replica, RequestId
from protocols.wire import dumps, read_as

RETRY, EXCHANGE = "retry", "exchange"
EXCHANGE_RTT = 5
"""Round trips between two looks at a peer's tree, and between two tries to hand off."""
BATCH = 64
"""Keys handed off to one node at a time."""
PATIENCE = 50
"""Ticks of the retry timer after which a request is given up: its client has long gone."""

KEY, HINT = "key/", "hint/"

SIBLINGS, REPAIRED = "a read met siblings", "a read repaired a replica"
STOOD_IN, HANDED_OFF = "a node stood in for a home", "a hint was handed off"
EXCHANGED = "anti-entropy moved a key"


class Dynamo(Replica[Message]):
    """Eventually consistent. Options: ``N``, ``R``, ``W``, ``sloppy`` (true, false), ``vnodes``.

    Also ``pending`` (requests at once) and ``hints`` (keys kept for others). See the package.
    """

    messages: ClassVar[tuple[type, ...]] = MESSAGES
    commands: ClassVar[tuple[str, ...]] = ("read", "write", "add", "delete", "replica")
    sometimes: ClassVar[tuple[str, ...]] = (SIBLINGS, REPAIRED, STOOD_IN, HANDED_OFF, EXCHANGED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {"vnodes": (1, 2, 8)}

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        Settings.of(cluster)

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.settings = Settings.of(cluster)
        self.ring = Ring(self.nodes, self.settings.vnodes)

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.states: dict[str, State] = {}
        self.hints: dict[NodeId, dict[str, None]] = {}
        """For each node what this one has that it must be told."""
        self.pending: dict[RequestId, Pending] = {}
        self.suspects: dict[NodeId, None] = {}
        """Who did not answer, and was not heard since: a purely local notion (section 4.8.3)."""
        self.entropy = AntiEntropy(self.peers, self.content)
        for name, value in durable.items():
            if name.startswith(KEY):
                key = name.removeprefix(KEY)
                self.states[key] = read_as(State, value)
                self.touched(key)
            elif name.startswith(HINT):
                node, _, key = name.removeprefix(HINT).partition("/")
                self.hints.setdefault(int(node), {})[key] = None
        self.exchange_later()

    # --- what is kept here ------------------------------------------------------------------------

    def homes(self, key: str) -> tuple[NodeId, ...]:
        return self.ring.preference(key)[: self.settings.n]

    def have(self, key: str) -> State:
        return self.states.get(key, EMPTY)

    def content(self, key: str) -> str:
        """For the trees: what this node has of a key."""
        return dumps(self.have(key))

    def touched(self, key: str) -> None:
        homes = self.homes(key)
        if self.id in homes:
            self.entropy.changed(key, homes)

    def keep(self, key: str, state: State) -> None:
        if state != self.have(key):
            self.states[key] = state
            self.persist(KEY + key, state)
            self.touched(key)

    def merge(self, a: State, b: State) -> State:
        return merge(a, b)

    def absorb(self, key: str, state: State) -> State:
        """Take in what another has; what is known after that."""
        merged = self.merge(self.have(key), state)
        self.keep(key, merged)
        return merged

    def mint(self, state: State, value: Json) -> State:
        """A write of this node over all of ``state``, which is at least all that this node has."""
        return mint(state, self.id, value, counter_after(state))

    # --- the coordinator (section 4.5) ------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        key = command.key
        if command.f not in self.commands:
            self.reply(request, f"no such command: {command.f}", ok=False)
        elif command.f == "replica":
            here = self.id in self.homes(key)
            self.reply(request, [v.value for v in self.have(key).versions] if here else None)
        elif len(self.pending) >= self.settings.pending:
            self.reply(request, "too many requests at once", ok=False)
        elif command.f in ("write", "add") and command.value is None:
            self.reply(request, "nothing cannot be written: delete", ok=False)
        else:
            if not self.pending:
                self.retry_later()
            message = Get(request, key)
            self.ask(Pending(request, command, self.homes(key), message, self.settings.r))

    def ask(self, pending: Pending) -> None:
        """Begin a round: ask all homes, and others for those that are not expected to answer."""
        self.pending[pending.request] = pending
        for home in pending.homes:
            if home != self.id:
                self.send(home, pending.message)
        if self.settings.sloppy:
            self.stand_in(pending, [home for home in pending.homes if home in self.suspects])
        if self.id in pending.homes:
            self.answered(pending, self.id, self.have(pending.command.key))

    def stand_in(self, pending: Pending, missing: Sequence[NodeId]) -> None:
        """Ask fallbacks instead, in the ring's order: the first N *healthy* nodes (section 4.6)."""
        order = self.ring.preference(pending.command.key)[self.settings.n :]
        spare = [n for n in order if n not in pending.stand_ins and n not in self.suspects]
        for fallback, home in zip(spare, missing, strict=False):
            pending.stand_ins[fallback] = home
            if fallback != self.id:
                self.send(fallback, self.for_fallback(pending, home))
            elif isinstance(pending.message, Get) or self.hint(home, pending.command.key):
                self.answered(pending, self.id, self.have(pending.command.key))

    def for_fallback(self, pending: Pending, home: NodeId) -> Get | Put:
        message = pending.message
        if isinstance(message, Get):
            return message
        return Put(message.request, message.key, message.state, home)

    def answered(self, pending: Pending, src: NodeId, state: State) -> None:
        """Count a node's answer, once; ``state`` is what it has."""
        if src in pending.answers:
            return
        pending.answers[src] = state
        if isinstance(pending.message, Get):
            pending.merged = self.merge(pending.merged, state)
        if pending.done:
            self.repair(pending)
        elif len(pending.answers) >= pending.needed:
            if isinstance(pending.message, Put):
                self.finish(pending, pending.value)
            elif pending.command.f == "read":
                if len(pending.merged.versions) > 1:
                    self.note("sometimes", SIBLINGS)
                self.finish(pending, resolve(pending.merged))
                self.repair(pending)
            else:
                self.update(pending)
        if pending.done and not pending.silent():
            self.pending.pop(pending.request, None)

    def finish(self, pending: Pending, value: Json) -> None:
        self.reply(pending.request, value)
        pending.done, pending.ticks = True, -1

    def update(self, pending: Pending) -> None:
        """The second round: store a version that supersedes all that the first one found."""
        command, key = pending.command, pending.command.key
        state = self.merge(pending.merged, self.have(key))
        value, answer = changed(command, state)
        state = self.mint(state, value)
        self.keep(key, state)
        put = Put(pending.request, key, state, NOBODY)
        self.ask(
            Pending(pending.request, command, pending.homes, put, self.settings.w, state, answer)
        )

    def repair(self, pending: Pending) -> None:
        """Read repair (section 5): tell the homes that answered with less."""
        if not isinstance(pending.message, Get):
            return
        key = pending.command.key
        for home in pending.homes:
            state = pending.answers.get(home)
            if state is None or state == pending.merged:
                continue
            pending.answers[home] = pending.merged
            self.note("sometimes", REPAIRED)
            if home == self.id:
                self.absorb(key, pending.merged)
            else:
                self.send(home, Sync(key, pending.merged, answer=False))

    # --- time -------------------------------------------------------------------------------------

    def retry_later(self) -> None:
        self.set_timer(RETRY, 2 * self.cluster.rtt_ms, 3 * self.cluster.rtt_ms)

    def exchange_later(self) -> None:
        least = EXCHANGE_RTT * self.cluster.rtt_ms
        self.set_timer(EXCHANGE, least, least + self.cluster.rtt_ms)

    def on_timer(self, timer: str) -> None:
        if timer == EXCHANGE:
            self.hand_off()
            begun = self.entropy.begin()
            if begun is not None:
                self.send(*begun)
            self.exchange_later()
            return
        for pending in list(self.pending.values()):
            pending.ticks += 1
            if pending.ticks > 0:  # it has waited for a whole period
                self.wait_no_longer(pending)
        if self.pending:
            self.retry_later()

    def wait_no_longer(self, pending: Pending) -> None:
        """Some did not answer: ask them again, and others in their place."""
        silent = pending.silent()
        if not (pending.done and isinstance(pending.message, Get)):
            for home in silent:
                self.suspects[home] = None
            if self.settings.sloppy:
                self.stand_in(pending, pending.uncovered())
        if self.pending.get(pending.request) is not pending:
            return  # a stand-in's answer, this node's own, was the last that it needed
        if pending.done or pending.ticks > PATIENCE:
            self.pending.pop(pending.request, None)
            return
        for home in silent:
            if home != self.id:
                self.send(home, pending.message)
        for fallback, home in pending.stand_ins.items():
            if fallback != self.id and fallback not in pending.answers:
                self.send(fallback, self.for_fallback(pending, home))

    # --- the others -------------------------------------------------------------------------------

    def on_message(self, src: NodeId, msg: Message) -> None:
        self.suspects.pop(src, None)
        match msg:
            case Get():
                self.send(src, Got(msg.request, self.have(msg.key)))
            case Got():
                pending = self.pending.get(msg.request)
                if pending is not None and isinstance(pending.message, Get):
                    self.answered(pending, src, msg.state)
            case Put():
                self.on_put(src, msg)
            case Stored():
                pending = self.pending.get(msg.request)
                if pending is not None and isinstance(pending.message, Put):
                    self.answered(pending, src, EMPTY)
            case Handoff():
                merged = self.absorb(msg.key, msg.state)
                self.send(src, HandedOff(msg.key, merged.clock))
            case HandedOff():
                self.on_handed_off(src, msg)
            case Sync():
                self.on_sync(src, msg)
            case Compare():
                answer = self.entropy.on_compare(src, msg)
                if answer is not None:
                    self.send(src, answer)
            case Leaves():
                for key in self.entropy.on_leaves(src, msg):
                    self.send(src, Sync(key, self.have(key), answer=True))
            case _:
                assert_never(msg)

    def on_put(self, src: NodeId, msg: Put) -> None:
        """Acknowledge what is kept; a hint too many is not, and not acknowledged."""
        if msg.hint != NOBODY and not self.hint(msg.hint, msg.key):
            return
        self.absorb(msg.key, msg.state)
        self.send(src, Stored(msg.request))

    def on_sync(self, src: NodeId, msg: Sync) -> None:
        before = self.have(msg.key)
        merged = self.absorb(msg.key, msg.state)
        if merged != before:
            self.note("sometimes", EXCHANGED)
        if msg.answer and merged != msg.state:
            self.send(src, Sync(msg.key, merged, answer=False))

    # --- hinted handoff (section 4.6) -------------------------------------------------------------

    def hint(self, home: NodeId, key: str) -> bool:
        """Remember to tell a home of a key; False if too much is remembered already."""
        of_home = self.hints.setdefault(home, {})
        if key not in of_home:
            if sum(map(len, self.hints.values())) >= self.settings.hints:
                return False
            of_home[key] = None
            self.persist(f"{HINT}{home}/{key}", 1)
            self.note("sometimes", STOOD_IN)
        return True

    def hand_off(self) -> None:
        """Tell the homes what was kept for them; one that is silent is asked for one key only."""
        for home, keys in self.hints.items():
            for key in list(keys)[: 1 if home in self.suspects else BATCH]:
                self.send(home, Handoff(key, self.have(key)))

    def on_handed_off(self, src: NodeId, msg: HandedOff) -> None:
        key, keys = msg.key, self.hints.get(src, {})
        if key in keys and covers(msg.clock, self.have(key)):
            self.note("sometimes", HANDED_OFF)
            del keys[key]
            self.forget(f"{HINT}{src}/{key}")
            self.drop(key)

    def drop(self, key: str) -> None:
        """Forget a copy that was kept for others only. Not one with own dots in it: the next write
        that is coordinated here must not supersede an earlier one that it does not know.
        """
        wanted = self.id in self.homes(key) or any(key in keys for keys in self.hints.values())
        if not wanted and self.id not in dict(self.have(key).clock):
            self.states.pop(key, None)
            self.forget(KEY + key)


def changed(command: Command, state: State) -> tuple[Json, Json]:
    """What an update makes of all that its coordinator knows: the new value, and the answer."""
    if command.f == "write":
        return command.value, command.value
    if command.f == "delete":
        return None, [version.value for version in state.versions]
    found = resolve(state)
    elements = found if isinstance(found, list) else []
    return [*elements, *([] if command.value in elements else [command.value])], command.value


def covers(clock: Sequence[tuple[NodeId, int]], state: State) -> bool:
    """Whether all that ``state`` knows of is known to this clock, too."""
    known = dict(clock)
    return all(known.get(node, 0) >= counter for node, counter in state.clock)
