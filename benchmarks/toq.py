"""What timestamp-ordered queuing buys: slow paths and latency of EPaxos over five regions, a hot key.

``python benchmarks/toq.py`` plays the same trials with ``--option toq=`` false and true: wan5's round
trips, clients beside each replica, so many per cent of the ops on one key and the others on 200. A
row: the share of instances that took the slow path, and the latency of ops in ms.

    python benchmarks/toq.py --seconds 60 --rate 100 --conflict 10,50,100
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from checker.history import OK, History
from checker.verdict import Outcome
from harness.judge import judge
from harness.sim import simulate
from harness.simulated import setup_of
from harness.trial import Trial
from harness.wan import longest_ms, zones_of
from protocols.epaxos.sometimes import SLOW


def measured(conflict: int, told: argparse.Namespace, *, toq: bool) -> str:
    """The row of one trial. It fails if the history is not valid."""
    trial = Trial(
        protocol="epaxos",
        workload="bench",
        wan="wan5",
        rtt_ms=longest_ms("wan5", zones_of("wan5", 5)),
        nodes=5,
        threads=200,
        keys=201,
        rate=told.rate,
        time_ms=told.seconds * 1000,
        seed="toq",
        options={"toq": str(toq).lower()},
        workload_options={"distribution": f"conflict:{conflict}", "load": "false"},
    )
    began = time.process_time()
    rows = simulate(replace(setup_of(trial), skew_ms=told.skew)).rows
    cpu_s = time.process_time() - began
    history = History.of(rows)
    results = judge(history, trial.made_workload().checks, faults=False)
    assert results.outcome is Outcome.VALID, results.checks
    slots = {str(row.value[0]) for row in rows if row.f == "decided"}  # type: ignore[index]
    slow = sum(row.f == "sometimes" and row.value == SLOW for row in rows)
    ops = [op for op in history.ops() if op.completed is not None]
    took = [
        (rows[op.completed].time_ns - rows[op.invoked].time_ns) / 1e6  # type: ignore[index]
        for op in ops
        if rows[op.completed].type == OK  # type: ignore[index]
    ]
    p50, p99 = np.quantile(took, [0.5, 0.99])
    return (
        f"| {conflict} % | {'on' if toq else 'off'} | {100 * slow / len(slots):5.1f} % "
        f"| {np.mean(took):6.0f} | {p50:6.0f} | {p99:6.0f} | {len(took):6,} | {cpu_s:5.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--conflict", default="2,10,50,100", help="per cent of the ops, by comma")
    parser.add_argument("--rate", type=int, default=100, help="ops a second, of all clients")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--skew", type=int, default=2, help="ms that clocks are apart at most")
    told = parser.parse_args()
    print("| conflict | toq | slow path | mean ms | p50 | p99 | ops | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for conflict in map(int, told.conflict.split(",")):
        for toq in (False, True):
            print(measured(conflict, told, toq=toq), flush=True)


if __name__ == "__main__":
    main()
