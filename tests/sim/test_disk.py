"""Disks: what waits for a sync, what a crash leaves of it, and what a node does with a damaged journal.

Each fault is seen to bite: beside the right replica there is one that is wrong in a few lines.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from checker.history import OK, History
from checker.verdict import Outcome
from harness.sim import NETWORKS, Setup, simulate
from harness.sim.simulator import Simulator
from harness.zoo.hunt import judged
from nemesis.actions import (
    Action,
    Corrupt,
    FillDisk,
    FreeDisk,
    Kill,
    LoseUnsynced,
    Pause,
    Restore,
    Resume,
    SlowDisk,
    Start,
    Window,
)
from nemesis.resolution import resolve
from protocols.abd import ABD, REGISTER, Store
from protocols.kernel import Command, Json, NodeId, Replica, RequestId, record
from tests.mutants.heedless import HeedlessABD
from tests.mutants.hunts.unsynced import KILLS
from tests.mutants.unsynced import UnsyncedABD
from tests.sim.probe import MS, Probe, ends, play, setup, window
from workloads.kernel import Options
from workloads.register import workload as register


def answered(run) -> list[tuple[str, object, int]]:
    """(f, value, at ms) of each op that was answered."""
    return [(r.f, r.value, r.time_ns // MS) for r in run.rows if r.type == OK and r.process >= 0]


def slow(at_ms: int, for_ms: int, ms: int, node: int = 0, *end):
    return window(at_ms, for_ms, [SlowDisk(node, ms)], [*end, SlowDisk(node, 0)])


def test_what_is_not_synced_survives_kills_and_no_power_cut() -> None:
    """The mutant of ``tests/mutants/unsynced.py``; that power cuts find it is in the zoo."""
    for seed in range(6):
        trial = replace(KILLS, protocol=f"{UnsyncedABD.__module__}:UnsyncedABD", seed=str(seed))
        assert judged(trial).objections == ()
    assert any(
        judged(replace(trial, nemesis="disk-power", seed=str(seed))).objections for seed in range(6)
    )


# --- what waits -------------------------------------------------------------------------------------


def test_what_follows_from_a_step_waits_for_its_sync_and_what_comes_later_waits_behind() -> None:
    lines = [(100, 0, "set", 5), (150, 2, "get", None), (250, 0, "get", None)]
    set_, get, later = answered(play(lines, slow(50, 500, 100)))

    assert set_[2] == 200
    assert get == ("get", [5, None, 1], 200), "in memory it is done at once, but nothing leaves"
    assert later[2] == 250, "a step that persists nothing waits for nothing else"


def test_one_sync_is_for_all_that_waited_when_it_began() -> None:
    lines = [(100, 0, "set", 1), (120, 1, "set", 2), (130, 2, "set", 3)]
    run = play(lines, slow(50, 800, 100), nodes=1)

    assert [at for _, _, at in answered(run)] == [200, 300, 300]


def test_timers_and_messages_from_others_do_not_wait() -> None:
    lines = [(100, 0, "set", 5), (101, 1, "ping", 0), (110, 2, "later", [20, 20])]
    run = play(lines, slow(50, 500, 100))

    by_kind = {f: (value, at) for f, value, at in answered(run)}
    assert by_kind["later"] == (20, 200), "the timer fired in time, and its answer waited"
    assert by_kind["set"][1] == 200
    assert 200 < by_kind["ping"][1] < 210, "so did the answer to another node"


def test_values_are_those_of_the_step_though_the_replica_changes_them_before_they_leave() -> None:
    class Changing(Replica[object]):
        messages = ()

        def on_start(self, durable) -> None:
            self.log = list(durable.get("log", []))

        def on_request(self, request: RequestId, command: Command) -> None:
            self.log.append(command.value)
            self.persist("log", self.log)
            self.note("log", self.log)
            self.reply(request, self.log)

        def on_message(self, src: NodeId, msg: object) -> None: ...
        def on_timer(self, timer: str) -> None: ...

    base = replace(setup([(100, 0, "add", 1), (150, 2, "add", 2)], slow(50, 500, 100)))
    run = simulate(replace(base, protocol=Changing))

    assert [value for _, value, _ in answered(run)] == [[1], [1, 2]]
    assert [row.value for row in run.rows if row.f == "log"] == [[1], [1, 2]]


def test_a_paused_node_lets_nothing_go_though_its_sync_is_done() -> None:
    pause = window(150, 300, [Pause(0)], [Resume(0)])
    run = play([(100, 0, "set", 5)], slow(50, 900, 100), pause)

    assert [at for _, _, at in answered(run)] == [450]


# --- what a crash leaves ----------------------------------------------------------------------------


def memory_after(end: list[Action], seed: int) -> object:
    """Two values are set while syncs are slow; then the node crashes, and is asked what it has."""
    lines = [(100 + 10 * i, 2 * (i % 2), "set", i) for i in range(2)] + [(400, 0, "get", None)]
    fault = window(50, 100, [SlowDisk(0, 200)], [*end, SlowDisk(0, 0), Start(0)])
    run = play(lines, fault, seed=seed)
    assert [error for _, _, _, error in ends(run)[:2]] == ["connection lost"] * 2
    return answered(run)[-1][1][1]


def test_a_kill_leaves_any_number_of_the_records_that_waited_the_first_ones_first() -> None:
    assert {memory_after([Kill(0)], seed) for seed in range(20)} == {None, 0, 1}


def test_a_power_cut_leaves_what_was_durable_and_nothing_else() -> None:
    assert {memory_after([Kill(0), LoseUnsynced(0)], seed) for seed in range(20)} == {None}
    assert {memory_after([LoseUnsynced(0)], seed) for seed in range(5)} == {None}, "it kills, too"


def test_a_torn_record_is_dropped_and_the_node_says_so() -> None:
    seen = set()
    for seed in range(30):
        fault = window(
            50, 100, [SlowDisk(0, 200)],
            [Kill(0), LoseUnsynced(0, torn=True), SlowDisk(0, 0), Start(0)],
        )  # fmt: skip
        run = play(
            [(100, 0, "set", 0), (110, 2, "set", 1), (400, 0, "get", None)], fault, seed=seed
        )
        torn = sum(row.f == "torn" for row in run.rows)
        seen.add((torn, answered(run)[-1][1][1]))
    assert seen == {(0, None), (1, None), (1, 0)}, "1 was the last record: torn, if it was there"


def test_a_crash_on_the_hostile_network_can_fall_between_a_persist_and_its_answer() -> None:
    """Also without a disk fault: the value is there after the crash, or not, and nobody was told."""
    outcomes = set()
    for seed in range(40):
        kill = window(201, 50, [Kill(0)], [Start(0)])
        lines = [(200, 0, "set", 5), (400, 0, "get", None)]
        run = play(lines, kill, seed=seed, network=NETWORKS["hostile"])
        told = ends(run)[0][1] == OK
        outcomes.add((told, answered(run)[-1][1][1] == 5))
    assert outcomes == {(True, True), (False, True), (False, False)}


def test_disks_take_no_time_where_no_fault_is_near() -> None:
    calm = play([(500, 0, "set", 5)], network=NETWORKS["hostile"])
    far = window(100, 50, [SlowDisk(1, 5)], [SlowDisk(1, 0)])
    after = play([(500, 0, "set", 5)], far, network=NETWORKS["hostile"])

    assert answered(calm) == answered(after) == [("set", None, 500)]


def test_what_is_wrong_with_disks_at_the_end_is_healed() -> None:
    run = play(
        [(100, 0, "set", 5), (900, 0, "echo", 1)],
        window(50, 5_000, [SlowDisk(0, 50)]), window(200, 5_000, [Kill(1), Corrupt(1), Start(1)]),
    )  # fmt: skip
    boots = [(row.node, row.value) for row in run.rows if row.f == "booted"]

    assert boots == [(0, 1), (1, 1), (1, 2)]


# --- damage -----------------------------------------------------------------------------------------

DAMAGE = window(200, 300, [Kill(0), Corrupt(0), Start(0)], [Kill(0), Restore(0), Start(0)])
DAMAGED = [(100, 0, "set", 5), (300, 0, "get", None), (700, 0, "get", None)]


class Trusting(Simulator):
    """An interpreter whose journal has no checks: what cannot be read is left out."""

    def _start(self, node) -> None:
        if node.damaged:
            node.damaged = False
            node.disk.pop("memory", None)
        super()._start(node)


def test_a_node_does_not_serve_from_a_damaged_disk_and_does_once_it_is_restored() -> None:
    run = play(DAMAGED, DAMAGE)
    assert [error for _, _, _, error in ends(run)] == [None, "connection refused", None]
    assert answered(run)[-1][1] == [None, 5, 2]
    assert [(row.f, row.node) for row in run.rows if row.f == "refused"] == [("refused", 0)]

    silent = Simulator(setup(DAMAGED, DAMAGE)).run(), Trusting(setup(DAMAGED, DAMAGE)).run()
    assert [len(answered(run)) for run in silent] == [2, 3]
    assert answered(silent[1])[1][1] == [None, None, 2], "else it serves with less than it had"


def test_an_empty_disk_has_no_record_to_damage() -> None:
    simulator = Simulator(setup([]))
    simulator._act([Corrupt(0), Start(0)])
    assert simulator.nodes[0].replica is not None


# --- no space ---------------------------------------------------------------------------------------


def full(at_ms: int, for_ms: int, left_bytes: int = 0, end: tuple[Action, ...] = ()):
    return window(at_ms, for_ms, [FillDisk(0, left_bytes)], [*end, FreeDisk(0), Start(0)])


def noted(run, *kinds: str) -> list[tuple[str, int, int]]:
    return [(r.f, r.node, r.time_ns // MS) for r in run.rows if r.f in kinds]


def refused(run) -> list[int]:
    """How often there was no space, by window."""
    proofs = [
        r.value.get("proof", ()) for r in run.rows if r.f == "fault" and r.value["phase"] == "end"
    ]
    return [proof["saw"]["refused"] for some in proofs for proof in some]


FULL = [(100, 0, "set", 5), (150, 2, "get", None), (400, 0, "get", None)]


def test_who_cannot_write_ends_and_tells_nobody_and_is_started_when_there_is_space() -> None:
    run = play([(20, 0, "set", 4), *FULL], full(50, 250))

    assert [error for *_, error in ends(run)] == [
        None,
        "connection lost",
        "connection refused",
        None,
    ]
    assert answered(run)[-1][1] == [None, 4, 2], "what was durable is there, and nothing else"
    assert noted(run, "disk-full", "torn") == [("disk-full", 0, 100)]
    assert refused(run) == [1]


def test_who_writes_nothing_serves_on() -> None:
    run = play([(150, 0, "get", None), (200, 0, "echo", 1)], full(50, 250))

    assert len(answered(run)) == 2
    assert noted(run, "disk-full", "booted") == [("booted", 0, 0), ("booted", 1, 0)]
    assert refused(run) == [0]


def test_a_record_that_meets_the_end_is_torn_and_one_that_fits_is_durable() -> None:
    size = len('{"memory":5}')
    lines = [(100, 0, "set", 5), (110, 0, "set", 6), (400, 0, "get", None)]
    for left, has, torn in ((size - 1, None, True), (size, 5, False), (size + 1, 5, True)):
        run = play(lines, full(50, 250, left))
        assert answered(run)[-1][1][1] == has, left
        assert [f for f, *_ in noted(run, "torn")] == ["torn"] * torn, left
        assert len(answered(run)) == (1 if has is None else 2)


def test_who_is_started_meanwhile_cannot_write_even_that() -> None:
    restart = window(120, 50, [Start(0)])
    run = play(FULL, full(50, 250), restart)

    assert noted(run, "disk-full") == [("disk-full", 0, 100), ("disk-full", 0, 120)]
    assert [at for _, node, at in noted(run, "booted") if node == 0] == [0, 300]
    assert refused(run) == [2]
    begun = play(FULL, full(50, 250, 64), restart)
    assert [at for _, node, at in noted(begun, "booted") if node == 0] == [0]


def test_what_was_written_when_the_disk_filled_is_synced_and_what_is_not_yet_must_fit() -> None:
    lines = [(100, 0, "set", 1), (110, 2, "set", 2), (400, 0, "get", None)]
    for left, has in ((0, 1), (12, 2)):
        run = play(lines, slow(50, 200, 50), full(105, 160, left, (Kill(0),)))
        assert [at for f, _, at in answered(run) if f == "set"] == [150, 200][:has]
        assert answered(run)[-1][1][1] == has
        assert refused(run) == [2 - has]


def test_of_what_waits_as_much_is_there_as_fits_though_nobody_was_told() -> None:
    """The last three are of one sync: the first of them fits, of the second a part."""
    lines = [(at, thread, "set", thread) for thread, at in enumerate((100, 110, 112, 114))]
    run = play([*lines, (500, 0, "get", None)], slow(50, 200, 50), full(105, 160, 15), nodes=1)
    assert [at for f, _, at in answered(run) if f == "set"] == [150]
    assert answered(run)[-1][1][1] == 1
    assert [f for f, *_ in noted(run, "torn")] == ["torn"]


def test_a_disk_that_is_full_at_the_end_is_healed() -> None:
    never_over = window(50, 5_000, [FillDisk(0, 0)], [FreeDisk(0), Start(0)])
    run = play([(100, 0, "set", 5), (900, 2, "echo", 1)], never_over)

    assert noted(run, "booted")[-1][:2] == ("booted", 0)
    simulator = Simulator(setup([]))
    simulator._act([FillDisk(1, 0)])
    assert FreeDisk(1) in list(simulator._cures(simulator.nodes[1]))


class Heedless(Probe):
    heedful = False


class Unsynced(Probe):
    synced = False


def test_who_does_not_look_goes_on_until_it_is_asked_what_it_has_on_disk() -> None:
    lines = [(20, 0, "set", 4), *FULL[:2], (200, 0, "set", 6), (400, 0, "get", None)]
    for end, has in (((), [6, None, 1]), ((Kill(0),), [None, 4, 2])):
        run = simulate(replace(setup(lines, full(50, 250, 5, end)), protocol=Heedless))
        assert [f for f, *_ in answered(run)] == ["set", "set", "get", "set", "get"]
        assert answered(run)[-1][1] == has
        assert refused(run) == [2]
        assert noted(run, "disk-full", "torn") == []


def test_who_does_not_sync_is_refused_all_the_same_and_keeps_what_it_wrote_before() -> None:
    run = simulate(replace(setup([(20, 0, "set", 4), *FULL], full(50, 250)), protocol=Unsynced))

    assert answered(run)[-1][1] == [None, 4, 2]
    assert [error for *_, error in ends(run)][1] == "connection lost"


# --- twins: the right replica beside a wrong one ----------------------------------------------------


class AcksFirst(ABD):
    """Acknowledges a store, and persists it in a later step: write-behind."""

    def on_store(self, src: NodeId, msg: Store) -> None:
        self.behind = getattr(self, "behind", {})
        super().on_store(src, msg)

    def persist(self, key: str, value: Json) -> None:
        if not key.startswith(REGISTER):
            super().persist(key, value)
            return
        self.behind[key] = value
        self.set_timer("flush", 20)

    def on_timer(self, timer: str) -> None:
        if timer != "flush":
            super().on_timer(timer)
            return
        for key, value in self.behind.items():
            super().persist(key, value)
        self.behind.clear()


def storm(fault: str, protocol: type[Replica], seed: int) -> Outcome:
    """A few seconds of one fault at all nodes, again and again."""
    options = Options(threads=6, nodes=3, time_ms=3_000, rate=200, keys=2)
    begin, end = {
        "slow": (
            [SlowDisk(node, 20) for node in range(3)],
            [a for n in range(3) for a in (Kill(n), SlowDisk(n, 0), Start(n))],
        ),
        "power": (
            [a for n in range(3) for a in (Kill(n), LoseUnsynced(n))],
            [Start(n) for n in range(3)],
        ),
        "full": (
            [FillDisk(node, 0) for node in range(2)],
            [a for n in range(2) for a in (Kill(n), FreeDisk(n), Start(n))],
        ),
        "torn": (
            [SlowDisk(node, 20) for node in range(3)],
            [a for n in range(3)
             for a in (Kill(n), LoseUnsynced(n, torn=True), SlowDisk(n, 0), Start(n))],
        ),
    }[fault]  # fmt: skip
    plan = tuple(window(at, 200, begin, end) for at in range(300, 2_700, 400))
    workload = register()
    run = simulate(
        Setup(protocol=protocol, workload=workload, options=options, plan=plan, seed=seed)
    )
    return workload.checks["linearizable"](History.of(run.rows)).outcome


@pytest.mark.parametrize("fault", ["slow", "power", "torn"])
def test_a_replica_that_acknowledges_what_is_not_durable_loses_it(fault) -> None:
    assert [storm(fault, ABD, seed) for seed in range(3)] == [Outcome.VALID] * 3
    assert Outcome.INVALID in [storm(fault, AcksFirst, seed) for seed in range(3)]


def test_a_replica_that_does_not_look_whether_it_was_written_loses_it() -> None:
    assert [storm("full", ABD, seed) for seed in range(3)] == [Outcome.VALID] * 3
    assert Outcome.INVALID in [storm("full", HeedlessABD, seed) for seed in range(3)]


@record
class Second:
    value: int


class Halves(Replica[Second]):
    """Persists two values that belong together: in one step, or (option ``apart``) in two."""

    messages = (Second,)

    def on_start(self, durable) -> None:
        if durable.get("first") != durable.get("second"):
            self.note("halves", dict(durable))

    def on_request(self, request: RequestId, command: Command) -> None:
        self.persist("first", command.value)
        if self.cluster.options.get("apart"):
            self.send(self.id, Second(command.value))
        else:
            self.persist("second", command.value)
        self.reply(request, None)

    def on_message(self, src: NodeId, msg: Second) -> None:
        self.persist("second", msg.value)

    def on_timer(self, timer: str) -> None: ...


@pytest.mark.parametrize("fault", ["disk-torn", "disk-lose", "disk-power"])
def test_what_two_steps_persist_a_crash_can_part_and_what_one_does_it_cannot(fault) -> None:
    def parted(options: dict[str, object], seed: int) -> bool:
        plan = tuple(
            Window(at, 45, resolve(fault, Random(f"{seed}/{at}"), range(2)))
            for at in range(100, 900, 50)
        )
        lines = [(at, thread, "put", at) for at in range(50, 950, 7) for thread in (0, 1)]
        base = setup(lines, network=NETWORKS["hostile"], seed=seed, protocol_options=options)
        run = simulate(replace(base, protocol=Halves, plan=plan))
        return any(row.f == "halves" for row in run.rows)

    assert not any(parted({}, seed) for seed in range(5))
    assert any(parted({"apart": 1}, seed) for seed in range(5))
