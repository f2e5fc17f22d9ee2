"""One group's replica: multi-Paxos, in the ballots that the master issues, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, cast

from protocols.appending import Forward
from protocols.ballots import Ballot
from protocols.kernel import Cluster, Command, Json, NodeId, record
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Leadership
from protocols.multipaxos.messages import Message as Paxos
from protocols.multipaxos.messages import Preempted
from protocols.nested import wrapping
from protocols.pace import TICK
from protocols.policies import Demand, make
from protocols.vpaxos.configuration import Config, Vertical

CONFIGURED = "configured"


@record
class Transfer:
    """The leader of ``ballot`` asks a member whether it has all slots up to ``chosen``, which are."""

    ballot: Ballot
    chosen: int


@record
class Held:
    """Yes: up to ``chosen``, and on disk."""

    ballot: Ballot
    chosen: int


class Group(MultiPaxos):
    """See the package. Its host gives it ``config`` and then fires ``CONFIGURED``; and looks at
    ``whole`` (the state is transferred), ``stuck`` and ``wanted`` after each step.
    """

    changes_members = False
    messages: ClassVar[tuple[type, ...]] = (*MultiPaxos.messages, Transfer, Held)
    vertical: type[Vertical] = Vertical

    def __init__(self, id: NodeId, cluster: Cluster, first: Config) -> None:
        super().__init__(id, cluster)
        self.config = first
        self.policy = str(cluster.options.get("policy", "consecutive"))
        self.threshold = cluster.number("threshold", 10)
        names = list(dict.fromkeys(cluster.zones))
        places = [names.index(zone) for zone in cluster.zones] or list(cluster.nodes)
        self.place = dict(zip(cluster.nodes, places, strict=True))
        self.end_office()
        self.asked: tuple[NodeId, Transfer] | None = None
        """A Transfer that is not answered yet, and whose it is."""
        self.stuck = 0
        """Ticks of a leader that got nothing done."""
        self.before = 0
        """The chosen prefix at the last tick."""

    def end_office(self) -> None:
        self.active = self.whole = False
        self.upto: int | None = None
        """What this leader's members must hold before the ballot is complete."""
        self.holders = 0
        self.waiting: list[Command] = []
        """What a leader that is not active yet was asked for."""
        self.wanted: NodeId | None = None
        """Who should lead, by who asks."""

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.load(durable)
        self.set_timer("tick", TICK * self.cluster.rtt_ms)

    def on_timer(self, timer: str) -> None:
        if timer == CONFIGURED:
            self.configured()
        else:
            self.set_timer("tick", TICK * self.cluster.rtt_ms)
            self.tick()

    def on_message(self, src: NodeId, msg: Paxos | Transfer | Held) -> None:
        if isinstance(msg, Transfer):
            self.on_transfer(src, msg)
        elif isinstance(msg, Held):
            self.on_held(src, msg)
        else:
            if isinstance(msg, Forward):
                self.hit(src)
            super().on_message(src, msg)

    # --- the configuration ------------------------------------------------------------------------

    def configured(self) -> None:
        """The master has decided: enter the ballot, or begin to serve in it."""
        config, lead = self.config, self.leadership
        mine = config.leader == self.id
        if mine and lead is not None and lead.ballot == config.ballot:
            if config.complete and not self.active:
                self.activate()
            return
        if config.ballot < self.promised:
            return
        if config.ballot > self.promised:
            self.promise(config.ballot)
        self.quorums = self.vertical.of(config)
        if not mine:
            if self.following != config.leader:
                self.follow(config.leader)
        elif self.unused:
            self.retire()
            self.run_for_leader()

    @property
    def unused(self) -> bool:
        """Whether nothing was proposed in the newest ballot yet, which is this node's."""
        return self.config.ballot > self.campaigned

    def next_ballot(self) -> Ballot:
        """The master's. It is on disk, as used, before anybody hears of it."""
        self.campaigned = self.config.ballot
        self.persist("campaigned", self.campaigned)
        return self.campaigned

    def has_leader(self) -> bool:
        """Who has a ballot of the master's is promised it, whoever led before."""
        return False

    def retire(self) -> None:
        super().retire()
        self.end_office()

    # --- state transfer ---------------------------------------------------------------------------

    def chosen_audience(self, lead: Leadership) -> tuple[NodeId, ...]:  # noqa: ARG002
        return tuple(node for node in self.config.members if node != self.id)

    def work(self, lead: Leadership) -> None:
        super().work(lead)
        if self.upto is None and self.log.chosen >= lead.adopted:
            self.upto, self.holders = self.log.chosen, 1 << self.id
            self.transfer(lead)

    def transfer(self, lead: Leadership) -> None:
        """Ask those who are not known to have the state; who lacks some asks for it."""
        if self.upto is not None and not self.whole:
            lacking = [n for n in lead.audience if not self.holders >> n & 1]
            self.broadcast(cast("Paxos", Transfer(lead.ballot, self.upto)), lacking)
            self.whole = not lacking

    def on_transfer(self, src: NodeId, msg: Transfer) -> None:
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
            return
        self.learn(msg.ballot, msg.chosen)
        self.asked = (src, msg)
        if not self.hold():
            self.ask(src)

    def hold(self) -> bool:
        """Answer a Transfer, once all that it asks for is here."""
        if self.asked is None:
            return True
        src, msg = self.asked
        if self.log.chosen < msg.chosen:
            return False
        self.asked = None
        self.send(src, cast("Paxos", Held(msg.ballot, msg.chosen)))
        return True

    def caught_up(self, src: NodeId) -> None:
        super().caught_up(src)
        self.hold()

    def on_held(self, src: NodeId, msg: Held) -> None:
        lead = self.leadership
        if lead is None or msg.ballot != lead.ballot or self.upto is None:
            return
        if msg.chosen >= self.upto:
            self.holders |= 1 << src
            self.whole = self.whole or self.vertical.of(self.config).phase2(self.holders)

    def activate(self) -> None:
        """Only now may clients' commands be proposed (section 4, Vertical Paxos II)."""
        self.active = True
        self.demand = Demand(make(self.policy, self.threshold))
        waiting, self.waiting = self.waiting, []
        self.propose(waiting)
        self.propose(self.clients.commands())

    def propose(self, commands: Iterable[Command]) -> None:
        lead = self.leadership
        if lead is None or self.active:
            super().propose(commands)
            return
        self.waiting = [*self.waiting, *commands][: self.reach]
        self.work(lead)

    def submit(self, commands: Sequence[Command]) -> None:
        if commands:
            self.hit(self.id)
        super().submit(commands)

    def hit(self, src: NodeId) -> None:
        """Count who asks the leader, in its log's own time."""
        if self.active and self.leadership is not None:
            place = self.place[src]
            better = self.demand.hit(place, src)
            if better is not None and self.place[better] != self.place[self.id]:
                self.wanted = better

    # --- time -------------------------------------------------------------------------------------

    def tick(self) -> None:
        super().tick()
        lead = self.leadership
        if lead is not None and not self.active:
            self.work(lead)
            self.transfer(lead)
        idle = self.active and lead is not None and not lead.open
        moved = self.active and self.log.chosen > self.before
        self.stuck = 0 if idle or moved or self.config.leader != self.id else self.stuck + 1
        self.before = self.log.chosen


GROUP = wrapping("Group", Group.messages)
