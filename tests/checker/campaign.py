"""Every checker against brute force on many small random histories, more than a test has time for.

    python -m tests.checker.campaign [HISTORIES [SEED [NAME...]]]

Prints a line for each: how many were valid, invalid and undecided, and stops at a wrong verdict.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from itertools import product
from pkgutil import resolve_name
from random import Random

from checker import CHECKS
from checker.agreement import check as agreement
from checker.containers import set_full, total_queue
from checker.graded import check as staleness
from checker.history import History
from checker.linearizable import check as linearizable
from checker.linearizable.search import search
from checker.models import CAS_REGISTER, ILLEGAL, MODELS, REGISTER, Model
from checker.sessions import GUARANTEES, sequential
from checker.sessions import check as sessions
from checker.transactional import list_append, rw_register
from checker.two_atomic import check as two_atomic
from checker.vacuity import check as vacuity
from checker.verdict import Outcome, Verdict
from tests.checker import accounts, definitions
from tests.checker.causality import Twin, causal_history, events
from tests.checker.copies import agree_and_keep, copies_history
from tests.checker.histories import OBJECTS, object_history, register_history
from tests.checker.test_graded import is_measured, one_of_last
from tests.checker.test_leadup import leads_there
from tests.checker.test_sessions import in_some_order, some_order_keeps
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


def led_to(name: str) -> Trial:
    """Whether the order that the search tells of what it did explain is one, whatever the verdict."""
    model = resolve_name(MODELS[name])

    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = object_history(draws(random), name, unique=False)
        verdict = search(history, model)
        leads_there(history, model)
        return history, verdict, verdict.outcome is not Outcome.INVALID

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


def defined(name: str, make: Callable[[Draws], History], fine: Callable[[History], bool]) -> Trial:
    """A check against its definition."""
    check = resolve_name(CHECKS[name])

    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = make(draws(random))
        return history, check(history), fine(history)

    return trial


def copied(random: Random) -> tuple[History, Verdict, bool]:
    history = copies_history(random)
    return history, resolve_name(CHECKS["eventual"])(history), agree_and_keep(history)


def set_classes(random: Random) -> tuple[History, Verdict, bool]:
    history = accounts.set_history(draws(random))
    verdict, counts = set_full.check(history), definitions.set_full(history)
    same = +Counter(verdict.details["counts"]) == +counts
    return history, verdict, definitions.set_full_is_fine(history) is same


def queue_accounts(random: Random) -> tuple[History, Verdict, bool]:
    history = accounts.queue_history(draws(random))
    may = random.random() < 0.5
    verdict, counts = total_queue.check(history, duplicates=may), definitions.total_queue(history)
    fine = not counts["lost"] and not counts["unexpected"] and (may or not counts["duplicated"])
    same = all(verdict.details["counts"][name] == n for name, n in counts.items())
    return history, verdict, fine is same


def guarantee(name: str) -> Trial:
    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = register_history(draws(random)[:14], cas=False, unique=True)
        return history, resolve_name(CHECKS[name])(history), some_order_keeps(history, name)

    return trial


def all_guarantees(random: Random) -> tuple[History, Verdict, bool]:
    history = register_history(draws(random), cas=random.random() < 0.5, unique=True)
    fine = in_some_order(history)
    return history, sessions(history), fine


def causality(name: str, model: str) -> Trial:
    def trial(random: Random) -> tuple[History, Verdict, bool]:
        history = causal_history(draws(random), cas=random.random() < 0.3)
        found = events(history)
        fine = found is not None and Twin(found).holds(model)
        return history, resolve_name(CHECKS[name])(history), fine

    return trial


def two_last(random: Random) -> tuple[History, Verdict, bool]:
    history = register_history(draws(random), cas=False, unique=True)
    return history, two_atomic(history), explainable(history, (None,), one_of_last(2))


def measured(random: Random) -> tuple[History, Verdict, bool]:
    """Delta is enough and a nanosecond less is not; and no k below the least one is."""
    history = register_history(draws(random), cas=False, unique=True)
    verdict = staleness(history)
    return history, verdict, is_measured(history, verdict)


def executed(random: Random) -> tuple[History, Verdict, bool]:
    """Where a node ran an update twice, that it restarted meanwhile is no contradiction."""
    history, nodes = accounts.note_history(random)
    runs = [run for several in nodes for run in several]
    verdict = agreement(history)
    if all(len(set(run)) == len(run) for run in runs):
        return history, verdict, definitions.runs_agree(runs)
    ways = product(*(definitions.fewest_cuts(run) for run in runs))
    fine = any(definitions.runs_agree([part for way in some for part in way]) for some in ways)
    return history, verdict, fine or verdict.valid


def decided(random: Random) -> tuple[History, Verdict, bool]:
    history = accounts.decided_history(random)
    said = {(value[0], value[1]) for value in history.value}
    return history, agreement(history), len(said) == len({slot for slot, _ in said})


def faulty(random: Random) -> tuple[History, Verdict, bool]:
    """Vacuous or not: told here as bad or fine."""
    history = accounts.faulty_history(draws(random))
    verdict = vacuity(history)
    same = (verdict.outcome is Outcome.VALID) is definitions.met_faults(history)
    return history, verdict, same


TRIALS: dict[str, Trial] = {
    "registers, unique": registers(cas=False, unique=True),
    "registers with cas, unique": registers(cas=True, unique=True),
    "registers with cas, repeated": registers(cas=True, unique=False),
    "search: register": register_searched,
    "search: cas-register": cas_searched,
    **{f"search: {name}": searched(name) for name in OBJECTS if name != "register"},
    **{f"lead-up: {name}": led_to(name) for name in OBJECTS},
    **{
        f"container: {n}": container(n)
        for n in ("queue", "stack", "priority-queue", "set", "mutex")
    },
    "sequential": ordered,
    **{name: guarantee(name) for name in GUARANTEES},
    "sessions": all_guarantees,
    "causal": causality("causal", "CC"),
    "causal-convergence": causality("causal-convergence", "CCv"),
    "causal-memory": causality("causal-memory", "CM"),
    "causal-reverse": defined(
        "causal-reverse", accounts.insert_history, lambda h: not definitions.reversals(h)
    ),
    "eventual": copied,
    "2-atomic": two_last,
    "staleness": measured,
    "set-full": set_classes,
    "total-queue": queue_accounts,
    "fenced-lock": defined("fenced-lock", accounts.lock_history, definitions.tokens_grow),
    "fenced": defined("fenced", accounts.guarded_history, definitions.fenced_in_order),
    "leases": defined("leases", accounts.lease_history, definitions.nobody_holds_with_others),
    "counter": defined("counter", accounts.counter_history, definitions.in_bounds),
    "unique-ids": defined("unique-ids", accounts.id_history, definitions.ids_differ),
    "log": defined("log", accounts.log_history, definitions.log_is_fine),
    "bank": defined("bank", accounts.bank_history, definitions.bank_is_fine),
    "long-fork": defined("long-fork", accounts.fork_history, lambda h: not definitions.forks(h)),
    "agreement: executed": executed,
    "agreement: decided": decided,
    "vacuity": faulty,
    "list-append, strict": appends,
    "rw-register, no false alarm": writes,
}


def main(histories: int = 2_000, seed: int = 1, *names: str) -> None:
    """Raises KeyError for a name that there is not."""
    for name in names or TRIALS:
        trial = TRIALS[name]
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
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
