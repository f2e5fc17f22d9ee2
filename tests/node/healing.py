"""Cuts the way to a node and heals it, in a network namespace of its own; prints what it saw as JSON.

Run by ``test_links`` under ``unshare --net``: packets are dropped, so TCP backs off as it does
between hosts. usage: python -m tests.node.healing DIRECTORY CUT_MS
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.node.processes import Processes, cluster
from tests.waiting import wait_until


def drop(verb: str, port: int) -> None:
    """Between a port and whoever dials it, both ways."""
    for side in ("--dport", "--sport"):
        rule = ["iptables", "-w", verb, "INPUT", "-p", "tcp", side, str(port), "-j", "DROP"]
        subprocess.run(rule, check=True)


def received(processes: Processes) -> int:
    return processes.counters(1)["received"]


def cut_and_heal(processes: Processes, cut_s: float) -> dict[str, object]:
    wait_until(lambda: received(processes) > 50, 10, "messages flow")
    drop("-A", processes.peer_ports[1])
    cut = time.monotonic()
    before = received(processes)
    wait_until(lambda: processes.counters(0)["stalled"] >= 1, 10, "the stall is seen")
    stalled_s = time.monotonic() - cut
    wait_until(lambda: time.monotonic() > cut + cut_s, cut_s + 1, "the cut has lasted")
    during = received(processes) - before
    drop("-D", processes.peer_ports[1])
    healed, at_heal = time.monotonic(), received(processes)
    wait_until(lambda: received(processes) > at_heal + 10, 60, "messages flow again")
    return {
        "stalled_ms": int(stalled_s * 1000),
        "received_during_cut": during,
        "healed_ms": int((time.monotonic() - healed) * 1000),
    }


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with cluster(Path(sys.argv[1]), 2, "--option", "chatty=true") as processes:
        processes.start_all()
        print(json.dumps(cut_and_heal(processes, int(sys.argv[2]) / 1000)))


if __name__ == "__main__":
    main()
