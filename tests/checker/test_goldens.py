"""Every check in the table has golden histories, a good and a bad one of each sort."""

from pkgutil import resolve_name

import pytest

from checker import CHECKS
from checker.history import History
from checker.verdict import Outcome, Verdict
from tests.checker.golden import GOLDEN, golden, pairs

MEASURES = {"staleness"}
"""These judge nothing: no history is bad."""
JUDGES = sorted(set(CHECKS) - MEASURES)


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


def test_there_are_goldens_of_nothing_else() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()) == JUDGES


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_an_empty_history_is_never_an_error_or_wrong(check: str) -> None:
    verdict: Verdict = resolve_name(CHECKS[check])(History.of([]))
    assert verdict.outcome in (Outcome.VALID, Outcome.VACUOUS)
    assert verdict.to_json()["outcome"] == verdict.outcome.value
