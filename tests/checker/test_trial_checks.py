"""What every trial is held to beside its workload: statistics, availability, vacuity, proofs."""

from collections.abc import Callable
from pkgutil import resolve_name

import pytest

import checker
from checker import availability, crashes, proofs, stats, vacuity
from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, History, Row
from checker.verdict import Outcome
from harness.judge import judge
from tests.checker.golden import golden, pairs

JUDGED: dict[str, tuple[Callable, Outcome]] = {
    "availability": (availability.check, Outcome.INVALID),
    "vacuity": (vacuity.check, Outcome.VACUOUS),
    "proofs": (proofs.check, Outcome.INVALID_HARNESS),
    "crashes": (crashes.check, Outcome.INVALID),
    "stats": (stats.check, Outcome.VACUOUS),
}
MS = 1_000_000


@pytest.mark.parametrize(("check", "name"), [(c, n) for c in JUDGED for n in pairs(c)])
def test_golden_histories(check: str, name: str) -> None:
    run, red = JUDGED[check]
    assert run(golden(check, name, "ok")).outcome is Outcome.VALID
    bad = run(golden(check, name, "bad"))
    assert bad.outcome is red
    assert bad.summary


def op(
    at: int, took: int, result: int, *, f: str = "read", process: int = 0, **more: int
) -> list[Row]:
    return [
        Row(at * MS, process, INVOKE, f, "x", **more),
        Row((at + took) * MS, process, result, f, "x", **more),
    ]


def fault(begin: int, end: int | None, window: int = 0) -> list[Row]:
    edges = [("begin", begin)] + ([("end", end)] if end is not None else [])
    return [
        Row(at * MS, NEMESIS, INFO, "pause", None, {"phase": phase, "window": window})
        for phase, at in edges
    ]


def history(*parts: list[Row]) -> History:
    return History.of(sorted((row for part in parts for row in part), key=lambda row: row.time_ns))


def test_statistics_count_and_time_from_when_ops_should_have_begun() -> None:
    rows = history(
        *(op(10 * i, 2, OK, intended_ns=10 * i * MS - MS) for i in range(1, 100)),
        op(1000, 5, FAIL),
        op(1010, 5, INFO),
        [Row(1020 * MS, 1, INVOKE, "read", "x")],
    )
    verdict = stats.check(rows)
    assert verdict.outcome is Outcome.VALID
    counts = verdict.details["by_f"]["read"]
    assert (counts["ops"], counts["ok"], counts["fail"], counts["info"]) == (102, 99, 1, 2)
    assert counts["latency_ms"] == {"p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}
    assert verdict.details["lateness_ms"]["p99"] == 1.0
    assert verdict.details["throughput"] == pytest.approx(99 / 1.01, abs=0.001)


@pytest.mark.parametrize(
    ("others", "failed", "ops", "outcome"),
    [
        (100, 9, 1, Outcome.VALID),  # trial 9661 of Dynamo's ten thousand (docs/search.md)
        (100, 9, 2, Outcome.VACUOUS),
        (100, 0, 1, Outcome.VACUOUS),
        (1000, 1, 1, Outcome.VACUOUS),
        (100, 50, 4, Outcome.VALID),
        (100, 50, 5, Outcome.VACUOUS),
        (100, 99, 4, Outcome.VALID),
        (100, 99, 5, Outcome.VACUOUS),
        (0, 0, 1, Outcome.VACUOUS),
    ],
)
def test_what_failed_always_is_vacuous_unless_it_was_asked_so_seldom_that_it_may_be_chance(
    others: int, failed: int, ops: int, outcome: Outcome
) -> None:
    rows = history(
        *(op(10 * i, 2, FAIL if i < failed else OK) for i in range(others)),
        *(op(10 * (others + i), 2, FAIL, f="delete") for i in range(ops)),
    )
    verdict = stats.check(rows)
    assert verdict.outcome is outcome
    assert "no delete succeeded" in verdict.summary, "it is said in either case"
    assert verdict.explanation == (f"of {ops} delete ops, {ops} failed and 0 are unknown",)


def test_chance_excuses_nobody_where_nothing_succeeded() -> None:
    rows = history(op(10, 2, FAIL), op(20, 2, FAIL, f="delete"))
    verdict = stats.check(rows)
    assert (verdict.outcome, verdict.summary) == (
        Outcome.VACUOUS,
        "no read and no delete succeeded",
    )


def test_no_ops_are_vacuous() -> None:
    assert stats.check(History.of([])).outcome is Outcome.VACUOUS


def test_recovery_is_measured_from_the_end_of_each_window() -> None:
    rows = history(
        op(0, 1, OK, node=0),
        op(2, 1, OK, node=1, process=1),
        fault(100, 200),
        op(150, 1, OK, node=0),
        op(210, 5, OK, node=0),
        op(230, 7, OK, node=1, process=1),
        fault(300, 400, window=1),
        op(410, 10, OK, node=1, process=1),
    )
    details = availability.check(rows).details
    first, second = details["windows"]
    assert (first["asked"], first["ok"], first["ok_by_node"]) == (1, 1, {"n1": 1, "n2": 0})
    assert first["recovered_ms"] == 15.0
    assert first["recovered_ms_by_node"] == {"n1": 15.0, "n2": 37.0}
    assert second["recovered_ms_by_node"] == {"n1": None, "n2": 20.0}
    assert details["longest_gap"] == {"ms": 183.0, "from_s": 0.237, "faults": ["pause"]}


def test_a_system_that_had_no_time_to_come_back_is_not_condemned() -> None:
    rows = history(op(0, 1, OK), fault(100, 200), op(210, 100, INFO))
    assert availability.check(rows).outcome is Outcome.UNKNOWN
    assert availability.check(rows, grace_ns=50 * MS).outcome is Outcome.INVALID


def test_a_fault_that_is_on_when_the_history_ends_leaves_recovery_open() -> None:
    verdict = availability.check(history(op(0, 1, OK), fault(100, None), op(210, 100, OK)))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary == "the history ends while pause is on"


def test_an_op_that_never_ended_met_the_fault() -> None:
    rows = history(op(0, 1, OK), [Row(50 * MS, 1, INVOKE, "read", "x")], fault(100, 200))
    assert vacuity.check(rows).outcome is Outcome.VALID


def test_no_window_is_vacuous_though_all_went_well() -> None:
    verdict = vacuity.check(history(op(0, 1, OK)))
    assert (verdict.outcome, verdict.summary) == (Outcome.VACUOUS, "no fault was ever on")


def test_a_failed_probe_is_named_with_what_it_saw() -> None:
    verdict = proofs.check(golden("proofs", "bite", "bad"))
    assert verdict.summary == "1 of 2 probes of faults failed: kill-one did not heal"
    assert verdict.explanation == (
        'kill-one did not heal at 0.200 s (row 1): host "n1", what "process"',
    )


def test_what_was_to_stand_and_does_not_is_the_harness_own_failure() -> None:
    def standing(bit: bool) -> History:
        value = {"phase": proofs.STANDING, "proof": [{"bit": bit, "probe": "udp"}]}
        return History.of([Row(5, NEMESIS, INFO, "wan", None, value)])

    assert proofs.check(standing(True)).outcome is Outcome.VALID
    verdict = proofs.check(standing(False))
    assert verdict.outcome is Outcome.INVALID_HARNESS
    assert verdict.summary == "1 of 1 probe of faults failed: wan is not there"
    results = judge(standing(False), {}, faults=False)
    assert results.outcome is Outcome.INVALID_HARNESS
    assert "proofs" not in judge(history(op(0, 1, OK)), {}, faults=False).checks


def test_simulated_faults_need_no_proof() -> None:
    assert proofs.check(history(fault(100, 200))).outcome is Outcome.VALID


def test_the_table_of_checks_resolves() -> None:
    for check in checker.CHECKS.values():
        assert resolve_name(check)(History.of([])).outcome in Outcome


def test_what_was_not_seen_yet_is_no_failed_probe() -> None:
    """A change of membership may come later: ``checker.membership`` judges that."""
    value = {"phase": "begin", "proof": [{"bit": True}, {"bit": None}]}
    verdict = proofs.check(History.of([Row(5, NEMESIS, INFO, "membership-leave", None, value)]))
    assert verdict.outcome is Outcome.VALID
    assert verdict.summary == (
        "1 probe saw every fault bite and heal; 1 saw no change yet, of members or leader"
    )
