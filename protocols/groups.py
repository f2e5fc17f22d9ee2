"""Paxos groups: keys are divided among several logs by their hash, each a multi-Paxos of its own.

Each group is Multi-Paxos (Lamport, "The Part-Time Parliament", TOCS 16(2), 1998; see
:mod:`protocols.multipaxos`) over all nodes, and decides all commands of its keys. So each key is
linearizable, and therefore all are together (Herlihy, Wing, "Linearizability", TOPLAS 12(3), 1990,
section 3.3: it is local). This is how Spanner and others scale: Corbett et al., "Spanner: Google's
Globally-Distributed Database", OSDI 2012, section 2. Leaders are spread: the group's number, modulo
the number of nodes, is the node that becomes its leader at first.

Options: ``groups``, how many (default: as many as nodes), and those of multi-Paxos for each group.

**Departures.** The map from keys to groups is fixed: its name is on disk and in each part's name on
the wire, so that a node started with another map cannot serve, and nodes of different maps do not
hear each other. A preferred leader that was away is not given its group back; it leads again when
the group elects again. Commands of several keys are refused. ``lead`` (:mod:`protocols.handover`) is for the
group of its key; without one for the first, of which :meth:`PaxosGroups.leader` speaks.

**Assumes** what multi-Paxos does: loss, duplication and reordering are tolerated, disks are kept,
clocks are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from protocols.handover import LEAD
from protocols.kernel import Cluster, Command, Fired, Json, NodeId, RequestId
from protocols.keymap import KeyMap
from protocols.multipaxos import MultiPaxos
from protocols.nested import Host, Part, Wrapped, carried, wrapping
from protocols.transactions import MULTI

GROUP = wrapping("Group", MultiPaxos.messages)


class One(MultiPaxos):
    """One of the groups: its members are all nodes, for good."""

    changes_members = False


PREFER = 6, 7
"""Round trips that a preferred leader waits for a sign of another before it campaigns: more than
between two signs of life of a leader, less than others wait (``multipaxos.replica``)."""


class PaxosGroups(Host[Wrapped]):
    """See the module. Option: ``groups``, and multi-Paxos' own."""

    messages: ClassVar[tuple[type, ...]] = carried(GROUP)
    sometimes: ClassVar[tuple[str, ...]] = MultiPaxos.sometimes
    choices: ClassVar[Mapping[str, tuple[int | str, ...]]] = MultiPaxos.choices
    commands = MultiPaxos.commands

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.map = self.key_map()
        self.groups = [
            self.add_part(f"{self.map.name}.{i}", GROUP, self.make_group(i))
            for i in range(self.map.groups)
        ]

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        One.check(cluster)

    def key_map(self) -> KeyMap:
        return KeyMap(self.cluster.number("groups", len(self.nodes)))

    def make_group(self, number: int) -> MultiPaxos:  # noqa: ARG002  for subclasses
        return One(self.id, self.cluster)

    def preferred(self, number: int) -> NodeId:
        """Who is to lead this group at first."""
        return self.nodes[number % len(self.nodes)]

    # --- events -----------------------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """Raises ValueError where the disk was written under another map: its keys' values would
        not be found.
        """
        saved = durable.get("map", self.map.name)
        if saved != self.map.name:
            raise ValueError(f"keys were divided by {saved}, and now by {self.map.name}")
        if "map" not in durable:
            self.persist("map", self.map.name)
        self.begin(durable)

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return One.rejoins(cluster)

    @classmethod
    def hands_over(cls, cluster: Cluster) -> bool:
        return One.hands_over(cluster)

    def on_lost(self) -> None:
        """Each group has its own way back."""
        self.persist("map", self.map.name)
        self.begin({}, lost=True)

    def begin(self, durable: Mapping[str, Json], *, lost: bool = False) -> None:
        self.start_parts(durable, lost=lost)
        rtt = self.cluster.rtt_ms
        self.set_timer("prefer", PREFER[0] * rtt, PREFER[1] * rtt)

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f == LEAD and not command.key:
            self.ask_part(self.groups[0], request, command)
        elif command.f in MULTI and not command.key:
            self.reply(request, "refused: not a command of one key", ok=False)
        else:
            self.ask_part(self.group_of(command.key), request, command)

    def group_of(self, key: str) -> Part:
        return self.groups[self.map.group_of(key)]

    def on_message(self, src: NodeId, msg: Wrapped) -> None:
        self.to_part(src, msg)

    def on_timer(self, timer: str) -> None:
        if not self.part_fired(timer):
            assert timer == "prefer", timer
            self.prefer()

    def prefer(self) -> None:
        """Lose patience at once with groups that are to be led from here, and have no leader: two
        looks in vain make a candidate.
        """
        for number, part in enumerate(self.groups):
            if self.preferred(number) == self.id and part.replica.leader() is None:
                self.step_part(part, Fired("watch"))
                self.step_part(part, Fired("watch"))

    def leader(self) -> NodeId | None:
        """Of the first group: each has its own."""
        return self.groups[0].replica.leader()
