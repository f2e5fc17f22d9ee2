"""Redis as Debian packages it: a master, replicas that copy it, and Sentinels that promote one of them.

Values are kept as JSON text. A read is a GET, a write a SET; all else is WATCH, MULTI and EXEC
(:mod:`harness.systems.optimistic`). A client asks the Sentinel beside its node who is the master, and the
master for its ops: at once again after an error.

Replication does not wait, and says so: a write that was acknowledged is lost where the master that took
it is cut off or dies before its replicas have it, and another is promoted. So a run with partitions must
come out *invalid*. ``wait=1`` and more has writes wait for so many replicas (WAIT), which makes it rarer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import RemoteError
from harness.remote.seam import Remote
from harness.systems import daemon, optimistic
from harness.systems.http_client import Connect
from harness.systems.product import Product
from harness.systems.resp import ReplyError, Session
from harness.systems.sessions import SessionClient
from protocols.kernel import Command, Json
from protocols.wire import dumps
from workloads.kernel import Client, Refused

GROUP = "main"
_DOWN_MS, _FAILOVER_MS = 1_000, 4_000
_UNDONE = frozenset({"READONLY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "EXECABORT"})
"""Errors of a server that has done nothing."""


class Redis(Product):
    """https://redis.io with Sentinel: a store that answers before its replicas know."""

    name = "redis"
    packages = ("redis-server", "redis-sentinel", "redis-tools", "liblzf1", "libjemalloc2")
    program = "usr/bin/redis-server"
    commands = optimistic.COMMANDS
    multi_key = True
    withstands = Product.withstands | {"clock"}
    knobs = {"fsync": ("everysec", "always", "no"), "wait": ("0", "1", "2")}  # noqa: RUF012

    def install(self, node: int, remote: Remote) -> None:
        super().install(node, remote)
        first = self.hosts[min(self.hosts)].peer_address
        host, home = self.hosts[node], self.home(node)
        settings = [
            "bind 0.0.0.0", "protected-mode no", f"port {self.port(node)}", "dir data",
            "appendonly yes", f"appendfsync {self.options['fsync']}", "save ''",
            f"replica-announce-ip {host.peer_address}", "repl-diskless-sync-delay 0",
            "repl-timeout 5",
        ]  # fmt: skip
        if node != min(self.hosts):
            settings.append(f"replicaof {first} {self.port(min(self.hosts))}")
        remote.put(_lines(settings), f"{home}/redis.conf")
        watching = [
            "bind 0.0.0.0", "protected-mode no", f"port {self.peer_port(node)}", "dir .",
            f"sentinel announce-ip {host.peer_address}",
            f"sentinel monitor {GROUP} {first} {self.port(min(self.hosts))} {len(self.hosts) // 2 + 1}",
            f"sentinel down-after-milliseconds {GROUP} {_DOWN_MS}",
            f"sentinel failover-timeout {GROUP} {_FAILOVER_MS}",
        ]  # fmt: skip
        daemon.prepare(remote, self._watch(node), [])
        remote.put(_lines(watching), f"{self._watch(node)}/sentinel.conf")

    def argv(self, node: int) -> Sequence[str]:  # noqa: ARG002
        return ["redis.conf"]

    def start(self, node: int, remote: Remote) -> None:
        super().start(node, remote)
        words = [*self.programs[node], "sentinel.conf", "--sentinel"]
        daemon.start(remote, self._watch(node), words)

    def remove(self, node: int, remote: Remote) -> None:
        daemon.remove(remote, self._watch(node))
        super().remove(node, remote)

    def logs(self, node: int) -> Mapping[str, str]:
        return {**super().logs(node), "sentinel": f"{self._watch(node)}/log"}

    def ask(self, node: int, timeout_s: float) -> object:
        """Whether its Sentinel knows a master that serves, and it is that or has its data."""
        role: Any = self._once(self.connect(node, timeout_s), "ROLE")
        if role[0] == "slave" and role[3] != "connected":
            raise ConnectionError(f"it is a replica whose link is {role[3]}")
        client = self.client(node, 0, timeout_s)
        try:
            return client.invoke("read", "ready", None)
        except Refused as error:
            raise ConnectionError(str(error)) from error
        finally:
            client.close()

    def leaders(self) -> tuple[int, ...]:
        return tuple(node for node in self.hosts if self._leads(node))

    def _leads(self, node: int) -> bool:
        try:
            role: Any = self._once(self.connect(node, 0.5), "ROLE")
        except (OSError, RemoteError):
            return False
        return bool(role[0] == "master")

    def client(self, node: int, process: int, timeout_s: float) -> Client:  # noqa: ARG002
        return RedisClient(
            lambda: self._master(node, timeout_s), timeout_s, int(self.options["wait"])
        )

    def _master(self, node: int, timeout_s: float) -> Session:
        """A session with the node that the Sentinel of ``node`` says is the master."""
        sentinel = self.reach(node, self.peer_port(node), timeout_s)
        told: Any = self._once(sentinel, "SENTINEL", "get-master-addr-by-name", GROUP)
        for master, host in self.hosts.items():
            if told == [host.peer_address, str(self.port(master))]:
                return Session(self.connect(master, timeout_s))
        raise ConnectionError(f"the Sentinel says that the master is {told}")

    def _once(self, connect: Connect, *words: str) -> object:
        session = Session(connect)
        try:
            return session.ask(*words)
        finally:
            session.close()

    def _watch(self, node: int) -> str:
        return f"{self.home(node)}-sentinel"


class RedisClient(SessionClient[Session]):
    """Asks whoever is master, for one process. Whoever answers with an error may be no master any more."""

    unopened = "no master is known"

    def __init__(self, find: Callable[[], Session], timeout_s: float, wait: int) -> None:
        super().__init__(find, timeout_s)
        self._wait = wait

    def ask(self, f: str, key: str, value: Any) -> object:
        match f:
            case "read":
                return _value(self.session.ask("GET", key))
            case "write":
                self.session.ask("SET", key, dumps(value))
                self._copied(self.session)
                return value
        return optimistic.run(self, Command(f, key, value), self._timeout_s)

    def undone(self, error: OSError) -> bool:
        return isinstance(error, ReplyError) and error.kind in _UNDONE

    def look(self, keys: Sequence[str]) -> tuple[dict[str, Json], Session]:
        self.session.ask("WATCH", *keys)
        found: Any = self.session.ask("MGET", *keys)
        return {key: _value(text) for key, text in zip(keys, found, strict=True)}, self.session

    def change(self, seen: Session, changed: Mapping[str, Json]) -> bool:
        seen.ask("MULTI")
        for key, value in changed.items():
            seen.ask("SET", key, dumps(value))
        done = seen.ask("EXEC") is not None
        if done:
            self._copied(seen)
        return done

    def leave(self, seen: Session) -> None:
        seen.ask("UNWATCH")

    def _copied(self, session: Session) -> None:
        """Wait for as many replicas as asked. Raises TimeoutError where they did not say so."""
        if self._wait:
            within_ms = max(1, round(self._timeout_s * 500))
            copies = session.ask("WAIT", str(self._wait), str(within_ms))
            if not isinstance(copies, int) or copies < self._wait:
                raise TimeoutError(f"{copies} replicas have it, not {self._wait}")


def _value(text: Any) -> Json:
    value: Json = None if text is None else json.loads(text)
    return value


def _lines(settings: Sequence[str]) -> bytes:
    return ("\n".join(settings) + "\n").encode()
