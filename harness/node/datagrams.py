"""The peers of a node over UDP: a message is one datagram, or as many pieces as it needs.

Pieces are small enough for any path (1,280 bytes with all headers, RFC 8200 section 5), so that IP never
fragments and firewalls never see a fragment. Nothing is sent again: a piece that is lost loses its message,
which protocols must live with (``protocols.kernel``). Long messages are paced, since a burst of a megabyte would
not fit any receiver's buffer; those over ``MESSAGE_BYTES_MAX`` are refused and counted (``too_long``).

Every datagram names the cluster, both ends, and the incarnation of its sender, so that pieces of two lives of a
node are never put together, and strangers are refused, as over TCP.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct

from harness.node.config import Address
from harness.node.transport import Station
from protocols.kernel import NodeId
from protocols.wire import WireError

_HEAD = Struct("!8sBBQIHH")
"""Cluster, source, destination, incarnation, message, piece, pieces."""
PIECE_BYTES = 1_200
MESSAGE_BYTES_MAX = 4 << 20
QUEUE_BYTES = 2 * MESSAGE_BYTES_MAX
"""What waits for one peer; when it is full, new messages are dropped and counted."""
BURST = 32
"""Datagrams to one peer at once."""
PACE_S = 0.001
"""From one burst to the next."""
READ_MAX = 1_000
"""Datagrams that are taken before others in the event loop have their turn."""
BUFFER_BYTES = 4 << 20
"""Asked of the kernel; it gives what it is allowed to."""
PARTS_BYTES_MAX = 32 << 20
"""Of messages that are not whole yet; the oldest go first."""
HEARD_S = 5.0
"""A peer that was heard so lately seems to be there."""
RESOLVE_EVERY_S = 0.5

_FORCED = 33
"""SO_RCVBUFFORCE (asm-generic/socket.h): beyond the machine's limit, where we may."""


@dataclass
class _Way:
    """What waits for one peer."""

    where: Address
    address: tuple[object, ...] | None = None
    """Once its name is resolved."""
    waiting: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0


@dataclass
class _Parts:
    """A message of which some pieces came."""

    pieces: list[bytes | None]
    missing: int
    bytes: int = 0


class Datagrams:
    """A ``transport.Transport``."""

    def __init__(self, station: Station) -> None:
        self.id, self._cluster = station.id, bytes.fromhex(station.digest)
        self._counters = station.counters
        self._receive, self._arrived = station.receive, station.arrived
        self._ways = {dst: _Way(at) for dst, at in station.where.items() if dst != self.id}
        self._incarnation = secrets.randbits(64)
        self._number = 0
        self._parts: OrderedDict[tuple[NodeId, int, int], _Parts] = OrderedDict()
        self._parts_bytes = 0
        self._heard: dict[NodeId, float] = {}
        self._socket: socket.socket | None = None
        self._resolving: list[asyncio.Task[None]] = []
        self._pace: asyncio.TimerHandle | None = None

    async def listen(self, at: Address) -> None:
        family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.setblocking(False)
        for option in (socket.SO_RCVBUF, _FORCED):
            with suppress(PermissionError):  # then what was given before will have to do
                udp.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        try:
            udp.bind((at.host, at.port))
        except OSError:
            udp.close()
            raise
        self._socket = udp
        asyncio.get_running_loop().add_reader(udp.fileno(), self._read)

    def dial(self) -> None:
        loop = asyncio.get_running_loop()
        self._resolving = [loop.create_task(self._resolve(way)) for way in self._ways.values()]

    def connected(self) -> list[NodeId]:
        since = time.monotonic() - HEARD_S
        return sorted(src for src, heard in self._heard.items() if heard > since)

    async def close(self) -> None:
        for task in self._resolving:
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        if self._pace is not None:
            self._pace.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    async def _resolve(self, way: _Way) -> None:
        """Find the peer's address, however long it takes."""
        loop = asyncio.get_running_loop()
        while self._socket is not None:
            try:
                found = await loop.getaddrinfo(
                    way.where.host,
                    way.where.port,
                    family=self._socket.family,
                    type=socket.SOCK_DGRAM,
                )
            except OSError as error:
                self._counters.wrong("os_errors", f"{way.where.host}: {error}")
                await asyncio.sleep(RESOLVE_EVERY_S)
            else:
                way.address = found[0][4]
                self.flush()
                return

    # --- sending ----------------------------------------------------------------------------------

    def send(self, dst: NodeId, text: str) -> None:
        data, way = text.encode(), self._ways[dst]
        if len(data) > MESSAGE_BYTES_MAX:
            self._counters.wrong("too_long", f"{len(data)} bytes for n{dst + 1}")
        elif way.waiting_bytes + len(data) > QUEUE_BYTES:
            self._counters.wrong("dropped", f"the queue to n{dst + 1} is full")
        else:
            self._counters.sent += 1
            for datagram in self._cut(dst, data):
                way.waiting.append(datagram)
                way.waiting_bytes += len(datagram)

    def _cut(self, dst: NodeId, data: bytes) -> Iterator[bytes]:
        pieces = max(1, -(-len(data) // PIECE_BYTES))
        self._number = (self._number + 1) % (1 << 32)
        for piece in range(pieces):
            head = _HEAD.pack(
                self._cluster, self.id, dst, self._incarnation, self._number, piece, pieces
            )
            yield head + data[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES]

    def flush(self) -> None:
        """Send a burst to each peer; what is left goes in the next ones."""
        left = [self._burst(way) for way in self._ways.values()]
        if any(left) and self._pace is None:
            self._pace = asyncio.get_running_loop().call_later(PACE_S, self._go_on)

    def _go_on(self) -> None:
        self._pace = None
        self.flush()

    def _burst(self, way: _Way) -> bool:
        """Whether something is left that can be sent soon."""
        if self._socket is None or way.address is None:
            return False
        for _ in range(min(BURST, len(way.waiting))):
            try:
                self._socket.sendto(way.waiting[0], way.address)
            except BlockingIOError:
                break
            except OSError as error:  # no route, say, or our own firewall: it is lost
                self._counters.wrong("os_errors", f"to {way.where.host}: {error}")
            way.waiting_bytes -= len(way.waiting.popleft())
        return bool(way.waiting)

    # --- receiving --------------------------------------------------------------------------------

    def _read(self) -> None:
        for _ in range(READ_MAX):
            if self._socket is None:
                return
            try:
                data, sender = self._socket.recvfrom(2 * PIECE_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._counters.wrong("os_errors", f"receiving: {error}")
                break
            try:
                self._take(data)
            except WireError as error:
                self._counters.wrong("garbage", f"from {sender}: {error}")
        self._arrived()

    def _take(self, data: bytes) -> None:
        """Raises WireError for what can be no datagram of ours."""
        if len(data) < _HEAD.size:
            raise WireError(f"{len(data)} bytes: {data[:50]!r}")
        cluster, src, dst, incarnation, number, piece, pieces = _HEAD.unpack_from(data)
        if cluster != self._cluster or dst != self.id or src not in self._ways:
            wrong = (
                f"it means n{dst + 1}" if cluster == self._cluster else "it is of another cluster"
            )
            self._counters.wrong("refused", f"from n{src + 1}: {wrong}")
            return
        payload = data[_HEAD.size :]
        if piece >= pieces or pieces * PIECE_BYTES >= MESSAGE_BYTES_MAX + PIECE_BYTES:
            raise WireError(f"piece {piece} of {pieces}")
        self._heard[src] = time.monotonic()
        whole = (
            payload
            if pieces == 1
            else self._put((src, incarnation, number), piece, pieces, payload)
        )
        if whole is not None:
            try:
                text = whole.decode()
            except UnicodeDecodeError as error:
                raise WireError(f"not UTF-8: {whole[:50]!r}") from error
            self._receive(src, text)
            self._counters.received += 1

    def _put(
        self, message: tuple[NodeId, int, int], piece: int, pieces: int, payload: bytes
    ) -> bytes | None:
        """Keep a piece; the message, if it is whole now. Raises WireError for one that does not fit."""
        parts = self._parts.setdefault(message, _Parts([None] * pieces, pieces))
        if len(parts.pieces) != pieces or (piece < pieces - 1 and len(payload) != PIECE_BYTES):
            raise WireError(f"piece {piece} of {pieces} has {len(payload)} bytes, or had others")
        if parts.pieces[piece] is None:
            parts.pieces[piece] = payload
            parts.missing -= 1
            parts.bytes += len(payload)
            self._parts_bytes += len(payload)
        if not parts.missing:
            del self._parts[message]
            self._parts_bytes -= parts.bytes
            return b"".join(each for each in parts.pieces if each is not None)
        while self._parts_bytes > PARTS_BYTES_MAX:
            _, oldest = self._parts.popitem(last=False)
            self._parts_bytes -= oldest.bytes
            self._counters.wrong("dropped", f"a message lacked {oldest.missing} of its pieces")
        return None
