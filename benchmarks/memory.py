"""What a replica holds after 10,000 and after 100,000 ops: log-based protocols must not grow.

``python benchmarks/memory.py`` plays each protocol in the simulator at 1,000 op/s of 25 clients on 5 keys, with no
fault, and with a node that is dead for four tenths of the time and comes back. Counted are the objects that are
reachable from a replica, their size, and the keys on its disk, of the node that has most (``harness/footprint.py``).
Snapshots are taken every 200 slots, and 100 kept, so that each has compacted often by 10,000 ops; with the
defaults (1,000 to 4,096) protocols that put many commands into a slot have not begun to.

    python benchmarks/memory.py --protocol raft,epaxos --ops 1000,10000
"""

from __future__ import annotations

import argparse
import time

from harness.footprint import Footprint, footprint
from harness.simulated import setup_of
from harness.trial import Trial
from nemesis.actions import Window
from nemesis.encoding import plan_to_json
from nemesis.process import kill_nodes
from protocols import PROTOCOLS
from protocols.wire import dumps

RATE = 1_000
OFTEN = {"snapshot_every": "200", "keep": "100"}
OPTIONS = {"epaxos": {"checkpoint_every": "200", "retain": "100"}, "abd": {}, "dynamo": {}}
GROWS = 2
"""More than so many times as much is called growth: of 100 to 300 slots that are kept, a replica has any
number when it is looked at. What is never forgotten would be five or ten times as much."""


def held(protocol: str, ops: int, *, away: bool) -> Footprint:
    time_ms = ops * 1_000 // RATE
    plan = (Window(time_ms * 2 // 10, time_ms * 4 // 10, kill_nodes("away", [4])),) if away else ()
    trial = Trial(
        protocol=protocol,
        nodes=5,
        threads=25,
        keys=5,
        rate=RATE,
        time_ms=time_ms,
        seed="memory",
        network="steady",
        options=OPTIONS.get(protocol, OFTEN),
        plan=dumps(plan_to_json(plan)) if away else None,
    )
    return footprint(setup_of(trial))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--protocol", default=",".join(PROTOCOLS), help="by comma")
    parser.add_argument("--ops", default="10000,100000", help="few,many")
    told = parser.parse_args()
    few, many = map(int, told.ops.split(","))
    print(
        f"| protocol | fault | objects at {few:,} | at {many:,} | kB | kB | durable keys | keys | | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for protocol in told.protocol.split(","):
        for away in (False, True):
            began = time.process_time()
            a, b = held(protocol, few, away=away), held(protocol, many, away=away)
            grown = b.objects > GROWS * a.objects or b.durable_keys > GROWS * a.durable_keys
            print(
                f"| {protocol} | {'one away' if away else 'none'} | {a.objects:,} | {b.objects:,} "
                f"| {a.kilobytes:,} | {b.kilobytes:,} | {a.durable_keys:,} | {b.durable_keys:,} "
                f"| {'GROWS' if grown else 'bounded'} | {time.process_time() - began:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
