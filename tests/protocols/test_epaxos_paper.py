"""What the papers claim of EPaxos, a claim a test, on a stage where the test says what arrives."""

from __future__ import annotations

import json

import pytest

from protocols.epaxos import EPaxos
from protocols.epaxos.messages import Accept, Commit, Install, PreAccept, Recover
from protocols.kernel import Command, Persist, Requested, Send, effects_of
from tests.mutants.epaxos import OneBallot
from tests.transcript import Stage, assert_golden

A = Command("append", "x", "a", "ann", 1)
B = Command("append", "x", "b", "bob", 1)
OTHER = Command("write", "y", 1, "cat", 1)


def sent(stage: Stage, kind: type) -> int:
    """How many messages of this kind were sent so far."""
    return sum(f"-> n{n} {kind.__name__}(" in line for line in stage.lines for n in range(9))


def ticks(stage: Stage, node: int, times: int) -> None:
    for _ in range(times):
        stage.fire(node, "tick")


def decided(stage: Stage, row: int, number: int) -> list[object]:
    """What each node that knows it says was decided in this instance."""
    notes = [note.value for _, note in stage.notes if note.kind == "decided"]
    whats = [what for slot, what in notes if slot == f"n{row + 1}.{number}"]
    return [
        [name, json.loads(f"[{deps[1:-1]}]")]
        for name, _, deps in (w.partition(" after ") for w in whats)
    ]


def test_an_instance_is_on_disk_before_pre_accept_leaves():
    """Section 4.3.2: a replica never uses an instance twice, so its number is durable first."""
    stage = Stage(EPaxos)
    stage.start()
    effects = stage.replicas[0].step(Requested(1, A))
    assert [e.key for e in effects if isinstance(e, Persist)] == ["i/0/1"]
    assert [e.dst for e in effects if isinstance(e, Send)] == [1, 2]
    stage.kill(1)
    stage.request(0, A)
    stage.kill(0)
    stage.start(0)
    stage.request(0, B)
    assert "i/0/2" in stage.disks[0], "the number on disk was not used again"


def test_without_interference_a_command_takes_one_round_trip():
    """Section 4.1: "commit in one round trip"; 2 of 3 agree, and no Accept is sent."""
    stage = Stage(EPaxos)
    stage.start()
    request = stage.request(0, A)
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    assert stage.replies[request].value == "a"
    assert sent(stage, Accept) == 0


def test_golden_fast_path():
    stage = Stage(EPaxos)
    stage.start()
    stage.request(0, A)
    stage.settle()
    stage.request(1, Command("read", "x"))
    stage.settle()
    assert_golden("epaxos-fast", stage)


def test_golden_conflict_takes_the_slow_path():
    """Figure 2: two commands that interfere meet at the third replica; both replies differ."""
    stage = Stage(EPaxos)
    stage.start()
    stage.request(0, A)
    stage.request(1, B)
    stage.settle()
    assert_golden("epaxos-slow", stage)
    assert len(set(map(str, decided(stage, 0, 1)))) == 1
    assert len(stage.replies) == 2
    stores = [r.store.values for r in stage.replicas.values()]
    assert stores[0] == stores[1] == stores[2]


def orphan(protocol: type[EPaxos]) -> Stage:
    """The owner commits on the fast path, answers, and dies with its Commit. The others recover."""
    stage = Stage(protocol)
    stage.start()
    request = stage.request(0, A)
    stage.deliver(0, 1)
    stage.deliver(0, 2)
    stage.deliver(1, 0)
    assert request in stage.replies
    stage.kill(0)
    stage.drop(0, 1)
    stage.drop(0, 2)
    for _ in range(60):
        stage.fire(1, "tick")
        stage.settle(1, 2)
    stage.wires.clear()
    return stage


def test_golden_recovery_of_a_fast_commit():
    stage = orphan(EPaxos)
    assert_golden("epaxos-recovery", stage)
    assert stage.replicas[2].store.values == {"x": ["a"]}
    assert decided(stage, 0, 1) == [["ann/1", [0, 0, 0]]] * 3


def test_commands_that_do_not_interfere_do_not_depend_on_each_other():
    stage = Stage(EPaxos)
    stage.start()
    stage.request(0, A)
    stage.request(1, OTHER)
    stage.settle()
    assert decided(stage, 1, 1)[0] == ["cat/1", [0, 0, 0]]
    assert sent(stage, Accept) == 0


def test_reads_do_not_interfere_with_reads():
    stage = Stage(EPaxos)
    stage.start()
    stage.request(0, Command("read", "x"))
    stage.request(1, Command("read", "x"))
    stage.settle()
    assert sent(stage, Accept) == 0


def test_two_interfering_commands_are_never_blind_to_each_other():
    """Theorem 4 of CMU-PDL-13-111: one of the two has the other in its dependencies."""
    stage = Stage(EPaxos, 5)
    stage.start()
    for node in range(5):
        stage.request(node, Command("append", "x", node, f"s{node}", 1))
    stage.settle()
    deps = {row: decided(stage, row, 1)[0][1] for row in range(5)}  # type: ignore[index]
    for a in range(5):
        for b in range(a):
            assert deps[a][b] == 1 or deps[b][a] == 1


def test_the_slow_path_does_not_wait_for_a_replica_that_is_silent():
    """Section 4.2: phase 2 begins with a majority. The third replica never answers."""
    stage = Stage(EPaxos)
    stage.start()
    stage.kill(2)
    stage.request(1, B)
    stage.drop(1, 0)
    request = stage.request(0, A)
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    assert sent(stage, Accept) == 0, "the third might still make a fast quorum"
    ticks(stage, 0, 2)
    assert sent(stage, Accept) == 2
    stage.wires[1, 0].clear()
    stage.settle(0, 1)
    for _ in range(5):
        ticks(stage, 1, 1)
        stage.settle(0, 1)
    assert request in stage.replies


def test_nothing_is_answered_before_what_it_depends_on_is_committed():
    """Section 4.3.3, and Moraru's advice where there is no seq: answer after execution."""
    stage = Stage(EPaxos)
    stage.start()
    stage.request(1, B)
    stage.deliver(1, 2)
    stage.drop(1, 0)
    stage.drop(2, 1)
    request = stage.request(0, A)
    stage.deliver(0, 2)
    stage.deliver(2, 0)
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    stage.settle(0, 2)
    assert decided(stage, 0, 1), "committed"
    assert request not in stage.replies, "and waits for the other"
    stage.settle()
    ticks(stage, 1, 4)
    stage.settle()
    assert request in stage.replies


def lose_to_a_no_op(stage: Stage, number: int) -> None:
    """n1, which has met it, and n2 give n0's instance of this number up, while n0 is cut off; then all are connected."""
    for _ in range(60):
        stage.fire(1, "tick")
        stage.settle(1, 2)
        stage.drop(1, 0)
        stage.drop(0, 2)
    assert decided(stage, 0, number) == [["noop", [0, 0, 0]]] * 2
    for _ in range(40):
        stage.fire(0, "tick")
        stage.settle()


def test_a_command_that_was_lost_to_a_no_op_is_proposed_again():
    """The owner was cut off, the others made its instance a no-op; its client is still served."""
    stage = Stage(EPaxos)
    stage.start()
    stage.request(1, B)
    stage.drop(1, 0)
    request = stage.request(0, A)
    stage.deliver(0, 1)
    lose_to_a_no_op(stage, 1)
    assert stage.replies[request].value == "a"
    assert decided(stage, 0, 2) == [["ann/1", [1, 1, 0]]] * 3


def sutra(protocol: type[EPaxos]) -> Stage:
    """Sutra 2019, with two replicas' promises: an old vote of the owner meets a newer one.

    The owner votes for its command alone and is cut off. The others, of whom one knows of an
    interfering command, make the instance a no-op, which only one of them learns before it dies.
    Then the owner recovers its instance with the other.
    """
    stage = Stage(protocol)
    stage.start()
    stage.request(1, B)
    stage.drop(1, 0)
    stage.drop(1, 2)
    stage.request(0, A)
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    ticks(stage, 0, 2)  # its majority does not agree: phase 2, with its own vote
    assert '"a"' in stage.disks[0]["i/0/1"]
    stage.drop(0, 1)
    stage.drop(0, 2)
    while not stage.wires[1, 2] or sent(stage, Recover) == 0:
        stage.fire(1, "tick")
        stage.drop(1, 0)
    while stage.wires[1, 2] and not decided(stage, 0, 1):
        while stage.wires[1, 2]:
            stage.deliver(1, 2)
        while stage.wires[2, 1]:
            stage.deliver(2, 1)
    assert decided(stage, 0, 1) == [["noop", [0, 0, 0]]]
    stage.kill(1)
    stage.wires.clear()
    for _ in range(150):
        ticks(stage, 0, 1)
        stage.settle(0, 2)
    return stage


def test_a_promise_does_not_make_an_old_vote_look_new():
    """Sutra 2019: with separate ballots the second recovery finds what the first one decided."""
    decisions = decided(sutra(EPaxos), 0, 1)
    assert decisions == [["noop", [0, 0, 0]]] * 3


def test_with_one_ballot_variable_it_does():
    """Error E-1, seen red: the same schedule, and the instance is decided in two ways."""
    decisions = decided(sutra(OneBallot), 0, 1)
    assert ["noop", [0, 0, 0]] in decisions
    assert ["ann/1", [0, 1, 0]] in decisions


def test_a_replica_that_was_away_is_given_the_state():
    """What the others have forgotten comes as a checkpoint, with its sessions."""
    stage = Stage(EPaxos, options={"checkpoint_every": 4, "retain": 4})
    stage.start()
    stage.kill(2)
    for serial in range(30):
        stage.request(0, Command("append", "x", serial, "ann", serial + 1))
        stage.settle(0, 1)
        ticks(stage, 0, 1)
        ticks(stage, 1, 1)
        stage.settle(0, 1)
    assert len(stage.disks[0]) < 15, "the disk does not grow with history"
    stage.wires.clear()
    stage.start(2)
    for _ in range(40):
        for node in range(3):
            ticks(stage, node, 1)
        stage.settle()
    assert any("Install(" in line for line in stage.lines)
    assert stage.replicas[2].store == stage.replicas[0].store
    request = stage.request(2, Command("append", "x", 99, "bob", 1))
    stage.settle()
    assert stage.replies[request].ok


def each_ahead_of_the_other(protocol=EPaxos, **options) -> Stage:
    """n0 has run commands on x, n1 others on y, each with n2 alone, which is dead by now; both have forgotten what they ran.

    Then n0 and n1 are connected for some time.
    """
    stage = Stage(protocol, options={"checkpoint_every": 2, "retain": 0} | options)
    stage.start()
    for serial in range(1, 5):
        for node, key in ((0, "x"), (1, "y")):
            stage.request(node, Command("append", key, serial, f"c{node}", serial))
            stage.drop(node, 1 - node)
            while stage.wires[node, 2]:
                stage.deliver(node, 2)
            stage.deliver(2, node)
            stage.wires.clear()
    for node in (0, 1):
        ticks(stage, node, 40)  # it hears nobody, and makes its checkpoint
    stage.wires.clear()
    stage.kill(2)
    for _ in range(60):
        for node in (0, 1):
            ticks(stage, node, 1)
            stage.settle(0, 1)
    return stage


def test_two_that_are_each_ahead_of_the_other_have_what_both_have_run():
    """Neither can name the other what it has forgotten: their states are joined, key by key."""
    stage = each_ahead_of_the_other()
    replicas = [stage.replicas[node] for node in (0, 1)]
    assert all(r.instances.rows[row].forgotten == 4 for row, r in enumerate(replicas))
    assert [r.store.values for r in replicas] == [{"x": [1, 2, 3, 4], "y": [1, 2, 3, 4]}] * 2
    assert replicas[0].catchup.frontier() == replicas[1].catchup.frontier()
    request = stage.request(1, Command("append", "x", 4, "c0", 4))
    stage.settle(0, 1)
    assert stage.replies[request].value == 4
    assert replicas[0].store.values["x"] == [1, 2, 3, 4], "the sessions were joined, too"


def test_a_read_that_became_a_no_op_elsewhere_is_not_answered_from_a_state_that_covers_it():
    """The state has executed its instance, as nothing: what it depends on may not be there."""
    stage = Stage(EPaxos)
    stage.start()
    done = stage.request(0, A)
    stage.deliver(0, 2)
    stage.deliver(2, 0)
    assert stage.replies[done].ok
    stage.quiet()
    read = stage.request(1, Command("read", "x"))
    covers = stage.replicas[2].catchup.state() | {"executed": [0, 1, 0]}
    stage.tell(2, 1, Install(covers, ()))
    assert stage.replicas[1].instances.rows[1].forgotten == 1
    assert read not in stage.replies
    for _ in range(20):
        for node in range(3):
            ticks(stage, node, 1)
        stage.settle()
    assert stage.replies[read].value == ["a"]


@pytest.mark.parametrize("node", [0, 1, 2])
def test_a_restarted_replica_has_what_it_had(node):
    """Restart restores instances, executes them again in the same order, and goes on."""
    stage = Stage(EPaxos, options={"checkpoint_every": 7, "retain": 3})
    stage.start()
    for serial in range(20):
        stage.request(serial % 3, Command("append", "x", serial, "ann", serial + 1))
        stage.settle()
        ticks(stage, serial % 3, 1)
        stage.settle()
    before = stage.replicas[node].store.snapshot()
    stage.kill(node)
    stage.start(node)
    assert stage.replicas[node].store.snapshot() == before


def test_one_replica_is_a_cluster():
    stage = Stage(EPaxos, 1)
    stage.start()
    request = stage.request(0, A)
    assert stage.replies[request].value == "a"


def test_commit_repeated_is_ignored():
    stage = Stage(EPaxos)
    stage.start()
    replica = stage.replicas[1]
    replica.on_message(0, Commit(0, 1, A, (0, 0, 0)))
    replica._said.clear()
    replica.on_message(0, Commit(0, 1, A, (0, 0, 0)))
    replica.on_message(0, PreAccept(0, 1, A, (0, 0, 0)))
    assert effects_of(replica._said) == [Send(0, Commit(0, 1, A, (0, 0, 0)))]
