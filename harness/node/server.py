"""The event loop of a node: clients, timers, signals, and the turns of its engine.

Any exception of our own is a bug: it is logged with its traceback, and the process ends with status
70, since a node that has broken an invariant must not go on. A disk that fails ends it with 74.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from pathlib import Path
from typing import Any, cast

from harness.node import web
from harness.node.config import Config, replica_class
from harness.node.counters import Counters
from harness.node.engine import Engine
from harness.node.inspect import plain
from harness.node.journal import Journal
from harness.node.links import Peers, no_delay
from harness.node.notes import Notes
from protocols.kernel import Command, NodeId, RequestId
from protocols.wire import dumps

log = logging.getLogger("node")

CLIENTS_MAX = 4096
"""Connections of clients. Each has one request at a time, so this bounds those too."""
EXIT_BUG = 70
EXIT_DISK = 74


class _Client(asyncio.Protocol):
    """A client's connection: one request at a time."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._reader = web.RequestReader()
        self._request: RequestId | None = None
        self._keep_alive = True

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
        if self._request is None:
            self._advance()
        elif len(self._reader) > web.HEAD_BYTES_MAX + web.BODY_BYTES_MAX:
            self._transport.pause_reading()

    def answer(self, status: int, body: str) -> None:
        """Answer the request that waits for the replica, and take up the next."""
        self._request = None
        self._respond(status, body)
        if self._reader:
            self._transport.resume_reading()
            self._advance()

    def abort(self) -> None:
        self._transport.abort()

    def _advance(self) -> None:
        """Serve what has come in, until a request has to wait for the replica."""
        while self._request is None and not self._transport.is_closing():
            try:
                request = self._reader.next()
                if request is None:
                    return
                self._keep_alive = request.keep_alive
                self._serve(request)
            except web.BadRequest as bad:
                self._refuse(bad)

    def _serve(self, request: web.Request) -> None:
        if request.method == "GET" and request.path == "/health":
            self._respond(200, dumps(self._node.health()))
        elif request.method == "GET" and request.path == "/state":
            self._respond(200, dumps(plain(self._node.engine.replica.state())))
        else:
            self._request = self._node.request(web.command_of(request), self)

    def _refuse(self, bad: web.BadRequest) -> None:
        self._node.counters.wrong("bad_requests", bad.problem)
        self._keep_alive = self._keep_alive and not bad.fatal
        self._respond(*web.refusal(bad))

    def _respond(self, status: int, body: str) -> None:
        self._transport.write(web.response(status, body, keep_alive=self._keep_alive))
        if not self._keep_alive:
            self._transport.close()


class Node:
    """A node at work: an engine, and the world that it acts upon."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError, JournalError, IdentityError, OSError."""
        self.config = config
        self.counters = Counters()
        self.clients: set[_Client] = set()
        replica = replica_class(config.protocol)
        data = Path(config.data)
        self._journal = Journal(data, log.warning)
        self._notes = Notes(data / "notes.jsonl", config.id)
        self.engine = Engine(
            replica,
            config.id,
            config.of_cluster(),
            identity=f"{config.protocol} node {config.id}",
            journal=self._journal,
            world=self,
            now_ms=lambda: time.time_ns() // 1_000_000,
            disk_lost=config.disk_lost,
        )
        self._peers = Peers(
            config.id,
            config.digest(),
            where=config.peers,
            counters=self.counters,
            receive=self.engine.receive,
            arrived=self._schedule,
        )
        self._began = time.monotonic()
        self._scheduled = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiting: dict[RequestId, _Client] = {}

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises OSError if a port cannot be had."""
        self._loop = loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_exception)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self._peers.listen(self.config.listen)
        self._turn()  # Started comes before anything that peers or clients may say
        at = self.config.http
        server = await loop.create_server(
            lambda: _Client(self), at.host or None, at.port, backlog=1024
        )
        self._peers.dial()
        log.info("ready: incarnation %d, clients on port %d", self.engine.incarnation, at.port)
        await stop.wait()
        log.info("stopping: %s", dumps(self.health()))
        server.close()
        await self._peers.close()
        for client in list(self.clients):
            client.abort()
        self._notes.close()
        self._journal.close()

    # --- events -----------------------------------------------------------------------------------

    def request(self, command: Command, client: _Client) -> RequestId:
        request = self.engine.request(command)
        self._waiting[request] = client
        self._schedule()
        return request

    def forget(self, request: RequestId) -> None:
        """The client has gone; its command takes its course."""
        self._waiting.pop(request, None)

    def _fire(self, timer: str, generation: int) -> None:
        self.engine.fire(timer, generation)
        self._schedule()

    def _schedule(self) -> None:
        """Let the engine take its turn once all that has arrived by now was taken in."""
        if not self._scheduled and self.engine.busy:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        try:
            self.engine.turn()
            self._peers.flush()
            self._notes.flush()
        except OSError as error:
            self._die(EXIT_DISK, f"cannot write to {self.config.data}", error)
        except Exception as error:  # noqa: BLE001  whatever it is, a step has failed
            self._die(EXIT_BUG, "a step failed", error)
        self._schedule()

    # --- what the engine acts upon ----------------------------------------------------------------

    def send(self, dst: NodeId, text: str) -> None:
        self._peers.send(dst, text)

    def set_timer(self, timer: str, generation: int, ms_min: int, ms_max: int) -> None:
        self.cancel_timer(timer)
        delay_s = random.uniform(ms_min, ms_max) / 1000
        self._timers[timer] = self._loop.call_later(delay_s, self._fire, timer, generation)

    def cancel_timer(self, timer: str) -> None:
        if (handle := self._timers.pop(timer, None)) is not None:
            handle.cancel()

    def reply(self, request: RequestId, value: str, ok: bool) -> None:
        self.counters.answered += 1
        if (client := self._waiting.pop(request, None)) is not None:
            client.answer(*web.answer(value, ok))

    def note(self, kind: str, value: str) -> None:
        self._notes.add(kind, value)

    # --- what people see --------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        engine = self.engine
        return {
            "node": self.config.id,
            "protocol": self.config.protocol,
            "incarnation": engine.incarnation,
            "leader": engine.replica.leader(),
            "uptime_ms": int((time.monotonic() - self._began) * 1000),
            "connected": self._peers.connected(),
            "counters": {
                **self.counters.all(),
                "steps": engine.steps,
                "turns": engine.turns,
                "commits": engine.commits,
                "compactions": self._journal.compactions,
                "waiting": len(self._waiting),
            },
        }

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError):  # the world's: no more file descriptors, say
            self.counters.wrong("os_errors", f"{context['message']}: {error}")
        else:
            self._die(EXIT_BUG, context["message"], error)

    def _die(self, status: int, what: str, error: BaseException | None) -> None:
        """End at once, as a crash does: nothing more is sent, nothing is cleaned up."""
        log.critical("%s; exit %d", what, status, exc_info=error)
        logging.shutdown()
        os._exit(status)
