"""What a client writes down: ok, fail and info, and under which process it goes on."""

from __future__ import annotations

from dataclasses import replace

from checker.history import FAIL, INFO, INVOKE, OK
from harness.sim import simulate
from nemesis.actions import Cut, Kill, Mend, Pause, Resume, Start
from tests.sim.probe import MS, ends, play, setup, window
from workloads.generators import Ask, TimeLimit


def test_an_answer_is_ok_and_a_refusal_is_fail():
    run = play([(0, 0, "echo", (1, "x")), (0, 1, "refuse", 7)])

    (echo, refused) = sorted(ends(run))
    assert echo[:2] == (0, OK)
    assert echo[2][0] == [1, "x"]
    assert refused == (1, FAIL, 7, "no")


def test_a_rows_times_nodes_and_intentions():
    run = play([(5, 3, "echo", 1)])

    invoked, done = (row for row in run.rows if row.process >= 0)
    assert invoked[:6] == (5 * MS, 3, INVOKE, "echo", "k", 1)
    assert (invoked.node, invoked.intended_ns) == (1, 5 * MS)
    assert done.type == OK
    assert 5 * MS < done.time_ns < 6 * MS


def test_without_an_answer_in_time_it_is_info_and_the_thread_goes_on_as_another_process():
    lines = [(0, 1, "silent", 5), (300, 1, "echo", 1), (400, 1, "echo", 2)]
    lost, first, second = ends(play(lines, client_timeout_ms=200))

    assert lost == (1, INFO, 5, "no answer in time")
    assert first[0] == second[0] == 1 + 4
    assert first[2][:3] == [1, "c5", 1]
    assert second[2][:3] == [2, "c5", 2]


def test_each_op_has_its_own_time():
    run = play([(i * 100, 0, "silent", i) for i in range(4)], client_timeout_ms=150)

    invoked = [row.time_ns for row in run.rows if row.type == INVOKE]
    gone = [row.time_ns for row in run.rows if row.type == INFO and row.process >= 0]
    assert [b - a for a, b in zip(invoked, gone, strict=True)] == [150 * MS] * 4


def test_the_time_of_an_op_counts_from_its_own_invocation():
    run = play([(0, 0, "echo", 1), (100, 0, "silent", 2)], client_timeout_ms=150)

    assert [row.time_ns for row in run.rows if row.type == INFO and row.process >= 0] == [250 * MS]


def test_a_closed_loop_at_a_dead_node_does_not_spin():
    base = setup([], window(0, 900, [Kill(0)], [Start(0)]))
    asking = replace(
        base.workload, main=lambda random, options: TimeLimit(900 * MS, Ask("echo", "k"))
    )
    run = simulate(replace(base, workload=asking, options=replace(base.options, threads=1)))

    assert 100 < sum(row.type == FAIL for row in run.rows) <= 180


def test_a_node_that_is_down_refuses():
    down = window(100, 200, [Kill(0)], [Start(0)])
    run = play([(150, 0, "echo", 1), (150, 1, "echo", 2), (400, 0, "echo", 3)], down)

    by_time = ends(run)
    assert by_time[0] == (0, FAIL, 1, "connection refused")
    assert [kind for _, kind, _, _ in by_time] == [FAIL, OK, OK]
    assert run.counters["refused"] == 1


def test_a_kill_breaks_the_connections_at_once():
    run = play([(50, 0, "silent", 1)], window(100, 200, [Kill(0)], [Start(0)]))

    assert ends(run) == [(0, INFO, 1, "connection lost")]
    assert [row.time_ns for row in run.rows if row.process == 0] == [50 * MS, 100 * MS]


def test_a_request_to_a_paused_node_waits():
    pause = window(100, 300, [Pause(0)], [Resume(0)])
    run = play([(150, 0, "echo", 1)], pause)
    assert ends(run)[0][:2] == (0, OK)

    run = play([(150, 0, "set", 1), (500, 0, "get", 0)], pause, client_timeout_ms=100)
    assert ends(run)[0] == (0, INFO, 1, "no answer in time")
    assert ends(run)[1][2][0] == 1, "it was carried out all the same: nobody knew"


def test_an_answer_that_comes_too_late_is_ignored():
    cut = window(0, 300, [Cut(((1, 0),))], [Mend(((1, 0),))])
    run = play([(0, 0, "later", [300, 300]), (400, 0, "echo", 1)], cut, client_timeout_ms=200)

    assert [kind for _, kind, _, _ in ends(run)] == [INFO, OK]
