"""ABD, a claim of the papers (or a departure that the docstring names) per test.

Each claim that a mutant breaks is shown red with it.
"""

from __future__ import annotations

import pytest

from protocols.abd import ABD, RETRANSMIT, ZERO, Query, Store, Stored, Value
from protocols.kernel import Cluster, Command, Persist, Received, Reply, Requested, Send, Started
from tests.mutants.abd import (
    AcksBeforePersist,
    CountsTwice,
    ForgetsCounter,
    NoTieBreak,
    NoWriteBack,
    SharedTag,
    TagRegress,
)
from tests.transcript import Stage, assert_golden

READ = Command("read", "x")


def write(value: object) -> Command:
    return Command("write", "x", value)


def stage_of(protocol: type[ABD] = ABD, n: int = 3, **options: object) -> Stage:
    stage = Stage(protocol, n, options)
    stage.start()
    return stage


def lose(stage: Stage, *links: tuple[int, int]) -> None:
    for link in links:
        stage.drop(*link)


def ask(stage: Stage, node: int, command: Command, *among: int) -> object:
    """The answer to a command, with only these nodes to be reached."""
    request = stage.request(node, command)
    stage.settle(*among)
    stage.quiet()
    return stage.replies[request].value


def test_a_write_and_a_read():
    """Goal: the whole of a fault-free life, to be read."""
    stage = stage_of()
    stage.request(0, write(1))
    stage.settle()
    read = stage.request(1, READ)
    stage.settle()

    assert stage.replies[read].value == 1
    assert_golden("abd", stage)


def test_a_register_that_was_never_written_reads_as_nothing():
    assert ask(stage_of(), 0, READ) is None


def test_any_majority_serves_and_a_minority_does_not():
    """Lynch 1997: an op ends as long as a majority is up."""
    stage = stage_of(n=5)
    assert ask(stage, 0, write("a"), 0, 1, 2) == "a"
    assert ask(stage, 4, READ, 2, 3, 4) == "a"

    request = stage.request(0, READ)
    stage.settle(0, 1)
    assert request not in stage.replies


def store_at(stage: Stage, node: int, coordinator: int) -> None:
    """Let only ``node`` of all store what ``coordinator`` has asked all to store."""
    for dst in stage.cluster.nodes:
        if dst != node:
            stage.drop(coordinator, dst)
    while stage.wires[coordinator, node]:
        stage.deliver(coordinator, node)
    stage.drop(node, coordinator)


def first_round(stage: Stage, coordinator: int, *among: int) -> None:
    """Let the coordinator ask these nodes, and hear from them, up to its second round."""
    for dst in among:
        stage.deliver(coordinator, dst)
    for src in among:
        stage.deliver(src, coordinator)


def test_a_read_writes_back():
    """ABD 1995: without it a reader could see the new value and a later one the old."""

    def later_read(protocol: type[ABD]) -> object:
        stage = stage_of(protocol)
        stage.request(0, write("a"))
        first_round(stage, 0, 0, 1)
        store_at(stage, 2, 0)
        assert ask(stage, 1, READ, 1, 2) == "a"
        return ask(stage, 0, READ, 0, 1)

    assert later_read(ABD) == "a"
    assert later_read(NoWriteBack) is None


def test_no_two_writers_share_a_tag():
    """Lynch 1997: the writer's name breaks the tie between equal counters."""

    def tags(protocol: type[ABD]) -> int:
        stage = stage_of(protocol)
        for node in (0, 1):
            stage.request(node, write(node))
            first_round(stage, node, node, 2)
            store_at(stage, node, node)
        return len({stage.replicas[node].registers["x"][0] for node in (0, 1)})

    assert tags(ABD) == 2
    assert tags(NoTieBreak) == 1


def test_two_writes_of_one_coordinator_do_not_share_a_tag():
    """Departure: a coordinator has several writes under way."""

    def tags(protocol: type[ABD]) -> set[object]:
        stage = stage_of(protocol)
        for value in "ab":
            stage.request(0, write(value))
        for _ in "ab":
            first_round(stage, 0, 0, 1)
        stored = [stage.codec.decode(text) for text in stage.wires[0, 2]]
        return {msg.tag for msg in stored if isinstance(msg, Store)}

    assert tags(ABD) == {(1, 0), (2, 0)}
    assert tags(SharedTag) == {(1, 0)}


def test_a_counter_is_not_used_again_after_a_restart():
    """Departure: coordinators crash and come back."""

    def tag_after_restart(protocol: type[ABD]) -> object:
        stage = stage_of(protocol)
        stage.request(0, write("lost"))
        first_round(stage, 0, 0, 1)
        store_at(stage, 2, 0)
        stage.kill(0)
        stage.start(0)
        ask(stage, 0, write("b"), 0, 1)
        return stage.replicas[1].registers["x"][0]

    assert tag_after_restart(ABD) == (2, 0)
    assert tag_after_restart(ForgetsCounter) == (1, 0), "as the lost write's at node 2"


def test_a_tag_only_grows():
    """Lynch 1997: a replica keeps the value of the highest tag, in whatever order they come."""

    def kept(protocol: type[ABD]) -> object:
        replica = protocol(1, Cluster((0, 1, 2)))
        replica.step(Started({}))
        for tag in (2, 0), (1, 2):
            replica.step(Received(0, Store(1, "x", tag, f"{tag}")))
        return replica.registers["x"][0]

    assert kept(ABD) == (2, 0)
    assert kept(TagRegress) == (1, 2)


def test_what_is_acknowledged_is_durable():
    def persisted(protocol: type[ABD]) -> object:
        replica = protocol(1, Cluster((0, 1, 2)))
        replica.step(Started({}))
        effects = replica.step(Received(0, Store(7, "x", (1, 0), "a")))
        assert Send(0, Stored(7)) in effects
        return [effect.key for effect in effects if isinstance(effect, Persist)]

    assert persisted(ABD) == ["register/x"]
    assert persisted(AcksBeforePersist) == []

    stage = stage_of()
    ask(stage, 0, write([1, "two"]))
    stage.kill()
    stage.start()
    assert ask(stage, 2, READ) == [1, "two"]


def test_an_answer_that_comes_twice_counts_once():
    def answered(protocol: type[ABD]) -> bool:
        replica = protocol(0, Cluster((0, 1, 2)))
        replica.step(Started({}))
        replica.step(Requested(9, write("a")))
        for src in (1, 2):
            replica.step(Received(src, Value(9, ZERO, None)))
        effects = replica.step(Received(1, Stored(9))) + replica.step(Received(1, Stored(9)))
        return any(isinstance(effect, Reply) for effect in effects)

    assert not answered(ABD)
    assert answered(CountsTwice)


def test_what_comes_late_or_from_another_life_is_ignored():
    replica = ABD(0, Cluster((0, 1, 2)))
    replica.step(Started({}))

    for msg in (Value(9, (4, 1), "a"), Stored(9)):
        assert replica.step(Received(1, msg)) == []
    replica.step(Requested(9, READ))
    assert replica.step(Received(1, Stored(9))) == [], "it is still in its first round"


def test_only_those_who_have_not_answered_are_asked_again_and_not_at_once():
    stage = stage_of()
    stage.request(0, READ)
    first_round(stage, 0, 0)
    lose(stage, (0, 1), (0, 2))

    stage.fire(0, RETRANSMIT)
    assert not any(stage.wires.values()), "it was only just sent"
    stage.fire(0, RETRANSMIT)
    asked = {dst: [stage.codec.decode(t) for t in stage.wires[0, dst]] for dst in (0, 1, 2)}
    assert [len(asked[dst]) for dst in (0, 1, 2)] == [0, 1, 1]
    assert isinstance(asked[1][0], Query)
    stage.settle()
    assert len(stage.replies) == 1
    assert not stage.timers[0], "nothing is left to be sent again"


@pytest.mark.parametrize("f", ["cas", "append", "delete"])
def test_what_it_does_not_serve_is_refused(f):
    replica = ABD(0, Cluster((0, 1, 2)))
    replica.step(Started({}))

    assert replica.step(Requested(9, Command(f, "x", [0, 1]))) == [
        Reply(9, f"no such command: {f}", ok=False)
    ]


def test_it_coordinates_a_bounded_number_of_requests():
    stage = stage_of(pending=2)
    requests = [stage.request(0, READ) for _ in range(3)]

    assert not stage.replies[requests[2]].ok
    stage.settle()
    assert all(stage.replies[request].ok for request in requests[:2])
