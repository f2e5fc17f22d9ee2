"""The workloads of the table: what they ask for, in which shares, and that values are unique."""

from __future__ import annotations

import pkgutil
from collections import Counter
from random import Random

import pytest

from checker.history import FAIL, INVOKE, OK, History, Row
from workloads import WORKLOADS
from workloads.kernel import Invoke, Options, Workload
from workloads.rehearsal import rehearse

MS = 1_000_000


class Store:
    """A register a key that answers at the end of an op: linearizable, if its clients' ops are."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def __call__(self, invoke: Invoke) -> tuple[int, int, object]:
        if invoke.f == "read":
            return MS, OK, self.values.get(invoke.key)
        if invoke.f == "cas":
            old, new = invoke.value  # type: ignore[misc]
            if self.values.get(invoke.key) != old:
                return MS, FAIL, None
            self.values[invoke.key] = new
        else:
            self.values[invoke.key] = invoke.value
        return MS, OK, invoke.value


def made(name: str) -> Workload:
    return pkgutil.resolve_name(WORKLOADS[name])()


def play(name: str, **options: int) -> list[Row]:
    all_options = Options(**{"threads": 4, "nodes": 3, "time_ms": 2000, "rate": 1000} | options)
    main = made(name).main(Random(7), all_options)
    return rehearse(main, threads=all_options.threads, answer=Store())


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_is_named_as_in_the_table_and_makes_the_same_ops_again(name: str) -> None:
    assert made(name).name == name
    assert made(name).checks
    assert play(name) == play(name)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_written_value_is_new(name: str) -> None:
    written = [
        row.value[1] if row.f == "cas" else row.value  # type: ignore[index]
        for row in play(name)
        if row.type == INVOKE and row.f != "read"
    ]
    assert len(written) > 700
    assert len(written) == len(set(written))


@pytest.mark.parametrize("name", WORKLOADS)
def test_half_of_the_ops_meet_at_the_hot_key(name: str) -> None:
    keys = Counter(row.key for row in play(name, keys=4) if row.type == INVOKE)
    total = sum(keys.values())
    assert set(keys) == {"r0", "r1", "r2", "r3"}
    assert 0.45 < keys["r0"] / total < 0.55
    assert {row.key for row in play(name, keys=1)} == {"r0"}


def test_register_reads_half_of_the_time() -> None:
    fs = Counter(row.f for row in play("register") if row.type == INVOKE)
    assert set(fs) == {"read", "write"}
    assert 0.45 < fs["read"] / sum(fs.values()) < 0.55


def test_most_cas_of_what_was_seen_succeed_when_alone_and_some_fail_when_not() -> None:
    def shares(threads: int) -> float:
        ended = Counter(r.type for r in play("cas", threads=threads) if r.f == "cas")
        return ended[OK] / (ended[OK] + ended[FAIL])

    assert shares(1) == 1
    assert 0.3 < shares(4) < 1


@pytest.mark.parametrize("name", WORKLOADS)
def test_final_reads_are_of_every_key_at_every_node(name: str) -> None:
    options = Options(threads=4, nodes=3, time_ms=1, keys=2)
    rows = rehearse(made(name).final(Random(1), options), threads=4, answer=Store())
    asked = {(row.node, row.key, row.f) for row in rows}
    assert asked == {(node, key, "read") for node in range(3) for key in ("r0", "r1")}


@pytest.mark.parametrize("name", WORKLOADS)
def test_what_a_right_store_answers_is_valid_and_what_a_stale_one_answers_is_not(name: str) -> None:
    rows = play(name, time_ms=500, keys=1)
    (check,) = made(name).checks.values()
    assert check(History.of(rows)).valid
    stale = next(i for i, r in enumerate(rows) if i > 200 and r.type == OK and r.f == "read")
    first = next(r.value for r in rows if r.type == INVOKE and r.f == "write")
    bad = [*rows[:stale], rows[stale]._replace(value=first), *rows[stale + 1 :]]
    assert not check(History.of(bad)).valid
