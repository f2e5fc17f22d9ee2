"""The peers of a node over TCP, or over Unix sockets (:mod:`harness.node.streams`).

One connection to each, dialled for as long as the node lives, for what this node sends; what it
receives comes over the connections that the peers dial. TCP backs off for up to minutes when
packets are lost, so a connection whose data goes unanswered (two retransmissions in a row: after
600 ms where the round trip is short) is dropped, and dials overlap: a new one starts every 200 ms
while older ones may still succeed. So a healed network is used at once, and a slow one is used at all.
(TCP_USER_TIMEOUT would not do: it drops a connection that is merely slower than it.)

Messages that cannot leave wait in a bounded queue, of which the oldest go first, and are counted.
What a peer sends that is no message closes its connection and is counted; it never reaches a step.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import cast

from harness.node.config import Address
from harness.node.frames import FrameReader, Hello, frame, hello_frame, read_hello
from harness.node.streams import Stream, Tcp, Unix
from harness.node.transport import Station
from protocols.kernel import NodeId
from protocols.wire import WireError

log = logging.getLogger("node")

QUEUE_BYTES = 256 << 10
"""What waits for a peer that takes nothing: it is old news when the peer comes back."""
BUFFER_BYTES = 1 << 20
"""A peer takes nothing when this much waits in the connection, beyond what the kernel holds."""
STEADY_S = 1.0
"""A connection that lives shorter is not worth a line of the log each time."""
DIAL_EVERY_S = 0.2
DIAL_FOR_S = 5.0
CHECK_EVERY_S = 0.1


class Peers:
    """A ``transport.Transport`` of streams."""

    def __init__(self, station: Station, stream: Stream) -> None:
        self.stream = stream
        self.id, self.digest, self.counters = station.id, station.digest, station.counters
        self.receive, self.arrived = station.receive, station.arrived
        self.links = {
            dst: Link(self, dst, at) for dst, at in station.where.items() if dst != self.id
        }
        self.incoming: dict[NodeId, _Incoming] = {}
        self._all_incoming: set[_Incoming] = set()
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def listen(self, at: Address) -> None:
        """Raises OSError if the port cannot be had."""
        self._server = await self.stream.listen(lambda: _Incoming(self, self._all_incoming), at)

    def dial(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(link.run()) for link in self.links.values()]
        self._tasks.append(loop.create_task(self._check()))

    def send(self, dst: NodeId, text: str) -> None:
        self.links[dst].push(frame(text))

    def flush(self) -> None:
        for link in self.links.values():
            link.flush()

    def connected(self) -> list[NodeId]:
        return [dst for dst, link in self.links.items() if link.up]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self.links.values():
            link.abort()
        for incoming in list(self._all_incoming):
            incoming.abort()

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for link in self.links.values():
                link.check()


class Link:
    """The way to one peer."""

    def __init__(self, peers: Peers, dst: NodeId, where: Address) -> None:
        self._peers, self._dst, self._where = peers, dst, where
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._writable = False
        self._lost = asyncio.Event()
        self._brief = 0

    @property
    def up(self) -> bool:
        return self._transport is not None

    def push(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        while not self._writable and self._waiting_bytes > QUEUE_BYTES and len(self._waiting) > 1:
            self._waiting_bytes -= len(self._waiting.popleft())
            self._peers.counters.wrong("dropped", f"the queue to n{self._dst + 1} is full")

    def flush(self) -> None:
        if self._waiting and self._writable and self._transport is not None:
            self._peers.counters.sent += len(self._waiting)
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self._transport.write(data)

    def check(self) -> None:
        """Drop the connection if its data goes unanswered."""
        if self._transport is None:
            return
        if self._peers.stream.stalled(self._transport):
            self._peers.counters.wrong("stalled", f"n{self._dst + 1} does not answer")
            self._transport.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def ended(self, transport: asyncio.BaseTransport) -> None:
        if self._transport is transport:
            self._lost.set()

    def set_writable(self, transport: asyncio.BaseTransport, yes: bool) -> None:
        if self._transport is transport:
            self._writable = yes
            self.flush()

    async def run(self) -> None:
        """Dial, and dial again whenever the connection is lost."""
        while True:
            transport = await self._dial()
            began = time.monotonic()
            await self._use(transport)
            lived = time.monotonic() - began
            self._brief = 0 if lived > STEADY_S else self._brief + 1
            # A peer that accepts and closes at once refuses us; it is not to be asked all the time.
            await asyncio.sleep(max(0.0, DIAL_EVERY_S - lived))

    async def _use(self, transport: asyncio.Transport) -> None:
        """Send over this connection until it is lost."""
        self._lost.clear()
        if transport.is_closing():
            return
        quiet = self._brief & (self._brief - 1)  # says the 1st, 2nd, 4th, 8th ... in a row
        if not quiet:
            log.info("connected to n%d", self._dst + 1)
        transport.set_write_buffer_limits(high=BUFFER_BYTES)
        transport.write(hello_frame(Hello(self._peers.digest, self._peers.id, self._dst)))
        self._transport, self._writable = transport, True
        self.flush()
        await self._lost.wait()
        self._transport, self._writable = None, False
        if not quiet:
            log.info("disconnected from n%d", self._dst + 1)

    async def _dial(self) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        attempts: set[asyncio.Task[asyncio.Transport]] = set()
        try:
            while True:
                next_dial = time.monotonic() + DIAL_EVERY_S
                attempts.add(loop.create_task(self._attempt()))
                while (rest := next_dial - time.monotonic()) > 0:
                    if not attempts:
                        await asyncio.sleep(rest)
                        break
                    done, attempts = await asyncio.wait(
                        attempts, timeout=rest, return_when=asyncio.FIRST_COMPLETED
                    )
                    succeeded = [task.result() for task in done if task.exception() is None]
                    for other in succeeded[1:]:
                        other.abort()
                    if succeeded:
                        return succeeded[0]
        finally:
            for task in attempts:
                task.add_done_callback(_abandon)
                task.cancel()

    async def _attempt(self) -> asyncio.Transport:
        """One connection. Raises OSError."""
        async with asyncio.timeout(DIAL_FOR_S):
            return await self._peers.stream.connect(lambda: _Outgoing(self), self._where)


def _abandon(task: asyncio.Task[asyncio.Transport]) -> None:
    """A dial that was given up may have succeeded before it heard so."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


class _Outgoing(asyncio.Protocol):
    """Our end of a connection that we dialled: nothing comes back but its end."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        self._link.ended(self._transport)

    def pause_writing(self) -> None:
        self._link.set_writable(self._transport, False)

    def resume_writing(self) -> None:
        self._link.set_writable(self._transport, True)


class _Incoming(asyncio.Protocol):
    """Our end of a connection that a peer dialled."""

    def __init__(self, peers: Peers, register: set[_Incoming]) -> None:
        self._peers, self._register = peers, register
        self._reader = FrameReader()
        self._src: NodeId | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._register.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._register.discard(self)
        if self._src is not None and self._peers.incoming.get(self._src) is self:
            del self._peers.incoming[self._src]

    def data_received(self, data: bytes) -> None:
        peers = self._peers
        try:
            for text in self._reader.feed(data):
                if self._src is None:
                    if not self._greet(read_hello(text)):
                        return
                else:
                    peers.receive(self._src, text)
                    peers.counters.received += 1
        except WireError as error:
            peers.counters.wrong("garbage", f"{self._whence()}: {error}")
            self._transport.abort()
        peers.arrived()

    def _greet(self, hello: Hello) -> bool:
        peers = self._peers
        wrong = None
        if hello.cluster != peers.digest:
            wrong = "it is of another cluster or protocol"
        elif hello.dst != peers.id:
            wrong = f"it means n{hello.dst + 1}"
        elif hello.src not in peers.links:
            wrong = f"there is no peer n{hello.src + 1}"
        if wrong is not None:
            peers.counters.wrong("refused", f"{self._whence()}: {wrong}")
            self._transport.abort()
            return False
        if (old := peers.incoming.get(hello.src)) is not None:
            old.abort()  # it dialled again, so it has given that one up
        self._src = hello.src
        peers.incoming[hello.src] = self
        return True

    def abort(self) -> None:
        self._transport.abort()

    def _whence(self) -> str:
        return f"from {self._transport.get_extra_info('peername') or 'a local process'}"


def over_tcp(station: Station) -> Peers:
    return Peers(station, Tcp())


def over_unix(station: Station) -> Peers:
    return Peers(station, Unix())
