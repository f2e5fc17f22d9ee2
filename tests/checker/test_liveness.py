"""Liveness: seen red where a node, the updates or agreement do not come back, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.history import INFO, INVOKE, NEMESIS, OK, History, Row, node_process
from checker.liveness import check
from checker.verdict import Outcome
from checker.windows import left_dead
from harness.simulated import play
from harness.trial import Trial
from protocols import PROTOCOLS
from tests.mutants.hunts.stopping import ZOO
from tests.mutants.trials import STORM

MS = 1_000_000
FAULT = [
    Row(at * MS, NEMESIS, INFO, "pause", None, {"phase": phase, "window": 0})
    for phase, at in (("begin", 100), ("end", 200))
]


def op(at, took, type_, *, f="read", value=None, node=0, process=None):
    process = node if process is None else process
    return [
        Row(at * MS, process, INVOKE, f, "x", None if f == "read" else value, node=node),
        Row((at + took) * MS, process, type_, f, "x", value, node=node),
    ]


def judged(*parts, rtt_ms=20):
    rows = sorted((row for part in (FAULT, *parts) for row in part), key=lambda row: row.time_ns)
    return check(History.of(rows), rtt_ms=rtt_ms)


def failing(node, times, first=300, every=600):
    """A node that is asked again and again and never answers."""
    return [
        row
        for i in range(times)
        for row in op(first + i * every, 500, INFO, node=node, process=node + 10 * i)
    ]


def test_all_came_back():
    verdict = judged(op(300, 5, OK), op(300, 9, OK, node=1))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details["back_ms"] == {"n1": 5, "n2": 9}


def test_a_node_that_never_answers_again_is_invalid():
    verdict = judged(op(300, 5, OK), failing(1, 12))
    assert verdict.outcome is Outcome.INVALID
    assert "n2 answered nothing" in verdict.summary


def test_a_node_that_answers_too_late_is_invalid_and_the_bound_is_of_round_trips():
    late = (op(300, 5, OK), failing(1, 10), op(6_900, 5, OK, node=1, process=901))
    assert judged(*late).outcome is Outcome.INVALID
    assert judged(*late, rtt_ms=100).outcome is Outcome.VALID


def test_updates_that_never_work_again_are_invalid_though_reads_do():
    writes = [
        row
        for i in range(12)
        for row in op(300 + i * 600, 500, INFO, f="write", value=i, process=10 + i)
    ]
    reads = [row for i in range(12) for row in op(305 + i * 600, 5, OK)]
    assert "no update was answered" in judged(writes, reads).summary


def test_too_short_a_history_decides_nothing():
    assert judged(op(300, 5, OK), failing(1, 3)).outcome is Outcome.UNKNOWN


def test_nodes_that_still_differ_are_invalid():
    write = op(300, 5, OK, f="write", value=1)
    same = (op(2_000, 5, OK, value=1), op(2_000, 5, OK, value=1, node=1))
    apart = (op(2_000, 5, OK, value=1), op(2_000, 5, OK, value=None, node=1))
    assert judged(write, *same).details["converged"] == 1
    assert "the nodes still differ" in judged(write, *apart).summary


def test_a_write_of_unknown_fate_may_be_why_they_differ():
    lost = op(50, 30, INFO, f="write", value=2, process=7)
    reads = (op(2_000, 5, OK, value=1), op(2_000, 5, OK, value=2, node=1))
    assert judged(op(300, 5, OK, f="write", value=1), lost, *reads).outcome is Outcome.VALID


def test_reads_before_all_is_quiet_may_differ():
    reads = (op(1_000, 5, OK, value=1), op(1_000, 5, OK, value=2, node=1))
    assert judged(op(300, 5, OK, f="write", value=2), *reads).outcome is Outcome.VALID


def test_who_was_left_dead_owes_nothing():
    kill = {"phase": "heal", "window": None, "actions": [{"do": "kill", "node": 1}]}
    heal = [Row(250 * MS, NEMESIS, INFO, "heal", None, kill)]
    verdict = judged(heal, op(300, 5, OK), failing(1, 12))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details["left_dead"] == [1]
    assert "n2 left dead" in verdict.summary


def test_who_has_lost_its_disk_and_is_silent_owes_nothing():
    amnesia = [Row(250 * MS, node_process(1), INFO, "amnesia", None, "gone", None, 1)]
    assert judged(op(300, 5, OK), failing(1, 12)).outcome is Outcome.INVALID
    verdict = judged(amnesia, op(300, 5, OK), failing(1, 12))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details["left_dead"] == [1]


def test_without_faults_there_is_nothing_to_come_back_from():
    assert check(History.of(op(300, 5, OK))).outcome is Outcome.VALID


@pytest.mark.parametrize("mutant", ZOO, ids=lambda mutant: mutant.name)
def test_a_replica_that_stops_passes_all_but_liveness(mutant):
    for seed in range(20):
        checks = play(replace(mutant.trial, seed=f"stops.{seed}")).results.checks
        red = {name for name, verdict in checks.items() if verdict.outcome is Outcome.INVALID}
        if red:
            assert red <= {"liveness", "availability"}
            assert "liveness" in red
            return
    pytest.fail("never seen")


NEEDS_ALL = ("hpaxos",)
"""Nothing is decided without every node's vote."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_healed_core_comes_back_without_the_others(protocol):
    """F nodes are dead for good: the others serve within 5 s, or the check says that they do not."""
    workload = "eventual" if protocol == "dynamo" else "register"
    trial = replace(STORM, protocol=protocol, workload=workload, heal="core", seed="3")
    played = play(trial)
    if protocol in NEEDS_ALL:
        red = {n for n, v in played.results.checks.items() if v.outcome is Outcome.INVALID}
        assert red == {"availability", "liveness"}
        return
    assert played.results.outcome is Outcome.VALID, played.results.checks
    rows = played.run.rows
    (dead,) = left_dead(History.of(rows))
    (healed_ns,) = [row.time_ns for row in rows if row.f == "heal"]
    after = [r for r in rows if r.time_ns > healed_ns and r.process >= 0 and r.type != INVOKE]
    assert {row.node for row in after if row.type == OK} == {0, 1, 2} - {dead}
    assert dead in {row.node for row in after}


def test_what_was_answered_before_the_core_was_left_alone_counts_for_nothing():
    kill = {"phase": "heal", "window": None, "actions": [{"do": "kill", "node": 1}]}
    heal = [Row(2_000 * MS, NEMESIS, INFO, "heal", None, kill)]
    never = [row for i in range(12) for row in op(2_100 + i * 600, 500, INFO, process=50 + i)]
    assert judged(op(300, 5, OK), heal, never).outcome is Outcome.INVALID
    mere = [Row(2_000 * MS, NEMESIS, INFO, "heal", None, {**kill, "actions": []})]
    assert judged(op(300, 5, OK), mere, never).outcome is Outcome.VALID


def test_core_is_on_the_command_line():
    assert "--heal core" in Trial(protocol="abd", heal="core").command("sim")
