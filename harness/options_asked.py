"""Which options a protocol asks for: so that a misspelt one is refused, and not just ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from protocols.kernel import Cluster, Json, Replica, Started


class Asked(Mapping[str, Json]):
    """Options that remember what was asked for. ``all``: somebody has looked through them."""

    def __init__(self, options: Mapping[str, Json]) -> None:
        self._options = options
        self.names: dict[str, None] = {}
        self.all = False

    def __getitem__(self, name: str) -> Json:
        self.names[name] = None
        return self._options[name]

    def __contains__(self, name: object) -> bool:
        self.names[str(name)] = None
        return name in self._options

    def __iter__(self) -> Iterator[str]:
        self.all = True
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)


def unknown_options(protocol: type[Replica[Any]], cluster: Cluster) -> tuple[list[str], list[str]]:
    """The options that a replica does not ask for as it starts, and those that it does.

    None are unknown where it looks through all, since it hands them on, as a host does to its parts.
    Raises ValueError where it refuses one. What was found is kept: a campaign asks with each trial.
    """
    options = tuple(cluster.options.items())
    return _unknown(protocol, cluster.nodes, cluster.zones, cluster.rtt_ms, options)


@lru_cache(maxsize=256)
def _unknown(
    protocol: type[Replica[Any]],
    nodes: tuple[int, ...],
    zones: tuple[str, ...],
    rtt_ms: int,
    options: tuple[tuple[str, Json], ...],
) -> tuple[list[str], list[str]]:
    asked = Asked(dict(options))
    told = Cluster(nodes, zones, rtt_ms, asked)
    protocol.check(told)
    protocol(nodes[0], told).step(Started({}))
    if asked.all:
        return [], list(asked.names)
    return [name for name, _ in options if name not in asked.names], list(asked.names)
