"""How soon each search strategy finds the zoo's harder mutants, all from one base configuration.

    python benchmarks/search_strategies.py [HUNTS [BUDGET_S [STRATEGY,... [MUTANT,...]]]]

A hunt plays trials until the check that must see the mutant objects, or BUDGET_S CPU seconds (of
simulating, watching and judging) are spent. A cell: hunts that found it; the median of trials and of
CPU seconds, where a hunt that found nothing counts as more than any other.
"""

from __future__ import annotations

import sys
import time
from statistics import median_low

from checker.verdict import Outcome
from harness.search.coverage import Recorder
from harness.search.strategies import STRATEGIES, Strategy, strategy
from harness.simulated import play
from harness.trial import Trial
from harness.zoo.mutant import Mutant, load, select

BASE = Trial(
    protocol="none yet", nodes=3, threads=6, time_ms=2_000, rate=200, keys=1, rtt_ms=5,
    client_timeout_ms=200, nemesis="partition,kill,pause,packet", interval_ms=300,
)  # fmt: skip
HARDER = (
    "abd/no-write-back", "multipaxos/forgets-promise", "multipaxos/adopts-lowest",
    "multipaxos/reuses-ballot", "multipaxos/accepts-lower", "multipaxos/loses-sessions",
    "epaxos/one-ballot", "epaxos/noop-over-pre-accepted",
)  # fmt: skip
NEVER = float("inf")


def hunt(mutant: Mutant, search: Strategy, index: int, budget_s: float) -> tuple[float, float]:
    """Trials and CPU seconds until found; both infinite if it was not."""
    began = time.process_time()
    number = 0
    while time.process_time() - began < budget_s:
        trial = search.propose(f"search.{index}.{number}")
        number += 1
        recorder = Recorder() if search.guided else None
        played = play(trial, watch=recorder.watch if recorder else None)
        if played.results.checks[mutant.check].outcome is Outcome.INVALID:
            return number, time.process_time() - began
        if recorder is not None:
            search.learn(trial, recorder.features(played.run.rows))
    return NEVER, NEVER


def cell(results: list[tuple[float, float]]) -> str:
    """Found of all, and the medians where half were found.

    >>> cell([(3, 0.5), (4, 0.25), (NEVER, NEVER)])
    '2/3, 4, 0.50 s'
    """
    found = sum(1 for trials, _ in results if trials != NEVER)
    trials, seconds = (median_low(column) for column in zip(*results, strict=True))
    if trials == NEVER:
        return f"{found}/{len(results)}"
    return f"{found}/{len(results)}, {trials:.0f}, {seconds:.2f} s"


def main(hunts: int, budget_s: float, names: list[str], mutants: list[str]) -> None:
    print(f"base: {BASE.command('sim')}\n{hunts} hunts a cell, at most {budget_s:g} CPU s each\n")
    print("| mutant | " + " | ".join(names) + " |\n|" + "---|" * (1 + len(names)), flush=True)
    for mutant in select(load(), mutants):
        base = BASE.from_json({**BASE.to_json(), "protocol": mutant.trial.protocol})
        cells = [
            cell([hunt(mutant, strategy(name, base), i, budget_s) for i in range(hunts)])
            for name in names
        ]
        print(f"| {mutant.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    main(
        int(given.get(0, "5")),
        float(given.get(1, "8")),
        given.get(2, ",".join(STRATEGIES)).split(","),
        given.get(3, ",".join(HARDER)).split(","),
    )
