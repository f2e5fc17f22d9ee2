"""What only those may ask who run the cluster: ``--admin NETWORK,...`` says where they sit; nobody without.

====================================== ===================================================================
``GET /state``                         the replica's whole state
``GET /history?key=K``                 the updates of a key in the order in which this node ran them
``GET /log/print``                     what it decided, slot by slot; ``?last=N``: the last N
``/crash?t=S``                         seem dead for S seconds
``/drop?id=n2&t=S``                    send nothing to n2
``/slow?id=n2&ms=M&t=S``               hold back what is sent to n2
``/flaky?id=n2&p=0.3&t=S``             lose so much of what is sent to n2
``/partition?ids=n1,n2&t=S``           neither send to the other side nor hear it
``/heal``                              end all of these
====================================== ===================================================================

The last six by GET, as Paxi has them, or POST; ``t`` 0, negative or missing: until healed. Each concerns this node
alone: Paxi's ``Partition`` asks every node. They answer with what is on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path

from harness.node.config import Network
from harness.node.injected import Injected
from harness.node.routes import path_of, unescaped
from harness.node.web import BadRequest, Request
from protocols.kernel import Json, NodeId

SHOWN = ("/state", "/history", "/log/print")
TOLD = ("/crash", "/drop", "/slow", "/flaky", "/partition", "/heal")
PATHS = frozenset((*SHOWN, *TOLD))
SECONDS_MAX = 1e9


class Admin:
    """``notes`` is the file of the node's notes, ``networks`` are from where it is asked."""

    def __init__(
        self,
        id: NodeId,
        nodes: Sequence[NodeId],
        networks: Sequence[Network],
        *,
        notes: Path,
        injected: Injected,
    ) -> None:
        self._id, self._nodes, self._networks = id, nodes, networks
        self._notes, self.injected = notes, injected
        self._told: dict[str, Callable[[dict[str, str], float], None]] = {
            "/crash": lambda _, t: injected.crash(t),
            "/drop": lambda q, t: injected.drop(self._node(q), t),
            "/slow": lambda q, t: injected.slow(self._node(q), int(_number(q, "ms", 0, 60_000)), t),
            "/flaky": lambda q, t: injected.flaky(
                self._node(q), round(1000 * _number(q, "p", 0, 1)), t
            ),
            "/partition": lambda q, t: injected.cut(self._other_side(q), t),
            "/heal": lambda _q, _t: injected.heal(),
        }

    def check(self, address: str) -> None:
        """Refuse who asks from elsewhere: raises BadRequest."""
        try:
            source = ip_address(address.partition("%")[0])
        except ValueError:
            source = None
        mapped = getattr(source, "ipv4_mapped", None)
        if source is None or not any((mapped or source) in network for network in self._networks):
            raise BadRequest(403, f"admin is not for {address}: see --admin")

    def do(self, request: Request, path: str) -> Json:
        """Do what is told; what is on. Raises BadRequest."""
        if request.method not in ("GET", "POST"):
            raise BadRequest(405, f"GET or POST, not {request.method[:20]!r}")
        query = query_of(request.path)
        self._told[path](query, _number(query, "t", -SECONDS_MAX, SECONDS_MAX, default=0.0))
        return self.injected.to_json()

    def show(self, request: Request, path: str) -> Json:
        """What is asked for of the node's notes. Reads a file, so not in the event loop."""
        query = query_of(request.path)
        if path == "/history":
            if "key" not in query:
                raise BadRequest(400, "key is missing: /history?key=K")
            found = history(self._noted("executed"), query["key"])
            if not found:
                raise BadRequest(404, f"this node noted no update of {query['key']!r}")
            return found
        last = int(_number(query, "last", 1, 1e9, default=1e9))
        decided = list(_once(self._noted("decided")))
        if not decided:
            raise BadRequest(404, "this node noted no decision")
        return decided[-last:]

    def _noted(self, kind: str) -> Iterable[list[Json]]:
        """The notes of a kind, from the first incarnation on, but for lines that a crash tore."""
        wanted = f'"kind":"{kind}",'
        with self._notes.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if wanted in line and line.endswith("}\n"):
                    yield json.loads(line)["value"]

    def _node(self, query: dict[str, str]) -> NodeId:
        return self._named(query.get("id", ""))

    def _named(self, name: str) -> NodeId:
        number = name.removeprefix("n")
        if not name.startswith("n") or not number.isdecimal() or len(number) > 3:
            raise BadRequest(400, f"a node is n1, n2 ..., not {name!r}")
        node = int(number) - 1
        if node not in self._nodes:
            raise BadRequest(404, f"there is no node {name}")
        if node == self._id:
            raise BadRequest(400, f"{name} is this node itself")
        return node

    def _other_side(self, query: dict[str, str]) -> list[NodeId]:
        """Of a partition in two, given one side."""
        names = query.get("ids", "").split(",")
        own = f"n{self._id + 1}"
        side = {self._named(name) for name in names if name != own}
        if own in names:
            side = set(self._nodes) - side - {self._id}
        if not side:
            raise BadRequest(400, "ids is one side of two, by comma")
        return sorted(side)


def query_of(target: str) -> dict[str, str]:
    """What stands behind ``?``. Raises BadRequest for a name without value, and for one given twice.

    >>> query_of("/drop?id=n2&t=5")
    {'id': 'n2', 't': '5'}
    """
    query: dict[str, str] = {}
    for pair in filter(None, target.partition("?")[2].split("&")):
        name, equals, value = pair.partition("=")
        if not equals or name in query:
            raise BadRequest(400, f"not a query of NAME=VALUE, each once: {pair[:100]!r}")
        query[name] = unescaped(value.replace("+", " "))
    return query


def history(executed: Iterable[list[Json]], key: str) -> list[Json]:
    """The updates of a key, each once: after a restart a node runs again what it has on disk."""
    return [what for of, what in _once(executed) if of == key]


def _once(pairs: Iterable[list[Json]]) -> Iterable[list[Json]]:
    seen = set()
    for pair in pairs:
        name = json.dumps(pair)
        if name not in seen:
            seen.add(name)
            yield pair


def _number(
    query: dict[str, str], name: str, low: float, high: float, *, default: float | None = None
) -> float:
    text = query.get(name)
    if text is None and default is not None:
        return default
    try:
        number = float(text or "")
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise BadRequest(400, f"{name} is a number from {low:g} to {high:g}, not {text!r}")
    return number


def asked_of_admin(request: Request) -> str | None:
    """The path, if it is one of the admin's."""
    path = path_of(request.path)
    return path if path in PATHS else None
