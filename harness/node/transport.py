"""How messages get to peers: the seam, and the ways that there are.

``tcp``   a connection to each peer (:mod:`harness.node.links`): in order while it lasts, of any size
``unix``  the same over sockets in a file system, where all nodes share one
``udp``   datagrams (:mod:`harness.node.datagrams`): lost, doubled and overtaken as the network likes

All promise what ``protocols.kernel`` asks of a network, which is little: what arrives is whole, and from the
node that it says.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from harness.node.config import TRANSPORTS, Address
from harness.node.counters import Counters
from protocols.kernel import NodeId


class Transport(Protocol):
    """All links of a node, in both directions."""

    async def listen(self, at: Address) -> None:
        """Raises OSError if the place cannot be had."""
        ...

    def dial(self) -> None:
        """From now on try to reach the peers."""
        ...

    def send(self, dst: NodeId, text: str) -> None:
        """Take a message to be sent at the next flush; never blocks, never raises."""
        ...

    def flush(self) -> None: ...

    def connected(self) -> list[NodeId]:
        """The peers that seem to be there, for people."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Station:
    """Where a transport works: whose it is, who else there is, and to whom it gives what arrives.

    ``receive`` is given each message's source and text, and raises WireError for what is none;
    ``arrived`` is called after some were.
    """

    id: NodeId
    digest: str
    """Names the cluster: 16 hexadecimal digits."""
    where: Mapping[NodeId, Address]
    """All nodes, this one too."""
    counters: Counters
    receive: Callable[[NodeId, str], None]
    arrived: Callable[[], None]


def maker(name: str) -> Callable[[Station], Transport]:
    """What makes the transport of this name, which is one of ``TRANSPORTS``."""
    return cast("Callable[[Station], Transport]", pkgutil.resolve_name(TRANSPORTS[name]))
