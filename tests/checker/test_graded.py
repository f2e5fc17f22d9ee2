"""How stale reads are."""

from hypothesis import given, settings

from checker.graded import check
from checker.history import INFO, INVOKE, OK, History, Op, Row
from checker.linearizable import check as linearizable
from checker.values import identity
from checker.verdict import Outcome, Verdict
from harness.report.anomaly import anomalies, measured, numbered
from harness.report.picture import draw
from tests.checker.golden import golden, pairs
from tests.checker.histories import DRAWS, register_history
from tests.checker.twins import explainable, register

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


def test_the_stalest_read_is_told_and_drawn() -> None:
    writes = [(0, 1, "write", 1), (10, 15, "write", 2), (20, 25, "write", 3)]
    history = ops(*writes, (30, 31, "read", 2), (40, 41, "read", 1), (50, 51, "read", 3))
    verdict = check(history)
    assert anomalies(history, {"staleness": verdict}) == []  # it is measured, not wrong
    (worst,) = measured(history, {"staleness": verdict})
    edges = [(tail, head, data["kind"]) for tail, head, data in numbered(worst.graph)]
    assert edges == [(0, 2, "realtime"), (2, 8, "realtime")]
    assert worst.sentences()[-1].endswith("found what had been replaced for 25.000 ms")
    assert "read → 1" in draw(worst)
    fresh = ops(*writes, (30, 31, "read", 3))
    assert measured(fresh, {"staleness": check(fresh)}) == []


def test_a_read_of_the_initial_nothing_may_be_the_stalest() -> None:
    history = ops((0, 5, "write", 1), (10, 15, "read", None))
    (worst,) = measured(history, {"staleness": check(history)})
    assert [(tail, head) for tail, head, _ in numbered(worst.graph)] == [(0, 2)]


def test_writes_at_the_same_time_are_one_version_at_least_and_two_by_any_order() -> None:
    writes = [(0, 1, "write", 1), (10, 15, "write", 2), (12, 17, "write", 3)]
    details = check(ops(*writes, (30, 31, "read", 1))).details
    assert (details["versions_behind"], details["2-atomic"]) == ({"1": 1}, "no")
    assert details["k_at_least"] == 3


def test_delta_is_how_much_earlier_reads_would_have_to_begin() -> None:
    writes = [(0, 1, "write", 1), (10, 15, "write", 2)]
    details = check(ops(*writes, (30, 31, "read", 1), (40, 41, "read", 2))).details
    assert (details["delta_ms"], details["2-atomic"]) == (15.0, "yes")
    assert check(ops(*writes, (20, 21, "read", 2))).details["delta_ms"] == 0.0
    assert check(ops((0, 1, "read", 1), (2, 3, "write", 1))).details["delta_ms"] is None


def one_of_last(k: int):
    """A register of which a read may see any of the last k values."""

    def step(state: tuple, op: Op) -> tuple | None:
        if op.f == "write":
            return (*state, identity(op.argument))[-k:]
        return state if op.type == INFO or identity(op.result) in state else None

    return step


def earlier(history: History, by_ns: int) -> History:
    """The same with reads begun so much earlier; what is at the same time overlaps."""
    events = []
    for i, op in enumerate(history.ops()):
        shift = by_ns if op.f == "read" else 0
        begin = history.rows[op.invoked]._replace(process=i)
        events.append((begin.time_ns - shift, 0, op.invoked, begin))
        if op.completed is not None:
            end = history.rows[op.completed]._replace(process=i)
            events.append((end.time_ns, 1, op.completed, end))
    return History.of(row for *_, row in sorted(events, key=lambda event: event[:3]))


def is_measured(history: History, verdict: Verdict) -> bool:
    """Delta is enough and a nanosecond less is not; and for no smaller k is it k-atomic."""
    details = verdict.details
    if verdict.outcome is Outcome.VACUOUS:
        return True
    k = details["k_at_least"]
    if k > 1 and explainable(history, (None,), one_of_last(k - 1)):
        return False
    delta = details["delta_ms"]
    if delta is None:
        return not explainable(earlier(history, 10**12), (None,), register)
    ns = round(delta * 1e6)
    enough = explainable(earlier(history, ns) if ns else history, (None,), register)
    less = ns > 0 and explainable(earlier(history, ns - 1), (None,), register)
    return enough and not less


@settings(max_examples=100)
@given(DRAWS)
def test_what_is_measured_agrees_with_brute_force(draws) -> None:
    history = register_history(draws, cas=False, unique=True)
    assert is_measured(history, check(history))


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


@settings(max_examples=150)
@given(DRAWS)
def test_linearizable_histories_have_no_anomalous_read(draws) -> None:
    history = register_history(draws, cas=True, unique=True)
    verdict = check(history)
    if linearizable(history).outcome is Outcome.VALID:
        assert verdict.details["anomalous"] == 0
