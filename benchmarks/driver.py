"""What the driver costs and how punctual it is, against a server that does nothing.

Closed loop: ops per CPU second of the controller, with generator, clients, history on disk and
latencies. Open loop at 1,000 op/s: how late ops start. The server is a process of its own on the
loopback; its CPU time is not the controller's. What a thread that only sleeps is late by is printed
beside it: on a busy machine nothing can be more punctual than that, except by ``chrt -f 1``.

    python benchmarks/driver.py [SECONDS] [THREADS]
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from harness.driver import Driver
from harness.histogram import Histogram
from harness.load_stats import Stats
from harness.store.load import load_history
from harness.store.record import RunDirectory
from harness.systems.http_client import HttpClient, connect_to
from workloads import register
from workloads.kernel import Client, Options

TARGET = 10_000
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"value":null}'


def serve(ready: Connection) -> None:
    """Answer every request, unread, with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    ready.send(listener.getsockname()[1])
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj  # type: ignore[assignment]
            if connection.recv(65536):
                connection.sendall(ANSWER)
            else:
                selector.unregister(connection)
                connection.close()


def drive(port: int, *, threads: int, rate: int, seconds: float) -> tuple[Stats, float, float, int]:
    """One run: its stats, the controller's CPU seconds, wall seconds, and rows stored."""
    options = Options(threads=threads, nodes=1, time_ms=int(seconds * 1000), rate=rate)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder), "benchmark")
        zero = time.monotonic_ns()

        def client(thread: int, process: int, node: int) -> Client:  # noqa: ARG001
            return HttpClient(connect_to("127.0.0.1", port, 5.0), process)

        driver = Driver(
            client,
            threads=threads,
            nodes=1,
            record=run.journal().record,
            clock_ns=lambda: time.monotonic_ns() - zero,
            stop=threading.Event(),
        )
        cpu, wall = time.process_time(), time.perf_counter()
        stats = driver.run(register.main(Random(1), options))
        run.finish()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        stored = load_history(run.path)
        return stats, cpu, wall, len(stored.history)


def sleeper(seconds: float) -> Histogram:
    """How late a thread wakes that sleeps until every next millisecond."""
    lateness = Histogram()
    due_ns = time.monotonic_ns()
    for _ in range(int(seconds * 1000)):
        due_ns += 1_000_000
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        lateness.add(time.monotonic_ns() - due_ns)
    return lateness


def microseconds(times: Histogram) -> str:
    return ", ".join(
        f"{name} {value // 1000} us"
        for name, value in times.to_json().items()
        if name != "count" and value
    )


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    try:
        stats, cpu, wall, rows = drive(port, threads=threads, rate=0, seconds=seconds)
        assert rows == 2 * stats.ops == 2 * stats.ok, "every op was ok, and is in the history"
        per_cpu = stats.ops / cpu
        print(f"closed loop, {threads} threads: {stats.ops} ops in {wall:.1f} s, {cpu:.2f} CPU s")
        print(f"  {per_cpu:,.0f} op per CPU second ({cpu / stats.ops * 1e6:.1f} us each)")
        print(f"  {stats.ops / wall:,.0f} op/s; reads take {microseconds(stats.latency['read'])}")
        stats, cpu, wall, _ = drive(port, threads=threads, rate=1000, seconds=seconds)
        print(f"open loop at 1,000 op/s: {stats.ops} ops in {wall:.1f} s, {cpu:.2f} CPU s")
        print(f"  late by {microseconds(stats.lateness)}; {stats.waited} waited for a free thread")
        print(f"  a sleeping thread, for comparison: {microseconds(sleeper(seconds))}")
    finally:
        server.terminate()
        server.join()
    if per_cpu < TARGET:
        print(f"  below the target of {TARGET:,} op per CPU second")
    return per_cpu < TARGET


if __name__ == "__main__":
    sys.exit(main())
