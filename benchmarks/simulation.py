"""How fast the simulator is, for each protocol, and where the time goes.

    python benchmarks/simulation.py [--protocol NAME,NAME] [--seconds 60] [--repeats 3] [--jobs 2]

*Load*: 5 nodes, 10 clients, 100 op/s, 60 simulated seconds with partitions and 0.5 % loss, all features
on: the wire codec, durable values, history rows, notes, the digest; then all checks of a trial. *Short
trials*: 3 nodes, 6 clients, 1 s, a round trip of 5 ms, partitions and kills, made from their names,
played and judged as ``harness sim --seeds`` does. CPU time, the best of REPEATS.

Absolute figures depend on the machine and on who else uses it. So the same run measures a plain loop
of a heap and a tuple (*baseline*), and the column *loops* is in those: loops an event. Shares are of
samples of a run of its own, each put down to the part that was at work:

    protocol    the replicas' own code, and the state machine that they agree on
    loop        agenda, links, timers, disks; carrying out effects; notes
    codec       messages to text and back, copies of messages and of durable values
    recording   the trace and its hash, copies of values for the history
    generator   clients and what they ask
    checker     all checks of the history, and putting it into columns
"""

from __future__ import annotations

import argparse
import signal
from collections import Counter
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from time import perf_counter, process_time
from types import FrameType

from checker.history import OK, History
from harness.judge import judge
from harness.sim import Network, Run, Setup, simulate
from harness.simulated import campaign, play
from harness.trial import Trial
from nemesis.actions import Window
from protocols import PROTOCOLS
from workloads.kernel import Options
from workloads.register import workload

LOOPS = 200_000
SHORT = 40
"""Short trials that are timed together."""
SAMPLE_S = 0.001
ROOT = str(Path(__file__).parents[1]) + "/"

PARTS = (
    ("codec", ("protocols/wire.py", "protocols/shapes.py", "protocols/text.py")),
    ("protocol", ("protocols/",)),
    ("recording", ("harness/sim/trace.py", "harness/sim/jsonable.py")),
    ("generator", ("harness/sim/clients.py", "workloads/")),
    ("loop", ("harness/sim/",)),
    ("checker", ("checker/", "harness/judge.py")),
)
"""Whose file it is, the first that fits."""


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


def short(protocol: str, seed: int) -> Trial:
    return Trial(
        protocol=protocol, nemesis="partition,kill", nodes=3, threads=6, time_ms=1_000, rate=100,
        keys=1, rtt_ms=5, seed=str(seed),
    )  # fmt: skip


def judged(run: Run) -> None:
    judge(History.of(run.rows), workload().checks, faults=True)


def timed(setup: Setup) -> tuple[float, float, Run]:
    """CPU seconds of a run, and of its checks."""
    began = process_time()
    run = simulate(setup)
    simulated = process_time()
    judged(run)
    return simulated - began, process_time() - simulated, run


def part_of(frame: FrameType | None) -> str:
    """Which part is at work here: the innermost that is one of ours."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename == "<string>" and code.co_name == "<lambda>":
            return "codec"  # what protocols.shapes has written
        name = code.co_filename.removeprefix(ROOT)
        for part, prefixes in PARTS:
            if name.startswith(prefixes):
                return part
        frame = frame.f_back
    return "other"


def shares(setup: Setup) -> dict[str, float]:
    """The share of each part in a run and its checks, by sampling."""
    found: Counter[str] = Counter()

    def sample(_signal: int, frame: FrameType | None) -> None:
        found[part_of(frame)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
    try:
        judged(simulate(setup))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return {part: found[part] / max(1, found.total()) for part, _ in PARTS}


def short_trials(protocol: str) -> float:
    """Short trials a CPU second, set-up and checks included."""
    began = process_time()
    for seed in range(SHORT):
        play(short(protocol, seed))
    return SHORT / (process_time() - began)


def in_parallel(protocol: str, jobs: int) -> tuple[float, float]:
    """Trials of 20 s by one process and by ``jobs``: wall seconds of each, start-up left out."""
    trials = [Trial(protocol=protocol, time_ms=20_000, seed=str(seed)) for seed in range(8 * jobs)]
    took = []
    for count in (1, jobs):
        warm = [Trial(protocol=protocol, time_ms=100)] * 2 * count
        results = campaign(iter([*warm, *trials]), count)
        list(islice(results, len(warm)))
        began = perf_counter()
        list(results)
        took.append(perf_counter() - began)
    return took[0], took[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default=",".join(PROTOCOLS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=0, help="0: leave the parallel part out")
    given = parser.parse_args()
    loops = max(baseline() for _ in range(2 * given.repeats + 1))
    print(f"baseline {loops / 1e6:.2f} M loops/s; {given.seconds} s, 5 nodes, 100 op/s")
    print(
        f"{'protocol':<13}{'events/s':>9}{'loops':>6}{'op/s':>7}{'x real':>7}{'ev/op':>6}{'short/s':>8}"
        + "".join(f"{part:>10}" for part, _ in PARTS)
    )
    for protocol in given.protocol.split(","):
        setup = load(protocol, given.seconds * 1_000)
        tries = [timed(setup) for _ in range(given.repeats)]
        cpu_s, check_s, run = min(tries, key=lambda tried: tried[0])
        ops = sum(row.type == OK and row.process >= 0 for row in run.rows)
        trials = max(short_trials(protocol) for _ in range(given.repeats))
        print(
            f"{protocol:<13}{run.events / cpu_s:>9,.0f}{loops * cpu_s / run.events:>6.1f}"
            f"{ops / (cpu_s + check_s):>7,.0f}{run.end_ns / 1e9 / cpu_s:>6.0f}x"
            f"{run.events / max(1, ops):>6.1f}{trials:>8.0f}"
            + "".join(f"{share:>10.0%}" for share in shares(setup).values()),
            flush=True,
        )
    if given.jobs:
        one, many = in_parallel(given.protocol.split(",")[0], given.jobs)
        print(
            f"{given.jobs} processes: {one / many:.2f} times one ({one:.1f} s, {many:.1f} s wall)"
        )


if __name__ == "__main__":
    main()
