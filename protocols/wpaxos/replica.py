"""The replica: its clients, its objects, and which of them it had better own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, assert_never, cast

from protocols.appending import Forward
from protocols.clients import Clients, named
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
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
from protocols.nested import Wrapped
from protocols.policies import Demand, make
from protocols.recalling import Recall, Recalled
from protocols.rejoining import Known, Rejoin, mode_of, refuse_alone
from protocols.statemachine import COMMANDS, READS, Answer
from protocols.transactions import MULTI
from protocols.transfer import Missing, Snapshot
from protocols.wpaxos.acceptor import (
    ADOPTED,
    CAUGHT_UP,
    CONTESTED,
    FILLED,
    INSTALLED,
    Limits,
)
from protocols.wpaxos.grid import grid_of
from protocols.wpaxos.messages import (
    MESSAGES,
    OBJECT,
    Digest,
    LeaderChange,
    Message,
    OfObject,
    SwornVote,
)
from protocols.wpaxos.objects import Object
from protocols.wpaxos.rejoining import Returner

TICK = 4, 6
"""Round trips between two looks at what is under way. They are random, so that two who want the same
object do not always want it at the same moment."""

PATIENCE = 1
"""Ticks without progress, while a client has waited for one, after which an owner is robbed; one
more for each time that the robber was turned away, up to ``MOST``."""

MOST = 6

DIGESTED = 64
"""Objects in a Digest."""

MOVED = "an owner advised another to steal"


class WPaxos(Returner):
    """See the package. Options: ``fz`` and ``f``; ``policy`` (consecutive, majority, ema, none),
    ``threshold`` (hits), ``adaptive``, ``hold`` (ticks); ``batch``, ``pipeline``, and, in slots of
    an object, ``snapshot_every`` and ``keep``; ``rejoin``: no, passive or force (``wpaxos.rejoining``).
    """

    messages = MESSAGES
    sometimes = (CONTESTED, CAUGHT_UP, FILLED, ADOPTED, INSTALLED, MOVED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "threshold": (1, 2, 10),
        "hold": (1, 3),
        "batch": (2, 8),
        "pipeline": (1, 4),
        "snapshot_every": (3, 10, 100),
        "keep": (0, 1, 20),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.grid = grid_of(cluster)
        self.quorums = self.grid.quorums
        self.limits = Limits(
            batch=cluster.number("batch", 64),
            pipeline=cluster.number("pipeline", 4),
            snapshot_every=cluster.number("snapshot_every", 100),
            keep=cluster.number("keep", 50, least=0),
        )
        self.policy = str(cluster.options.get("policy", "consecutive"))
        self.threshold = cluster.number("threshold", 3)
        self.hold = cluster.number("hold", 2, least=0)
        self.adaptive = cluster.truth("adaptive", default=True)
        self.clients = Clients(capacity=1024, patience=100)
        self.ticks = 0
        self.objects: dict[str, Object] = {}
        self.keys: list[str] = []
        """Of the objects, in the order in which they were first heard of; ``shown`` of them are in
        the Digests of this round, to this ``reader``."""
        self.shown = self.reader = 0
        self.open: dict[str, None] = {}
        """The objects that have something under way from here."""
        self.behind: dict[str, int] = {}
        """The objects of which slots are missing here, and for how many ticks."""
        self.suspects: dict[NodeId, None] = {}
        """Owners that were robbed for their silence, and have not been heard of since: their other
        objects need no patience."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        grid = grid_of(cluster)
        if mode_of(cluster) == "passive":
            refuse_alone(grid.quorums, cluster.nodes)
        make(str(cluster.options.get("policy", "none")), cluster.number("threshold", 3))
        cluster.truth("adaptive", default=True)

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """Durable names are ``promised/KEY``, ``snapshot/KEY`` and ``log/SLOT/KEY``; those of ``rejoin`` have
        no key.
        """
        self.load_lives(durable)
        saved: dict[str, dict[str, Json]] = {}
        for full, value in durable.items():
            what, of_object, rest = full.partition("/")
            if not of_object:
                continue
            if what == "log":
                slot, _, rest = rest.partition("/")
                what = f"log/{slot}"
            saved.setdefault(rest, {})[what] = value
        for key in sorted(saved):  # a disk is in no order
            self.object(key).load(saved[key])
        self.tick_later()

    def object(self, key: str) -> Object:
        """The object of this key, made when it is first heard of."""
        found = self.objects.get(key)
        if found is None:
            found = self.objects[key] = self.make_object(key)
            self.keys.append(key)
        return found

    def make_object(self, key: str) -> Object:
        return Object(key, self)

    def on_message(self, src: NodeId, msg: Message) -> None:
        self.suspects.pop(src, None)
        if not isinstance(msg, Wrapped):
            self.on_rare_message(src, msg)
        elif self.back is None:
            self.on_object(src, self.object(msg.part), cast("OfObject", msg.msg))
        else:
            self.look_on(src, self.object(msg.part), cast("OfObject", msg.msg))

    def on_rare_message(
        self, src: NodeId, msg: Digest | Rejoin | Known | Recall | Recalled
    ) -> None:
        match msg:
            case Digest():
                self.on_digest(src, msg)
            case Known():
                self.on_known(src, msg)
            case Recalled():
                self.on_recalled(src, msg)
            case Rejoin():
                self.on_rejoin(src, msg)
            case Recall():
                self.on_recall(src, msg)
            case _:
                assert_never(msg)

    def on_object(self, src: NodeId, thing: Object, msg: OfObject) -> None:
        match msg:
            case Accept():
                thing.on_accept(src, msg)
            case Accepted():
                thing.on_accepted(src, msg)
            case Commit():
                thing.on_commit(msg)
            case Forward():
                self.on_forward(src, thing, msg)
            case Prepare():
                thing.on_prepare(src, msg)
            case Promise():
                thing.on_promise(src, msg)
            case Preempted():
                thing.on_preempted(msg)
            case Missing():
                thing.on_missing(src, msg)
            case Chosen():
                thing.on_chosen(src, msg)
            case Snapshot():
                thing.on_snapshot(src, msg)
            case LeaderChange():
                self.on_leader_change(thing, msg)
            case Sworn():
                if self.is_sworn(src, msg.lives):
                    thing.on_promise(src, msg.promise)
            case SwornVote():
                if self.is_sworn(src, msg.lives):
                    thing.on_accepted(src, msg.accepted)
            case _:
                assert_never(msg)
        self.look(thing)

    def look(self, thing: Object) -> None:
        """Let the tick walk the objects that have something under way, and no others."""
        if thing.open:
            self.open[thing.key] = None

    def leader(self) -> NodeId | None:
        """Itself, if it owns any object: each has its own owner."""
        owns = any(thing.leadership is not None for thing in self.objects.values())
        return self.id if owns else None

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        command = named(command, self.id, request)
        if command.f not in COMMANDS or (command.f in MULTI and not command.key):
            self.reply(request, "refused: no such command of one object", ok=False)
            return
        thing = self.object(command.key)
        if command.f not in READS and thing.store.ran(command):
            self.answer(request, thing.store.run(command))
        elif not self.clients.add(request, command):
            self.reply(request, "refused: too many", ok=False)
        else:
            self.pursue(thing, [command])
            self.look(thing)

    def waiting(self, key: str) -> list[Command]:
        return [command for command in self.clients.commands() if command.key == key]

    def pursue(self, thing: Object, commands: list[Command]) -> None:
        """Get commands of this node's clients proposed: by the owner, or as the owner (section 4)."""
        if self.back is not None:
            self.refer(thing, commands)
        elif thing.leadership is not None:
            self.count(thing, self.id, len(commands))
            thing.propose(commands)
        elif thing.campaign is not None:
            thing.park(commands)
        elif thing.owner in (-1, self.id) or self.may_rob(thing):
            thing.steal(commands)
        else:
            thing.forward(commands)

    def may_rob(self, thing: Object) -> bool:
        """Whom nobody hears is robbed. Without adaptation whoever is asked steals; but not what has
        only just been stolen.
        """
        return thing.owner in self.suspects or (not self.adaptive and self.held(thing))

    def held(self, thing: Object) -> bool:
        return self.ticks - thing.since >= self.hold

    def executed(self, command: Command, answer: Answer) -> None:
        self.answer(self.clients.pop(command), answer)

    def installed(self, key: str) -> None:
        thing = self.objects[key]
        for command in self.waiting(key):
            if command.f not in READS and thing.store.ran(command):
                self.executed(command, thing.store.run(command))

    # --- ownership --------------------------------------------------------------------------------

    def on_forward(self, src: NodeId, thing: Object, msg: Forward) -> None:
        """Another node's clients want this object. Who is not the owner, any more, hands it on to one
        with a higher ballot than the sender knew of; so it goes in no circle.
        """
        if thing.leadership is not None:
            self.count(thing, src, len(msg.commands))
            thing.propose(msg.commands)
            if any(c.f not in READS and thing.store.ran(c) for c in msg.commands):
                thing.send(src, Commit(thing.leadership.ballot, thing.log.chosen))
        elif thing.campaign is None and thing.owner not in (-1, self.id):
            thing.send(src, Preempted(thing.seen))
            thing.send(thing.owner, msg)
        elif thing.campaign is None:
            thing.steal(msg.commands)
        else:
            thing.park(msg.commands)

    def count(self, thing: Object, src: NodeId, hits: int) -> None:
        """Section 4: the owner learns where the object is used, and may advise a move; not before it
        has held the object for a while, so that it does not go to and fro.
        """
        if thing.demand is None:
            thing.demand = Demand(make(self.policy, self.threshold))
        better: NodeId | None = None
        for _ in range(min(hits, self.threshold)):
            better = thing.demand.hit(self.grid.place(src), src) or better
        lead = thing.leadership
        if better is None or lead is None or not self.held(thing):
            return
        if self.grid.place(better) != self.grid.place(self.id):
            self.note("sometimes", MOVED)
            thing.send(better, LeaderChange(lead.ballot))
            thing.since = self.ticks

    def on_leader_change(self, thing: Object, msg: LeaderChange) -> None:
        """Steal, unless the one who advises it does not own the object any more."""
        if msg.ballot >= thing.seen and thing.campaign is None and thing.leadership is None:
            thing.seen = msg.ballot
            thing.steal(self.waiting(thing.key))

    # --- what objects ask of their replica ----------------------------------------------------------

    def tell(self, key: str, msg: OfObject, to: Iterable[NodeId]) -> None:
        self.broadcast(OBJECT.wrappers[type(msg)](key, msg), to)

    def lags(self, key: str) -> None:
        self.behind.setdefault(key, 0)

    # --- the tick ---------------------------------------------------------------------------------

    def tick_later(self) -> None:
        self.set_timer("tick", TICK[0] * self.cluster.rtt_ms, TICK[1] * self.cluster.rtt_ms)

    def on_timer(self, timer: str) -> None:
        assert timer == "tick", timer
        self.tick_later()
        self.ticks += 1
        if self.back is not None:
            self.ask_back(self.back)
        for key in list(self.open):
            if self.objects[key].open:
                self.objects[key].remind()
            else:
                del self.open[key]
        self.catch_up()
        self.insist()
        self.show()

    def insist(self) -> None:
        """Clients wait: ask the owner again, and rob it if that has been in vain."""
        late: dict[str, list[Command]] = {}
        for command in self.clients.tick():
            late.setdefault(command.key, []).append(command)
        for key, commands in late.items():
            thing = self.objects[key]
            if thing.leadership is None:
                thing.doubt += 1
            if self.back is None and thing.doubt > min(PATIENCE + thing.lost, MOST):
                self.suspects[thing.owner] = None
                thing.steal(commands)
            else:
                self.pursue(thing, commands)
            self.look(thing)

    def catch_up(self) -> None:
        """Ask for what is missing: a message may have been late, so not at the first tick."""
        for key, ticks in list(self.behind.items()):
            thing = self.objects[key]
            if thing.log.chosen >= thing.known:
                del self.behind[key]
                continue
            self.behind[key] = ticks + 1
            if ticks and self.peers:
                owner = thing.owner
                anyone = self.peers[self.ticks % len(self.peers)]
                thing.ask(owner if ticks == 1 and owner in self.peers else anyone)

    def show(self) -> None:
        """Tell one other node how far some objects are here; the next ones at the next tick."""
        if not self.peers or not self.keys:
            return
        shown = self.keys[self.shown : self.shown + DIGESTED]
        slots = tuple([(key, self.objects[key].log.chosen) for key in shown])
        self.send(self.peers[self.reader], Digest(slots))
        self.shown += DIGESTED
        if self.shown >= len(self.keys):
            self.shown, self.reader = 0, (self.reader + 1) % len(self.peers)

    def on_digest(self, src: NodeId, msg: Digest) -> None:
        for key, chosen in msg.chosen:
            if chosen:
                thing = self.object(key)
                if chosen > thing.log.chosen:
                    thing.heard(chosen)
                    thing.ask(src)
