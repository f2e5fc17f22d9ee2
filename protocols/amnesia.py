"""A node whose disk is gone: which replica it is given, and what a protocol without a way back does.

What it had promised and voted for is forgotten, and some of that was perhaps decisive. If it voted
again there would be a majority that has never heard of what another majority chose (P-5 of
PROTOCOLS.md; Michael et al., "Recovering Shared Objects Without Stable Storage", DISC 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocols.kernel import Cluster, Command, Json, NodeId, Replica, RequestId


class Amnesiac(Replica[object]):
    """What runs in the place of a replica that has lost its disk and has no way back.

    It hears nobody, persists nothing, and tells clients that it does not serve. To the others it is a
    node that has crashed for good: they go on for as long as no more than they can spare are so.
    """

    messages = ()

    def on_start(self, durable: Mapping[str, Json]) -> None:
        raise AssertionError(f"started with {len(durable)} durable keys: that is no amnesia")

    def on_lost(self) -> None:
        self.note("amnesia", "the disk is gone, and with it what this node has promised")

    def on_request(self, request: RequestId, command: Command) -> None:  # noqa: ARG002
        self.reply(request, "this node has lost its disk, and does not serve", ok=False)

    def on_message(self, src: NodeId, msg: object) -> None:
        pass

    def on_timer(self, timer: str) -> None:
        raise AssertionError(f"{timer}: it sets no timers")


def new_replica(
    protocol: type[Replica[Any]], id: NodeId, cluster: Cluster, *, lost: bool
) -> Replica[Any]:
    """The replica of an incarnation, still to be told that it is Started. For interpreters."""
    if lost and not protocol.rejoins(cluster):
        return Amnesiac(id, cluster)
    return protocol(id, cluster)
