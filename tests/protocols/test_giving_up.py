"""Clients that give up: what they leave behind must not keep a replica from answering those who still wait.

Found by a swarm (docs/search.md): with ``batch=1`` and queues in the order of their coming, each command
was executed after its client had gone, for seconds after all was healed.
"""

from protocols.kernel import Command
from protocols.m2paxos import M2Paxos
from protocols.mencius import Mencius
from protocols.paxos import Paxos
from protocols.paxos.messages import Accept
from protocols.sdpaxos import SDPaxos
from protocols.sdpaxos.messages import CAccept
from tests.transcript import Stage


def write(value):
    return Command("write", "x", value, f"c{value}", 1)


def proposed(stage, src, dst, kind):
    """The values in messages of this kind that are under way, each once."""
    sent = [stage.codec.decode(text) for text in stage.wires[src, dst]]
    batches = [msg.batch for msg in sent if isinstance(msg, kind)]
    return list(dict.fromkeys(command.value for batch in batches for command in batch))


def test_paxos_proposes_the_newest_command_first():
    stage = Stage(Paxos, 3, {"batch": 1})
    stage.start()
    for value in range(1, 6):
        stage.request(0, write(value))
    stage.settle(0, 1)
    stage.drop(0, 2)
    log = stage.replicas[1].slots
    order = [log[n].batch[0].value for n in range(log.base + 1, log.chosen + 1)]
    assert order == [5, 4, 3, 2, 1]


def test_paxos_takes_all_that_a_batch_holds_in_the_order_of_their_coming():
    stage = Stage(Paxos, 3, {"batch": 2})
    stage.start()
    for value in range(1, 4):
        stage.request(0, write(value))
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    assert proposed(stage, 0, 1, Accept) == [2, 3]


def staged(options):
    stage = Stage(SDPaxos, 3, options)
    stage.start()
    stage.elect(0)
    return stage


def test_a_command_leader_takes_what_has_just_come_before_what_waited_for_a_whole_tick():
    stage = staged({"batch": 1, "pipeline": 1})
    for value in range(1, 5):
        stage.request(1, write(value))
    stage.fire(1, "tick")
    stage.request(1, write(5))
    stage.fire(1, "tick")
    stage.request(1, write(6))
    stage.settle()
    log = stage.replicas[1].instances
    order = [log[1, n].batch[0].value for n in range(1, 7)]
    assert order == [1, 5, 6, 4, 3, 2], (
        "under way; waited for no whole tick; the others, newest first"
    )


def test_a_replica_of_mencius_takes_what_has_just_come_first_too():
    stage = Stage(Mencius, 3, {"batch": 1, "pipeline": 1})
    stage.start()
    for value in range(1, 5):
        stage.request(0, write(value))
    stage.fire(0, "tick")
    stage.fire(0, "tick")
    stage.request(0, write(5))
    stage.settle()
    slots = stage.replicas[0].slots
    order = [slots[n].batch[0].value for n in range(1, slots.chosen + 1, 3)]
    assert order == [1, 5, 4, 3, 2]


def test_a_replica_of_m2paxos_takes_what_has_just_come_first_too():
    stage = Stage(M2Paxos, 3, {"batch": 1})
    stage.start()
    for value in range(1, 5):
        stage.request(0, write(value))
    stage.fire(0, "tick")
    stage.fire(0, "tick")
    stage.request(0, write(5))
    stage.settle()
    told = [line for line in stage.lines if line.startswith("    -> n1 Accept(")]
    assert [line.split("value=")[1][0] for line in told] == ["5", "4", "3", "2", "1"]


def test_it_keeps_the_order_of_their_coming_while_nobody_waits_for_long():
    stage = staged({"batch": 2, "pipeline": 1})
    for value in range(1, 5):
        stage.request(1, write(value))
    stage.fire(1, "tick")
    stage.request(1, write(5))
    stage.settle()
    log = stage.replicas[1].instances
    assert [[c.value for c in log[1, n].batch] for n in range(1, 4)] == [[1], [2, 3], [4, 5]]
    assert proposed(stage, 1, 0, CAccept) == []
    assert not stage.replicas[1].line.names


def test_what_no_client_waits_for_any_more_is_dropped_however_late_it_is():
    stage = staged({"batch": 1, "pipeline": 1})
    for value in range(1, 4):
        stage.request(1, write(value))
    for _ in range(102):
        stage.fire(1, "tick")
        stage.drop(1, 0)
        stage.drop(1, 2)
    replica = stage.replicas[1]
    assert not replica.line
    assert set(replica.line.names) == {("c1", 1)}, "it is under way, and stays so"


def test_a_replica_of_sdpaxos_learns_more_in_a_round_trip_than_can_be_decided_in_it():
    """As multi-Paxos (``test_multipaxos_catching_up``): a batch of one a round trip is too little."""
    stage = staged({"batch": 1, "pipeline": 4})
    for value in range(1, 31):
        stage.request(0, write(value))
        stage.settle(0, 1)
        stage.drop(0, 2)
        stage.drop(1, 2)
    for node in (0, 2, 2, 2):
        stage.fire(node, "tick")
        stage.settle(0, 1, 2)
    assert stage.replicas[2].log.chosen == stage.replicas[0].log.chosen > 30
    assert sum(line.startswith("n2 <- n0 Chosen") for line in stage.lines) <= 4
