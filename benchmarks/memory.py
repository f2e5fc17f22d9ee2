"""What a replica holds after some ops and after ten times as many: log-based protocols must not grow.

``python benchmarks/memory.py`` plays each protocol in the simulator at 1,000 op/s of 25 clients on 5 keys, with no
fault, and with a node that is dead for a while before each of the two spans of time that are looked at. Counted are
the objects that are reachable from a replica, their size, and the keys on its disk: the most of any node at any look
(``harness/footprint.py``). Snapshots are taken every 200 slots, and 100 kept, so that each has compacted often by
2,000 ops; with the defaults (1,000 to 4,096) protocols that put many commands into a slot have not begun to; ``paxos``,
which puts most into one, has a quarter of that. A key
remembers the last answers of as many sessions as there are clients (by default 256), so that the tables of
sessions are full by the first look: what they may hold at most is no growth.

    python benchmarks/memory.py --protocol raft,multipaxos --ops 10000,100000
"""

from __future__ import annotations

import argparse
import time

from harness.footprint import Footprint, footprints
from harness.simulated import setup_of
from harness.trial import Trial
from nemesis.actions import Window
from nemesis.encoding import plan_to_json
from nemesis.process import kill_nodes
from protocols import PROTOCOLS, statemachine
from protocols.wire import dumps

RATE = 1_000
THREADS = 25
SPAN_MS = 2_000
OFTEN = {"snapshot_every": "200", "keep": "100"}
OPTIONS = {
    "epaxos": {"checkpoint_every": "200", "retain": "100"},
    "paxos": {"snapshot_every": "50", "keep": "25"},
}
NO_LOG = {"abd", "dynamo"}
GROWS = 1.1
"""More than so many times as much is called growth. What is never forgotten would be ten times as much."""


def held(protocol: str, times_ms: tuple[int, int], *, away: bool) -> list[Footprint]:
    """From each of these times on, for a span; a fault is over half as long before as has passed until then."""
    killed = [Window(t * 2 // 10, t * 3 // 10, kill_nodes("away", [4])) for t in times_ms]
    trial = Trial(
        protocol=protocol,
        nodes=5,
        threads=THREADS,
        keys=5,
        rate=RATE,
        time_ms=times_ms[-1] + SPAN_MS,
        seed="memory",
        network="steady",
        options=OPTIONS.get(protocol, OFTEN),
        plan=dumps(plan_to_json(tuple(killed if away else ()))),
    )
    return footprints(setup_of(trial), [(t, t + SPAN_MS) for t in times_ms])


def main() -> None:
    logged = ",".join(name for name in PROTOCOLS if name not in NO_LOG)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default=logged, help="by comma")
    parser.add_argument("--ops", default="2000,20000", help="few,many: that are asked for")
    told = parser.parse_args()
    few, many = map(int, told.ops.split(","))
    statemachine.SESSIONS_PER_KEY = THREADS
    print("| protocol | fault | answered | objects | times | kB | durable keys | times | | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for protocol in told.protocol.split(","):
        for away in (False, True):
            began = time.process_time()
            a, b = held(protocol, (few * 1_000 // RATE, many * 1_000 // RATE), away=away)
            objects, keys = b.objects / a.objects, b.durable_keys / a.durable_keys
            print(
                f"| {protocol} | {'one away' if away else 'none'} | {a.answered:,} to {b.answered:,} "
                f"| {a.objects:,} to {b.objects:,} | {objects:.2f} | {a.kilobytes:,} to {b.kilobytes:,} "
                f"| {a.durable_keys:,} to {b.durable_keys:,} | {keys:.2f} "
                f"| {'GROWS' if max(objects, keys) > GROWS else 'bounded'} | {time.process_time() - began:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
