"""What differs between a stream over TCP and one over a Unix socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from harness.node.config import Address

RETRANSMITS_MAX = 2
_TCP_INFO_RETRANSMITS = 2
"""Where struct tcp_info (linux/tcp.h) has the count of retransmissions without an answer."""

Factory = Callable[[], asyncio.Protocol]


class Stream(Protocol):
    async def listen(self, factory: Factory, at: Address) -> asyncio.Server:
        """Raises OSError if the place cannot be had."""
        ...

    async def connect(self, factory: Factory, where: Address) -> asyncio.Transport:
        """Raises OSError."""
        ...

    def stalled(self, transport: asyncio.Transport) -> bool:
        """Whether what was sent goes unanswered."""
        ...


class Tcp:
    async def listen(self, factory: Factory, at: Address) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(factory, at.host or None, at.port)

    async def connect(self, factory: Factory, where: Address) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(factory, where.host, where.port)
        if transport.get_extra_info("sockname") == transport.get_extra_info("peername"):
            transport.abort()  # TCP's simultaneous open, with oneself: nobody listens there
            raise ConnectionRefusedError
        no_delay(transport)
        return transport

    def stalled(self, transport: asyncio.Transport) -> bool:
        tcp = transport.get_extra_info("socket")
        info = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
        return bool(info[_TCP_INFO_RETRANSMITS] >= RETRANSMITS_MAX)


class Unix:
    """Addresses are paths. A socket that an earlier incarnation left there is replaced."""

    async def listen(self, factory: Factory, at: Address) -> asyncio.Server:
        return await asyncio.get_running_loop().create_unix_server(factory, at.host)

    async def connect(self, factory: Factory, where: Address) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(factory, where.host)
        return transport

    def stalled(self, transport: asyncio.Transport) -> bool:
        del transport
        return False  # nothing is lost there


def no_delay(transport: asyncio.BaseTransport) -> None:
    """Send at once: Nagle's algorithm would hold small messages back for up to 40 ms."""
    tcp = transport.get_extra_info("socket")
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
