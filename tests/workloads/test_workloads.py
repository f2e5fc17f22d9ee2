"""The workloads of the table: what they ask for, in which shares, and that values are unique."""

from __future__ import annotations

import pkgutil
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from checker.history import FAIL, INVOKE, OK, History, Row
from protocols.kernel import Command
from protocols.statemachine import COMMANDS, KeyValue
from protocols.wire import dumps, loads
from workloads import CLAIMS, WORKLOADS
from workloads.kernel import Invoke, Options, Workload
from workloads.rehearsal import rehearse
from workloads.touched import Touched

MS = 1_000_000


SERVED = [
    name for name in WORKLOADS if {*pkgutil.resolve_name(WORKLOADS[name])().commands} <= COMMANDS
]
"""Those for the store that is here. (``eventual`` asks nodes for their own copies: it is tested apart.)"""


class Store:
    """The protocols' own store, which answers at the end of an op: linearizable, with one copy."""

    def __init__(self) -> None:
        self.store = KeyValue()

    def __call__(self, invoke: Invoke) -> tuple[int, int, object]:
        value = loads(dumps(invoke.value))  # what a replica makes of it is its own
        answer = self.store.run(Command(invoke.f, invoke.key, value))
        return MS, OK if answer.ok else FAIL, answer.value


class Forgetful(Store):
    """At its 200th op it has, of one key, what it had at its 150th: acknowledged updates are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.served, self.old = 0, {}  # type: ignore[var-annotated]

    def __call__(self, invoke: Invoke) -> tuple[int, int, object]:
        self.served += 1
        values = self.store.values
        if self.served == 150:
            self.old = dict(values)
        if self.served == 200:
            key = next(key for key in self.old if self.old[key] != values[key])
            values[key] = self.old[key]
        return super().__call__(invoke)


def made(name: str) -> Workload:
    return pkgutil.resolve_name(WORKLOADS[name])()


def play(name: str, store: type[Store] = Store, **options: int) -> list[Row]:
    """The main phase and the final ops."""
    told = Options(**{"threads": 4, "nodes": 3, "time_ms": 2000, "rate": 1000} | options)
    workload, answer, touched = made(name), store(), Touched()
    rows = rehearse(workload.main(Random(7), told), threads=told.threads, answer=answer)
    for row in rows:
        touched.hear(row)
    final = workload.final(Random(8), replace(told, touched=touched.keys))
    end_ns = rows[-1].time_ns
    later = rehearse(final, threads=told.threads, answer=answer)
    return rows + [row._replace(time_ns=row.time_ns + end_ns) for row in later]


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_is_named_as_in_the_table_and_makes_the_same_ops_again(name: str) -> None:
    assert made(name).name == name
    assert made(name).checks
    assert play(name) == play(name)


@pytest.mark.parametrize("name", SERVED)
def test_what_it_asks_for_is_what_it_says_and_what_the_protocols_serve(name: str) -> None:
    workload, rows = made(name), play(name)
    asked = [row for row in rows if row.type == INVOKE]
    assert {row.f for row in asked} == set(workload.commands) <= COMMANDS
    assert any(row.key == "" for row in asked) == workload.multi_key


@pytest.mark.parametrize("name", ["register", "cas", "set", "append", "list-append", "bench"])
def test_every_written_value_is_new(name: str) -> None:
    written = [v for row in play(name) if row.type == INVOKE for v in values_of(row)]
    assert len(written) > 700
    assert len(written) == len(set(written))


def values_of(row: Row) -> list[object]:
    """What an op writes."""
    match row.f, row.value:
        case "txn", micro_ops:
            return [value for f, _, value in micro_ops if f == "append"]  # type: ignore[union-attr]
        case "cas", [_, new]:
            return [new]
        case "read", _:
            return []
    return [row.value]


@pytest.mark.parametrize(
    "name", [name for name in SERVED if name in CLAIMS and not made(name).multi_key]
)
def test_half_of_the_ops_meet_at_the_hot_key(name: str) -> None:
    keys = Counter(str(row.key).partition(".")[0] for row in play(name, keys=4))
    assert len(keys) == 4
    assert 0.42 < max(keys.values()) / keys.total() < 0.55
    assert len({str(row.key).partition(".")[0] for row in play(name, keys=1)}) == 1


@pytest.mark.parametrize("name", ["append", "list-append", "set"])
def test_no_list_or_set_grows_without_bound(name: str) -> None:
    longest = max(len(found) for row in play(name) for found in lists_of(row))
    assert 60 < longest < 110


def lists_of(row: Row) -> list[list[object]]:
    """The lists that an op read."""
    if row.type != OK or not isinstance(row.value, list):
        return []
    if row.f == "txn":
        return [found for f, _, found in row.value if f == "r" and isinstance(found, list)]
    return [row.value] if row.f == "read" else []


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


@pytest.mark.parametrize("name", ["register", "cas"])
def test_final_reads_are_of_every_key_at_every_node(name: str) -> None:
    options = Options(threads=4, nodes=3, time_ms=1, keys=2)
    rows = rehearse(made(name).final(Random(1), options), threads=4, answer=Store())
    asked = {(row.node, row.key, row.f) for row in rows}
    assert asked == {(node, key, "read") for node in range(3) for key in ("r0", "r1")}


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_node_is_asked_when_all_is_over(name: str) -> None:
    assert {row.node for row in play(name)} >= {0, 1, 2}


@pytest.mark.parametrize("name", [name for name in SERVED if name in CLAIMS])
def test_what_a_right_store_answers_is_valid_and_what_a_forgetful_one_answers_is_not(
    name: str,
) -> None:
    for store, valid in ((Store, True), (Forgetful, False)):
        history = History.of(play(name, store, time_ms=500, keys=1))
        verdicts = {name: check(history) for name, check in made(name).checks.items()}
        assert all(verdict.valid for verdict in verdicts.values()) == valid, verdicts
