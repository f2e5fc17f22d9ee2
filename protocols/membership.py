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

A node that comes back without its disk is *another member of the same name*: it asks for that itself
(``renew``, with a nonce), and the configuration says which *life* of it is meant (``protocols.rejoining``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, cast

from protocols.kernel import Cluster, Command, Json, NodeId, record

JOIN, LEAVE, RENEW = "join", "leave", "renew"
CHANGES = frozenset({JOIN, LEAVE})
"""What an administrator may ask for."""

MEMBERS = "members"
"""The kind of the note of a configuration that is decided, ``[version, members]``, and the name of
the command that puts one into Raft's log."""


Renewed: TypeAlias = tuple[tuple[NodeId, int, int], ...]
"""Who has come back without its disk: the node, how often (its life), and the nonce of the last time."""


@record
class Configuration:
    version: int
    members: tuple[NodeId, ...]
    renewed: Renewed = ()

    def life(self, node: NodeId) -> int:
        return next((life for each, life, _ in self.renewed if each == node), 0)

    def renewed_as(self, node: NodeId, nonce: int) -> bool:
        """Whether it means the life of the node that began with this nonce."""
        return any((each, last) == (node, nonce) for each, _, last in self.renewed)


def to_json(config: Configuration) -> Json:
    renewed: list[Json] = [list(map(list, config.renewed))] if config.renewed else []
    return [config.version, list(config.members), *renewed]


def from_json(saved: Json) -> Configuration:
    """The configuration of which this was made."""
    version, members, *more = cast("tuple[int, list[NodeId], list[list[int]]]", saved)
    renewed = tuple((node, life, nonce) for node, life, nonce in more[0]) if more else ()
    return Configuration(version, tuple(members), renewed)


def to_value(config: Configuration) -> Json:
    """A configuration as the value of a command of the log, where its version is its index.

    >>> of_value(4, to_value(Configuration(4, (0, 1), ((1, 2, 99),))))
    Configuration(version=4, members=(0, 1), renewed=((1, 2, 99),))
    """
    members: list[Json] = list(config.members)
    return [members, list(map(list, config.renewed))] if config.renewed else members


def of_value(version: int, value: Json) -> Configuration:
    match value:
        case [list(members), list(renewed)]:
            return from_json([version, members, renewed])
    return from_json([version, value])


def noted(config: Configuration) -> Json:
    """The value of the note of a configuration."""
    return [config.version, list(config.members)]


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


def renewal(node: NodeId, nonce: int) -> Command:
    """What a node that has lost its disk asks for."""
    return Command(RENEW, "", [node, nonce], f"@{node}/renew", nonce)


def decided(
    config: Configuration, command: Command, nodes: Sequence[NodeId], version: int
) -> Configuration | None:
    """The configuration after this command, decided as ``version``; None where it changes nothing.

    >>> decided(Configuration(7, (0, 1)), renewal(1, 99), range(5), 8)
    Configuration(version=8, members=(0, 1), renewed=((1, 1, 99),))
    >>> decided(Configuration(8, (0, 1), ((1, 1, 99),)), renewal(1, 99), range(5), 9)
    """
    if command.f != RENEW:
        members = changed(config, command, nodes)
        return None if members is None else Configuration(version, members, config.renewed)
    node, nonce = cast("tuple[NodeId, int]", command.value)
    if config.renewed_as(node, nonce):
        return None
    others = tuple(each for each in config.renewed if each[0] != node)
    one = (node, config.life(node) + 1, nonce)
    return Configuration(version, config.members, tuple(sorted([*others, one])))


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
