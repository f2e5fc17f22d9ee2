"""The general search: how fast it is, and how long its worst histories take.

    python benchmarks/search.py [LARGEST [HISTORIES]]

First table: 20 clients on one key, five values, so that the graph over values cannot decide; plain,
and compiled where Numba is installed (loaded before). CPU seconds, the best of three, from the
history in memory to the verdict. Second: so many seeded histories of each sort, 1,000 ops of 10
clients, 5 % of them crashed, a register's or a cas register's with three or five values; each
search as ``harness check`` runs it. The worst is what counts: the limits are 5 CPU seconds and 500 MB.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections import Counter
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.checkers import Plan, registers
from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from checker.linearizable import compiled, frontier
from checker.linearizable.decision import Budget
from checker.linearizable.search import search
from checker.linearizable.timeline import Timeline
from checker.linearizable.track import of_history
from checker.models import CAS_REGISTER, REGISTER
from checker.verdict import Outcome

REPEATS = 3
WORST_SECONDS, WORST_MB = 5.0, 500


def crowd(seed: int, *, values: int, cas: bool, ops: int = 1000, clients: int = 10) -> History:
    """Always busy clients; an op takes effect somewhere inside, a crashed one late or never.

    Of three histories one is as it was, one has a read of another value, one a read of what nobody
    wrote; both somewhere in the second half.
    """
    random = Random(f"{seed}/{values}/{cas}")
    value: int | None = None
    rows: list[Row] = []
    names = list(range(clients))
    queue: list[tuple[float, int, str, list[object]]] = []
    wrong = random.randrange(ops // 2, ops) if seed % 3 else ops
    begun = ended = 0
    for client in range(clients):
        heappush(queue, (random.random(), client, "begin", []))
    while queue:
        now, client, what, op = heappop(queue)
        if what == "effect":
            f, asked = op[0], op[1]
            fits = not isinstance(asked, list) or asked[0] == value
            op[2] = fits
            if f == "read":
                op[1] = value
            elif fits:
                value = asked[1] if isinstance(asked, list) else asked  # type: ignore[assignment]
            continue
        if what == "end":
            ended += 1
            fate = INFO if op[3] else OK if op[2] else FAIL
            answer = op[1]
            if op[0] == "read" and fate == OK and ended > wrong:
                answer, wrong = (random.randrange(values) if seed % 3 == 1 else -1), ops
            rows.append(Row(len(rows) * 1000, names[client], fate, str(op[0]), "x", answer))
            names[client] += clients if fate == INFO else 0
        if begun == ops:
            continue
        begun += 1
        f = random.choice(("read", "write", "cas") if cas else ("read", "write"))
        new = random.randrange(values)
        asked = None if f == "read" else [random.randrange(values), new] if f == "cas" else new
        rows.append(Row(len(rows) * 1000, names[client], INVOKE, f, "x", asked))
        lost = random.random() < 0.05
        op = [f, asked, True, lost]
        at = now + random.expovariate(1) * (10 if lost else 1)
        if not lost or random.random() < 0.5:
            heappush(queue, (at, client, "effect", op))
        heappush(queue, (at + random.expovariate(1), client, "end", op))
    return History.of(rows)


def megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def plainly(history: History) -> bool:
    """The plain search alone, from the history on."""
    budget = Budget()
    return all(
        frontier.Walk(
            Timeline(track, most=1 << 40), REGISTER, budget, budget.limit(len(track))
        ).run().outcome
        is Outcome.VALID
        for _, track in of_history(history, REGISTER)
    )  # fmt: skip


def by_kernel(history: History) -> bool:
    found = [
        compiled.decide(track, REGISTER, Budget()) for _, track in of_history(history, REGISTER)
    ]
    return all(decision is not None and decision.outcome is Outcome.VALID for decision in found)


def speed(largest: int) -> None:
    print(
        f"{'20 clients, one key, 5 values':44} {'ops':>10} {'CPU s':>8} {'k op/s':>8} {'RSS MB':>7}"
    )
    ways = [("plain", plainly)]
    if compiled.available():
        began = process_time()
        by_kernel(registers(Plan(1000, clients=20, values=5, info=0.01)))
        print(f"loading or making the compiled search: {process_time() - began:.2f} CPU s")
        ways.append(("compiled", by_kernel))
    else:
        print("the compiled search is skipped: Numba is not installed")
    ops = 1_000
    while ops <= largest:
        for info in (0.0, 0.01):
            history = registers(Plan(ops, clients=20, values=5, info=info))
            for name, way in ways:
                if name == "plain" and ops > 100_000:
                    continue
                best = float("inf")
                for _ in range(REPEATS):
                    gc.collect()
                    began = process_time()
                    assert way(history)
                    best = min(best, process_time() - began)
                what = f"{name}, {info:.0%} crashed"
                print(
                    f"{what:44} {ops:>10,} {best:8.3f} {ops / best / 1000:8,.0f} {megabytes():>7,}"
                )
        ops *= 10


def hard(histories: int) -> bool:
    print(
        f"\n{'1,000 ops of 10 clients, 5 % crashed':44} {'mean s':>7} {'worst s':>8} {'RSS MB':>7}"
    )
    fine = True
    for cas in (False, True):
        for values in (3, 5):
            counts: Counter[str] = Counter()
            took: list[float] = []
            for seed in range(histories):
                history = crowd(seed, values=values, cas=cas)
                began = process_time()
                verdict = search(history, CAS_REGISTER if cas else REGISTER)
                took.append(process_time() - began)
                counts[verdict.outcome.value] += 1
            name = f"{'cas-register' if cas else 'register'}, {values} values"
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
            worst = max(took)
            fine = fine and worst <= WORST_SECONDS and megabytes() <= WORST_MB
            print(
                f"{name:44} {sum(took) / histories:7.3f} {worst:8.3f} {megabytes():>7,}  {told}"
                f"; worst seed {took.index(worst)}",
                flush=True,
            )
    return fine


def main(largest: int, histories: int) -> None:
    fine = hard(histories)
    speed(largest)
    if not fine:
        sys.exit(f"a history took over {WORST_SECONDS} CPU s or {WORST_MB} MB")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*given, *(1_000_000, 100)[len(given) :])
