"""The executor alone: which committed instances it runs, in which order, and what it waits for."""

from __future__ import annotations

import pytest

from protocols.epaxos.execution import Executor
from protocols.epaxos.instances import COMMITTED, EXECUTED, Instances
from protocols.epaxos.messages import Deps
from protocols.kernel import Command

WRITE = Command("write", "x", 1)
READ = Command("read", "x")
OTHER = Command("write", "y", 1)


class Bench:
    """Three rows of instances, and what was run of them."""

    def __init__(self, executor: type[Executor] = Executor) -> None:
        self.instances = Instances(3)
        self.ran: list[tuple[int, int]] = []
        self.executor = executor(self.instances, lambda iid, _: self.ran.append(iid))

    def hear(self, row: int, number: int, command: Command = WRITE) -> None:
        """The command is known, not committed."""
        mark = self.instances.rows[row]
        before = mark.known
        iid = (row, number)
        self.instances.learn(iid, self.instances.touch(iid), command)
        for new in range(before + 1, mark.known + 1):
            self.executor.wake((row, new))

    def commit(self, row: int, number: int, deps: Deps, command: Command | None = WRITE) -> None:
        instance = self.instances.touch((row, number))
        instance.phase, instance.deps, instance.noop = COMMITTED, deps, command is None
        if command is not None:
            self.hear(row, number, command)
        mark = self.instances.rows[row]
        before = mark.known
        mark.advance()
        for new in range(before + 1, mark.known + 1):
            self.executor.wake((row, new))
        self.executor.committed((row, number))


def test_without_dependencies_it_runs_at_once():
    bench = Bench()
    bench.commit(0, 1, (0, 0, 0))
    assert bench.ran == [(0, 1)]
    assert bench.instances.live == {}


def test_a_chain_runs_from_its_end():
    bench = Bench()
    bench.hear(0, 1)
    bench.hear(1, 1)
    bench.commit(2, 1, (1, 1, 0))
    bench.commit(1, 1, (1, 0, 0))
    assert bench.ran == []
    bench.commit(0, 1, (0, 0, 0))
    assert bench.ran == [(0, 1), (1, 1), (2, 1)]


def test_a_dependency_is_on_all_interfering_instances_of_the_row_up_to_it():
    bench = Bench()
    bench.hear(0, 1)
    bench.hear(0, 2)
    bench.commit(1, 1, (2, 0, 0))
    bench.commit(0, 2, (0, 0, 0))
    assert bench.ran == [(0, 2)], "the first of the row is not committed"
    bench.commit(0, 1, (0, 0, 0))
    assert bench.ran == [(0, 2), (0, 1), (1, 1)]


def test_what_does_not_interfere_is_not_waited_for():
    bench = Bench()
    bench.hear(0, 1, OTHER)
    bench.commit(0, 2, (0, 0, 0))
    bench.commit(1, 1, (2, 0, 0))
    assert bench.ran == [(0, 2), (1, 1)]


def test_reads_do_not_wait_for_reads():
    bench = Bench()
    bench.hear(0, 1, READ)
    bench.commit(1, 1, (1, 0, 0), READ)
    assert bench.ran == [(1, 1)]


def test_what_is_not_known_may_interfere_and_is_waited_for():
    bench = Bench()
    bench.commit(0, 2, (0, 0, 0))
    bench.commit(1, 1, (2, 0, 0))
    assert bench.ran == [(0, 2)]
    bench.hear(0, 1, OTHER)
    assert bench.ran == [(0, 2), (1, 1)]


def test_a_no_op_among_the_dependencies_runs_as_nothing():
    bench = Bench()
    bench.hear(0, 1)
    bench.commit(1, 1, (1, 0, 0))
    bench.commit(0, 1, (0, 0, 0), None)
    assert bench.ran == [(0, 1), (1, 1)]


def test_a_cycle_runs_by_row_then_number_whoever_comes_last():
    for last in range(3):
        bench = Bench()
        deps = {0: (0, 1, 1), 1: (1, 0, 1), 2: (1, 1, 0)}
        for row in range(3):
            bench.hear(row, 1)
        for row in [r for r in range(3) if r != last] + [last]:
            bench.commit(row, 1, deps[row])
        assert bench.ran == [(0, 1), (1, 1), (2, 1)]


class Waits(Executor):
    """SOSP'13 to the letter: everything that is depended on comes first, younger or not."""

    def older(self, *_: object) -> bool:
        return False


@pytest.mark.parametrize(("kind", "waits"), [(Executor, False), (Waits, True)])
def test_an_old_command_does_not_wait_for_ever_younger_ones(kind, waits):
    """EPaxos Revisited, section 4: commands on one key keep coming, each depends on the next one,
    and the graph is never complete. Of two that depend on each other the older one does not wait for
    what the younger one waits for, so that all but the last have run.
    """
    bench = Bench(kind)
    for at in range(60):
        for ahead in (0, 1):
            bench.hear((at + ahead) % 3, (at + ahead) // 3 + 1)
        seen = [max((n for n in range(at + 2) if n % 3 == row), default=-1) for row in range(3)]
        deps = [seen[row] // 3 + 1 if seen[row] >= 0 else 0 for row in range(3)]
        deps[at % 3] = at // 3
        bench.commit(at % 3, at // 3 + 1, (deps[0], deps[1], deps[2]))
    order = [(at % 3, at // 3 + 1) for at in range(59)]
    assert bench.ran == ([] if waits else order)


def test_a_cycle_waits_for_its_uncommitted_member():
    bench = Bench()
    for row in range(3):
        bench.hear(row, 1)
    bench.commit(0, 1, (0, 1, 0))
    bench.commit(1, 1, (0, 0, 1))
    assert bench.ran == []
    bench.commit(2, 1, (1, 0, 0))
    assert bench.ran == [(0, 1), (1, 1), (2, 1)]


def test_a_cycle_through_an_executed_member_is_none():
    bench = Bench()
    bench.commit(0, 1, (0, 0, 0))
    bench.hear(1, 1)
    bench.commit(2, 1, (1, 1, 0))
    bench.commit(1, 1, (1, 0, 1))
    assert bench.ran == [(0, 1), (1, 1), (2, 1)]
    assert all(i.phase == EXECUTED for row in bench.instances.rows for i in row.instances.values())


def test_two_components_run_dependencies_first():
    bench = Bench()
    for row in range(3):
        bench.hear(row, 1)
        bench.hear(row, 2)
    bench.commit(0, 2, (1, 2, 1))  # with (1, 2), after the component of (0, 1) and (2, 1)
    bench.commit(1, 2, (2, 1, 1))
    bench.commit(2, 2, (2, 2, 1))
    bench.commit(0, 1, (0, 1, 1))
    bench.commit(2, 1, (1, 1, 0))
    assert bench.ran == []
    bench.commit(1, 1, (0, 0, 0))
    assert bench.ran == [(1, 1), (0, 1), (2, 1), (0, 2), (1, 2), (2, 2)]


def test_nothing_runs_twice_and_nothing_is_left_over():
    bench = Bench()
    bench.hear(0, 1)
    bench.commit(1, 1, (1, 0, 0))
    bench.commit(0, 1, (0, 1, 0))
    bench.executor.committed((1, 1))
    bench.executor.wake((0, 1))
    assert bench.ran == [(0, 1), (1, 1)]
    assert bench.executor.blocked == {}
    assert bench.executor.waiters == {}


def test_a_chain_of_thousands_needs_no_recursion_and_no_quadratic_time():
    """5,000 instances blocked on the first: each is looked at twice, not 5,000 times."""
    bench = Bench()
    bench.hear(0, 1)
    for number in range(2, 5001):
        bench.commit(0, number, (number - 1, 0, 0))
    assert bench.ran == []
    bench.commit(0, 1, (0, 0, 0))
    assert bench.ran == [(0, n) for n in range(1, 5001)]
