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
from typing import Any

from harness.node import web
from harness.node.admin import Admin
from harness.node.client import Client
from harness.node.clock import Clock
from harness.node.config import Config, replica_class
from harness.node.counters import Counters
from harness.node.disk import Disk
from harness.node.engine import Engine
from harness.node.injected import Injected
from harness.node.inspect import plain
from harness.node.journal import Journal
from harness.node.notes import Notes
from harness.node.places import Places
from harness.node.transport import Station, maker
from protocols.kernel import Command, Json, NodeId, RequestId
from protocols.wire import dumps

log = logging.getLogger("node")

EXIT_BUG = 70
EXIT_DISK = 74


class Node:
    """A node at work: an engine, and the world that it acts upon."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError, JournalError, IdentityError, OSError."""
        self.config = config
        self.counters = Counters()
        self.clients: set[Client] = set()
        replica = replica_class(config.protocol)
        data = Path(config.data)
        self.clock = Clock(config.clock)
        self._journal = Journal(
            data,
            log.warning,
            disk=Disk(config.disk),
            synced=replica.synced,
            heedful=replica.heedful,
        )
        self._notes = Notes(data / "notes.jsonl", config.id)
        self.engine = Engine(
            replica,
            config.id,
            config.of_cluster(),
            identity=f"{config.protocol} node {config.id}",
            journal=self._journal,
            world=self,
            now_ms=self.clock.now_ms,
            disk_lost=config.disk_lost,
        )
        self.admin = self._made_admin(data / "notes.jsonl") if config.admin else None
        self._peers = maker(config.transport)(
            Station(
                id=config.id,
                digest=config.digest(),
                where=config.peers,
                counters=self.counters,
                receive=self.engine.receive if self.admin is None else self._receive,
                arrived=self._schedule,
            )
        )
        self._places = Places()
        self._began = time.monotonic()
        self._scheduled = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiting: dict[RequestId, Client] = {}

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
            lambda: Client(self), at.host or None, at.port, backlog=1024
        )
        self._peers.dial()
        self._give_up_old()
        log.info("ready: incarnation %d, clients on port %d", self.engine.incarnation, at.port)
        await stop.wait()
        log.info("stopping: %s", dumps(self.health()))
        server.close()
        await self._peers.close()
        for client in list(self.clients):
            client.abort()
        self._notes.close()
        self._journal.close()

    def _made_admin(self, notes: Path) -> Admin:
        config = self.config
        injected = Injected(time.monotonic)
        return Admin(config.id, sorted(config.peers), config.admin, notes=notes, injected=injected)

    # --- events -----------------------------------------------------------------------------------

    def request(self, command: Command, client: Client) -> RequestId:
        request = self.engine.request(command)
        self._waiting[request] = client
        if client.named is not None:
            self._places.wait_for(command)
        self._schedule()
        return request

    def forget(self, request: RequestId) -> None:
        """The client has gone; its command takes its course."""
        client = self._waiting.pop(request, None)
        if client is not None and client.named is not None:
            self._places.forget(client.named)

    def _give_up_old(self) -> None:
        """Answer clients that have waited for too long, now and every second: nobody waits for ever."""
        oldest_s = time.monotonic() - self.config.answer_s
        late = [r for r, client in self._waiting.items() if client.since_s < oldest_s]
        for request in late:
            client = self._waiting[request]
            self.forget(request)
            problem = f"no answer in {self.config.answer_s} s: whether it took effect is not known"
            client.answer(*web.refusal(web.BadRequest(503, problem)), web.RETRY_AFTER)
        self._loop.call_later(1.0, self._give_up_old)

    def _receive(self, src: NodeId, text: str) -> None:
        """A peer's message, unless the admin told not to hear it."""
        if self.admin is None or self.admin.injected.hears(src):
            self.engine.receive(src, text)

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
        if self.admin is None:
            self._peers.send(dst, text)
            return
        ms = self.admin.injected.hold_back_ms(dst)
        if ms:
            self._loop.call_later(ms / 1000, self._send_late, dst, text)
        elif ms == 0:
            self._peers.send(dst, text)

    def _send_late(self, dst: NodeId, text: str) -> None:
        self._peers.send(dst, text)
        self._peers.flush()

    def set_timer(self, timer: str, generation: int, ms_min: int, ms_max: int) -> None:
        self.cancel_timer(timer)
        delay_s = self.clock.real_s(random.uniform(ms_min, ms_max) / 1000)
        self._timers[timer] = self._loop.call_later(delay_s, self._fire, timer, generation)

    def cancel_timer(self, timer: str) -> None:
        if (handle := self._timers.pop(timer, None)) is not None:
            handle.cancel()

    def reply(self, request: RequestId, value: str, ok: bool | None) -> None:
        self.counters.answered += 1
        if (client := self._waiting.pop(request, None)) is not None:
            headers = b""
            if client.named is not None:
                leads = self.engine.replica.leader() == self.config.id
                headers = self._places.headers(client.named, leads=leads)
            client.answer(*web.answer(value, ok), headers)

    def note(self, kind: str, value: str) -> None:
        self._places.note(kind, value)
        self._notes.add(kind, value)

    # --- what people see --------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        engine = self.engine
        return {
            "node": self.config.id,
            "protocol": self.config.protocol,
            "incarnation": engine.incarnation,
            "leader": engine.replica.leader(),
            "members": list(engine.replica.membership()),
            "uptime_ms": int((time.monotonic() - self._began) * 1000),
            "connected": self._peers.connected(),
            "clock": self.clock.reading(),
            "counters": {
                **self.counters.all(),
                "steps": engine.steps,
                "turns": engine.turns,
                "commits": engine.commits,
                "compactions": self._journal.compactions,
                "waiting": len(self._waiting),
            },
        }

    def state(self) -> Json:
        return plain(self.engine.replica.state())

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
