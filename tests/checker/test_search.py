"""The general search: against trying every order, for each model; its budget; its words."""

from collections.abc import Callable
from pkgutil import resolve_name
from random import Random

import pytest
from hypothesis import given, settings

from checker.history import FAIL, INFO, INVOKE, OK, History, Op, Row
from checker.linearizable import check, frontier
from checker.linearizable.decision import Budget
from checker.linearizable.search import search
from checker.models import CAS_REGISTER, ILLEGAL, KV, MODELS, REGISTER, STORE, Model
from checker.progress import Stopped, listening
from checker.verdict import Outcome
from tests.checker.histories import DRAWS, OBJECTS, interleaved, object_history, register_history
from tests.checker.twins import explainable


def twin(model: Model) -> Callable:
    """The states are (state,), since None would mean that the op cannot happen."""

    def step(state: tuple, op: Op) -> tuple | None:
        after = model.step(state[0], op)
        return None if after is ILLEGAL else (after,)

    return step


def agrees(history: History, model: Model) -> None:
    verdict = search(history, model)
    explained = explainable(history, (model.init,), twin(model), fails=model.fails)
    assert verdict.outcome is not Outcome.UNKNOWN
    assert (verdict.outcome is not Outcome.INVALID) is explained


@pytest.mark.parametrize("name", sorted(OBJECTS))
@settings(max_examples=300)
@given(DRAWS)
def test_models_agree_with_brute_force(name: str, draws) -> None:
    agrees(object_history(draws, name, unique=False), resolve_name(MODELS[name]))


@settings(max_examples=300)
@given(DRAWS)
def test_failed_cas_are_observations_of_a_cas_register(draws) -> None:
    history = register_history(draws, cas=True, unique=False)
    agrees(history, CAS_REGISTER)
    explained = explainable(history, (None,), twin(CAS_REGISTER), fails=True)
    verdict = check(history, observe_failed_cas=True)
    assert (verdict.outcome is not Outcome.INVALID) is explained


@settings(max_examples=200)
@given(DRAWS)
def test_a_store_of_keys_says_what_its_registers_say(draws) -> None:
    """Three histories of one key each, of different clients, interleaved."""
    parts = [register_history(draws[i::3], cas=True, unique=False) for i in range(3)]
    history = interleaved(parts, Random(len(draws)))
    assert search(history, STORE).outcome is search(history, REGISTER).outcome


def test_a_store_puts_gets_and_appends() -> None:
    rows = [row(i, 0, t, "append", v) for v in "ab" for i, t in enumerate((INVOKE, OK))]
    rows += [row(4, 1, INVOKE, "get"), row(5, 1, OK, "get", "ab")]
    assert search(History.of(rows), KV).outcome is Outcome.VALID
    rows += [row(6, 1, INVOKE, "put", "c"), row(7, 1, OK, "put", "c")]
    rows += [row(8, 1, INVOKE, "get"), row(9, 1, OK, "get", "ab")]
    assert search(History.of(rows), KV).outcome is Outcome.INVALID


def row(at: int, process: int, type: int, f: str, value: object = None) -> Row:
    return Row(at * 1_000_000, process, type, f, "x", value)


def busy(clients: int) -> History:
    """Everybody writes, and then one reads what nobody wrote: all orders must be ruled out."""
    rows = [row(0, p, INVOKE, "write", p) for p in range(clients)]
    rows += [row(1, 99, INVOKE, "read"), row(2, 99, OK, "read", "never")]
    rows += [row(3, p, OK, "write", p) for p in range(clients)]
    return History.of(rows)


def test_it_gives_up_when_its_steps_are_spent() -> None:
    verdict = search(busy(30), REGISTER, budget=Budget(steps=20_000, steps_per_answer=0))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "gave up after 20," in verdict.summary
    assert verdict.details["explained"] == 0
    assert verdict.details["steps"] < 21_000


def test_it_gives_up_when_its_memory_is_full() -> None:
    budget = Budget(steps=10_000_000, configurations=1000)
    verdict = search(busy(30), REGISTER, budget=budget)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.details["steps"] < 2_000_000


def test_it_checks_a_prefix_of_what_would_not_fit_into_memory() -> None:
    rows = []
    for i in range(300):
        rows += [row(3 * i, i, INVOKE, "write", i), row(3 * i + 1, i, OK, "write", i)]
    verdict = search(History.of(rows), REGISTER, budget=Budget(configurations=5))
    assert verdict.outcome is Outcome.UNKNOWN
    assert (verdict.details["explained"], verdict.details["answers"]) == (150, 300)


def test_the_first_answer_that_cannot_be_is_told_with_what_was_possible() -> None:
    rows = [
        row(0, 0, INVOKE, "write", 1),
        row(1, 1, INVOKE, "write", 2),
        row(2, 0, OK, "write", 1),
        row(3, 2, INVOKE, "read"),
        row(4, 2, OK, "read", 3),
        row(5, 1, OK, "write", 2),
        row(6, 3, INVOKE, "write", 3),
    ]
    verdict = search(History.of(rows), REGISTER)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.summary == "not linearizable as a register: key x"
    assert verdict.explanation == (
        "read of 3 by process 2 finished at 0.004 s (row 4), and no order of the ops explains it",
        "after the 1 answer before it there is only 1 or 2",
        "an order that explains them ends: write of 1 by process 0 (row 0), after which there is 1",
        "write of 2 by process 1 (row 1) was under way then",
    )


def test_a_model_of_ones_own() -> None:
    def step(on: object, op: Op) -> object:
        match op.f:
            case "switch":
                return not on
            case "look":
                return on if op.type == INFO or op.result == on else ILLEGAL
        raise ValueError(op.f)

    light = Model(name="light", init=False, step=step)
    rows = [row(0, 0, INVOKE, "switch"), row(1, 0, INFO, "switch")]
    rows += [row(2, 1, INVOKE, "look"), row(3, 1, OK, "look", False)]
    rows += [row(4, 1, INVOKE, "look"), row(5, 1, OK, "look", True)]
    assert search(History.of(rows), light).outcome is Outcome.VALID
    rows += [row(6, 1, INVOKE, "look"), row(7, 1, OK, "look", False)]
    assert search(History.of(rows), light).outcome is Outcome.INVALID


def test_a_word_that_the_model_does_not_know_is_an_error() -> None:
    rows = [row(0, 0, INVOKE, "fly"), row(1, 0, OK, "fly")]
    with pytest.raises(ValueError, match="row 0: a register does not know 'fly'"):
        search(History.of(rows), REGISTER)


def test_repeated_values_are_searched_by_the_check_of_registers() -> None:
    rows = [row(i, 0, t, "write", 1) for i, t in enumerate((INVOKE, OK, INVOKE, OK))]
    rows += [row(4, 1, INVOKE, "read"), row(5, 1, OK, "read", 1)]
    verdict = check(History.of(rows))
    assert (verdict.outcome, verdict.details["searched"]) == (Outcome.VALID, 1)
    rows += [row(6, 0, INVOKE, "write", 2), row(7, 0, OK, "write", 2)]
    rows += [row(8, 1, INVOKE, "read"), row(9, 1, OK, "read", 1)]
    assert check(History.of(rows)).outcome is Outcome.INVALID


def test_a_failed_cas_counts_only_when_asked_for() -> None:
    rows = [row(0, 0, INVOKE, "write", 1), row(1, 0, OK, "write", 1)]
    rows += [row(2, 0, INVOKE, "cas", [1, 2]), row(3, 0, FAIL, "cas", [1, 2])]
    rows += [row(4, 0, INVOKE, "read"), row(5, 0, OK, "read", 1)]
    assert check(History.of(rows)).valid
    assert check(History.of(rows), observe_failed_cas=True).outcome is Outcome.INVALID


def test_a_model_with_many_large_states_is_unknown_within_its_memory() -> None:
    """Forty open appends to one text: more texts than memory may hold."""
    rows = [row(0, p, INVOKE, "append", f"{p} " * 100) for p in range(40)]
    rows += [row(1, 99, INVOKE, "get"), row(2, 99, OK, "get", "never")]
    budget = Budget(state_bytes=1_000_000)
    verdict = search(History.of(rows), KV, budget=budget)
    assert verdict.outcome is Outcome.UNKNOWN
    assert (verdict.details["explained"], verdict.details["answers"]) == (0, 1)
    assert "0 of 1 answer are explained" in verdict.summary


def test_states_that_are_over_are_forgotten() -> None:
    """The states of the whole history would not fit, those of each moment do."""
    text, rows = "", []
    for i in range(60):
        text += f"{i} " * 20
        both = [f"{i} " * 20, f"{i} "]
        rows += [row(i, p, INVOKE, "append", v) for p, v in enumerate(both)]
        rows += [row(i, p, OK, "append", v) for p, v in enumerate(both)]
        text += both[1]
        rows += [row(i, 2, INVOKE, "get"), row(i, 2, OK, "get", text)]
    assert search(History.of(rows), KV).outcome is Outcome.VALID
    small = Budget(state_bytes=60_000)
    assert search(History.of(rows), KV, budget=small).outcome is Outcome.VALID


@pytest.mark.parametrize("ending", [Stopped("out of time"), KeyboardInterrupt()])
def test_an_ending_is_unknown_with_what_was_checked(
    monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    """Of three objects the second is stopped; the third is not begun."""
    monkeypatch.setattr(frontier, "_REPORT_EVERY", 10)
    heard: list[tuple[int, int, str]] = []

    def enough(*what) -> None:
        heard.append(what)
        if what[0] > 250:
            raise ending

    rows = []
    for key in "abc":
        for i in range(100):
            rows += [
                row(i, 0, INVOKE, "write", i % 3)._replace(key=key),
                row(i, 0, OK, "write", i % 3)._replace(key=key),
                row(i, 0, INVOKE, "read")._replace(key=key),
                row(i, 0, OK, "read", i % 3)._replace(key=key),
            ]
    with listening(enough):
        verdict = search(History.of(rows), REGISTER)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.details["stopped"] in ("out of time", "interrupted")
    assert (verdict.details["objects"], verdict.details["undecided"]) == (3, 2)
    assert verdict.summary.startswith("key b: the search was stopped after ")
    assert [what[0] for what in heard] == sorted(what[0] for what in heard)
    assert heard[-1][1:] == (600, "ops")


def test_a_store_names_its_keys() -> None:
    rows = [row(0, 0, INVOKE, "write", 1), row(1, 0, OK, "write", 1)]
    rows += [row(2, 0, INVOKE, "read"), row(3, 0, OK, "read", 2)]
    verdict = search(History.of(rows), STORE)
    assert verdict.explanation[1:] == (
        "after the 1 answer before it there is only [x: 1]",
        "an order that explains them ends: write of 1 by process 0 (row 0), after which there is [x: 1]",
    )
