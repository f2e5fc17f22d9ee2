"""How fast the simulator is: events, client ops and whole short runs per CPU second.

    python benchmarks/sim.py [SECONDS [REPEATS]]

Load: 5 nodes, 10 clients, 100 op/s, 60 simulated seconds (or SECONDS) with partitions, all
features on: the wire codec, the disk as text, history rows, notes, the digest. Short runs: 3 nodes,
1.5 s, 300 op/s, crashes, and the linearizability check. CPU time, the best of REPEATS.

Absolute figures depend on the machine and on who else uses it. So the same run measures a plain
loop of a heap and a tuple (``baseline``), and the last column is in those: *loops an event*.
"""

from __future__ import annotations

import sys
from heapq import heappop, heappush
from importlib.util import find_spec
from pkgutil import resolve_name
from time import process_time

from checker.history import OK, History
from harness.sim import Network, Run, Setup, simulate
from nemesis.actions import Window
from protocols import PROTOCOLS
from workloads.kernel import Options
from workloads.register import workload

LOOPS = 200_000


def baseline() -> float:
    """Loops a second of the least that any event-driven simulator does."""
    heap: list[tuple[int, int, str]] = [(i, i, "message") for i in range(100)]
    began = process_time()
    for i in range(LOOPS):
        time_ns, _, text = heappop(heap)
        heappush(heap, (time_ns + i * 7919 % 5_000, i, text))
    return LOOPS / (process_time() - began)


def load(protocol: str, time_ms: int) -> Setup:
    partitions = tuple(
        Window(at_ms, 8_000, "partition-halves") for at_ms in range(5_000, time_ms, 20_000)
    )
    return Setup(
        protocol=resolve_name(PROTOCOLS[protocol]),
        workload=workload(),
        options=Options(threads=10, nodes=5, time_ms=time_ms, rate=100),
        plan=partitions,
        network=Network(loss_permille=5),
    )


def short(protocol: str, seed: int) -> Setup:
    crashes = (Window(200, 150, "kill-one"), Window(700, 150, "kill-minority"))
    return Setup(
        protocol=resolve_name(PROTOCOLS[protocol]),
        workload=workload(),
        options=Options(threads=6, nodes=3, time_ms=1_500, rate=300, keys=1),
        plan=crashes,
        seed=seed,
        client_timeout_ms=300,
        settle_ms=100,
    )


def played(setup: Setup) -> tuple[float, Run]:
    began = process_time()
    run = simulate(setup)
    return process_time() - began, run


def short_runs(protocol: str, count: int = 20) -> float:
    """Short runs a second, their checks included."""
    check = workload().checks["linearizable"]
    began = process_time()
    for seed in range(count):
        assert check(History.of(simulate(short(protocol, seed)).rows)).valid
    return count / (process_time() - began)


def main(time_ms: int, repeats: int) -> None:
    loops = max(baseline() for _ in range(2 * repeats + 1))
    print(f"baseline {loops / 1e6:.2f} M loops/s; {time_ms // 1000} s simulated, 5 nodes, 100 op/s")
    print(
        f"{'protocol':<12}{'events/s':>10}{'op/s':>8}{'sim/real':>10}{'events/op':>11}"
        f"{'runs/s':>8}{'loops/event':>13}"
    )
    for protocol, place in PROTOCOLS.items():
        if find_spec(place.partition(":")[0]) is None:
            print(f"{protocol:<12} (not written yet)")
            continue
        cpu_s, run = min(
            (played(load(protocol, time_ms)) for _ in range(repeats)), key=lambda r: r[0]
        )
        ops = sum(row.type == OK and row.process >= 0 for row in run.rows)
        runs = max(short_runs(protocol) for _ in range(repeats))
        print(
            f"{protocol:<12}{run.events / cpu_s:>10,.0f}{ops / cpu_s:>8,.0f}"
            f"{run.end_ns / 1e9 / cpu_s:>9.0f}x{run.events / ops:>11.1f}{runs:>8.0f}"
            f"{loops / (run.events / cpu_s):>13.1f}"
        )


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(1_000 * (given[0] if given else 60), given[1] if len(given) > 1 else 3)
