"""Every check in the table has golden histories, a good and a bad one of each sort."""

from pkgutil import resolve_name

import pytest

from checker import CHECKS
from checker.history import History
from checker.linearizable.search import search
from checker.models import MODELS
from checker.verdict import Outcome, Verdict
from tests.checker.golden import GOLDEN, golden, pairs

MEASURES = {"staleness"}
"""These judge nothing: no history is bad."""
JUDGES = sorted(set(CHECKS) - MEASURES)
REGISTERS = ("linearizable", "sequential", "causal", "causal-convergence", "causal-memory")
MISSED_BY_PAXI = {"future-read", "never-written", "initial-after-write", "empty-read"}
"""What Paxi's checker takes for fine (CHECKERS.md 4.4)."""


@pytest.mark.parametrize("check", JUDGES)
def test_goldens_are_told_apart(check: str) -> None:
    run = resolve_name(CHECKS[check])
    for name in pairs(check):
        fine, bad = run(golden(check, name, "ok")), run(golden(check, name, "bad"))
        assert fine.outcome in (Outcome.VALID, Outcome.VACUOUS), (name, fine)
        assert bad.outcome is not Outcome.VALID, name
        assert bad.summary
        if check not in ("stats", "vacuity"):  # their bad side shows nothing rather than a wrong
            assert bad.explanation or check == "availability"
            assert bad.evidence, name


@pytest.mark.parametrize("name", sorted(MODELS))
def test_models_tell_their_goldens_apart(name: str) -> None:
    model = resolve_name(MODELS[name])
    for sort in pairs(name):
        fine, bad = (search(golden(name, sort, side), model) for side in ("ok", "bad"))
        assert fine.outcome is Outcome.VALID, (sort, fine)
        assert bad.outcome is Outcome.INVALID, (sort, bad)
        assert bad.evidence
        assert bad.explanation


def test_there_are_goldens_of_nothing_else() -> None:
    names = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
    assert names == sorted({*JUDGES, *MODELS})


def test_what_paxis_checker_misses_is_among_the_registers() -> None:
    assert set(pairs("linearizable")) >= MISSED_BY_PAXI
    for check in REGISTERS:
        run = resolve_name(CHECKS[check])
        for name in MISSED_BY_PAXI - {"empty-read", "initial-after-write", "future-read"}:
            assert run(golden("linearizable", name, "bad")).outcome is Outcome.INVALID, check


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_an_empty_history_is_never_an_error_or_wrong(check: str) -> None:
    verdict: Verdict = resolve_name(CHECKS[check])(History.of([]))
    assert verdict.outcome in (Outcome.VALID, Outcome.VACUOUS)
    assert verdict.to_json()["outcome"] == verdict.outcome.value
