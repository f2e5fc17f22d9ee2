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
from typing import Protocol, cast

from harness.node.config import Address
from harness.node.counters import Counters
from protocols.kernel import NodeId

TRANSPORTS: Mapping[str, str] = {
    "tcp": "harness.node.links:over_tcp",
    "unix": "harness.node.links:over_unix",
    "udp": "harness.node.datagrams:Datagrams",
}


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


class Make(Protocol):
    """``receive`` is given each message's source and text, and raises WireError for what is none;
    ``arrived`` is called after some were.
    """

    def __call__(
        self,
        id: NodeId,
        digest: str,
        *,
        where: Mapping[NodeId, Address],
        counters: Counters,
        receive: Callable[[NodeId, str], None],
        arrived: Callable[[], None],
    ) -> Transport: ...


def maker(name: str) -> Make:
    """What makes the transport of this name, which is one of ``TRANSPORTS``."""
    return cast("Make", pkgutil.resolve_name(TRANSPORTS[name]))
