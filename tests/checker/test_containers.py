"""Containers and locks: goldens of each, and against trying every order."""

from pkgutil import resolve_name

import pytest
from hypothesis import given, settings

import checker
from checker.containers import total_queue
from checker.containers.cover import Cover, chain
from checker.history import History
from checker.models import ILLEGAL, MODELS
from checker.verdict import Outcome
from tests.checker.golden import GOLDEN, golden, pairs
from tests.checker.histories import DRAWS, object_history
from tests.checker.twins import explainable

CONTAINERS = sorted(
    name for name, at in checker.CHECKS.items() if at.startswith("checker.containers.")
)


def test_each_has_goldens() -> None:
    assert [name for name in CONTAINERS if not (GOLDEN / name).is_dir()] == []


@pytest.mark.parametrize(("check", "name"), [(c, n) for c in CONTAINERS for n in pairs(c)])
def test_golden_histories(check: str, name: str) -> None:
    run = resolve_name(checker.CHECKS[check])
    fine = run(golden(check, name, "ok"))
    assert fine.outcome is Outcome.VALID, fine
    bad = run(golden(check, name, "bad"))
    assert bad.outcome is Outcome.INVALID, bad
    assert bad.evidence
    assert bad.explanation


@pytest.mark.parametrize("check", CONTAINERS)
def test_nothing_seen_is_vacuous(check: str) -> None:
    assert resolve_name(checker.CHECKS[check])(History.of([])).outcome is Outcome.VACUOUS


@pytest.mark.parametrize("name", ["queue", "stack", "priority-queue", "set", "mutex"])
@settings(max_examples=500)
@given(DRAWS)
def test_the_special_way_agrees_with_brute_force(name: str, draws) -> None:
    history = object_history(draws, name, unique=True)
    verdict = resolve_name(checker.CHECKS[name])(history)
    assert verdict.outcome is not Outcome.UNKNOWN
    assert (verdict.outcome is not Outcome.INVALID) is explained(history, name)
    if verdict.outcome is Outcome.INVALID:
        assert len(verdict.details["witness"]["ops"]) <= 6


@settings(max_examples=500)
@given(DRAWS)
def test_bounds_of_a_counter_give_no_false_alarm(draws) -> None:
    history = object_history(draws, "counter", unique=False)
    rows = [row._replace(f="add") if row.f == "add-and-get" else row for row in history.rows]
    history = History.of(rows)
    if explained(history, "counter"):
        assert resolve_name(checker.CHECKS["counter"])(history).outcome is not Outcome.INVALID


def explained(history: History, name: str) -> bool:
    model = resolve_name(MODELS[name])

    def step(state, op):
        after = model.step(state[0], op)
        return None if after is ILLEGAL else (after,)

    return explainable(history, (model.init,), step)


def test_what_overtook_what_is_told() -> None:
    verdict = resolve_name(checker.CHECKS["queue"])(golden("queue", "order", "bad"))
    assert verdict.summary == "not a correct queue: key x, values out of order"
    assert verdict.explanation == (
        "enqueue of 1 by process 0 finished at 0.001 s (row 1), before the enqueue of 2 by process 0 began at 0.002 s (row 2)",
        "dequeue of 2 by process 1 finished at 0.005 s (row 5), before the dequeue of 1 by process 2 began at 0.006 s (row 6)",
    )


def test_duplicates_are_wrong_only_when_they_may_not_be() -> None:
    history = golden("queue", "twice", "bad")
    assert total_queue.check(history).details["counts"]["duplicated"] == 1
    assert total_queue.check(history, duplicates=False).outcome is Outcome.INVALID


def test_a_cover_finds_what_is_left_free() -> None:
    cover = Cover([0, 3, 5, 9])
    cover.add(0, 5)
    assert not cover.has_free(0, 5)
    assert cover.has_free(3, 9)
    cover.add(3, 9)
    assert not cover.has_free(0, 9)
    assert chain([(0, 5, 1), (3, 9, 2), (4, 6, 3)], 0, 9) == [(0, 5, 1), (3, 9, 2)]
