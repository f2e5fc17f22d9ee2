"""The host: a node's part in its zone's log and in the master's, and what goes between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, cast

from protocols.cells import Elsewhere, Ran
from protocols.clients import Clients, named
from protocols.kernel import Cluster, Command, Fired, Json, NodeId, RequestId
from protocols.multipaxos import MultiPaxos
from protocols.nested import Host, Layered, Part, Wrapped, among, carried, wrapping
from protocols.quorum_systems import by_majority
from protocols.rejoining import mode_of, refuse_alone
from protocols.statemachine import COMMANDS
from protocols.transactions import MULTI
from protocols.wankeeper.broker import RAN, Broker, Group, delivered, grant, release
from protocols.wankeeper.master import Master, Token, give_back, policy_of, serve, taken
from protocols.wankeeper.zones import zone_of, zones_of

ZONE = wrapping("Zone", MultiPaxos.messages)
MASTER = wrapping("Master", MultiPaxos.messages)

TICK = 5
"""Round trips before anything that waits is tried again."""

PREFER = 6, 7
"""Round trips that a home waits for a sign of another leader before it campaigns (see ``groups``)."""

GRANTED, RELEASED = "a zone took a token", "a zone released a token, drained"
RETURNED, LATE = "a token came back to the master", "a command came to its zone after the release"


class WanKeeper(Host[Wrapped]):
    """See the package. Options: ``zones`` (where the cluster has none), ``policy`` and ``threshold``
    (``protocols.policies``), and multi-Paxos' own.
    """

    messages: ClassVar[tuple[type, ...]] = carried(ZONE, MASTER)
    sometimes: ClassVar[tuple[str, ...]] = (
        GRANTED, RELEASED, RETURNED, LATE, *MultiPaxos.sometimes
    )  # fmt: skip
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        **MultiPaxos.choices,
        "threshold": (1, 2, 5),
        "zones": (2, 3, 5),
    }
    master_class: ClassVar[type[Master]] = Master
    group_class: ClassVar[type[Group]] = Group

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        cls.group_class.check(cluster)
        if mode_of(cluster) == "passive":
            for zone in zones_of(cluster):
                refuse_alone(by_majority(zone.nodes), zone.nodes)
        zones_of(cluster)
        policy_of(cluster)
        if cluster.options.get("read") == "any":
            raise ValueError("read=any: a read here is linearizable; it is log or quorum")

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.zones = zones_of(cluster)
        self.mine = zone_of(id, self.zones)
        """The zone whose clients ask here, by its place in ``zones``."""
        self.clients = Clients(capacity=1024, patience=100)
        self.asked: dict[RequestId, Command] = {}
        self.parked: dict[str, dict[RequestId, None]] = {}
        """The requests that wait until something becomes of their key."""
        self.moved: dict[str, bool] = {}
        """The keys whose token has moved, or is to; True: who waits for it may ask again."""
        options = Layered(cluster.options, {"read": "log"})
        self.master = self.master_class(id, replace(cluster, options=options))
        self.groups = {
            place: self.group_class(id, among(cluster, zone.nodes))
            for place, zone in enumerate(self.zones)
            if id in zone.nodes
        }
        self.part = self.add_part("master", MASTER, self.master)
        self.parts_of = {
            place: self.add_part(f"zone {self.zones[place].name}", ZONE, group)
            for place, group in self.groups.items()
        }
        for group in (self.master, *self.groups.values()):
            group.moved = self.moved

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """Raises ValueError where the disk was written in other zones: keys would not be found."""
        zones = [[zone.name, *zone.nodes] for zone in self.zones]
        if durable.get("zones", zones) != zones:
            raise ValueError(f"the zones were {durable['zones']}, and now are {zones}")
        if "zones" not in durable:
            self.persist("zones", zones)
        self.begin(durable)

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return MultiPaxos.rejoins(cluster)

    def on_lost(self) -> None:
        """All that a node knows is in the two logs, each of which has its own way back."""
        self.persist("zones", [[zone.name, *zone.nodes] for zone in self.zones])
        self.begin({}, lost=True)

    def begin(self, durable: Mapping[str, Json], *, lost: bool = False) -> None:
        self.start_parts(durable, lost=lost)
        rtt = self.cluster.rtt_ms
        self.set_timer("tick", TICK * rtt)
        self.set_timer("prefer", PREFER[0] * rtt, PREFER[1] * rtt)

    def on_message(self, src: NodeId, msg: Wrapped) -> None:
        self.to_part(src, msg)

    def on_timer(self, timer: str) -> None:
        if self.part_fired(timer):
            return
        if timer == "prefer":
            self.prefer()
            return
        assert timer == "tick", timer
        self.set_timer("tick", TICK * self.cluster.rtt_ms)
        self.tick()

    def prefer(self) -> None:
        """Campaign where this is the home of a group without a leader: two looks in vain do it."""
        homes = {self.part: self.nodes[0]}
        homes |= {part: self.zones[place].home for place, part in self.parts_of.items()}
        for part, home in homes.items():
            if home == self.id and part.replica.leader() is None:
                self.step_part(part, Fired("watch"))
                self.step_part(part, Fired("watch"))

    def tick(self) -> None:
        """Whatever stands still: a hand-over whose leader is gone, requests that a part refused."""
        self.clients.tick()
        waiting = {(c.session, c.serial) for c in self.clients.commands()}
        self.asked = {r: c for r, c in self.asked.items() if (c.session, c.serial) in waiting}
        for place, group in self.groups.items():
            if self.leads(place):
                self.moved |= dict.fromkeys(self.master.table.moving, False)
                self.moved |= dict.fromkeys(self.broker(group).outbox, False)
        self.moved |= dict.fromkeys(self.parked, True)
        self.settle()

    def leads(self, place: int) -> bool:
        return self.groups[place].leadership is not None

    def leader(self) -> NodeId | None:
        """Of this node's zone; the master's is another."""
        return self.groups[self.mine].leader()

    @staticmethod
    def broker(group: Group) -> Broker:
        return cast("Broker", group.store)

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        command = named(command, self.id, request)
        if command.f not in COMMANDS or (command.f in MULTI and not command.key):
            self.reply(request, "refused: not a command of one key", ok=False)
        elif not self.clients.add(request, command):
            self.reply(request, "refused: too many", ok=False)
        else:
            self.asked[request] = command
            self.route(request, command)

    def route(self, request: RequestId, command: Command) -> None:
        """To the zone's log if the token is there, as far as is known here; else to the master's,
        unless the token is on its way.
        """
        key, broker = command.key, self.broker(self.groups[self.mine])
        token = self.master.table.tokens.get(key)
        if key in broker.cells:
            self.ask_part(self.parts_of[self.mine], request, command)
        elif token is not None and token.at == self.mine and self.is_coming(broker, key, token):
            self.park(request, key)
        else:
            self.ask_part(self.part, request, serve(command, self.mine))

    @staticmethod
    def is_coming(broker: Broker, key: str, token: Token) -> bool:
        return broker.epochs.get(key, 0) < token.epoch

    def park(self, request: RequestId, key: str) -> None:
        self.parked.setdefault(key, {})[request] = None

    def answered(self, part: Part, request: RequestId, value: Json, ok: bool | None) -> None:
        """What a client asked for was run; or it found no token, or no place, and waits."""
        command = self.asked.get(request)
        if command is None:
            return
        if isinstance(value, Ran):
            del self.asked[request]
            if self.clients.pop(command) == request:
                self.reply(request, value.value, ok=ok)
            return
        self.park(request, command.key)
        here = command.key in self.broker(self.groups[self.mine]).cells
        if isinstance(value, Elsewhere) and here == (part is self.part):
            if not here:
                self.note("sometimes", LATE)
            self.moved[command.key] = True  # it is at the other: ask there

    # --- tokens -----------------------------------------------------------------------------------

    def noted(self, part: Part, kind: str, value: Json) -> None:
        """An update is told twice: where it is among those of this log, and, by its version, among
        all of its key, in whichever log.
        """
        if kind != RAN:
            super().noted(part, kind, value)
            return
        key, version, name = cast("tuple[str, int, Json]", value)
        super().noted(part, "executed", [key, name])
        self.note("decided", [(key, version), name])

    def stepped(self, part: Part) -> None:  # noqa: ARG002  whichever it was
        self.settle()

    def settle(self) -> None:
        """Something has become of these keys: hand them over, and ask again who waited for it, the newest
        first: the clients of the others may have given up (``protocols.line``).
        """
        while self.moved:
            key, came = self.moved.popitem()
            for place in self.groups:
                if self.leads(place):
                    self.hand_over(place, key)
            for request in reversed(self.parked.pop(key, {})) if came else ():
                if request in self.asked:
                    self.route(request, self.asked[request])

    def hand_over(self, place: int, key: str) -> None:
        """What the leader of a zone has to do about a token: the next step, by a command that is
        named after key and epoch, in the zone's log or in the master's. Both check the epoch, so
        that it does no harm to ask in vain, or twice.
        """
        broker, token = self.broker(self.groups[place]), self.master.table.tokens.get(key)
        if token is None:
            return
        zone, here = self.parts_of[place], token.at == place
        if key in broker.outbox:
            epoch, state = broker.outbox[key]
            if here and epoch == token.epoch:
                self.note("sometimes", RETURNED)
                self.ask_part(self.part, 0, give_back(key, epoch, state))
            elif epoch <= token.epoch:
                self.ask_part(zone, 0, delivered(key, epoch))
        if not here:
            return
        if self.is_coming(broker, key, token):
            if token.sent is not None:
                self.note("sometimes", GRANTED)
                self.ask_part(zone, 0, grant(key, token.epoch, token.sent))
        elif key in broker.cells and broker.epochs[key] == token.epoch:
            if token.sent is not None:
                self.ask_part(self.part, 0, taken(key, token.epoch))
            if token.wanted != -1:
                self.note("sometimes", RELEASED)
                self.ask_part(zone, 0, release(key, token.epoch))
