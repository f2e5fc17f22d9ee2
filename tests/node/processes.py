"""Real node processes on the loopback, for tests; all are gone when the block ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from harness.systems import http_client
from harness.systems.http_client import HttpClient
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
_PORTS = count(20_000 + os.getpid() * 923 % 12_000)
"""Below the ephemeral range, from which TCP takes the ports of connections; far from those of processes with
a pid nearby, as those have that run the tests side by side."""


def free_ports(number: int) -> list[int]:
    ports = []
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == number:
            return ports
    raise AssertionError


class Processes:
    """A cluster of node processes. Node i's directory is ``base/i``, its log ``base/i.log``."""

    def __init__(
        self,
        base: Path,
        nodes: int,
        *arguments: str,
        protocol: str | None = None,
        transport: str = "tcp",
    ) -> None:
        self.transport = transport
        self.base = base
        self.peer_ports = free_ports(nodes)
        self.http_ports = free_ports(nodes)
        self.arguments = arguments
        self.protocol = protocol or "tests.node.replicas:Ledger"
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, node: int, *arguments: str) -> None:
        places = [f"127.0.0.1:{port}" for port in self.peer_ports]
        listen = ["--listen", f"127.0.0.1:{self.peer_ports[node]}"]
        if self.transport == "unix":
            places, listen = [f"unix:{self.base}/{i}.sock" for i in range(len(places))], []
        peers = ",".join(f"{i}={place}" for i, place in enumerate(places))
        argv = [sys.executable, "-m", "harness.node", "run", "--id", str(node), "--peers", peers]
        argv += ["--protocol", self.protocol, "--data", str(self.base / str(node))]
        argv += ["--http", f"127.0.0.1:{self.http_ports[node]}"]
        argv += ["--transport", self.transport, *listen, *self.arguments, *arguments]
        with (self.base / f"{node}.log").open("ab") as log:
            self.running[node] = subprocess.Popen(argv, stderr=log, cwd=ROOT)

    def start_all(self) -> None:
        for node in range(len(self.peer_ports)):
            self.start(node)
        for node in range(len(self.peer_ports)):
            self.wait_ready(node)

    def wait_ready(self, node: int) -> dict[str, Any]:
        def ready() -> dict[str, Any] | None:
            assert self.running[node].poll() is None, self.log(node)
            return self.health(node)

        health = wait_until(ready, 20, f"node {node} serves")
        assert isinstance(health, dict)
        return health

    def connect(self, node: int, timeout_s: float = 5.0) -> http_client.Connect:
        return http_client.connect_to("127.0.0.1", self.http_ports[node], timeout_s)

    def client(self, node: int, process: int = 0, timeout_s: float = 5.0) -> HttpClient:
        return HttpClient(self.connect(node, timeout_s), process)

    def get(self, node: int, path: str) -> Any:
        return http_client.get(self.connect(node), path)

    def health(self, node: int) -> dict[str, Any] | None:
        try:
            health: dict[str, Any] = self.get(node, "/health")
        except OSError:
            return None
        return health

    def counters(self, node: int) -> dict[str, int]:
        counters: dict[str, int] = self.get(node, "/health")["counters"]
        return counters

    def end(self, node: int, *, kill: bool = True) -> int:
        process = self.running.pop(node)
        if kill:
            process.kill()
        else:
            process.terminate()
        return process.wait(10)

    def log(self, node: int) -> str:
        return (self.base / f"{node}.log").read_text()


@contextmanager
def cluster(base: Path, nodes: int, *arguments: str, **options: Any) -> Iterator[Processes]:
    processes = Processes(base, nodes, *arguments, **options)
    try:
        yield processes
    finally:
        for node in list(processes.running):
            processes.end(node)
