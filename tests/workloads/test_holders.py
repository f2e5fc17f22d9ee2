"""Workloads of leases: what holders ask for, and that a bad lease shows."""

from random import Random

import pytest
from click.testing import CliRunner

from checker.containers import fenced, leases
from checker.history import FAIL, INVOKE, OK, History, Row
from checker.verdict import Outcome
from harness.commands.sim import command as sim
from protocols.kernel import Command
from protocols.leasing import LEASES, stamped
from protocols.statemachine import KeyValue
from workloads import lease, lock
from workloads.kernel import Invoke, Options
from workloads.rehearsal import rehearse

MS = 1_000_000
OPTIONS = Options(threads=6, nodes=3, time_ms=5_000, rate=400, keys=2)


class Store:
    """One copy, whose time is that of the trial."""

    def __init__(self, **broken: bool) -> None:
        self.store, self.broken = KeyValue(), broken

    def __call__(self, invoke: Invoke) -> tuple[int, int, object]:
        command = Command(invoke.f, invoke.key, invoke.value)
        if invoke.f in LEASES:
            ms = invoke.intended_ns // MS + (2_000 if self.broken.get("jumps") else 0)
            command = stamped(command, ms, ms + 1)
            self.broken["jumps"] = self.broken.get("jumps", False) ^ ("jumpy" in self.broken)
        elif self.broken.get("unfenced"):
            before, self.store.values[invoke.key] = self.store.values.get(invoke.key), invoke.value
            return MS, OK, before
        answer = self.store.run(command)
        return MS, OK if answer.ok else FAIL, answer.value


def play(workload, store: Store) -> list[Row]:
    return rehearse(workload.main(Random(3), OPTIONS), threads=6, answer=store)


@pytest.mark.parametrize("module", [lock, lease])
def test_holders_ask_for_all_there_is_and_often_in_vain(module) -> None:
    rows, made = play(module, Store()), module.workload()
    assert {row.f for row in rows} == set(made.commands)
    done = [row for row in rows if row.type != INVOKE]
    for f in made.commands:
        assert any(row.f == f and row.type == OK for row in done), f
        lost = any(row.f == f and row.type == FAIL for row in done)
        assert lost or (module is lease and f == "release"), f
    (check,) = made.checks.values()
    assert check(History.of(rows)).outcome is Outcome.VALID


def test_who_is_late_is_seen_where_nothing_fences() -> None:
    assert fenced.check(History.of(play(lock, Store(unfenced=True)))).outcome is Outcome.INVALID


def test_a_clock_that_jumps_makes_two_believe() -> None:
    assert leases.check(History.of(play(lease, Store(jumpy=True)))).outcome is Outcome.INVALID


def test_a_thread_that_knows_nothing_any_more_holds_nothing() -> None:
    """The fate of an op is not known: the next process begins with nothing."""
    rows = rehearse(
        lease.main(Random(3), OPTIONS), threads=6, answer=lambda _: (MS, 3, None), ops=50
    )
    assert {row.f for row in rows} == {"acquire"}


def test_the_pace_is_that_which_was_asked_for() -> None:
    rows = play(lock, Store())
    assert len([row for row in rows if row.type == INVOKE]) < 5 * OPTIONS.rate


@pytest.mark.parametrize("module", [lock, lease])
def test_in_the_end_each_node_grants_each(module) -> None:
    final = module.final(Random(1), OPTIONS)
    asked = [row for row in rehearse(final, threads=6, answer=Store()) if row.type == OK]
    assert sorted((row.node, row.key) for row in asked) == [
        (node, key) for node in range(3) for key in module.names(2)
    ]


def test_a_protocol_that_keeps_no_time_is_refused_these_workloads() -> None:
    said = CliRunner().invoke(sim, ["-p", "epaxos", "-w", "lock"]).exception
    assert (
        "does not offer acquire, release, which workload lock asks for (it offers no leases"
        in str(said)
    )
