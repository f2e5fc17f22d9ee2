"""ZooKeeper, version 3.8, as Debian packages it; hosts need a Java to run it.

Values are kept as JSON text, a node of its tree for each key. A read and a write are one request; a cas and
all else is read, and written if the versions are still those (:mod:`harness.systems.optimistic`).

Writes are linearizable, says its documentation, and reads are answered by each server from what it has
applied: so they are stale, and a run must come out *invalid*. ``reads=synced`` has a ``sync`` before each,
which its documentation recommends, and which no majority answers. ``reads=written`` has a write before each,
of a node that nobody looks at: a server answers one client's requests in their order, so the read is not
older than the write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import CapabilityError
from harness.remote.seam import Remote, on_all
from harness.systems import debian, jute, optimistic
from harness.systems.http_client import Connect
from harness.systems.kernel import DataDirectory
from harness.systems.product import PROGRAM, Product
from harness.systems.sessions import SessionClient
from protocols.kernel import Command, Json
from protocols.wire import dumps
from workloads.kernel import Client, Refused

LOCAL, SYNCED, WRITTEN = "local", "synced", "written"
BEFORE_READS = "/before-reads"
_JARS = ("zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "metrics-core", "snappy-java")
_JVM = (
    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xmx96m",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)  # fmt: skip
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
_TICK_MS = 500
_ELECTION = 200
"""Where a server takes part in elections, beyond its port for peers."""
_LOST = frozenset({jute.NO_NODE, jute.BAD_VERSION, jute.NODE_EXISTS})
"""Codes of a server that has found something else than was seen."""


class ZooKeeper(Product):
    """https://zookeeper.apache.org: a small tree of data on Zab, an atomic broadcast."""

    name = "zookeeper"
    packages = (
        "libzookeeper-java", "libslf4j-java", "libdropwizard-metrics-java", "libsnappy-java",
    )  # fmt: skip
    program = "java"
    parts = tuple(f"usr/share/java/{jar}.jar" for jar in _JARS)
    commands = optimistic.COMMANDS
    multi_key = True
    knobs = {"reads": (LOCAL, SYNCED, WRITTEN)}  # noqa: RUF012  a ClassVar, in the base

    @classmethod
    def fetch(cls, options: Mapping[str, object]) -> None:  # noqa: ARG003  they name the Java only
        debian.unpacked(cls.packages)

    def install(self, node: int, remote: Remote) -> None:
        super().install(node, remote)
        peers = [
            f"server.{n + 1}={h.peer_address}:{self.peer_port(n)}:{self.peer_port(n) + _ELECTION}"
            for n, h in self.hosts.items()
        ]
        settings = [
            f"tickTime={_TICK_MS}", "initLimit=20", "syncLimit=6", "dataDir=data",
            f"clientPort={self.port(node)}", f"maxSessionTimeout={jute.SESSION_MS}",
            "quorumListenOnAllIPs=true", "admin.enableServer=false",
            "4lw.commands.whitelist=srvr", *peers,
        ]  # fmt: skip
        remote.put(("\n".join(settings) + "\n").encode(), f"{self.home(node)}/zoo.cfg")
        remote.put(f"{node + 1}\n".encode(), f"{self.home(node)}/data/myid")

    def _installed(self, node: int, remote: Remote) -> list[str]:
        java = self.options.get(PROGRAM, self.program)
        if remote.run(["sh", "-c", 'command -v "$0"', java], check=False).status:
            raise CapabilityError(
                f"{remote.host.name}: there is no {java}: `apt-get install default-jre-headless`, or say where "
                f"it is: --option {PROGRAM}=/usr/bin/java"
            )
        root, _ = self._unpacked(node, remote)
        jars = ":".join(f"{root}/{part}" for part in self.parts)
        return [java, *_JVM, "-cp", jars, _MAIN]

    def argv(self, node: int) -> Sequence[str]:  # noqa: ARG002
        return ["zoo.cfg"]

    def ask(self, node: int, timeout_s: float) -> None:
        """A write, so that a majority is there. Whoever is asked first has made what is written to."""
        session = jute.Session(self.connect(node, timeout_s))
        try:
            session.multi([jute.create(BEFORE_READS, b"")])
        except jute.ServerError as error:
            if error.code != jute.NODE_EXISTS:
                raise
        finally:
            session.close()

    def data(self, node: int) -> DataDirectory:
        return DataDirectory(super().data(node).path, kept=("myid",))

    def leaders(self) -> tuple[int, ...]:
        answers = on_all(dict.fromkeys(self.hosts), self._leads)
        return tuple(node for node, leads in answers.items() if leads is True)

    def _leads(self, node: int) -> bool:
        connection = self.connect(node, 0.5)()
        try:
            connection.sendall(b"srvr")
            told = b""
            while more := connection.recv(4096):
                told += more
            return b"Mode: leader" in told
        finally:
            connection.close()

    def client(self, node: int, process: int, timeout_s: float) -> Client:  # noqa: ARG002
        return ZooKeeperClient(self.connect(node, timeout_s), timeout_s, self.options["reads"])


Seen = Mapping[str, int | None]
"""The version of each key; None: there is none."""


class ZooKeeperClient(SessionClient[jute.Session]):
    """Asks one server, for one process."""

    def __init__(self, connect: Connect, timeout_s: float, reads: str) -> None:
        super().__init__(lambda: jute.Session(connect), timeout_s)
        self._reads = reads

    def ask(self, f: str, key: str, value: object) -> object:
        match f:
            case "read":
                return self.look([key])[0][key]
            case "write":
                self._write(key, value)
                return value
            case "cas":
                return self._cas(key, value)
        return optimistic.run(self, Command(f, key, value), self._timeout_s)

    def _write(self, key: str, value: object) -> None:
        data = dumps(value).encode()
        try:
            self.session.do(jute.set_data(_path(key), data, jute.ANY_VERSION))
        except jute.ServerError as error:
            if error.code != jute.NO_NODE:
                raise
            if not self._done(jute.create(_path(key), data)):
                self.session.do(jute.set_data(_path(key), data, jute.ANY_VERSION))

    def _cas(self, key: str, value: Any) -> object:
        old, new = value
        values, seen = self.look([key])
        if values[key] != old:
            raise Refused("it was something else")
        if not self.change(seen, {key: new}):
            raise Refused("another was faster")
        return value

    # --- as a store of harness.systems.optimistic -------------------------------------------------

    def look(self, keys: Sequence[str]) -> tuple[dict[str, Json], Seen]:
        if self._reads == SYNCED:
            self.session.sync()
        elif self._reads == WRITTEN:
            self.session.do(jute.set_data(BEFORE_READS, b"", jute.ANY_VERSION))
        found = dict(zip(keys, self.session.get_all([_path(key) for key in keys]), strict=True))
        values = {key: json.loads(node[0]) if node else None for key, node in found.items()}
        return values, {key: node[1] if node else None for key, node in found.items()}

    def change(self, seen: Seen, changed: Mapping[str, Json]) -> bool:
        return self._done(*(op for key in seen for op in _ops(key, seen[key], changed)))

    def leave(self, seen: Seen) -> None:
        """It holds nothing."""

    def _done(self, *ops: jute.Op) -> bool:
        try:
            self.session.multi(ops)
        except jute.ServerError as error:
            if error.code not in _LOST:
                raise
            return False
        return True


def _ops(key: str, version: int | None, changed: Mapping[str, Json]) -> list[jute.Op]:
    """What writes a key, or looks that nothing was, if it is still of this version."""
    path = _path(key)
    if key in changed:
        data = dumps(changed[key]).encode()
        return [jute.create(path, data) if version is None else jute.set_data(path, data, version)]
    if version is None:  # there is no op that checks for nothing
        return [jute.create(path, b""), jute.delete(path, 0)]
    return [jute.check(path, version)]


def _path(key: str) -> str:
    return f"/{key}"
