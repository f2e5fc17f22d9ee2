"""etcd, version 3, as Debian packages it: the API that every language has, JSON over HTTP.

Values are kept as JSON text. A read, a write and a cas are one request of etcd's own; all else is a read
and a transaction that compares revisions (:mod:`harness.systems.optimistic`).

``reads=serializable`` has each node answer reads from what it has applied: the stale reads that etcd's
documentation warns of, and a run that must come out *invalid*.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any

from harness.errors import RemoteError
from harness.remote.seam import on_all
from harness.systems import optimistic
from harness.systems.http_client import Connect, ResponseError
from harness.systems.product import Product
from protocols.kernel import Command, Json
from protocols.wire import dumps
from workloads.kernel import Refused

SERIALIZABLE = "serializable"
_LEADER_S = 0.5


class Etcd(Product):
    """https://etcd.io: a key-value store on Raft; every op linearizable, says its documentation."""

    name = "etcd"
    packages = ("etcd-server",)
    program = "usr/bin/etcd"
    commands = optimistic.COMMANDS
    multi_key = True
    knobs = {"reads": ("linearizable", SERIALIZABLE)}  # noqa: RUF012  a ClassVar, in the base

    def argv(self, node: int) -> Sequence[str]:
        host = self.hosts[node]
        peers = {n: f"http://{h.peer_address}:{self.peer_port(n)}" for n, h in self.hosts.items()}
        serves = f"http://{host.address}:{self.port(node)}"
        told = {
            "name": f"n{node + 1}",
            "data-dir": "data",
            "listen-peer-urls": f"http://0.0.0.0:{self.peer_port(node)}",
            "initial-advertise-peer-urls": peers[node],
            "listen-client-urls": f"http://0.0.0.0:{self.port(node)}",
            "advertise-client-urls": serves,
            "initial-cluster": ",".join(f"n{n + 1}={url}" for n, url in peers.items()),
            "initial-cluster-token": self.cluster,
            "initial-cluster-state": "new",
            "logger": "zap",
        }
        return [word for name, value in told.items() for word in (f"--{name}", value)]

    def ask(self, node: int, timeout_s: float) -> object:
        return self._status(node, timeout_s, linearizable=True)

    def leaders(self) -> tuple[int, ...]:
        answers = on_all(dict.fromkeys(self.hosts), lambda node: self._status(node, _LEADER_S))
        return tuple(
            node
            for node, told in answers.items()
            if isinstance(told, dict) and told.get("leader") == told["header"]["member_id"]
        )

    def client(self, node: int, process: int, timeout_s: float) -> EtcdClient:  # noqa: ARG002
        return EtcdClient(
            self.connect(node, timeout_s),
            timeout_s,
            serializable=self.options["reads"] == SERIALIZABLE,
        )

    def _status(self, node: int, timeout_s: float, *, linearizable: bool = False) -> Any:
        """What a node says of itself; ``linearizable``: only once it has read with a quorum."""
        session = Session(self.connect(node, timeout_s))
        try:
            if linearizable:
                session.post("/v3/kv/range", {"key": _coded("ready")})
            return session.post("/v3/maintenance/status", {})
        finally:
            session.close()


class NotSent(OSError):  # noqa: N818
    """There was no connection, so that nothing can have happened."""


class Session:
    """One kept connection to a node's JSON API."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._http: HTTPConnection | None = None

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """The answer. Raises NotSent, or OSError for all else that went wrong.

        After an error the connection is given up: a late answer must not answer the next request.
        """
        if self._http is None:
            self._http = self._opened()
        try:
            self._http.request("POST", path, dumps(body))
            response = self._http.getresponse()
            data = response.read()
            told = json.loads(data)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise ResponseError(f"no answer: {error!r}") from error
        if response.status != 200:
            raise ResponseError(str(told.get("message", data[:200])))
        return told

    def _opened(self) -> HTTPConnection:
        http = HTTPConnection("node")
        try:
            http.sock = self._connect()
        except (OSError, RemoteError) as error:
            raise NotSent(f"cannot connect: {error}") from error
        return http

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None


class EtcdClient:
    """Asks one node, for one process."""

    def __init__(self, connect: Connect, timeout_s: float, *, serializable: bool = False) -> None:
        self._session, self._timeout_s, self._serializable = (
            Session(connect), timeout_s, serializable,
        )  # fmt: skip

    def invoke(self, f: str, key: str, value: object) -> object:
        """Raises Refused where nothing was changed; OSError where nobody knows."""
        try:
            match f:
                case "read":
                    return self.look([key])[0][key]
                case "write":
                    self._session.post("/v3/kv/put", _put(key, value))
                    return value
                case "cas":
                    return self._cas(key, value)
            return optimistic.run(self, Command(f, key, value), self._timeout_s)
        except OSError as error:
            if f in optimistic.READS or isinstance(error, NotSent):
                raise Refused(str(error)) from error
            raise

    def close(self) -> None:
        self._session.close()

    def _cas(self, key: str, value: Any) -> object:
        old, new = value
        unless: dict[str, object] = {"key": _coded(key), "result": "EQUAL"}
        unless |= (
            {"target": "VERSION", "version": "0"}
            if old is None
            else {"target": "VALUE", "value": _coded(dumps(old))}
        )
        if not self._transact([unless], {key: new}):
            raise Refused("it was something else")
        return value

    def look(self, keys: Sequence[str]) -> tuple[dict[str, Json], dict[str, int]]:
        """The keys' values, and the revisions of their last changes (0: none), as of one moment."""
        wanted = [
            {"requestRange": {"key": _coded(key), "serializable": self._serializable}}
            for key in keys
        ]
        told = self._session.post("/v3/kv/txn", {"success": wanted})
        values: dict[str, Json] = {}
        revisions: dict[str, int] = {}
        for key, response in zip(keys, told["responses"], strict=True):
            found = response["response_range"].get("kvs", [])
            values[key] = json.loads(b64decode(found[0]["value"])) if found else None
            revisions[key] = int(found[0]["mod_revision"]) if found else 0
        return values, revisions

    def change(self, seen: Mapping[str, int], changed: Mapping[str, Json]) -> bool:
        return self._transact(
            [
                {"key": _coded(k), "result": "EQUAL", "target": "MOD", "mod_revision": str(r)}
                for k, r in seen.items()
            ],
            changed,
        )

    def leave(self, seen: Mapping[str, int]) -> None:
        """It holds nothing."""

    def _transact(self, compare: Sequence[object], written: Mapping[str, Json]) -> bool:
        puts = [{"requestPut": _put(key, value)} for key, value in written.items()]
        told = self._session.post("/v3/kv/txn", {"compare": compare, "success": puts})
        return bool(told.get("succeeded", False))


def _put(key: str, value: object) -> dict[str, object]:
    return {"key": _coded(key), "value": _coded(dumps(value))}


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()
