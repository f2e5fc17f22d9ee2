"""A node without its disk comes back: what it does while it is passive, and when that ends.

The rules are those of ``protocols.rejoining``; lives are of Michael et al., DISC 2017.
"""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.amnesia import Amnesiac, new_replica
from protocols.kernel import Cluster
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Accepted, Promise, Sworn, Told
from protocols.quorum_systems import count
from protocols.rejoining import Known
from protocols.statemachine import name_of
from tests.mutants.rejoin import CountsOldPromises, SkipsTheAdopted
from tests.mutants.trials import STORM
from tests.protocols.disks import PASSIVE, Disks, come_back


def staged(n=3, protocol=MultiPaxos, **options):
    return Disks.staged(protocol, n, options)


def test_without_the_option_it_is_silent_for_good():
    assert isinstance(new_replica(MultiPaxos, 0, Cluster((0, 1, 2)), lost=True), Amnesiac)
    with pytest.raises(UsageError, match="rejoin=maybe: it is one of no, passive, force"):
        Trial(protocol="multipaxos", options={"rejoin": "maybe"}).replica()


def test_while_it_is_passive_it_casts_no_vote_and_promises_nothing():
    stage = staged()
    stage.lose(2)
    stage.write(0, 1)
    stage.settle(0, 2)
    assert not stage.said_by(2, (Accepted, Promise, Sworn, Told))
    assert stage.replicas[0].log.chosen == 0, "n0 alone decides nothing"
    stage.settle()
    assert stage.replicas[0].log.chosen == 1, "n1 votes"
    for _ in range(6):
        stage.fire(2, "watch")
    assert stage.replicas[2].campaign is None


def test_it_votes_again_when_it_knows_what_was_decided_up_to_what_the_leader_has_used():
    stage = staged()
    for value in range(5):
        stage.write(0, value)
        stage.settle()
    stage.lose(2)
    come_back(stage, 2)
    lost = stage.replicas[2]
    assert lost.back is None
    assert lost.log.chosen == 5
    assert lost.promised == stage.replicas[0].promised
    assert stage.replicas[0].lives == lost.lives == [0, 0, 1]
    assert "passive" not in stage.disks[2]
    stage.kill(1)
    stage.write(0, 9)
    stage.settle(0, 2)
    stage.fire(0, "tick")
    stage.settle(0, 2)
    assert stage.replicas[0].log.chosen == 6, "it is one of a majority"


def test_a_restart_on_the_way_back_does_not_end_it():
    stage = staged()
    stage.write(0, 1)
    stage.settle()
    stage.lose(2)
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].back is not None
    come_back(stage, 2)
    assert stage.replicas[2].back is None
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].back is None
    assert stage.replicas[2].lives[2] == 1


def test_each_loss_is_another_life():
    stage = staged()
    for life in (1, 2, 3):
        stage.lose(2, now_ms=life)
        come_back(stage, 2)
        assert stage.replicas[2].lives[2] == life


def test_answers_to_an_earlier_question_count_for_nothing():
    stage = staged()
    stage.lose(2, now_ms=5)
    stage.step(2, _from(0, Known(4, 0, (9, 0), (9, 0), 0)), "gets an old answer")
    assert stage.replicas[2].back.known == {}


def _from(src, msg):
    from protocols.kernel import Received

    return Received(src, msg)


def test_one_of_three_is_not_enough_and_three_of_five_are():
    three, five = staged(3), staged(5)
    assert not three.replicas[2].enough([0])
    assert three.replicas[2].enough([0, 1])
    assert not five.replicas[4].enough([0, 1])
    assert five.replicas[4].enough([0, 1, 2])


def test_where_few_can_decide_more_must_answer():
    """Flexible quorums: whoever two of five can decide with has to be asked, so all must."""
    replica = MultiPaxos(4, Cluster(tuple(range(5)), options=PASSIVE))
    replica.quorums = count(replica.nodes, 4, 2)
    assert not replica.enough([0, 1, 2])
    assert replica.enough([0, 1, 2, 3])


def test_without_a_leader_it_stays_passive_and_the_next_one_ends_it():
    stage = staged()
    stage.write(0, 1)
    stage.settle()
    stage.lose(0)
    come_back(stage, 0)
    assert stage.replicas[0].back is not None
    for node in (2, 2, 1, 1):
        stage.fire(node, "watch")
    stage.drop(2, 1)
    stage.drop(2, 0)
    stage.settle()
    for _ in range(3):
        if stage.replicas[1].leadership is None:
            stage.fire(1, "watch")
            stage.settle()
    come_back(stage, 0)
    assert stage.replicas[0].back is None
    assert stage.replicas[0].log.chosen == 1


def old_promise(protocol):
    """n4 promises something to n3, which is cut off by then, and loses its disk. In its new life it votes
    for what n0 and n1 decide with it; n3 gets the old promise, and then that of n2.
    """
    stage = staged(5, protocol)
    for _ in range(3):
        for node in (2, 3, 4):
            stage.fire(node, "watch")
        stage.replicas[3].seen = (5, 1)
    for link in [link for link in stage.wires if 3 not in link or link[0] != 3]:
        stage.drop(*link)
    stage.fire(3, "tick")
    while stage.wires[3, 4]:
        stage.deliver(3, 4)
    old = [text for text in stage.wires[4, 3] if isinstance(stage.codec.decode(text), Sworn)]
    assert old, "it promised"
    for src in range(5):
        for dst in range(5):
            stage.wires[src, dst].clear()
    stage.lose(4)
    for node in (0, 1, 2):
        stage.fire(node, "tick")
    stage.settle(0, 1, 2, 4)
    for _ in range(4):
        stage.fire(4, "tick")
        stage.settle(0, 1, 2, 4)
    assert stage.replicas[4].back is None
    stage.write(0, "decided")
    stage.settle(0, 1, 4)
    assert stage.replicas[0].log.chosen == 1
    for wire in stage.wires.values():
        wire.clear()
    stage.wires[4, 3].extend(old)
    while stage.wires[4, 3]:
        stage.deliver(4, 3)
    for _ in range(3):
        stage.fire(2, "watch")
    for wire in stage.wires.values():
        wire.clear()
    stage.fire(3, "tick")
    while stage.wires[3, 2]:
        stage.deliver(3, 2)
    while stage.wires[2, 3]:
        stage.deliver(2, 3)
    stage.write(3, "lost")
    return stage


def test_a_promise_of_a_former_life_is_void():
    stage = old_promise(MultiPaxos)
    assert stage.replicas[3].leadership is None
    assert stage.replicas[3].lives[4] == 1, "n2 has told it"


def test_where_it_counts_a_slot_is_decided_twice():
    stage = old_promise(CountsOldPromises)
    assert stage.replicas[3].leadership is not None
    assert stage.replicas[3].leadership.next > 1
    proposed = stage.replicas[3].log[1].command
    assert name_of(proposed) != name_of(stage.replicas[0].log[1].command)


def more_adopted_than_a_window(protocol):
    """n0 decides six slots with n3 and n4, of the first n2 in the place of n3. n1 adopts the other five, and
    proposes two of them, when n4 loses its disk. n1 decides these, and n4 is told so; then n2 leads, with n1 and n4.
    """
    stage = staged(5, protocol, batch="1", pipeline="2")
    stage.write(0, 1)
    stage.drop(0, 1)
    stage.drop(0, 3)
    stage.settle(0, 2, 4)
    for value in range(2, 7):
        stage.write(0, value)
        stage.drop(0, 1)
        stage.drop(0, 2)
        stage.settle(0, 3, 4)
    assert stage.replicas[0].log.chosen == 6
    assert [vote.slot for vote in stage.replicas[3].log.since(1)] == [2, 3, 4, 5, 6]
    stage.quiet()
    stand(stage, 1, 2, 3)
    assert stage.replicas[1].leadership.adopted == 6
    assert stage.replicas[1].leadership.next == 4
    stage.lose(4)
    proposed = [stage.wires.pop((1, node)) for node in (2, 3)]
    for _ in range(3):
        stage.fire(4, "tick")
        stage.settle(1, 2, 3, 4)
    for node, texts in zip((2, 3), proposed, strict=True):
        stage.wires[1, node].extend(texts)
        while stage.wires[1, node]:
            stage.deliver(1, node)
        while stage.wires[node, 1]:
            stage.deliver(node, 1)
    assert stage.replicas[1].log.chosen == 3
    stage.quiet()
    for _ in range(2):
        stage.fire(4, "tick")
        stage.settle(1, 4)
    stage.quiet()
    return stage


def stand(stage, node, *among):
    """It becomes a candidate, of whom these have heard no other, and wins; what it proposes is under way."""
    while stage.replicas[node].campaign is None:
        for each in (node, *among):
            stage.fire(each, "watch")
            if each != node:
                stage.replicas[each].retire()
    for each in among:
        for link in ((node, each), (each, node)):
            while stage.wires[link]:
                stage.deliver(*link)


def test_a_leader_that_has_not_proposed_all_that_it_adopted_says_how_far_it_will():
    stage = more_adopted_than_a_window(MultiPaxos)
    assert stage.replicas[4].back.word.last == 6
    assert stage.replicas[4].log.chosen == 3


def test_where_it_does_not_a_slot_is_decided_twice():
    stage = more_adopted_than_a_window(SkipsTheAdopted)
    assert stage.replicas[4].back is None
    stand(stage, 2, 1, 4)
    stage.settle(1, 2, 4)
    assert stage.replicas[2].leadership is not None
    stage.write(2, "lost")
    stage.settle(1, 2, 4)
    assert name_of(stage.replicas[2].log[6].command) != name_of(stage.replicas[0].log[6].command)
    assert stage.replicas[2].log.chosen == 6


@pytest.mark.parametrize("protocol", ["multipaxos", "fpaxos"])
def test_a_node_that_is_wiped_again_and_again_harms_nobody(protocol):
    trial = replace(
        STORM,
        protocol=protocol,
        nodes=5,
        nemesis="wipe,partition,kill",
        options={"rejoin": "passive", "snapshot_every": "20", "keep": "5"},
    )
    for seed in range(2):
        assert judged(replace(trial, seed=str(seed))).objections == ()
