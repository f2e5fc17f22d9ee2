"""The checks that account, against their definitions; the campaign compares many more."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker import CHECKS
from checker.containers import counter
from checker.history import History
from checker.models import COUNTER
from checker.verdict import Outcome
from harness.judge import TRIAL_CHECKS
from tests.checker import accounts
from tests.checker.campaign import TRIALS, by_model
from tests.checker.histories import DRAWS

OTHERS = {
    "linearizable": "registers with cas, unique",
    "agreement": "agreement: executed",
    "list-append": "list-append, strict",
    "rw-register": "rw-register, no false alarm",
}
OF_TRIALS = {*TRIAL_CHECKS, "sometimes"} - {"agreement", "vacuity"}
"""These count, or report what the harness noted: their own tests say by how much."""
ACCOUNTING = (
    *("set-full", "total-queue", "fenced-lock", "unique-ids", "log", "bank", "long-fork"),
    *("counter", "sessions", "agreement: executed", "agreement: decided", "vacuity"),
    *("eventual", "fenced", "leases"),
)


def test_every_check_has_a_twin_in_the_campaign() -> None:
    twins = {OTHERS.get(check, check) for check in CHECKS} - OF_TRIALS
    containers = {name.removeprefix("container: ") for name in TRIALS}
    assert twins - TRIALS.keys() - containers == set()


@pytest.mark.parametrize("name", ACCOUNTING)
@settings(max_examples=150)
@given(st.integers(0, 2**40))
def test_a_check_agrees_with_its_definition(name: str, seed: int) -> None:
    history, verdict, fine = TRIALS[name](Random(seed))
    assert (verdict.outcome is not Outcome.INVALID) is fine, history.rows


@settings(max_examples=300)
@given(DRAWS)
def test_bounds_of_a_counter_never_refuse_what_the_model_explains(draws) -> None:
    history: History = accounts.counter_history(draws)
    if by_model(history, COUNTER):
        assert counter.check(history).outcome is not Outcome.INVALID
