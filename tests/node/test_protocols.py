"""Each protocol that ships, as real processes: nothing acknowledged is lost, and service comes back."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from harness.node.config import TCP, TRANSPORTS
from protocols import PROTOCOLS
from tests.node.crashes import write_through_crashes
from tests.node.processes import Processes, cluster
from tests.waiting import wait_until
from workloads.kernel import Refused

SAMPLE = 60
PROCESSES = count(1000)
"""A process, and so a session, is never used twice: its serials would name other commands."""


def read(processes: Processes, node: int, key: str) -> object:
    """The value of a key, once the node serves: a new leader may have to be found first."""

    def attempt() -> list[object]:
        client = processes.client(node, next(PROCESSES), 2.0)
        try:
            return [client.invoke("read", key, None)]
        except (OSError, Refused):
            return []
        finally:
            client.close()

    (value,) = wait_until(attempt, 20, f"node {node} reads {key}")
    return value


@pytest.mark.parametrize(
    ("protocol", "transport"),
    [*((name, "tcp") for name in PROTOCOLS), *(("multipaxos", t) for t in TRANSPORTS if t != TCP)],
)
def test_acknowledged_writes_survive_kill_9_of_every_node(
    protocol: str, transport: str, tmp_path: Path
) -> None:
    """Method: each key is written once; nodes are killed and restarted in turn meanwhile, then all
    of them at once; then a sample of what was acknowledged is read from a node in turn."""
    with cluster(tmp_path, 3, protocol=protocol, transport=transport) as processes:
        processes.start_all()
        acked = write_through_crashes(processes, crashes=3)
        for node in range(3):
            processes.end(node)
        processes.start_all()

        keys = sorted(acked)[:: max(1, len(acked) // SAMPLE)]
        assert len(keys) >= SAMPLE
        found = {key: read(processes, i % 3, key) for i, key in enumerate(keys)}
        assert found == {key: acked[key] for key in keys}
        assert processes.wait_ready(0)["incarnation"] == 3
