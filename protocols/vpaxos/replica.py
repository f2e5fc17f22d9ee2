"""The replica: the groups of its keys, the master, and what is proposed to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from protocols.ballots import ZERO
from protocols.kernel import Cluster, Command, Fired, Json, NodeId, RequestId
from protocols.keymap import KeyMap
from protocols.multipaxos import MultiPaxos
from protocols.nested import Host, Part, Wrapped, carried, some
from protocols.policies import make
from protocols.transactions import MULTI
from protocols.vpaxos.configuration import MASTER, Config, Master, complete, first, reconfigure
from protocols.vpaxos.group import CONFIGURED, GROUP, Group

TICK = 5
"""Round trips between two looks at who is silent. Leaders are heard, and answered, as often."""

PATIENCE = 6
"""Ticks without a message, until a node is taken for dead; and of a leader that gets nothing done."""

MOVED, REPLACED = "a group moved to who uses it", "silent members were replaced"
HANDED_ON, SUPERSEDED = "a leader was replaced", "a configuration was never complete"


class VPaxos(Host[Wrapped]):
    """See the package. Options: ``groups`` (as many as nodes), ``policy`` (consecutive, majority,
    ema, none) and ``threshold`` (10); ``batch``, ``pipeline``, ``snapshot_every`` and ``keep``
    for each log.
    """

    messages: ClassVar[tuple[type, ...]] = carried(MASTER, GROUP)
    sometimes: ClassVar[tuple[str, ...]] = (MOVED, REPLACED, HANDED_ON, SUPERSEDED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        **MultiPaxos.choices,
        "groups": (1, 2, 5),
        "threshold": (1, 3, 10),
    }
    group_class: type[Group] = Group

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.map = KeyMap(cluster.number("groups", len(self.nodes)))
        self.size = cluster.majority
        """Members of a configuration: F+1, of whom all vote."""
        kept = (*MultiPaxos.choices, "policy", "threshold")
        inner = replace(cluster, options=some(cluster.options, kept))
        self.groups = [
            self.group_class(id, inner, first(self.nodes, i, self.size))
            for i in range(self.map.groups)
        ]
        self.numbers = {f"{self.map.name}.{i}": i for i in range(self.map.groups)}
        self.group_parts = [
            self.add_part(name, GROUP, self.groups[i]) for name, i in self.numbers.items()
        ]
        self.master = Master(id, inner)
        self.master_part = self.add_part("master", MASTER, self.master)
        self.silence = dict.fromkeys(self.nodes, 0)
        self.unfinished = [0] * self.map.groups
        """Ticks since each group's newest configuration is known here and not complete."""
        self.reported = [ZERO] * self.map.groups
        """The last ballot of each group that this node has reported to be complete."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        cluster.number("groups", len(cluster.nodes))
        policy = str(cluster.options.get("policy", "consecutive"))
        make(policy, cluster.number("threshold", 10))

    # --- events -----------------------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """Raises ValueError where the disk was written under another map of keys."""
        saved = durable.get("map", self.map.name)
        if saved != self.map.name:
            raise ValueError(f"keys were divided by {saved}, and now by {self.map.name}")
        if "map" not in durable:
            self.persist("map", self.map.name)
        self.start_parts(durable)
        for number, part in enumerate(self.group_parts):
            if self.groups[number].config.ballot[0] == 1:
                self.step_part(part, Fired(CONFIGURED))
        self.set_timer("tick", TICK * self.cluster.rtt_ms)

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f in MULTI and not command.key:
            self.reply(request, "refused: not a command of one key", ok=False)
        else:
            self.ask_part(self.group_parts[self.map.group_of(command.key)], request, command)

    def on_message(self, src: NodeId, msg: Wrapped) -> None:
        self.silence[src] = 0
        self.to_part(src, msg)

    def on_timer(self, timer: str) -> None:
        if not self.part_fired(timer):
            assert timer == "tick", timer
            self.set_timer("tick", TICK * self.cluster.rtt_ms)
            for node in self.peers:
                self.silence[node] += 1
            for number, group in enumerate(self.groups):
                self.look(number, group)

    def leader(self) -> NodeId | None:
        """Of the first group: each has its own."""
        return self.groups[0].leader()

    # --- parts ------------------------------------------------------------------------------------

    def answered(self, part: Part, request: RequestId, value: Json, ok: bool | None) -> None:
        """What the master answers to a proposal does not count, but what it has decided."""
        if part is not self.master_part:
            self.reply(request, value, ok=ok)

    def noted(self, part: Part, kind: str, value: Json) -> None:
        if kind in ("decided", "executed") or (kind == "leader" and part is not self.master_part):
            super().noted(part, kind, value)

    def stepped(self, part: Part) -> None:
        if part is self.master_part:
            if self.master.news:
                self.master.news = False
                self.take_news()
            return
        group = self.groups[self.numbers[part.name]]
        if group.whole and not group.active:
            self.report(self.numbers[part.name], group)
        elif group.wanted is not None:
            wanted, group.wanted = group.wanted, None
            if self.alive(wanted):
                self.note("sometimes", MOVED)
                self.propose(self.numbers[part.name], wanted)

    def take_news(self) -> None:
        """Tell the groups of their configurations, as far as they are new."""
        for number, config in self.master.table.configs.items():
            group = self.groups[number]
            known = group.config
            if config != known:
                if config.ballot != known.ballot:
                    self.unfinished[number] = 0
                    if not known.complete:
                        self.note("sometimes", SUPERSEDED)
                group.config = config
                self.step_part(self.group_parts[number], Fired(CONFIGURED))

    def report(self, number: int, group: Group) -> None:
        """Have the master note that the ballot is complete. It is asked once, and asks itself again."""
        lead = group.leadership
        if lead is None or group.config.complete or lead.ballot != group.config.ballot:
            return
        if self.reported[number] != lead.ballot:
            self.reported[number] = lead.ballot
            self.ask_part(self.master_part, 0, complete(number, group.config))

    # --- who should lead, and with whom -----------------------------------------------------------

    def look(self, number: int, group: Group) -> None:
        """Replace whoever does not do their part. A group's leader looks at its members and itself;
        the master's leader looks at the leaders.
        """
        config = group.config
        self.unfinished[number] = 0 if config.complete else self.unfinished[number] + 1
        if config.leader == self.id:
            self.look_at_members(number, group)
        elif self.master.leader() == self.id and (
            not self.alive(config.leader) or self.unfinished[number] >= 2 * PATIENCE
        ):
            self.hand_on(number, config)

    def look_at_members(self, number: int, group: Group) -> None:
        config = group.config
        if not group.unused and group.leadership is None and group.campaign is None:
            self.propose(number, self.id)  # restarted, or turned away
        elif group.stuck >= PATIENCE:
            group.stuck = 0
            self.hand_on(number, config)
        elif not all(self.alive(node) for node in config.members):
            self.note("sometimes", REPLACED)
            self.propose(number, self.id)

    def alive(self, node: NodeId) -> bool:
        return self.silence[node] < PATIENCE

    def hand_on(self, number: int, config: Config) -> None:
        """To another, a member if possible; the next in turn, so that it will be everybody's."""
        others = [n for n in self.around(config.leader) if n != config.leader and self.alive(n)]
        if others:
            self.note("sometimes", HANDED_ON)
            self.unfinished[number] = 0
            self.propose(number, min(others, key=lambda n: n not in config.members))

    def propose(self, number: int, leader: NodeId) -> None:
        config = self.groups[number].config
        members = self.members_for(leader)
        self.ask_part(self.master_part, 0, reconfigure(number, config, leader, members))

    def around(self, node: NodeId) -> list[NodeId]:
        """All nodes, in the order of their ids from this one on."""
        place = self.nodes.index(node)
        return [*self.nodes[place:], *self.nodes[:place]]

    def members_for(self, leader: NodeId) -> tuple[NodeId, ...]:
        """The leader, and the nearest to it of those that are alive: of its zone, then in turn."""
        place = self.groups[0].place
        zoned = bool(self.cluster.zones)
        nearest = sorted(
            self.around(leader)[1:],
            key=lambda n: (not self.alive(n), zoned and place[n] != place[leader]),
        )
        return tuple(sorted([leader, *nearest[: self.size - 1]]))
