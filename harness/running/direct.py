"""Nodes that are reached by their addresses, asked what a holder is asked, without one.

For nodes that somebody else has started, and inventories. What only who sits on the hosts can do (kill, pause, wipe,
restart, run a command) is refused. Faults are the nodes' own (``harness.node.admin``, which must be on): a node drops
messages at its own door, and what is said of it is its own word.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

from harness.errors import HarnessError, RemoteError, UsageError
from harness.remote.seam import on_all
from harness.running import invoking
from harness.running.control import Answer
from harness.systems import http_client
from harness.systems.http_client import Connect, HttpClient
from nemesis.actions import Action, Cut, Fault, Kill, Shape
from nemesis.encoding import action_to_json, fault_from_json

LOOK_S = 5.0
NOTHING = 404


class Direct:
    """Answers as ``harness.running.cluster`` does. ``connect`` is given the node and a time-out in seconds."""

    def __init__(
        self,
        names: Sequence[str],
        zones: Sequence[str],
        places: Sequence[tuple[str, int]],
        connect: Callable[[int, float], Connect] | None = None,
    ) -> None:
        self.names, self.zones, self.places = list(names), list(zones), list(places)
        self._connect = connect or self._by_tcp
        # Sessions name commands for ever, so that no two clients may have the same.
        self._processes = count(secrets.randbits(48) << 16)
        self._faults = count(1)

    def ask(self, do: str, **asked: Any) -> Answer:
        """Raises UsageError or HarnessError."""
        answers: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "status": lambda _: self._status(),
            "invoke": self._invoke,
            "invoke_at": self._invoke_at,
            "get": lambda a: {"value": self._get(a["node"], a["path"])},
            "notes": self._notes,
            "fault": self._fault,
            "heal": lambda _: {
                "proof": self._tell("/heal", range(len(self.names)), {"do": "heal"})
            },
        }
        if do not in answers:
            raise UsageError(f"{do}: it takes a cluster that `harness up` keeps")
        return answers[do](asked)

    def close(self) -> None:
        """Nothing is kept open."""

    def _by_tcp(self, node: int, timeout_s: float) -> Connect:
        return http_client.connect_to(*self.places[node], timeout_s)

    def _get(self, node: int, path: str) -> Any:
        try:
            return http_client.get(self._connect(node, LOOK_S), path)
        except http_client.StatusError as error:
            raise HarnessError(f"{self.names[node]}: {error.problem}") from error
        except OSError as error:
            raise RemoteError(self.names[node], f"GET {path}: {error}") from error

    def _status(self) -> Answer:
        def look(node: int) -> dict[str, Any]:
            host, port = self.places[node]
            name, zone = self.names[node], self.zones[node]
            seen: dict[str, Any] = {"name": name, "zone": zone, "address": host, "http": port}
            try:
                return {**seen, "state": "serves", **self._get(node, "/health")}
            except HarnessError as error:
                return {**seen, "state": f"silent: {error}"}

        return {"nodes": [look(node) for node in range(len(self.names))], "faults": []}

    # --- ops --------------------------------------------------------------------------------------

    def _invoke(self, asked: Mapping[str, Any]) -> Answer:
        told = asked.get("node")
        nodes = range(len(self.names)) if told is None else [told]
        return invoking.invoke(nodes, self.names, self._client(asked), asked)

    def _invoke_at(self, asked: Mapping[str, Any]) -> Answer:
        answers = invoking.invoke_at(asked["nodes"], self.names, self._client(asked), asked)
        return {"answers": answers}

    def _client(self, asked: Mapping[str, Any]) -> invoking.Client:
        timeout_s = asked["timeout_s"]
        return lambda node: HttpClient(self._connect(node, timeout_s), next(self._processes))

    # --- what nodes noted -------------------------------------------------------------------------

    def _notes(self, asked: Mapping[str, Any]) -> Answer:
        """The updates of one ``key``, or all decisions. A node that noted none has none."""
        key = asked.get("key", "")
        path = f"/history?key={quote(key)}" if asked["kind"] == "executed" else "/log/print"

        def look(node: int) -> dict[str, Any]:
            name = self.names[node]
            try:
                found = http_client.get(self._connect(node, LOOK_S), path)["value"]
            except http_client.StatusError as error:
                found = []
                if error.status != NOTHING:
                    return {"name": name, "error": error.problem}
            except OSError as error:
                return {"name": name, "error": str(error)}
            values = [[key, what] for what in found] if asked["kind"] == "executed" else found
            return {"name": name, "values": values}

        return {"nodes": [look(node) for node in range(len(self.names))]}

    # --- faults -----------------------------------------------------------------------------------

    def _fault(self, asked: Mapping[str, Any]) -> Answer:
        fault = fault_from_json(asked["fault"])
        if not isinstance(fault, Fault):
            raise UsageError(f"fault {fault}: it takes a cluster that `harness up` keeps")
        for_s = asked.get("for_s") or 0
        proofs = []
        for action in fault.begin:
            for node, path, query in _told(action):
                target = f"{path}?{urlencode({**query, 't': for_s})}"
                proofs += self._tell(target, [node], action_to_json(action))
        return {"number": next(self._faults), "name": fault.name, "proof": proofs}

    def _tell(self, path: str, nodes: Sequence[int], action: object) -> list[dict[str, Any]]:
        """Each node's word on what is on now, as a proof."""
        each: dict[int, Any] = dict.fromkeys(nodes)
        told = on_all(each, lambda node: self._get(node, path)["value"])
        return [
            {
                "action": action,
                "probe": "the node's word",
                "saw": {self.names[node]: str(saw) if isinstance(saw, Exception) else saw},
                "bit": not isinstance(saw, Exception),
            }
            for node, saw in told.items()
        ]


def _told(action: Action) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Which nodes are told what of an action, by the admin's paths. Raises UsageError."""
    match action:
        case Kill(node):
            yield node, "/crash", {}
        case Cut(links):
            for src, dst in links:
                yield src, "/drop", {"id": f"n{dst + 1}"}
        case Shape(links, weather):
            for src, dst in links:
                to: dict[str, object] = {"id": f"n{dst + 1}"}
                if weather.delay_ms:
                    yield src, "/slow", {**to, "ms": weather.delay_ms}
                if weather.loss_permille:
                    yield src, "/flaky", {**to, "p": weather.loss_permille / 1000}
        case _:
            raise UsageError(
                f"{action_to_json(action)['do']}: it takes a cluster that `harness up` keeps"
            )
