"""What a node is told: on the command line, in a JSON file, or both (the command line wins).

>>> told = {"id": 0, "protocol": "abd", "peers": {"0": "10.0.0.1:7000"}, "http": "0.0.0.0:8000"}
>>> read({**told, "data": "data"}).listen
Address(host='0.0.0.0', port=7000)
"""

from __future__ import annotations

import difflib
import hashlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple, TypeAlias

from protocols import PROTOCOLS
from protocols.kernel import Cluster, Json, NodeId, Replica
from protocols.wire import dumps

Network: TypeAlias = IPv4Network | IPv6Network

ANSWER_S = 30
TCP, UNIX = "tcp", "unix"
TRANSPORTS: Mapping[str, str] = {
    TCP: "harness.node.links:over_tcp",
    UNIX: "harness.node.links:over_unix",
    "udp": "harness.node.datagrams:Datagrams",
}
"""What makes each, of a ``transport.Station``."""
_PATH_BYTES_MAX = 107
"""Of a Unix socket (unix(7))."""


class ConfigError(Exception):
    """What was told cannot be meant."""


class Address(NamedTuple):
    host: str
    """Empty: all interfaces. Of a Unix socket: its path, which begins with a slash."""
    port: int


@dataclass(frozen=True, kw_only=True)
class Config:
    id: NodeId
    protocol: str
    """A name of ``protocols.PROTOCOLS``, or ``package.module:Class`` of what ships along."""
    peers: Mapping[NodeId, Address]
    """Where all the nodes are found, this one included."""
    http: Address
    data: str
    """The directory of the journal and the notes."""
    listen: Address
    """Where this node listens for its peers."""
    cluster: str = ""
    """Any text that tells this cluster from others that might reach the same ports."""
    zones: tuple[str, ...] = ()
    rtt_ms: int = 20
    options: Mapping[str, Json] = field(default_factory=dict)
    disk_lost: bool = False
    """This node has run before: an empty data directory is in the place of a disk that is gone."""
    admin: tuple[Network, ...] = ()
    """From where the admin's paths are answered; none: they are off."""
    transport: str = TCP
    """How peers speak to each other: see ``harness.node.transport``."""
    clock: str = ""
    """The page by which its clocks are set wrong (``harness.node.clock``); none: they are the host's."""
    disk: str = ""
    """The page by which its disk is broken (``harness.node.disk``); none: it is the host's."""
    answer_s: int = ANSWER_S
    """A client that has waited for so long is told that nobody knows."""

    def of_cluster(self) -> Cluster:
        return Cluster(tuple(sorted(self.peers)), self.zones, self.rtt_ms, self.options)

    def digest(self) -> str:
        """Names what all nodes of a cluster must agree on."""
        agreed = [self.cluster, self.protocol, sorted(self.peers.items()), self.zones]
        if self.transport != TCP:
            agreed.append(self.transport)
        return hashlib.sha256(dumps(agreed).encode()).hexdigest()[:16]


def read(told: Mapping[str, Json]) -> Config:
    """Raises ConfigError, naming the field. ``told`` has the fields of Config, as JSON values."""
    known = Config.__dataclass_fields__
    for name in told:
        if name not in known:
            raise ConfigError(f"there is no {name!r}{_near(name, known)}")
    for name in ("id", "protocol", "peers", "http", "data"):
        if told.get(name) in (None, ""):
            raise ConfigError(f"{name} is missing")
    transport = _text("transport", told.get("transport", TCP))
    if transport not in TRANSPORTS:
        raise ConfigError(f"transport is one of {', '.join(TRANSPORTS)}, not {transport!r}")
    peers = _peers(told["peers"], unix=transport == UNIX)
    node = _number("id", told["id"], 0, 255)
    if node not in peers:
        raise ConfigError(
            f"node {node} is not among the peers {', '.join(map(str, sorted(peers)))}"
        )
    options = told.get("options", {})
    if not isinstance(options, dict):
        raise ConfigError(f"options is an object, not {options!r}")
    zones = told.get("zones", ())
    if not isinstance(zones, (list, tuple)) or len(zones) not in (0, len(peers)):
        raise ConfigError(f"zones has one text a node, not {zones!r}")
    listen = told.get("listen")
    return Config(
        id=node,
        protocol=_text("protocol", told["protocol"]),
        peers=peers,
        http=address("http", told["http"]),
        data=_text("data", told["data"]),
        listen=_everywhere(peers[node]) if listen is None else address("listen", listen),
        transport=transport,
        cluster=_text("cluster", told.get("cluster", "")),
        zones=tuple(_text("zones", zone) for zone in zones),
        rtt_ms=_number("rtt_ms", told.get("rtt_ms", 20), 1, 60_000),
        options=options,
        disk_lost=_flag("disk_lost", told.get("disk_lost", False)),
        admin=_networks(told.get("admin", ())),
        clock=_text("clock", told.get("clock", "")),
        disk=_text("disk", told.get("disk", "")),
        answer_s=_number("answer_s", told.get("answer_s", ANSWER_S), 1, 3600),
    )


def address(name: str, told: object) -> Address:
    """HOST:PORT, :PORT or [HOST]:PORT.

    >>> address("http", "[::1]:80"), address("http", ":80")
    (Address(host='::1', port=80), Address(host='', port=80))
    """
    host, colon, port = _text(name, told).rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"{name} is HOST:PORT, not {told!r}")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def replica_class(protocol: str) -> type[Replica[Any]]:
    """Raises ConfigError for what is no protocol, with the near match."""
    path = protocol if ":" in protocol else PROTOCOLS.get(protocol)
    if path is None:
        raise ConfigError(f"there is no protocol {protocol!r}{_near(protocol, PROTOCOLS)}")
    try:
        found = pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"protocol {protocol!r} cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Replica)):
        raise ConfigError(f"protocol {protocol!r} is no Replica class")
    return found


def _peers(told: object, *, unix: bool) -> dict[NodeId, Address]:
    if not isinstance(told, dict) or not told:
        raise ConfigError(f"peers maps each node's number to its HOST:PORT, not {told!r}")
    peers = {}
    for node, where in told.items():
        number = _number("a peer's id", int(node) if node.isdecimal() else node, 0, 255)
        peers[number] = _path(f"peer {node}", where) if unix else address(f"peer {node}", where)
    return peers


def _path(name: str, told: object) -> Address:
    """Where a Unix socket is.

    >>> _path("peer 0", "unix:/run/0.sock")
    Address(host='/run/0.sock', port=0)
    """
    path = _text(name, told).removeprefix("unix:")
    if path == told or not path.startswith("/"):
        raise ConfigError(f"{name} is unix:/PATH with this transport, not {told!r}")
    if len(path.encode()) > _PATH_BYTES_MAX:
        raise ConfigError(f"{name}: a socket's path has at most {_PATH_BYTES_MAX} bytes: {path}")
    return Address(path, 0)


def _networks(told: object) -> tuple[Network, ...]:
    if not isinstance(told, (list, tuple)):
        raise ConfigError(f"admin is a list of networks, not {told!r}")
    try:
        return tuple(ip_network(_text("admin", each), strict=False) for each in told)
    except ValueError as error:
        raise ConfigError(f"admin: {error}") from error


def _everywhere(own: Address) -> Address:
    """All interfaces of the family of one's own address, which itself may be another host's view."""
    if own.host.startswith("/"):
        return own
    return Address("::" if ":" in own.host else "0.0.0.0", own.port)  # noqa: S104


def _text(name: str, told: object) -> str:
    if not isinstance(told, str):
        raise ConfigError(f"{name} is a text, not {told!r}")
    return told


def _flag(name: str, told: object) -> bool:
    if type(told) is not bool:
        raise ConfigError(f"{name} is true or false, not {told!r}")
    return told


def _number(name: str, told: object, low: int, high: int) -> int:
    if type(told) is not int or not low <= told <= high:
        raise ConfigError(f"{name} is a whole number from {low} to {high}, not {told!r}")
    return told


def _near(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f": did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
