"""A Mencius node without its disk comes back: the rules of ``protocols.mencius.rejoining``, a test each."""

import pytest

from protocols.kernel import Command
from protocols.mencius import Mencius
from protocols.mencius.messages import (
    Accepted,
    Overtaken,
    Prepare,
    Promise,
    Propose,
    Status,
    Suggest,
    Voted,
)
from tests.known import Known
from tests.mutants.rejoin import MUTANTS, MenciusForgetsItsWindow, MenciusWaitsForTheForgotten
from tests.protocols.disks import Disks
from tests.protocols.wiping import Wiping

KNOWN = Known("mencius-rejoining")
STEPS = 2500
SMALL = {"pipeline": "1", "batch": "2"}


def staged(n=3, protocol=Mencius, **options):
    return Disks.staged(protocol, n, SMALL | options)


def append(stage, node, value):
    return stage.request(node, Command("append", "x", value, f"c{value}", 1))


def values(stage, node):
    return stage.replicas[node].store.values.get("x", [])


def pass_on(stage, src, dst):
    while stage.wires[src, dst]:
        stage.deliver(src, dst)


def answered(stage, lost, *others):
    """These answer the one that has lost its disk: with the number of its life, and when they keep that."""
    stage.fire(lost, "tick")
    for _ in range(2):
        for other in others:
            pass_on(stage, lost, other)
            pass_on(stage, other, lost)
    stage.quiet()


def rounds(stage, many, *among):
    for _ in range(many):
        for node in among or stage.replicas:
            stage.fire(node, "tick")
        stage.settle(*among)


def test_while_it_is_passive_it_does_nothing_that_counts():
    stage = staged()
    stage.lose(2)
    append(stage, 2, "its own")
    append(stage, 1, "another's")
    for _ in range(3):
        pass_on(stage, 0, 2)
        pass_on(stage, 1, 2)
        counts = (Accepted, Overtaken, Suggest, Status, Prepare, Promise, Propose, Voted)
        assert not stage.said_by(2, counts)
        stage.settle()
        for node in (0, 1, 2):
            stage.fire(node, "tick")
    assert stage.replicas[2].back is not None


def test_it_comes_back_when_it_has_executed_all_where_it_can_have_done_anything():
    stage = staged()
    append(stage, 2, "old")
    stage.settle()
    rounds(stage, 1)
    stage.lose(2)
    request = append(stage, 2, "new")
    rounds(stage, 2)
    lost = stage.replicas[2]
    assert lost.end > stage.replicas[0].slots.chosen + 2 * lost.reach
    rounds(stage, 30)
    assert lost.back is None
    assert stage.replies[request].value == "new"
    assert [values(stage, node) for node in range(3)] == [["old", "new"]] * 3
    assert lost.last > lost.end
    stage.decided()


def test_what_it_has_executed_is_not_less_after_a_restart():
    """Else it would vote again in slots in which it has voted before."""
    stage = staged()
    stage.lose(2)
    rounds(stage, 30)
    assert stage.replicas[2].back is None
    end = stage.replicas[2].end
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].slots.chosen >= end
    assert stage.replicas[2].index > end


def test_it_comes_back_while_another_is_down():
    stage = staged(5)
    append(stage, 3, "old")
    stage.settle()
    stage.kill(1)
    stage.lose(3)
    rounds(stage, 60)
    assert stage.replicas[3].back is None
    stage.kill(0)
    stage.quiet()
    request = append(stage, 3, "new")
    rounds(stage, 30)
    assert stage.replies[request].value == "new", "it is one of a majority"


# --- its own slots --------------------------------------------------------------------------------


def skip_that_one_has_heard(protocol):
    """n0 votes for n1's suggestion in slot 2, and says that it skips slot 1, which n1 executes. n0 forgets that;
    the others, who have heard of nothing, answer; and n0 has a client."""
    stage = staged(5, protocol)
    append(stage, 1, "never")
    pass_on(stage, 1, 0)
    pass_on(stage, 0, 1)
    assert stage.replicas[1].slots.chosen == 1
    stage.quiet()
    stage.lose(0)
    append(stage, 0, "new")
    answered(stage, 0, 2, 3, 4)
    rounds(stage, 2, 0, 2, 3, 4)
    return stage


def test_it_suggests_nothing_where_it_may_have_said_to_skip():
    stage = skip_that_one_has_heard(Mencius)
    assert stage.replicas[0].back is not None
    rounds(stage, 40)
    assert stage.replicas[0].back is None
    assert values(stage, 1) == ["never", "new"]
    stage.decided()


def test_where_it_does_a_slot_is_decided_twice():
    stage = skip_that_one_has_heard(MenciusForgetsItsWindow)
    assert stage.replicas[0].back is None
    with pytest.raises(AssertionError, match="slot 1: n"):
        stage.decided()


# --- what it alone had executed -------------------------------------------------------------------


def executed_by_one(protocol):
    """n2 has executed a slot in which n0 alone has voted, and n0 has heard that; then n2 forgets it."""
    stage = staged(protocol=protocol)
    append(stage, 2, "once")
    pass_on(stage, 2, 0)
    pass_on(stage, 0, 2)
    stage.fire(1, "tick")
    pass_on(stage, 1, 2)
    stage.quiet()
    stage.tell(1, 2, Status(0, 5, 0))
    assert stage.replicas[2].slots.chosen == 3
    stage.quiet()
    stage.fire(2, "tick")
    pass_on(stage, 2, 0)
    stage.quiet()
    assert stage.replicas[0].ahead[2] == 3
    stage.lose(2)
    rounds(stage, 40)
    return stage


def test_nobody_waits_for_it_to_say_what_it_has_forgotten():
    stage = executed_by_one(Mencius)
    assert stage.replicas[2].back is None
    assert [values(stage, node) for node in range(3)] == [["once"]] * 3
    stage.decided()


def test_where_they_do_it_does_not_come_back():
    stage = executed_by_one(MenciusWaitsForTheForgotten)
    assert stage.replicas[2].back is not None


# --- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "crashes"), [(3, False), (5, True)])
def test_the_log_is_one_and_linearizable_whichever_disks_chance_takes(n, crashes):
    """Goal: agreement, exactly-once, real-time order, and all are back after all is healed. Method: seeds of
    lost disks, crashes, loss, duplication, overtaking, partitions and timers at any moment."""
    losses = again = 0
    for seed in range(20):
        chance = Wiping(Mencius, seed, n=n, crashes=crashes, ticks=60)
        chance.play(STEPS)
        losses += chance.losses
        again += max(chance.stage.replicas[0].lives) > 1
    assert losses >= 20
    assert crashes or again >= 3, "not vacuous: some came back in time to be lost again"


@pytest.mark.parametrize(
    "mutant",
    ["mencius-active-at-once", "mencius-skips-the-slots", "mencius-waits-for-the-forgotten"],
)
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    protocol = MUTANTS[mutant]
    KNOWN.hunt(mutant, range(50), lambda n: Wiping(protocol, n, n=5, ticks=60).broken(STEPS))
