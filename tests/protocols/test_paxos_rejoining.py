"""A Paxos node without its disk comes back: the rules of ``protocols.paxos.rejoining``, a test each."""

from itertools import pairwise

import pytest

from protocols.kernel import Command
from protocols.paxos import Paxos
from protocols.paxos.messages import Accepted, Chosen, Prepare, Promise, Sworn
from tests.known import Known
from tests.mutants.rejoin import MUTANTS, PaxosCountsOldPromises, PaxosSkipsTheSlots
from tests.protocols.disks import Disks, come_back
from tests.protocols.wiping import Wiping

STEPS = 1500
KNOWN = Known("paxos-rejoining")


def staged(n=3, protocol=Paxos, **options):
    return Disks.staged(protocol, n, options)


def append(stage, node, value):
    return stage.request(node, Command("append", "x", value, f"c{value}", 1))


def values(stage, node):
    return stage.replicas[node].store.values.get("x", [])


def pass_on(stage, *path):
    """All that is under way from each of these to the next, one link after the other."""
    for src, dst in pairwise(path):
        while stage.wires[src, dst]:
            stage.deliver(src, dst)


def test_while_it_is_passive_it_neither_promises_nor_votes_nor_proposes():
    stage = staged()
    stage.lose(2)
    append(stage, 2, "its own")
    append(stage, 1, "another's")
    for _ in range(3):
        stage.drop(2, 0)
        stage.drop(2, 1)
        stage.settle()
        stage.fire(2, "tick")
        assert not stage.said_by(2, (Prepare, Promise, Sworn, Accepted))
    assert stage.replicas[2].back is not None
    assert values(stage, 0) == ["another's"], "the other two are a majority"
    assert values(stage, 2) == ["another's"], "it follows"


def test_it_tells_what_it_knows_to_be_chosen():
    stage = staged()
    stage.lose(2)
    append(stage, 1, "a")
    stage.settle()
    assert stage.replicas[2].slots.chosen == 1
    batch = stage.replicas[0].slots[1].batch
    assert stage.tell(0, 2, Prepare(1, (9, 0))) == [Chosen(1, (batch,))]


def test_it_comes_back_and_proposes_what_its_clients_wait_for():
    stage = staged()
    append(stage, 2, "old")
    stage.settle()
    stage.lose(2)
    request = append(stage, 2, "new")
    come_back(stage, 2)
    assert stage.replicas[2].back is None
    assert stage.replies[request].value == "new"
    assert [values(stage, node) for node in range(3)] == [["old", "new"]] * 3


# --- the end is where the others have heard of ----------------------------------------------------


def chosen_by_a_forgotten_vote(protocol):
    """n1's command has the votes of n1 and n2, so it is chosen; n0 does not hear of it. Then n2 forgets, and
    both others answer; to each other they say nothing."""
    stage = staged(protocol=protocol)
    append(stage, 1, "chosen")
    pass_on(stage, 1, 2, 1, 2, 1)
    assert stage.replicas[1].slots.chosen == 1
    stage.quiet()
    stage.lose(2)
    for _ in range(3):
        stage.fire(2, "tick")
        for other in (0, 1):
            pass_on(stage, 2, other, 2)
            pass_on(stage, 2, other)
        stage.quiet()
    return stage


def another_proposes(stage):
    """n0, which n2 alone hears."""
    append(stage, 0, "another")
    for _ in range(4):
        stage.settle(0, 2)
        for timer in ("propose", "tick"):
            if timer in stage.timers[0]:
                stage.fire(0, timer)


def test_it_is_passive_while_it_lacks_a_slot_that_one_other_has_heard_of():
    stage = staged()
    append(stage, 1, "chosen")
    pass_on(stage, 1, 2, 1, 2, 1)
    stage.quiet()
    stage.lose(2)
    for _ in range(2):
        stage.fire(2, "tick")
        stage.settle(2, 0)
        pass_on(stage, 2, 1)
        said = [text for text in stage.wires[1, 2] if '"Known"' in text]
        stage.quiet()
        stage.wires[1, 2].extend(said)
        pass_on(stage, 1, 2)
        stage.quiet()
    assert stage.replicas[2].end == 1
    another_proposes(stage)
    assert stage.replicas[2].back is not None
    assert stage.replicas[0].slots.chosen == 0
    for _ in range(3):
        stage.settle()
        for node in (0, 2):
            for timer in ("propose", "tick"):
                if timer in stage.timers[node]:
                    stage.fire(node, timer)
    assert stage.replicas[2].back is None
    assert [values(stage, node) for node in range(3)] == [["chosen", "another"]] * 3


def test_where_it_is_not_a_slot_is_decided_twice():
    stage = chosen_by_a_forgotten_vote(PaxosSkipsTheSlots)
    assert stage.replicas[2].back is None
    another_proposes(stage)
    with pytest.raises(AssertionError, match="slot 1: n0 decided"):
        stage.decided()


def test_an_open_slot_is_closed_by_who_is_asked_for_it():
    """n1 has asked n0 for a promise in slot 1, and is dead when n2 comes back: nobody else would propose."""
    stage = staged(5)
    append(stage, 1, "never")
    pass_on(stage, 1, 0)
    stage.kill(1)
    stage.quiet()
    stage.lose(4)
    for _ in range(6):
        for node in (4, 0, 2, 3):
            stage.fire(node, "tick")
            stage.settle(0, 2, 3, 4)
    assert stage.replicas[4].back is None
    assert stage.replicas[4].lives == [0, 0, 0, 0, 1]
    assert stage.replicas[0].slots.chosen >= 1


def test_it_asks_another_when_one_does_not_answer():
    stage = staged(5)
    for value in range(40):
        append(stage, 0, value)
        stage.settle()
    stage.lose(4)
    come_back(stage, 4, 0, 1, 2, 3, 4)
    assert stage.replicas[4].back is None, "a full answer is asked on at once"
    stage.lose(4, now_ms=2)
    stage.fire(4, "tick")
    stage.settle()
    asked = stage.replicas[4].peers[stage.replicas[4].turn % 4]
    stage.kill(asked)
    come_back(stage, 4, *stage.replicas)
    assert stage.replicas[4].back is None


# --- promises of a life that is over --------------------------------------------------------------


def late_promise(protocol):
    """n4 promises n1 in slot 1, which nobody else hears, and forgets it. In its new life it decides with n0 and n3
    there, in a lower ballot. Then n1 gets the old promise, and that of n2, which has kept the new life.
    """
    stage = staged(5, protocol)
    append(stage, 1, "lost")
    stage.quiet()
    stage.fire(1, "propose")
    pass_on(stage, 1, 4)
    asked, promised = list(stage.wires[1, 2]), list(stage.wires[4, 1])
    stage.quiet()
    stage.lose(4)
    append(stage, 4, "decided")
    stage.fire(4, "tick")
    for _ in range(2):  # for the number of its life, and to have that kept
        for other in (0, 2, 3):
            pass_on(stage, 4, other, 4)
    assert stage.replicas[4].back is None
    for _ in range(2):  # to be promised, and voted for
        for other in (0, 3):
            pass_on(stage, 4, other, 4)
    assert stage.replicas[4].slots.chosen == 1
    stage.quiet()
    stage.wires[4, 1].extend(promised)
    stage.wires[1, 2].extend(asked)
    pass_on(stage, 4, 1, 2, 1)
    return stage


def test_a_promise_of_a_former_life_is_not_counted():
    stage = late_promise(Paxos)
    attempt = stage.replicas[1].attempt
    assert attempt.batch is None
    assert set(attempt.promises.answers) == {1, 2}
    assert stage.replicas[1].lives[4] == 1, "n2 has told it"


def test_where_it_is_something_else_is_proposed():
    stage = late_promise(PaxosCountsOldPromises)
    assert [command.value for command in stage.replicas[1].attempt.batch] == ["lost"]
    pass_on(stage, 1, 2, 1)
    pass_on(stage, 1, 0, 1)
    with pytest.raises(AssertionError, match="slot 1"):
        stage.decided()


# --- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 5])
def test_the_log_is_one_and_linearizable_whichever_disks_chance_takes(n):
    """Goal: agreement, exactly-once, real-time order, and all are back after all is healed. Method: seeds of
    lost disks, crashes, loss, duplication, overtaking, partitions and timers at any moment."""
    losses = back = 0
    for seed in range(40):
        chance = Wiping(Paxos, seed, n=n)
        chance.play(STEPS)
        losses += chance.losses
        back += sum(note.kind == "rejoined" for _, note in chance.stage.notes)
    assert losses >= 40
    assert back >= losses // 2, "not vacuous: some are lost again on their way"


@pytest.mark.parametrize("mutant", ["paxos-active-at-once", "paxos-skips-the-slots"])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    KNOWN.hunt(mutant, range(300), lambda n: Wiping(MUTANTS[mutant], n).broken(STEPS))
