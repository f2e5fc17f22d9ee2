"""That the compiled simulator plays the same runs: digests, histories and verdicts of trials, compared.

    harness compile
    python benchmarks/compiled.py [--protocol NAME,NAME] [--seeds 5] [--seconds 2] [--mutants]

The trials are of each protocol, workload and kind of fault, and with ``--mutants`` of the mutants of the zoo,
which are interpreted subclasses of what is compiled. A process that interprets plays them, then one that uses
what was compiled. Each says of each trial the digest of its trace, how many events there were, a hash of its
history and of its verdicts, and what crashed. Ends with 1 where two of these differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from time import process_time

from harness.errors import UsageError
from harness.simulated import play
from harness.trial import Trial
from harness.zoo.mutant import load
from protocols import PROTOCOLS

FAULTS = ("partition,kill", "pause,packet", "clock,disk", "wipe,membership", "none")
WORKLOADS = ("register", "cas", "append", "set", "counter", "list-append", "bank", "lock", "lease")


def trials(protocols: Iterable[str], seeds: int, time_ms: int) -> Iterator[Trial]:
    """Workloads and faults by turns; what a protocol does not serve is left out."""
    for protocol in protocols:
        turn = 0
        for workload in WORKLOADS:
            for seed in range(seeds):
                turn += 1
                faults = FAULTS[turn % len(FAULTS)]
                trial = Trial(
                    protocol=protocol, workload=workload, nemesis=faults, time_ms=time_ms,
                    rate=100, rtt_ms=10, seed=str(seed),
                )  # fmt: skip
                try:
                    trial.refuse_unservable(trial.windows())
                except UsageError:
                    trial = replace(trial, nemesis=FAULTS[0])
                    try:
                        trial.refuse_unservable(trial.windows())
                    except UsageError:
                        continue
                yield trial


def mutants(seeds: int, time_ms: int) -> Iterator[Trial]:
    for mutant in load():
        short = min(mutant.trial.time_ms, time_ms)
        yield from (replace(mutant.trial, time_ms=short, seed=str(s)) for s in range(seeds))


def said(trial: Trial) -> dict[str, object]:
    """What is compared of a trial."""
    played = play(trial)
    rows, crashes = [], []
    for row in played.run.rows:
        (crashes if row.f == "crashed" else rows).append(row)
    return {
        "digest": played.run.digest,
        "events": played.run.events,
        "rows": len(rows),
        "history": blake2b(repr(rows).encode(), digest_size=8).hexdigest(),
        "verdicts": repr(played.results.to_json()),
        "crashes": [str(row.value) for row in crashes],
    }


def both(arguments: list[str]) -> Iterator[list[dict[str, object]]]:
    for asked in ("no", "yes"):
        argv = [sys.executable, "-m", "harness.compiled", __file__, "--play", *arguments]
        root = str(Path(__file__).parents[1])
        environment = {**os.environ, "HARNESS_COMPILED": asked, "PYTHONPATH": root}
        done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=True, cwd=root)
        yield [json.loads(line) for line in done.stdout.splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default=",".join(PROTOCOLS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--mutants", action="store_true", help="mutants, and not protocols")
    parser.add_argument("--play", action="store_true", help="play, and say what is compared")
    given = parser.parse_args()
    if given.play:
        time_ms = int(given.seconds * 1000)
        many = trials(given.protocol.split(","), given.seeds, time_ms)
        for trial in mutants(given.seeds, time_ms) if given.mutants else many:
            began = process_time()
            told = {"trial": trial.command("sim"), **said(trial)}
            print(json.dumps({**told, "cpu_s": process_time() - began}), flush=True)
        return 0
    interpreted, compiled = both(sys.argv[1:])
    different, events, spent = 0, 0, [0.0, 0.0]
    for one, other in zip(interpreted, compiled, strict=True):
        spent[0] += float(str(one.pop("cpu_s")))
        spent[1] += float(str(other.pop("cpu_s")))
        events += int(str(one["events"]))
        if one != other:
            different += 1
            parts = [name for name in one if one[name] != other[name]]
            print(f"{one['trial']}: {', '.join(parts)}")
            if parts == ["crashes"]:
                print(f"  {one['crashes']}\n  {other['crashes']}")
    print(
        f"{len(interpreted)} trials, {events:,} events: {different} differ; CPU seconds, checks included:"
        f" {spent[0]:.1f} interpreted, {spent[1]:.1f} compiled"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
