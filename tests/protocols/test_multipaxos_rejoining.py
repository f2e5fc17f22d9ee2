"""A multi-Paxos replica without its disk: what it does while it is passive, and when that ends.

The rules are those of ``protocols.rejoining`` and ``protocols.multipaxos.rejoining``.
"""

import pytest

from protocols.ballots import owner
from protocols.kernel import Cluster
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Accepted, Promise, Sworn, Told
from protocols.quorum_systems import count
from protocols.rejoining import Known
from protocols.statemachine import name_of
from tests.mutants.rejoin import (
    ActiveBeforeItsEra,
    CountsFormerMembers,
    CountsOldPromises,
    SkipsTheAdopted,
)
from tests.protocols.disks import PASSIVE, Disks, come_back


def staged(n=3, protocol=MultiPaxos, **options):
    return Disks.staged(protocol, n, options)


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


def promise_under_way(protocol, **options):
    """n4 promises something to n3, which is cut off by then, and loses its disk. The promise, and the stage."""
    stage = staged(5, protocol, **options)
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
    return stage, old


def old_promise(protocol, **options):
    """In its new life n4 votes for what n0 and n1 decide with it; n3 gets the old promise, and then that of n2."""
    stage, old = promise_under_way(protocol, **options)
    for node in (0, 1, 2):
        stage.fire(node, "tick")
    stage.settle(0, 1, 2, 4)
    for _ in range(4):
        stage.fire(4, "tick")
        stage.settle(0, 1, 2, 4)
    assert stage.replicas[4].back is None
    before = stage.replicas[0].log.chosen
    stage.write(0, "decided")
    stage.settle(0, 1, 4)
    assert stage.replicas[0].log.chosen == before + 1
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
    stage.settle(2, 3)
    stage.write(3, "lost")
    stage.settle(2, 3)
    return stage


LOGGED = {"members": "5", "alpha": "2"}
"""Lives are decided in the log, with the members."""


@pytest.mark.parametrize("options", [{}, LOGGED], ids=["kept by enough", "in the log"])
def test_a_promise_of_a_former_life_is_void(options):
    stage = old_promise(MultiPaxos, **options)
    assert stage.replicas[3].leadership is None
    assert stage.replicas[3].lives[4] == 1, "n2 has told it"


@pytest.mark.parametrize(
    ("protocol", "options"),
    [(CountsOldPromises, {}), (CountsFormerMembers, LOGGED)],
    ids=["kept by enough", "in the log"],
)
def test_where_it_counts_a_slot_is_decided_twice(protocol, options):
    stage = old_promise(protocol, **options)
    assert stage.replicas[3].leadership is not None
    slot = stage.replicas[0].log.chosen
    proposed = stage.replicas[3].log[slot].command
    assert name_of(proposed) != name_of(stage.replicas[0].log[slot].command)


def before_the_era(protocol):
    """n2 has voted for the new life of n4, and does not hear that it is decided. n0, n1, and n4 if it is active,
    go on; n3 has the old promise of n4, and that of n2, and proposes something else."""
    stage, old = promise_under_way(protocol, **LOGGED)
    stage.fire(0, "tick")
    stage.settle(0, 1, 2, 4)
    stage.fire(4, "tick")
    stage.deliver(4, 0)
    for node in (1, 2):
        stage.deliver(0, node)
        stage.deliver(node, 0)
    assert stage.replicas[0].log.chosen == 1
    for _ in range(4):
        for node in (0, 4):
            stage.fire(node, "tick")
        stage.settle(0, 1, 4)
    stage.quiet()
    stage.wires[4, 3].extend(old)
    while stage.wires[4, 3]:
        stage.deliver(4, 3)
    for _ in range(3):
        stage.fire(2, "watch")
    stage.quiet()
    stage.fire(3, "tick")
    stage.settle(2, 3)
    stage.write(3, "lost")
    stage.settle(2, 3, 4)
    return stage


def test_it_does_not_vote_in_slots_of_which_its_former_life_was_a_member():
    stage = before_the_era(MultiPaxos)
    assert stage.replicas[0].log.chosen == 1
    assert stage.replicas[4].back is not None


def test_where_it_does_a_slot_of_the_older_era_is_decided_twice():
    stage = before_the_era(ActiveBeforeItsEra)
    first, last = stage.replicas[0].log, stage.replicas[3].log
    assert min(first.chosen, last.chosen) >= 2
    assert first[2].command != last[2].command


def test_its_ballots_are_others_than_those_of_its_former_life():
    stage = staged(members="3", alpha="2")
    before = stage.replicas[0].leadership.ballot
    stage.lose(0)
    stand(stage, 1, 2)
    for _ in range(6):
        for node in (1, 0):
            stage.fire(node, "tick")
        stage.settle()
    assert stage.replicas[0].back is None
    ballot = stage.replicas[0].next_ballot()
    assert owner(ballot) == owner(before) == 0
    assert ballot[1] != before[1]


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
