"""What the simulator promises a replica: the clauses of the kernel's contract, each seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.history import INFO, OK, History
from harness.sim import Network, divergence, simulate
from harness.sim.agenda import TO_ITSELF
from harness.sim.simulator import Simulator
from nemesis.actions import CLEAR, Cut, Kill, Mend, Pause, Resume, Shape, Start, Weather, Window
from protocols.kernel import Command, Requested
from tests.sim.probe import MS, Script, ends, play, setup, window
from workloads.generators import Ask


def values(run) -> list[object]:
    return [value for _, kind, value, _ in ends(run) if kind == OK]


# --- determinism ------------------------------------------------------------------------------------


def busy(**more):
    lines = [(10 * i, i % 4, "ping", 1 - (i % 4) % 2) for i in range(90)]
    return setup(lines, window(100, 300, [Kill(0)], [Start(0)]), network=Network(), **more)


def test_the_same_setup_gives_the_same_run_and_another_seed_another():
    first, second, other = simulate(busy()), simulate(busy()), simulate(busy(seed=1))

    assert first.rows == second.rows
    assert first.digest == second.digest
    assert (first.digest, first.rows) != (other.digest, other.rows)


def test_an_observer_sees_every_event_and_names_the_first_that_differs():
    first: list[str] = []
    second: list[str] = []
    run = simulate(busy(), observer=first.append)
    simulate(busy(seed=1), observer=second.append)

    assert run.events == len(first)
    assert simulate(busy()).digest == run.digest, "being watched changes nothing"
    assert divergence(first, first) is None
    assert divergence(first, second).startswith("event ")


def test_names_of_faults_are_resolved_and_the_resolved_plan_plays_the_same():
    plan = (window(10, 10, [Cut(((0, 1),))], [Mend(((0, 1),))]),)
    named = replace(busy(), plan=(*plan, replace(plan[0], at_ms=50, fault="kill-one")))
    run = simulate(named)

    assert [type(w.fault).__name__ for w in run.plan] == ["Fault", "Fault"]
    assert isinstance(run.plan[1].fault.begin[0], Kill)
    names = replace(
        named, plan=tuple(replace(plan[0], at_ms=i, fault="kill-one") for i in range(50))
    )
    targets = [window.fault.begin[0].node for window in simulate(names).plan]
    assert set(targets) == {0, 1}, "each window draws its own"
    again = simulate(replace(named, plan=run.plan))
    assert again.rows == run.rows
    assert again.digest == run.digest


def test_a_fault_elsewhere_leaves_a_link_the_delays_that_it_had():
    lines = [(50 * i, 0, "ping", 1) for i in range(1, 15)]
    weather = Shape(((2, 1), (1, 2)), Weather(delay_ms=50))

    calm = play(lines, nodes=3)
    stormy = play(lines, window(0, 900, [weather], [Shape(weather.links, CLEAR)]), nodes=3)

    assert ends(calm) == ends(stormy)


# --- messages ---------------------------------------------------------------------------------------


def test_a_message_takes_the_time_of_its_link_there_and_back():
    network = Network(
        delay_us=(3_000, 4_000), loss_permille=0, duplicate_permille=0, late_permille=0
    )
    run = play([(20 * i, 0, "ping", 1) for i in range(20)], network=network)

    assert len(values(run)) == 20
    assert all(6 <= ms <= 8 for ms in values(run))


def test_distance_adds_to_the_delay():
    far = Network(apart_us=((0, 40_000), (70_000, 0)), loss_permille=0)

    assert 110 <= values(play([(1, 0, "ping", 1)], network=far))[0] <= 125


def test_messages_overtake_each_other():
    run = play([(1, 0, "burst", 1), (100, 1, "got", None)])

    got = values(run)[1]
    assert sorted(got) == list(range(20))
    assert got != sorted(got)


def test_messages_are_lost_doubled_and_late_as_the_network_says():
    lines = [(i * 10, 0, "burst", 1) for i in range(90)] + [(990, 1, "got", None)]
    run = play(lines, network=Network(loss_permille=100, duplicate_permille=50))

    got = values(run)[-1]
    assert 0.06 * 1800 < run.counters["lost"] < 0.14 * 1800
    assert 0.02 * 1800 < run.counters["duplicated"] < 0.08 * 1800
    assert abs(len(got) - (1800 - run.counters["lost"] + run.counters["duplicated"])) < 40


def test_a_cut_loses_one_way_only_and_is_mended():
    cut = window(100, 200, [Cut(((0, 1),))], [Mend(((0, 1),))])
    lines = [(50, 0, "burst", 1), (150, 2, "burst", 1), (150, 1, "burst", 0), (400, 0, "burst", 1)]
    run = play([*lines, (500, 0, "got", None), (500, 1, "got", None)], cut)

    assert [len(got) for got in values(run)[-2:]] == [20, 40]
    assert run.counters["cut"] == 20


def test_weather_delays_loses_doubles_and_passes():
    def pings(**weather: int):
        storm = Shape(((0, 1),), Weather(**weather))
        lines = [(0, 0, "burst", 1), (300, 0, "ping", 1), (600, 1, "got", None)]
        bad = window(0, 200, [storm], [Shape(((0, 1),), CLEAR)])
        return values(play(lines, bad))

    _, calm_ms, slow = pings(delay_ms=100, jitter_ms=10)
    assert calm_ms <= 10
    assert len(slow) == 20
    assert len(pings(loss_permille=1000)[-1]) == 0
    assert len(pings(duplicate_permille=1000)[-1]) == 40


def test_a_message_to_oneself_arrives_soon_whatever_the_network_does():
    lost = Network(loss_permille=1000)
    run = play([(i, 0, "myself", None) for i in range(100)], network=lost)

    assert len(values(run)) == 100
    assert all(ms <= 1 for ms in values(run))


def test_the_clocks_of_nodes_differ():
    simulator = Simulator(replace(setup([], nodes=5), skew_ms=400))
    for node in simulator.nodes:
        simulator._start(node)
    read = [node.replica.now_ms for node in simulator.nodes]

    assert len(set(read)) > 1
    assert all(0 <= now_ms <= 400 for now_ms in read)


# --- timers -----------------------------------------------------------------------------------------


def test_a_timer_fires_once_within_its_range():
    took = values(play([(50 * i, 0, "later", [20, 30]) for i in range(18)]))

    assert len(took) == 18
    assert all(20 <= ms <= 30 for ms in took)
    assert len(set(took)) > 3


@pytest.mark.parametrize(("settings", "fires"), [([50, 10], 10), ([10, 50], 50), ([5, 9, 7], 7)])
def test_a_timer_that_is_set_again_is_replaced(settings, fires):
    assert values(play([(0, 0, "put off", settings)])) == [fires]


def test_a_cancelled_timer_does_not_fire():
    assert ends(play([(0, 0, "cancelled", None)])) == [(0, INFO, None, "no answer in time")]


# --- crashes and pauses -----------------------------------------------------------------------------


def kill(at_ms: int, for_ms: int, node: int = 0):
    return window(at_ms, for_ms, [Kill(node)], [Start(node)])


def test_a_kill_forgets_all_but_the_disk_and_a_start_gives_json_back():
    lines = [(0, 0, "set", (1, (2, "x"))), (100, 0, "get", None), (400, 0, "get", None)]
    run = play(lines, kill(200, 100))

    assert values(run)[1:] == [[[1, [2, "x"]], None, 1], [None, [1, [2, "x"]], 2]]


def test_a_crash_forgets_timers_and_messages_to_oneself():
    run = play([(500, 1, "echo", 0)], kill(45, 20), protocol_options={"beat": 1})

    beats = [
        (row.time_ns // MS, row.value) for row in run.rows if row.f == "beat" and row.node == 0
    ]
    assert beats[:5] == [(10, 1), (20, 1), (30, 1), (40, 1), (75, 2)]
    simulator = Simulator(setup([]))
    node = simulator.nodes[0]
    simulator._start(node)
    simulator._step(node, Requested(1, Command("myself", "k")))
    simulator._kill(node)
    simulator._start(node)
    (entry,) = [entry for entry in simulator.agenda.heap if entry[2] == TO_ITSELF]
    simulator._other(entry)
    assert node.incarnation == 2
    assert simulator.trace.events == [], "the message to itself was for another incarnation"


def test_request_ids_are_never_used_twice():
    run = play([(i * 20, 0, "echo", i) for i in range(40)], kill(200, 100), kill(500, 50))

    requests = [value[3] for value in values(run)]
    assert len(requests) > 30
    assert len(set(requests)) == len(requests)


def test_a_message_on_its_way_arrives_at_the_next_incarnation():
    run = play([(100, 0, "burst", 1), (300, 1, "got", None)], window(101, 0, [Kill(1), Start(1)]))

    assert values(run)[-1] != []


def test_a_paused_node_keeps_its_memory_and_does_all_later():
    pause = window(100, 300, [Pause(0)], [Resume(0)])
    lines = [(0, 0, "set", 5), (95, 2, "later", [20, 20]), (150, 1, "burst", 0), (200, 0, "get", 0)]
    run = play([*lines, (600, 0, "got", None)], pause)

    _, later, _, get, got = ends(run)
    assert get[:3] == (0, OK, [5, None, 1])
    assert later[2] >= 300, "a timer fires late"
    assert len(got[2]) == 20
    times = [row.time_ns // MS for row in run.rows if row.type == OK and row.f == "get"]
    assert times == [400]


def test_a_node_that_is_killed_while_paused_forgets_what_came_meanwhile():
    plan = window(100, 100, [Pause(0)], [Kill(0), Start(0)])
    run = play([(150, 0, "set", 5), (150, 1, "burst", 0), (500, 0, "got", None)], plan)

    assert ends(run)[0] == (0, INFO, 5, "connection lost")
    assert ends(run)[-1][2] == []


# --- the end ----------------------------------------------------------------------------------------


def test_all_is_healed_at_the_end_and_the_history_says_so():
    plan = [
        window(100, 5_000, [Kill(0), Cut(((0, 1),))], [Start(0), Mend(((0, 1),))]),
        window(200, 5_000, [Pause(1)], []),
        window(3_000, 10, [Kill(1)], [Start(1)]),
    ]
    base = setup([(900, 0, "echo", 1)], *plan)
    run = simulate(base)

    phases = [
        (row.f, row.value["phase"], row.value["window"]) for row in run.rows if row.process == -1
    ]
    assert phases == [
        ("fault", "begin", 0), ("fault", "begin", 1),
        ("fault", "end", 0), ("fault", "end", 1), ("heal", "heal", None),
    ]  # fmt: skip
    begun = next(row for row in run.rows if row.process == -1)
    assert begun.value["actions"] == [{"do": "kill", "node": 0}, {"do": "cut", "links": [[0, 1]]}]
    assert len(run.plan) == 2
    assert run.finished
    History.of(run.rows)


def test_what_no_window_cures_is_healed_too():
    plan = [window(100, 50, [Kill(0), Cut(((2, 1),))]), window(200, 50, [Pause(1)])]
    base = setup([(900, 2, "echo", 1)], *plan, nodes=3)
    asks = [(0, 0, "echo", 1), (0, 1, "echo", 2), (0, 2, "ping", 1)]
    final = replace(base.workload, final=lambda random, options: Script(asks))
    run = simulate(replace(base, workload=final))

    assert [kind for _, kind, _, _ in ends(run)] == [OK] * 4


def test_a_final_phase_that_does_not_end_by_itself_is_said_to_be_unfinished():
    base = setup([])
    stuck = replace(base.workload, final=lambda random, options: Ask("silent", "k"))
    run = simulate(replace(base, workload=stuck, final_ms=2_000))

    assert not run.finished
    assert 2_000 * MS <= run.end_ns <= 3_100 * MS


def test_an_error_of_a_users_fault_comes_through_and_says_where():
    def broken(*_, **__):
        raise AssertionError("the bug")

    trial = replace(
        setup([(7, 0, "later", [3, 3])], seed=138), plan=(Window(10, 5, "mine"),), resolve=broken
    )
    with pytest.raises(AssertionError, match="the bug") as caught:
        simulate(trial)
    assert any("seed 138, at 10" in note for note in caught.value.__notes__)
