"""A client's connection to a node: requests in, answers out, one at a time and in order."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol, cast

from harness.node import web
from harness.node.admin import SHOWN, Admin, asked_of_admin
from harness.node.counters import Counters
from harness.node.routes import command_of
from harness.node.streams import no_delay
from protocols.kernel import Command, Json, RequestId
from protocols.wire import dumps

CLIENTS_MAX = 4096
"""Connections of clients. Each has one request at a time, so this bounds those too."""


class Service(Protocol):
    """What a connection asks of its node."""

    counters: Counters
    clients: set[Client]
    admin: Admin | None

    def request(self, command: Command, client: Client) -> RequestId: ...

    def forget(self, request: RequestId) -> None:
        """The client has gone; its command takes its course."""
        ...

    def health(self) -> dict[str, Any]: ...

    def state(self) -> Json: ...


class Client(asyncio.Protocol):
    """A client's connection: one request at a time."""

    def __init__(self, node: Service) -> None:
        self._node = node
        self._reader = web.RequestReader()
        self._request: RequestId | None = None
        self._shown: asyncio.Task[None] | None = None
        """What is read of the notes for it, meanwhile."""
        self._keep_alive = True
        self.since_s = 0.0
        """When its present command was given to the replica."""
        self.named: Command | None = None
        """That command, if its headers named it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        no_delay(transport)
        self._node.clients.add(self)
        if len(self._node.clients) > CLIENTS_MAX:
            self._refuse(web.BadRequest(503, "too many connections", fatal=True))

    def connection_lost(self, _exc: Exception | None) -> None:
        self._node.clients.discard(self)
        if self._request is not None:
            self._node.forget(self._request)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if not self._busy:
            self._advance()
        elif len(self._reader) > web.HEAD_BYTES_MAX + web.BODY_BYTES_MAX:
            self._transport.pause_reading()

    def answer(self, status: int, body: str, headers: bytes = b"") -> None:
        """Answer the request that waits for the replica, and take up the next."""
        self._request = None
        self._respond(status, body, headers)
        self._go_on()

    def abort(self) -> None:
        self._transport.abort()

    @property
    def _busy(self) -> bool:
        return self._request is not None or self._shown is not None

    def _go_on(self) -> None:
        if self._reader:
            self._transport.resume_reading()
            self._advance()

    def _advance(self) -> None:
        """Serve what has come in, until a request has to wait for its answer."""
        while not self._busy and not self._transport.is_closing():
            try:
                request = self._reader.next()
                if request is None:
                    if self._reader.waits:
                        self._transport.write(web.CONTINUE)
                    return
                self._keep_alive = request.keep_alive
                self._serve(request)
            except web.BadRequest as bad:
                self._refuse(bad)

    def _serve(self, request: web.Request) -> None:
        if request.path != "/":  # as the workloads' clients ask
            if request.method == "GET" and request.path == "/health":
                self._respond(200, dumps(self._node.health()))
                return
            if (path := asked_of_admin(request)) is not None:
                self._serve_admin(request, path)
                return
        command = command_of(request)
        admin = self._node.admin
        if admin is not None and admin.injected.crashed_for_s():
            raise web.BadRequest(503, "crashed, as the admin told")
        self.named = command if request.client else None
        self.since_s = time.monotonic()
        self._request = self._node.request(command, self)

    def _serve_admin(self, request: web.Request, path: str) -> None:
        admin = self._node.admin
        if admin is None:
            raise web.BadRequest(403, f"{path} is the admin's, and admin is off: see --admin")
        address = self._transport.get_extra_info("peername")
        admin.check(address[0] if isinstance(address, tuple) else str(address))
        if path not in SHOWN:
            self._respond(*web.answer(dumps(admin.do(request, path)), ok=True))
        elif request.method != "GET":
            raise web.BadRequest(405, f"{path} can only be read: GET it", headers=b"Allow: GET\r\n")
        elif path == "/state":
            self._respond(200, dumps(self._node.state()))
        else:
            self._shown = asyncio.get_running_loop().create_task(self._show(admin, request, path))

    async def _show(self, admin: Admin, request: web.Request, path: str) -> None:
        """Answer from the notes, read beside the event loop."""
        try:
            shown = await asyncio.to_thread(admin.show, request, path)
        except web.BadRequest as bad:
            self._refuse(bad)
        except OSError as error:
            self._refuse(web.BadRequest(503, f"the notes cannot be read: {error}"))
        else:
            self._respond(*web.answer(dumps(shown), ok=True))
        self._shown = None
        self._go_on()

    def _refuse(self, bad: web.BadRequest) -> None:
        self._node.counters.wrong("bad_requests", bad.problem)
        self._keep_alive = self._keep_alive and not bad.fatal
        self._respond(*web.refusal(bad), bad.headers)

    def _respond(self, status: int, body: str, headers: bytes = b"") -> None:
        data = web.response(status, body, keep_alive=self._keep_alive, headers=headers)
        self._transport.write(data)
        if not self._keep_alive:
            self._transport.close()
