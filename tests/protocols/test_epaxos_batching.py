"""Several commands in one instance (option ``batch``), and what that may not change."""

from __future__ import annotations

import pytest

from protocols.epaxos import EPaxos
from protocols.epaxos.batching import QUEUE, READS_TOGETHER, together
from protocols.epaxos.instances import Instances
from protocols.epaxos.messages import PreAccept
from protocols.kernel import Command
from tests.protocols.test_epaxos_paper import decided, lose_to_a_no_op, sent, ticks
from tests.protocols.test_epaxos_random import Leaderless
from tests.transcript import Stage

BATCHED = {"batch": 4}


def append(serial: int, session: str = "ann") -> Command:
    return Command("append", "x", serial, f"{session}{serial}", 1)


def test_what_comes_while_an_instance_is_under_way_goes_together():
    stage = Stage(EPaxos, options=BATCHED)
    stage.start()
    asked = [stage.request(0, append(serial)) for serial in range(6)]
    assert sent(stage, PreAccept) == 2, "one instance of the first, to two peers"
    stage.settle()
    assert [stage.replies[request].value for request in asked] == list(range(6))
    names = [what[0] for number in (1, 2, 3) for what in decided(stage, 0, number)[:1]]  # type: ignore[index]
    assert names == ["ann0/1", "ann1/1 ann2/1 ann3/1 ann4/1", "ann5/1"]
    assert stage.replicas[2].store.values == {"x": list(range(6))}  # type: ignore[attr-defined]


def test_what_waits_is_proposed_at_the_next_tick_at_the_latest():
    """Nobody answers the first instance; the second command is not kept for it."""
    stage = Stage(EPaxos, options=BATCHED)
    stage.start()
    stage.request(0, append(1))
    stage.request(0, append(2))
    assert sent(stage, PreAccept) == 2
    ticks(stage, 0, 1)
    assert sent(stage, PreAccept) == 4


def test_without_the_option_each_command_has_its_own_instance():
    stage = Stage(EPaxos)
    stage.start()
    for serial in range(3):
        stage.request(0, append(serial))
    assert sent(stage, PreAccept) == 6


def test_a_batch_interferes_with_whatever_one_of_its_members_does():
    instances = Instances(2)
    reads = together([Command("read", "x"), Command("read", "y")])
    mixed = together([Command("read", "x"), Command("write", "y", 1)])
    assert reads.f == READS_TOGETHER
    instances.learn((0, 1), instances.touch((0, 1)), reads)
    assert instances.deps(Command("read", "x"), 1) == (0, 0)
    assert instances.deps(Command("write", "y", 2), 1) == (1, 0)
    assert instances.deps(mixed, 1) == (1, 0)
    instances.learn((0, 2), instances.touch((0, 2)), mixed)
    assert instances.deps(Command("read", "x"), 1) == (2, 0), "a batch with an update is one"


def test_a_batch_that_was_lost_to_a_no_op_is_proposed_again():
    """As for one command: its owner is cut off, and the others make its instance a no-op."""
    stage = Stage(EPaxos, options=BATCHED)
    stage.start()
    stage.request(1, append(9, "bob"))
    stage.drop(1, 0)
    asked = [stage.request(0, append(serial)) for serial in (1, 2, 3)]
    ticks(stage, 0, 1)
    stage.deliver(0, 1)
    stage.deliver(0, 1)
    lose_to_a_no_op(stage, 2)
    assert [stage.replies[request].value for request in asked] == [1, 2, 3]
    assert sorted(stage.replicas[2].store.values["x"]) == [1, 2, 3, 9]  # type: ignore[attr-defined]


def test_too_many_are_refused_and_no_client_may_use_the_name_of_a_batch():
    stage = Stage(EPaxos, options=BATCHED)
    stage.start()
    stage.request(0, append(0))
    asked = [stage.request(0, append(serial)) for serial in range(1, QUEUE + 2)]
    assert [request for request in asked if request in stage.replies] == asked[-1:]
    assert not stage.replies[asked[-1]].ok
    forged = stage.request(1, Command(READS_TOGETHER, "", {"keys": 1}))
    assert not stage.replies[forged].ok


@pytest.mark.parametrize("seed", range(8))
def test_any_schedule_with_batches(seed):
    options: dict[str, object] = {"checkpoint_every": 8, "retain": 6, "batch": 3}
    Leaderless(EPaxos, seed, 5 if seed % 2 else 3, asks=90, options=options).play(1500)
