"""Every checker against brute force on many small random histories, more than a test has time for.

    python -m tests.checker.campaign [HISTORIES [SEED]]

Prints a line for each: how many were valid, invalid and undecided, and stops at a wrong verdict.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pkgutil import resolve_name
from random import Random

from checker import CHECKS
from checker.history import History
from checker.linearizable import check as linearizable
from checker.linearizable.search import search
from checker.models import CAS_REGISTER, ILLEGAL, MODELS, REGISTER, Model
from checker.sessions import sequential
from checker.transactional import list_append, rw_register
from checker.verdict import Outcome, Verdict
from tests.checker.histories import OBJECTS, object_history, register_history
from tests.checker.test_sessions import in_some_order
from tests.checker.twins import explainable, register
from tests.checker.txns import (
    append_history,
    run_appends,
    run_writes,
    serializable,
    write_history,
)

Draws = list[tuple[int, int, int]]
Trial = Callable[[Random], tuple[History, Verdict, bool]]


def draws(random: Random) -> Draws:
    most = random.choice((16, 20))  # half of them without ops of unknown fate, or failed ones
    return [
        (random.randrange(4), random.randrange(most), random.randrange(10))
        for _ in range(random.randrange(19))
    ]


def by_model(history: History, model: Model) -> bool:
    def step(state, op):
        after = model.step(state[0], op)
        return None if after is ILLEGAL else (after,)

    return explainable(history, (model.init,), step, fails=model.fails)


def registers(*, cas: bool, unique: bool) -> Trial:
    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = register_history(draws(random), cas=cas, unique=unique)
        return history, linearizable(history), explainable(history, (None,), register)

    return trial


def searched(name: str) -> Trial:
    model = resolve_name(MODELS[name])

    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = object_history(draws(random), name, unique=random.random() < 0.5)
        return history, search(history, model), by_model(history, model)

    return trial


def container(name: str) -> Trial:
    check, model = resolve_name(CHECKS[name]), resolve_name(MODELS[name])

    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = object_history(draws(random), name, unique=random.random() < 0.9)
        return history, check(history), by_model(history, model)

    return trial


def cas_searched(random: Random) -> tuple[History, Verdict, bool]:
    history = register_history(draws(random), cas=True, unique=random.random() < 0.3)
    return history, search(history, CAS_REGISTER), by_model(history, CAS_REGISTER)


def register_searched(random: Random) -> tuple[History, Verdict, bool]:
    history = register_history(draws(random), cas=True, unique=random.random() < 0.3)
    return history, search(history, REGISTER), by_model(history, REGISTER)


def ordered(random: Random) -> tuple[History, Verdict, bool]:
    history = register_history(draws(random), cas=random.random() < 0.5, unique=True)
    return history, sequential(history), in_some_order(history)


def appends(random: Random) -> tuple[History, Verdict, bool]:
    history = append_history(draws(random), final=True)
    return history, list_append.check(history), serializable(history, run_appends, strict=True)


def writes(random: Random) -> tuple[History, Verdict, bool]:
    """Only without false alarm: an order of versions that nobody read is not inferred."""
    history = write_history(draws(random))
    verdict = rw_register.check(history, wfr_keys=False)
    fine = serializable(history, run_writes, strict=True)
    return history, verdict, fine or verdict.outcome is not Outcome.INVALID


TRIALS: dict[str, Trial] = {
    "registers, unique": registers(cas=False, unique=True),
    "registers with cas, unique": registers(cas=True, unique=True),
    "registers with cas, repeated": registers(cas=True, unique=False),
    "search: register": register_searched,
    "search: cas-register": cas_searched,
    **{f"search: {name}": searched(name) for name in OBJECTS if name != "register"},
    **{
        f"container: {n}": container(n)
        for n in ("queue", "stack", "priority-queue", "set", "mutex")
    },
    "sequential": ordered,
    "list-append, strict": appends,
    "rw-register, no false alarm": writes,
}


def main(histories: int, seed: int) -> None:
    for name, trial in TRIALS.items():
        random = Random(f"{seed}/{name}")
        counts: Counter[str] = Counter()
        for _ in range(histories):
            history, verdict, fine = trial(random)
            counts[verdict.outcome.value] += 1
            decided = verdict.outcome is not Outcome.UNKNOWN
            if decided and (verdict.outcome is not Outcome.INVALID) is not fine:
                for row in history.rows:
                    print(row)
                print(verdict)
                sys.exit(f"{name}: brute force says {'fine' if fine else 'bad'}")
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        print(f"{name:32} {histories:,}: {told}", flush=True)


if __name__ == "__main__":
    main(*[*map(int, sys.argv[1:]), 2_000, 1][:2])
