"""What a holder does for those who ask: the nodes' state, clients' commands, faults, notes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from random import Random
from typing import Any

from harness import transports
from harness.deployment import READY_S, Deployment
from harness.errors import HarnessError, RemoteError, UsageError
from harness.remote.seam import on_all
from harness.running import invoking
from harness.running.control import Answer
from harness.running.open_faults import OpenFaults
from harness.running.registry import Asked
from harness.systems import http_client
from harness.systems.http_client import HttpClient
from harness.systems.ports import HTTP_PORT, PEER_PORT
from harness.systems.replicas import Replicas
from harness.trial import Trial
from nemesis.actions import Fault, Shape, Window
from nemesis.encoding import fault_from_json
from nemesis.plan import resolve, validate

RUN_S = 60.0


class RunningCluster:
    """Answers requests about one deployment. Thread-safe."""

    def __init__(
        self, name: str, asked: Asked, deployed: Deployment, say: Callable[[str], None]
    ) -> None:
        self.name, self.asked, self.deployed = name, asked, deployed
        self.faults = OpenFaults(deployed.injector.perform, deployed.injector.heal, say)
        self.names = [host.name for host in deployed.hosts.values()]
        self.stop = threading.Event()
        self._random = Random()
        # A session is never used twice: those of the trial that left it running were others.
        self._processes = count(10**9 if asked.adopted else 0)
        self._requests: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "status": self.status,
            "invoke": self.invoke,
            "invoke_at": self.invoke_at,
            "fault": self.fault,
            "heal": self.heal,
            "restart": self.restart,
            "notes": self.notes,
            "get": self.get,
            "run": self.run,
            "down": self.down,
        }

    def handle(self, request: Mapping[str, Any]) -> Answer:
        """The answer to a request. Raises HarnessError."""
        if request["do"] not in self._requests:
            raise UsageError(f"a holder cannot {request['do']!r}: is it of another version?")
        return self._requests[request["do"]](request)

    def node(self, request: Mapping[str, Any]) -> int:
        """The request's ``node``: its number. Raises UsageError."""
        node = request.get("node")
        if type(node) is not int or node not in self.deployed.hosts:
            raise UsageError(f"there is no node {node!r}: there are {', '.join(self.names)}")
        return node

    def down(self, _request: Mapping[str, Any]) -> Answer:
        self.stop.set()
        return {}

    # --- looking ----------------------------------------------------------------------------------

    def status(self, _request: Mapping[str, Any]) -> Answer:
        """Every node, every open fault. A node that does not answer says why."""
        nodes = self._each(self._look)
        now = time.monotonic()
        faults = [
            {
                "number": number,
                "name": each.fault.name,
                "for_s": round(now - each.began_s, 1),
                "left_s": None if each.until_s is None else round(max(0, each.until_s - now), 1),
            }
            for number, each in list(self.faults.open.items())
        ]
        return {
            "name": self.name,
            "tag": self.deployed.tag,
            "protocol": self.asked.protocol,
            "on": self.asked.on,
            "since": self.asked.since,
            "nodes": [nodes[node] for node in sorted(nodes)],
            "faults": faults,
        }

    def _look(self, node: int) -> dict[str, Any]:
        host, system = self.deployed.hosts[node], self.deployed.system
        assert isinstance(system, Replicas), "only those are left running"
        seen: dict[str, Any] = {
            "name": host.name,
            "address": host.address,
            "zone": host.zone,
            "http": HTTP_PORT + node,
            "peers": PEER_PORT + node,
            "pid": system.pid(node, self.deployed.remotes[node]),
        }
        if seen["pid"] is None:
            return {**seen, "state": "down"}
        if node in self.deployed.injector.processes.paused:
            return {**seen, "state": "paused"}
        try:
            return {**seen, "state": "serves", **system.health(node)}
        except (OSError, RemoteError) as error:
            return {**seen, "state": f"silent: {error}"}

    def _each(self, look: Callable[[int], dict[str, Any]]) -> dict[int, dict[str, Any]]:
        """Of all nodes at once; a host that is not reached is data, too."""
        nobody: dict[int, dict[str, Any]] = {node: {} for node in self.deployed.hosts}
        return {
            node: {"name": self.names[node], "state": f"lost: {seen}", "error": str(seen)}
            if isinstance(seen, Exception)
            else seen
            for node, seen in on_all(nobody, look).items()
        }

    def notes(self, request: Mapping[str, Any]) -> Answer:
        """What each node noted of a ``kind``, in its order, earlier incarnations included."""
        kind = request["kind"]

        def of(node: int) -> dict[str, Any]:
            path = self.deployed.system.logs(node)["notes.jsonl"]
            try:
                text = self.deployed.remotes[node].get(path).decode(errors="replace")
            except FileNotFoundError:
                text = ""
            return {"values": _values(text, kind)}

        return {
            "nodes": [{"name": self.names[n], **seen} for n, seen in sorted(self._each(of).items())]
        }

    def get(self, request: Mapping[str, Any]) -> Answer:
        """What a node answers to ``GET`` of a path."""
        node, timeout_s = self.node(request), _seconds(request.get("timeout_s", 5.0))
        connect = self.deployed.system.connect(node, timeout_s)
        try:
            return {"value": http_client.get(connect, request["path"])}
        except http_client.StatusError as error:
            raise HarnessError(f"{self.names[node]}: {error.problem}") from error
        except OSError as error:
            raise RemoteError(self.names[node], f"GET {request['path']}: {error}") from error

    def run(self, request: Mapping[str, Any]) -> Answer:
        """Run a command on a node's host."""
        node, argv = self.node(request), request["argv"]
        done = self.deployed.remotes[node].run(argv, timeout_s=RUN_S, check=False)
        return {"status": done.status, "stdout": done.stdout, "stderr": done.stderr}

    # --- clients ----------------------------------------------------------------------------------

    def invoke(self, request: Mapping[str, Any]) -> Answer:
        """One command of a client. ``node`` None: the first that can be connected to.

        ``ok``, ``fail`` (it certainly had no effect) or ``info`` (nobody knows), as in a history.
        """
        told = request.get("node")
        candidates = list(self.deployed.hosts) if told is None else [self.node(request)]
        return invoking.invoke(candidates, self.names, self._client(request), request)

    def invoke_at(self, request: Mapping[str, Any]) -> Answer:
        """The same command of a client at each of ``nodes``, at a time: each is one of its own."""
        nodes = [self.node({"node": node}) for node in request["nodes"]]
        return {"answers": invoking.invoke_at(nodes, self.names, self._client(request), request)}

    def _client(self, request: Mapping[str, Any]) -> invoking.Client:
        timeout_s = _seconds(request.get("timeout_s", 5.0))

        def client(node: int) -> HttpClient:
            return HttpClient(self.deployed.system.connect(node, timeout_s), next(self._processes))

        return client

    # --- faults -----------------------------------------------------------------------------------

    def fault(self, request: Mapping[str, Any]) -> Answer:
        """Begin a fault: one as JSON, or a name of the nemesis' table, aimed now."""
        told, for_s = request["fault"], request.get("for_s")
        nodes = sorted(self.deployed.hosts)
        zones = self.asked.zones
        try:
            fault = fault_from_json(told)
            if isinstance(fault, str):
                fault = resolve(fault, self._random, nodes, self.deployed.system.leaders(), zones)
            validate([Window(0, 1, fault)], nodes, zones)
        except ValueError as error:
            raise UsageError(str(error)) from error
        self._refuse_impossible(fault)
        number, proof = self.faults.begin(fault, None if for_s is None else _seconds(for_s))
        return {"number": number, "name": fault.name, "proof": proof}

    def heal(self, _request: Mapping[str, Any]) -> Answer:
        """End all faults, and wait until all nodes serve. Raises NotReadyError for one that does not."""
        proof = self.faults.heal()
        self.deployed.wait_ready()
        return {"proof": proof}

    def restart(self, request: Mapping[str, Any]) -> Answer:
        node = self.node(request)
        proof = self.faults.restart(node)
        self.deployed.system.wait_ready(node, self.deployed.remotes[node], READY_S)
        return {"proof": proof}

    def _refuse_impossible(self, fault: Fault) -> None:
        transports.check_fault(self.asked.transport, fault)
        asked = self.asked
        Trial(
            protocol=asked.protocol,
            nodes=asked.nodes,
            zones=",".join(asked.zones),
            rtt_ms=asked.rtt_ms,
            options=asked.options,
        ).refuse_unservable([Window(0, 1, fault)])
        if any(isinstance(action, Shape) for action in fault.begin) and not self.deployed.weather:
            raise UsageError(f"{fault.name}: these hosts can neither delay nor lose packets")


def _seconds(told: object) -> float:
    if not isinstance(told, int | float) or not 0 < told <= 86_400:
        raise UsageError(f"{told!r} is no number of seconds up to a day")
    return float(told)


def _values(text: str, kind: str) -> list[object]:
    """The notes of a kind. Lines that a crash has torn are left out."""
    found = []
    wanted = f'"kind":{json.dumps(kind)},'
    for line in text.splitlines():
        if wanted in line:
            try:
                found.append(json.loads(line)["value"])
            except (ValueError, KeyError):
                continue
    return found
