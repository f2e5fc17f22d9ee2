"""How fast a cluster of node processes is on this machine, over the loopback, journals on its disk.

Closed loop: each client asks for the next op when it has its answer. Clients are threads of this
process, so its CPU is told apart from the nodes'. usage: benchmarks/node.py [--help]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.systems import bundle, http_client
from harness.systems.http_client import HttpClient
from protocols import PROTOCOLS

TICKS = os.sysconf("SC_CLK_TCK")
PEER_PORT, HTTP_PORT = 21_700, 21_800


@contextmanager
def cluster(protocol: str, nodes: int, base: Path) -> Iterator[dict[int, subprocess.Popen[bytes]]]:
    zipapp = base / "node.pyz"
    module = [protocol.partition(":")[0]] if ":" in protocol else []
    zipapp.write_bytes(bundle.build(module))
    peers = ",".join(f"{i}=127.0.0.1:{PEER_PORT + i}" for i in range(nodes))
    running = {}
    try:
        for i in range(nodes):
            argv = [
                sys.executable,
                "-I",
                str(zipapp),
                "run",
                "--id",
                str(i),
                "--protocol",
                protocol,
            ]
            argv += ["--peers", peers, "--http", f"127.0.0.1:{HTTP_PORT + i}"]
            with (base / f"{i}.log").open("wb") as log:
                running[i] = subprocess.Popen([*argv, "--data", str(base / str(i))], stderr=log)
        deadline = time.monotonic() + 30
        while not all(is_up(i, nodes) for i in range(nodes)):
            assert time.monotonic() < deadline, (base / "0.log").read_text()
            time.sleep(0.05)
        yield running
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def health(node: int) -> dict[str, object]:
    connect = http_client.connect_to("127.0.0.1", HTTP_PORT + node, 1.0)
    answer: dict[str, object] = http_client.get(connect, "/health")
    return answer


def is_up(node: int, nodes: int) -> bool:
    """It serves, all connections stand, and an op succeeds: a leader, if one is needed, is there."""
    try:
        connected = health(node)["connected"]
        assert isinstance(connected, list)
        client = HttpClient(
            http_client.connect_to("127.0.0.1", HTTP_PORT + node, 5.0), 10_000 + node
        )
        client.invoke("read", "warm-up", None)
        client.close()
    except Exception:  # noqa: BLE001  refused or not yet: both are "no"
        return False
    return len(connected) == nodes - 1


def load(node: int, process: int, until: float, write_permille: int, out: list[float]) -> None:
    client = HttpClient(http_client.connect_to("127.0.0.1", HTTP_PORT + node, 10.0), process)
    serial = 0
    while (began := time.perf_counter()) < until:
        serial += 1
        if serial * 7919 % 1000 < write_permille:
            client.invoke("write", f"k{(process + serial) % 20}", serial)
        else:
            client.invoke("read", f"k{(process + serial) % 20}", None)
        out.append(time.perf_counter() - began)
    client.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(
    protocol: str, nodes: int, clients: int, seconds: float, write_permille: int
) -> dict[str, object]:
    """Throughput, latency quantiles in ms, and CPU in us an op, of one run."""
    with (
        tempfile.TemporaryDirectory() as base,
        cluster(protocol, nodes, Path(base)) as running,
    ):
        outs: list[list[float]] = [[] for _ in range(clients)]
        before = {i: cpu_s(process.pid) for i, process in running.items()}
        own, began = time.process_time(), time.perf_counter()
        threads = [
            threading.Thread(target=load, args=(c % nodes, c, began + seconds, write_permille, out))
            for c, out in enumerate(outs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, own = time.perf_counter() - began, time.process_time() - own
        used = sum(cpu_s(process.pid) - before[i] for i, process in running.items())
        counters = [health(i)["counters"] for i in range(nodes)]
    latencies = sorted(latency for out in outs for latency in out)
    ops = len(latencies)
    return {
        "protocol": protocol,
        "nodes": nodes,
        "clients": clients,
        "op_s": round(ops / took),
        **{f"p{q}_ms": round(latencies[ops * q // 100] * 1000, 2) for q in (50, 99)},
        "max_ms": round(latencies[-1] * 1000, 1),
        "nodes_cpu_us_op": round(used / ops * 1e6),
        "client_cpu_us_op": round(own / ops * 1e6),
        "commits_op": round(sum(c["commits"] for c in counters) / ops, 2),  # type: ignore[index]
        "messages_op": round(sum(c["sent"] for c in counters) / ops, 2),  # type: ignore[index]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", action="append", help="a name or package.module:Class")
    parser.add_argument("--nodes", type=int, action="append", help="3 and 5")
    parser.add_argument("--clients", type=int, action="append", help="1 and 10")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--write-permille", type=int, default=500)
    given = parser.parse_args()
    for protocol in given.protocol or PROTOCOLS:
        for nodes in given.nodes or (3, 5):
            for clients in given.clients or (1, 10):
                result = measure(protocol, nodes, clients, given.seconds, given.write_permille)
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
