"""The load of a benchmark: loading, warm-up, bounds, shares, and each site's own arrivals."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from checker.linearizable import check
from workloads.bench import Load, main, workload
from workloads.kernel import Invoke, Options
from workloads.rehearsal import at_once, rehearse

MS = 1_000_000


def options(**given: object) -> Options:
    told: dict[str, object] = {"threads": 6, "nodes": 3, "time_ms": 5_000, "rate": 1000, "keys": 20}
    extra = {k: str(v) for k, v in given.items() if k not in told and k != "zones"}
    return Options(**{**told, **{k: v for k, v in given.items() if k not in extra}}, extra=extra)


def asked(told: Options, answer=at_once) -> list[Row]:
    rows = rehearse(main(Random(3), told), threads=told.threads, answer=answer)
    return [row for row in rows if row.type == INVOKE]


def due_ns(row: Row) -> int:
    return row.time_ns if row.intended_ns is None else row.intended_ns


def test_all_keys_are_written_before_anything_else_is_asked() -> None:
    rows = asked(options(min=7))
    assert [row.key for row in rows[:20]] == [f"k{i}" for i in range(7, 27)]
    assert all(row.f == "write" and row.value < 0 for row in rows[:20])
    assert not any(row.value is not None and row.value < 0 for row in rows[20:])
    assert {row.key for row in rows[20:]} == {f"k{i}" for i in range(7, 27)}
    assert not any(row.value is not None and row.value < 0 for row in asked(options(load="false")))


def test_a_key_that_could_not_be_loaded_is_written_again_with_another_value() -> None:
    ends = iter([FAIL, INFO, FAIL] + [OK] * 10_000)

    def answer(invoke: Invoke) -> tuple[int, int, object]:
        return MS, next(ends), invoke.value

    loads = [row for row in asked(options(keys=4), answer) if row.f == "write" and row.value < 0]
    assert Counter(row.key for row in loads) == {"k0": 2, "k1": 2, "k2": 2, "k3": 1}
    assert len({row.value for row in loads}) == len(loads)


def test_so_much_time_is_asked_for_after_loading_and_warming_up() -> None:
    rows = asked(options(time=1_000, warmup=500))
    loaded_ns = max(row.time_ns for row in rows[:20]) + MS
    last_ns = max(row.time_ns for row in rows)
    assert 0 <= loaded_ns + 1_500 * MS - last_ns < 10 * MS
    assert abs(len(rows) - 20 - 1_500) < 100


def test_so_many_ops_are_asked_for_after_warming_up() -> None:
    rows = asked(options(ops=300, warmup=500))
    loaded_ns = max(row.time_ns for row in rows[:20]) + MS
    assert sum(row.time_ns >= loaded_ns + 500 * MS for row in rows) == 300


@pytest.mark.parametrize("share", ["0", "0.1", "1"])
def test_so_many_ops_write(share: str) -> None:
    rows = asked(options(writes=share))[20:]
    written = sum(row.f == "write" for row in rows) / len(rows)
    assert abs(written - float(share)) < 0.02
    values = [row.value for row in rows if row.f == "write"]
    assert len(values) == len(set(values))


def test_a_slow_site_does_not_leave_its_ops_to_the_others() -> None:
    """Each site's arrivals are its own: else the clients of fast sites would take what it has due."""

    def answer(invoke: Invoke) -> tuple[int, int, object]:
        return (300 * MS if invoke.thread % 3 == 0 else MS), OK, invoke.value

    rows = asked(options(rate=90, time_ms=20_000, load="false"), answer)
    of_site = Counter(row.process % 3 for row in rows)
    assert all(abs(of_site[site] - 600) < 60 for site in (1, 2))
    slow = [row for row in rows if row.process % 3 == 0]
    assert abs(len(slow) - 2 * 20 / 0.3) < 5  # two clients, busy all the time
    late = max(row.time_ns - due_ns(row) for row in slow)
    assert late > 10_000 * MS
    assert max(row.time_ns - due_ns(row) for row in rows if row.process % 3) < 10 * MS


def test_a_closed_loop_is_throttled_as_a_whole() -> None:
    free = asked(options(rate=0, time=1_000, load="false"))
    throttled = asked(options(rate=0, time=1_000, load="false", throttle=100))
    assert len(free) == 6 * 1_000
    assert len(throttled) == 100


def test_what_is_recorded_is_checked_as_registers() -> None:
    store: dict[str, object] = {}

    def answer(invoke: Invoke) -> tuple[int, int, object]:
        if invoke.f == "write":
            store[invoke.key] = invoke.value
        return MS, OK, store.get(invoke.key)

    rows = rehearse(main(Random(3), options(time=500)), threads=6, answer=answer)
    assert check(History.of(rows)).valid
    stale = next(i for i, row in enumerate(rows) if row.type == OK and row.f == "read" and i > 400)
    rows[stale] = rows[stale]._replace(value=-1 - int(str(rows[stale].key)[1:]))
    assert not check(History.of(rows)).valid


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"writes": "1.5"}, "writes is a share from 0 to 1"),
        ({"writes": "half"}, "writes is a share from 0 to 1"),
        ({"load": "yes"}, "load is true or false"),
        ({"ops": "-3"}, "ops is a whole number"),
        ({"ops": "3", "time": "3"}, "give one"),
        ({"throttle": "3"}, "for a closed loop"),
        ({"distribution": "zipf"}, "there is no distribution"),
    ],
)
def test_options_that_cannot_be_meant_are_told_in_a_sentence(
    given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Load.of(options(**given))


def test_the_workload_says_which_options_it_has() -> None:
    assert set(workload().options) >= {
        "distribution",
        "writes",
        "warmup",
        "ops",
        "time",
        "throttle",
    }
