"""Clients that write, and kill -9 in the middle of it."""

from __future__ import annotations

import threading

from tests.node.processes import Processes
from tests.waiting import wait_until
from workloads.kernel import Refused


def write_until(
    processes: Processes, node: int, stop: threading.Event, acked: dict[str, int]
) -> None:
    """Write new keys to a node as fast as it answers; keep those that it acknowledged."""
    client = processes.client(node, node)
    serial = 0
    while not stop.is_set():
        serial += 1
        key = f"{node}-{serial}"
        try:
            client.invoke("write", key, serial)
        except (OSError, Refused):
            stop.wait(0.01)
        else:
            acked[key] = serial
    client.close()


def write_through_crashes(processes: Processes, crashes: int) -> dict[str, int]:
    """kill -9 and restart the nodes in turn while clients write; what was acknowledged."""
    stop, acked = threading.Event(), dict[str, int]()
    writers = [
        threading.Thread(target=write_until, args=(processes, node, stop, acked))
        for node in range(3)
    ]
    for writer in writers:
        writer.start()
    for crash in range(crashes):
        wait_until(lambda: len(acked) > 50 * (crash + 1), 20, "writes are acknowledged")  # noqa: B023
        processes.end(crash % 3)
        processes.start(crash % 3)
        processes.wait_ready(crash % 3)
    stop.set()
    for writer in writers:
        writer.join()
    return acked
