"""How fast the simulator is, for each protocol, and where the time goes.

    python benchmarks/simulation.py [--protocol NAME,NAME] [--seconds 60] [--repeats 3] [--jobs 2]
    python benchmarks/simulation.py --against DIRECTORY
    python benchmarks/simulation.py --compiled

*Load*: 5 nodes, 10 clients, 100 op/s, 60 simulated seconds with partitions and 0.5 % loss, all features
on: message isolation, durable values, history rows, notes, the digest; then all checks of a trial.
*events/s* and *x real* are of the simulation, *judged* of it and the checks. *Short trials*: 3 nodes,
6 clients, 1 s, a round trip of 5 ms, partitions and kills, made from their names, played and judged
as ``harness sim --seeds`` does; RATE op/s, with which one of multi-Paxos has some 480 events, the size
for which PERFORMANCE.md gives a prototype's figures (*short ev*: how many here). CPU time, the best of
REPEATS.

Absolute figures depend on the machine and on who else uses it. So the same run measures a plain loop
of a heap and a tuple (*baseline*), and the column *loops* is in those: loops an event. *code* depends
on neither: the bytecodes that the interpreter takes for an event (in a run of its own, counted by a
tracer). ``--against`` measures this tree and another by turns, and prints ratios; ``--compiled`` this tree as
``harness compile`` has compiled it, and interpreted. Shares are of samples
of a run of its own, each put down to the part that was at work:

    protocol    the replicas' own code, and the state machine that they agree on
    loop        agenda, links, timers, disks; carrying out effects; notes
    codec       looking at messages and durable values, or their texts and copies
    recording   the trace and its hash, copies of values for the history
    generator   clients and what they ask
    checker     all checks of the history, and putting it into columns

``--jobs`` plays the same trials with one process and with so many: the wall time of each, start-up left
out, and the processor's, which says how much is lost to sharing out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from time import perf_counter, process_time
from types import FrameType

from checker.history import OK, History
from harness.crew import LocalCrew
from harness.judge import judge
from harness.sim import Network, Run, Setup, simulate, simulator
from harness.simulated import campaign, play
from harness.trial import Trial
from nemesis.actions import Window
from protocols import PROTOCOLS
from workloads.kernel import Options
from workloads.register import workload

LOOPS = 200_000
SHORT, RATE = 40, 35
"""Short trials that are timed together, and their op/s."""
SAMPLE_S = 0.001
COUNTED_MS = 1_500
COMPARED = ("events/s", "judged", "op/s", "x real", "judged x", "short/s")
TraceFunction = Callable[[FrameType, str, object], object]
ROOT = str(Path(__file__).parents[1]) + "/"

PARTS = (
    (
        "codec",
        (
            "protocols/wire.py",
            "protocols/shapes.py",
            "protocols/text.py",
            "harness/sim/frozen.py",
            "harness/sim/parcel.py",
        ),
    ),
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
        protocol=protocol, nemesis="partition,kill", nodes=3, threads=6, time_ms=1_000, rate=RATE,
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
        if code.co_filename == "<string>" and code.co_name in ("<lambda>", "look"):
            return "codec"  # what protocols.shapes and harness.sim.frozen have written
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


def short_trials(protocol: str) -> tuple[float, float]:
    """Short trials a CPU second, set-up and checks included; and the events of one."""
    began = process_time()
    events = sum(play(short(protocol, seed)).run.events for seed in range(SHORT))
    return SHORT / (process_time() - began), events / SHORT


def bytecodes(protocol: str) -> float:
    """Bytecodes an event, the checks left out."""
    setup = load(protocol, COUNTED_MS)
    simulate(setup)  # what is made once
    found = 0

    def count(_frame: FrameType, event: str, _argument: object) -> TraceFunction:
        nonlocal found
        found += event == "opcode"
        return count

    def enter(frame: FrameType, _event: str, _argument: object) -> TraceFunction:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run = simulate(setup)
    finally:
        sys.settrace(before)
    return found / run.events


def how_run() -> str:
    """Whether this process plays trials compiled."""
    return "interpreted" if simulator.__file__.endswith(".py") else "compiled"


def workers_run(jobs: int) -> str:
    """The same of a process that plays trials for this one."""
    crew = LocalCrew(jobs)
    try:
        return crew.executor().submit(how_run).result()
    finally:
        crew.close()


def in_parallel(protocol: str, jobs: int) -> tuple[list[float], list[float]]:
    """Trials of 20 s by one process and by ``jobs``: wall seconds of each, start-up left out, and CPU
    seconds of each: of the trials where they were played, and of this process.
    """
    trials = [Trial(protocol=protocol, time_ms=20_000, seed=str(seed)) for seed in range(8 * jobs)]
    wall_s, used_s = [], []
    for count in (1, jobs):
        warm = [Trial(protocol=protocol, time_ms=100)] * 2 * count
        results = campaign(iter([*warm, *trials]), count)
        list(islice(results, len(warm)))
        began, used = perf_counter(), process_time()
        played = list(results)
        wall_s.append(perf_counter() - began)
        elsewhere_s = sum(short.cpu_s for short in played) if count > 1 else 0
        used_s.append(process_time() - used + elsewhere_s)
    return wall_s, used_s


def figures(protocol: str, seconds: int, repeats: int) -> dict[str, float]:
    """Of one protocol, all but the shares and the bytecodes."""
    setup = load(protocol, seconds * 1_000)
    tries = [timed(setup) for _ in range(repeats)]
    simulating_s, run = min(t[0] for t in tries), tries[0][2]
    both_s = simulating_s + min(t[1] for t in tries)
    ops = sum(row.type == OK and row.process >= 0 for row in run.rows)
    short_s, short_events = max(short_trials(protocol) for _ in range(repeats))
    return {
        "events/s": run.events / simulating_s,
        "judged": run.events / both_s,
        "op/s": ops / both_s,
        "x real": run.end_ns / 1e9 / simulating_s,
        "judged x": run.end_ns / 1e9 / both_s,
        "ev/op": run.events / max(1, ops),
        "short/s": short_s,
        "short ev": short_events,
    }


@dataclass(frozen=True)
class Variant:
    """A tree, interpreted or compiled (``yes`` or ``no``)."""

    root: Path
    compiled: str

    def figures(self, protocol: str, seconds: int) -> dict[str, float]:
        """Measured in a process of its own."""
        argv = [sys.executable, __file__, "--json", "--protocol", protocol]
        argv += ["--seconds", str(seconds), "--repeats", "2"]
        if self.compiled == "yes":
            argv[1:1] = ["-m", "harness.compiled"]
        environment = {
            **os.environ, "PYTHONPATH": str(self.root), "HARNESS_COMPILED": self.compiled
        }  # fmt: skip
        said = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=True)
        found: dict[str, float] = json.loads(said.stdout)
        return found


def compare(
    protocols: Sequence[str], before: Variant, after: Variant, seconds: int, repeats: int
) -> None:
    """Two by turns; the best of each."""
    print(f"{'protocol':<13}" + "".join(f"{name:>18}" for name in COMPARED))
    for protocol in protocols:
        best: dict[Variant, dict[str, float]] = {before: {}, after: {}}
        for _ in range(repeats):
            for variant, found in best.items():
                for name, value in variant.figures(protocol, seconds).items():
                    found[name] = max(value, found.get(name, 0))
        old, new = best.values()
        cells = [f"{new[n]:,.0f} ({new[n] / old[n]:.2f})" for n in COMPARED]
        print(f"{protocol:<13}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


def table(protocols: Sequence[str], seconds: int, repeats: int) -> None:
    loops = max(baseline() for _ in range(2 * repeats + 1))
    print(f"baseline {loops / 1e6:.2f} M loops/s; {seconds} s, 5 nodes, 100 op/s")
    print(
        f"{'protocol':<13}{'events/s':>9}{'judged':>9}{'loops':>6}{'code':>6}{'op/s':>7}{'x real':>7}"
        f"{'judged':>7}{'ev/op':>6}{'short/s':>8}{'short ev':>9}"
        + "".join(f"{part:>10}" for part, _ in PARTS)
    )
    for protocol in protocols:
        of = figures(protocol, seconds, repeats)
        print(
            f"{protocol:<13}{of['events/s']:>9,.0f}{of['judged']:>9,.0f}"
            f"{loops / of['events/s']:>6.1f}{bytecodes(protocol):>6.0f}{of['op/s']:>7,.0f}"
            f"{of['x real']:>6.0f}x{of['judged x']:>6.0f}x{of['ev/op']:>6.1f}{of['short/s']:>8.0f}"
            f"{of['short ev']:>9.0f}"
            + "".join(
                f"{share:>10.0%}" for share in shares(load(protocol, seconds * 1_000)).values()
            ),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default=",".join(PROTOCOLS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=0, help="0: leave the parallel part out")
    parser.add_argument("--against", type=Path, help="a tree of another commit, to compare with")
    parser.add_argument("--compiled", action="store_true", help="compiled, beside interpreted")
    parser.add_argument("--json", action="store_true", help="the figures of one protocol as JSON")
    given = parser.parse_args()
    protocols = given.protocol.split(",")
    if given.json:
        print(json.dumps(figures(protocols[0], given.seconds, given.repeats)))
    elif given.against or given.compiled:
        root = Path(ROOT)
        before = Variant(given.against.resolve() if given.against else root, "no")
        after = Variant(root, "yes" if given.compiled else "no")
        compare(protocols, before, after, given.seconds, given.repeats)
    else:
        table(protocols, given.seconds, given.repeats)
    if given.jobs:
        wall_s, used_s = in_parallel(protocols[0], given.jobs)
        print(
            f"{given.jobs} processes ({workers_run(given.jobs)}; one, {how_run()}): {wall_s[0] / wall_s[1]:.2f} times one "
            f"({wall_s[0]:.1f} s, {wall_s[1]:.1f} s wall); for {used_s[1] / used_s[0]:.2f} times the "
            f"processor time: {given.jobs * used_s[0] / used_s[1]:.2f} times one where {given.jobs} "
            f"processors are free"
        )


if __name__ == "__main__":
    main()
