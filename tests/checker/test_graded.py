"""How stale reads are."""

from hypothesis import given, settings

from checker.graded import check
from checker.history import INVOKE, OK, History, Row
from checker.linearizable import check as linearizable
from checker.verdict import Outcome
from tests.checker.golden import golden, pairs
from tests.checker.histories import DRAWS, register_history

MS = 1_000_000


def ops(*said: tuple[int, int, str, object]) -> History:
    """Each op by a process of its own: (begin_ms, end_ms, f, value)."""
    rows = []
    for process, (begin, end, f, value) in enumerate(said):
        rows.append(Row(begin * MS, process, INVOKE, f, "x", value if f == "write" else None))
        rows.append(Row(end * MS, process, OK, f, "x", value))
    return History.of(sorted(rows, key=lambda row: row.time_ns))


def test_a_stale_read_is_measured_in_time_and_versions() -> None:
    writes = [(0, 1, "write", 1), (10, 15, "write", 2), (20, 25, "write", 3)]
    verdict = check(ops(*writes, (30, 31, "read", 1), (40, 41, "read", 2), (50, 51, "read", 3)))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details["stale"] == 2
    assert verdict.details["staleness_ms"]["max"] == 15.0  # 2 was over at 25 ms, 1 at 15 ms
    assert verdict.details["versions_behind"] == {"1": 1, "2": 1}
    assert verdict.details["k_at_least"] == 3


def test_writes_at_the_same_time_are_one_version_at_least() -> None:
    writes = [(0, 1, "write", 1), (10, 15, "write", 2), (12, 17, "write", 3)]
    assert check(ops(*writes, (30, 31, "read", 1))).details["k_at_least"] == 2


def test_the_initial_value_is_stale_after_a_write() -> None:
    verdict = check(ops((0, 1, "write", 1), (5, 6, "read", None)))
    assert (verdict.details["stale"], verdict.details["staleness_ms"]["max"]) == (1, 4.0)


def test_phantoms_and_futures_are_anomalous_not_stale() -> None:
    verdict = check(ops((0, 1, "read", 1), (2, 3, "read", 7), (4, 5, "write", 1)))
    counted = [verdict.details[name] for name in ("anomalous", "unwritten", "future", "stale")]
    assert counted == [2, 1, 1, 0]


def test_golden_stale_reads_are_counted() -> None:
    assert "stale-read" in pairs("linearizable")
    assert check(golden("linearizable", "stale-read", "bad")).details["stale"] == 1
    assert check(golden("linearizable", "lost-write", "bad")).details["stale"] == 2
    assert check(golden("linearizable", "stale-read", "ok")).details["anomalous"] == 0


@settings(max_examples=250)
@given(DRAWS)
def test_linearizable_histories_have_no_anomalous_read(draws) -> None:
    history = register_history(draws, cas=True, unique=True)
    verdict = check(history)
    if linearizable(history).outcome is Outcome.VALID:
        assert verdict.details["anomalous"] == 0
