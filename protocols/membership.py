"""Who takes part: configurations that are decided in a log, and what an administrator may ask for.

A *configuration* is a set of members. The first are the first ``members`` nodes (an option of the
cluster; all, if it is not given); each later one is decided in the log, and its *version* is where.
Protocols say from when on a configuration is in force (``raft.members``, ``multipaxos.members``).

An administrator asks any node by a command: ``join`` or ``leave``, of value ``[node, version]``: this
node is to come into, or to go out of, the configuration of that version; of another, nothing is
done. So a change that was asked for twice, or comes late, does nothing (as ZooKeeper's ``reconfig -v``:
Shraer, Reed, Malkhi, Junqueira, "Dynamic Reconfiguration of Primary/Backup Clusters", USENIX ATC 2012).
The answer comes at once and says only that it was heard: who wants to know looks at
``Replica.membership`` of the nodes, and asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from protocols.kernel import Cluster, Command, Json, NodeId, record

JOIN, LEAVE = "join", "leave"
CHANGES = frozenset({JOIN, LEAVE})

MEMBERS = "members"
"""The kind of the note of a configuration that is decided, ``[version, members]``, and the name of
the command that puts one into Raft's log."""


@record
class Configuration:
    version: int
    members: tuple[NodeId, ...]


def to_json(config: Configuration) -> Json:
    return [config.version, list(config.members)]


def from_json(saved: Json) -> Configuration:
    """The configuration of which this was made."""
    version, members = cast("tuple[int, list[NodeId]]", saved)
    return Configuration(version, tuple(members))


def first_members(cluster: Cluster) -> tuple[NodeId, ...]:
    """The members of a new cluster. Raises ValueError for an option that cannot be meant.

    >>> first_members(Cluster((0, 1, 2, 3), options={"members": "3"}))
    (0, 1, 2)
    """
    count = cluster.number("members", len(cluster.nodes))
    if count > len(cluster.nodes):
        raise ValueError(f"members={count}: there are {len(cluster.nodes)} nodes")
    return cluster.nodes[:count]


def first(cluster: Cluster) -> Configuration:
    return Configuration(0, first_members(cluster))


def changed(
    config: Configuration, command: Command, nodes: Sequence[NodeId]
) -> tuple[NodeId, ...] | None:
    """The members after this change; None where it changes nothing: it is of another version, or is
    so already, or would leave nobody, or cannot be meant.

    >>> changed(Configuration(7, (0, 1)), Command("join", "", [3, 7]), range(5))
    (0, 1, 3)
    >>> changed(Configuration(9, (0, 1)), Command("join", "", [3, 7]), range(5))
    """
    node = node_of(command)
    if command.value != [node, config.version] or node not in nodes:
        return None
    others = tuple(member for member in config.members if member != node)
    members = tuple(sorted([*others, node])) if command.f == JOIN else others
    return members if members and members != config.members else None


def node_of(command: Command) -> NodeId:
    """Whom a change is about; -1 where that cannot be told."""
    match command.value:
        case [int(node), int(_)]:
            return node
    return -1


class Configurations:
    """The configurations of a log, oldest first; what is older than a snapshot needs only one."""

    def __init__(self, first: Configuration) -> None:
        self._known = [first]

    @property
    def newest(self) -> Configuration:
        return self._known[-1]

    def __iter__(self) -> Iterator[Configuration]:
        return iter(self._known)

    def put(self, config: Configuration) -> None:
        self._known.append(config)

    def cut(self, version: int) -> None:
        """Those from ``version`` on were overwritten in the log."""
        while self._known[-1].version >= version:
            self._known.pop()

    def as_of(self, index: int) -> Configuration:
        """The newest that is not after ``index``."""
        return next(config for config in reversed(self._known) if config.version <= index)

    def forget(self, index: int) -> None:
        """Only those as of ``index`` and after it may be asked for from now on."""
        oldest = self.as_of(index)
        self._known = self._known[self._known.index(oldest) :]


def mask(members: Iterable[NodeId]) -> int:
    """
    >>> bin(mask([0, 3]))
    '0b1001'
    """
    return sum(1 << node for node in members)
