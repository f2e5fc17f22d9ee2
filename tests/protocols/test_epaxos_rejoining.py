"""An EPaxos replica without its disk comes back: the rules of ``protocols.epaxos.rejoining``, a test each."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.epaxos import EPaxos
from protocols.epaxos.instances import AHEAD, COMMITTED
from protocols.epaxos.messages import (
    Accept,
    Heard,
    PreAccept,
    PreAcceptOk,
    Recover,
    RecoverOk,
    Sworn,
    Validate,
)
from protocols.kernel import Command
from tests.mutants.rejoin import (
    EPaxosCountsOldWords,
    EPaxosForgetsTheFloor,
    EPaxosSkipsTheRows,
    EPaxosUsesItsRowAgain,
)
from tests.mutants.trials import STORM
from tests.protocols.disks import PASSIVE, Disks, late_word


def staged(n=3, protocol=EPaxos, **options):
    stage = Disks(protocol, n, PASSIVE | options)
    stage.start()
    return stage


def append(stage, node, value):
    return stage.request(node, Command("append", "x", value, f"c{value}", 1))


def values(stage, node):
    return stage.replicas[node].store.values.get("x", [])


def only(stage, src, *dsts):
    """Of what ``src`` has under way, only what is for these arrives."""
    for dst in stage.cluster.nodes:
        if dst != src and dst not in dsts:
            stage.drop(src, dst)
    for dst in dsts:
        while stage.wires[src, dst]:
            stage.deliver(src, dst)


def ticks(stage, rounds, *nodes):
    """Only these hear each other."""
    for _ in range(rounds):
        for node in nodes:
            stage.fire(node, "tick")
            stage.settle(*nodes)


def come_back(stage, node, *others):
    """With the help of these: they finish what may have been begun."""
    ticks(stage, 16, node, *others)
    assert stage.replicas[node].back is None


def instance(stage, node, iid):
    return stage.replicas[node].instances.get(iid)


# --- passive, and back ----------------------------------------------------------------------------


def test_while_it_is_passive_it_says_no_word_that_counts_and_proposes_nothing():
    stage = staged()
    stage.lose(2)
    waits = append(stage, 2, "its own")
    append(stage, 1, "another's")
    stage.settle()
    for msg in (
        Recover(1, 1, (7, 0)),
        Validate(1, 1, (7, 0), Command("read", "x"), (0, 0, 0)),
        Accept(1, 1, (7, 0), None, (0, 0, 0)),
    ):
        stage.tell(0, 2, msg)
    assert not stage.said_by(2, (Sworn, PreAccept, Recover, Accept))
    assert stage.replicas[2].back is not None
    assert values(stage, 0) == ["another's"], "the other two are a fast quorum"
    come_back(stage, 2, 0, 1)
    assert stage.replies[waits].ok, "its client has waited"
    assert [values(stage, node) for node in range(3)] == [["another's", "its own"]] * 3


def test_it_comes_back_and_its_row_goes_on_behind_all_that_it_may_have_used():
    stage = staged()
    append(stage, 2, "old")
    stage.settle()
    stage.lose(2)
    come_back(stage, 2, 0, 1)
    append(stage, 2, "new")
    stage.settle()
    assert instance(stage, 0, (2, 2 + AHEAD)).command.value == "new"
    assert all(instance(stage, 1, (2, n)).noop for n in range(2, 2 + AHEAD))
    assert [values(stage, node) for node in range(3)] == [["old", "new"]] * 3
    assert all(r.lives == [0, 0, 1] for r in stage.replicas.values())
    assert stage.replicas[2].instances.floor == (0, 0, 1 + AHEAD)
    assert "passive" not in stage.disks[2]
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].back is None
    assert stage.replicas[2].instances.floor == (0, 0, 1 + AHEAD)
    assert stage.replicas[2].next == 3 + AHEAD
    stage.kill(1)
    append(stage, 0, "two")
    stage.settle(0, 2)
    assert values(stage, 2) == ["old", "new", "two"], "it is one of a fast quorum, and agrees"
    assert stage.replicas[0].instances.floor == stage.replicas[2].instances.floor


def test_it_comes_back_by_a_state_too():
    stage = staged(checkpoint_every="2", retain="0")
    for value in range(9):
        append(stage, 0, value)
        stage.settle()
    ticks(stage, 20, 0, 1, 2)
    assert stage.replicas[0].instances.rows[0].forgotten, "it cannot be told one by one"
    stage.lose(2)
    come_back(stage, 2, 0, 1)
    assert values(stage, 2) == list(range(9))


def test_a_restart_on_the_way_back_does_not_end_it_and_each_loss_is_another_life():
    stage = staged()
    for life in (1, 2):
        stage.lose(2, now_ms=life)
        stage.fire(2, "tick")
        stage.settle()
        stage.kill(2)
        stage.start(2)
        assert stage.replicas[2].back is not None
        come_back(stage, 2, 0, 1)
        assert stage.replicas[2].lives[2] == 2 * life, "the first was given up with the restart"


def test_two_nodes_decide_nothing_without_one_of_them():
    with pytest.raises(UsageError, match="fewer than three nodes"):
        Trial(protocol="epaxos", nodes=2, options=PASSIVE).replica()


def test_an_owner_uses_no_more_of_its_row_than_it_could_lose_sight_of():
    """Commands that find no room wait."""
    stage = staged()
    for value in range(AHEAD + 3):
        append(stage, 0, value)
    assert stage.replicas[0].next == AHEAD + 1
    stage.settle()
    assert values(stage, 2) == list(range(AHEAD + 3))


# --- what it has pre-accepted ---------------------------------------------------------------------


def forgotten_fast_path(protocol):
    """n0's command is committed with n2; n1 has not heard of it. n2 forgets; both answer it, then n0 is
    heard no more."""
    stage = staged(protocol=protocol)
    append(stage, 0, "chosen")
    only(stage, 0, 2)
    stage.deliver(2, 0)
    assert instance(stage, 0, (0, 1)).phase >= COMMITTED
    stage.quiet()
    stage.lose(2)
    stage.fire(2, "tick")
    for _ in range(2):
        only(stage, 2, 0, 1)
        only(stage, 0, 2)
        only(stage, 1, 2)
    only(stage, 2, 1)
    stage.quiet()
    ticks(stage, 40, 1, 2)
    return stage


def test_it_is_passive_while_something_is_open_that_one_other_has_heard_of():
    stage = forgotten_fast_path(EPaxos)
    assert stage.replicas[2].back is not None
    assert stage.replicas[1].instances.rows[0].top == 1, "n2 has told it"
    come_back(stage, 2, 0, 1)
    assert [values(stage, node) for node in range(3)] == [["chosen"]] * 3


def test_where_it_says_that_it_has_never_seen_it_what_was_committed_becomes_a_no_op():
    stage = forgotten_fast_path(EPaxosSkipsTheRows)
    assert stage.replicas[2].back is None
    mine = instance(stage, 1, (0, 1))
    assert mine.phase >= COMMITTED
    assert mine.noop
    assert not instance(stage, 0, (0, 1)).noop


# --- its own row ----------------------------------------------------------------------------------


def command_under_way(protocol):
    """n2's command is under way to n1, and n0 never gets it, when n2 forgets it and comes back. n1 has it before
    it hears of n2's next."""
    stage = staged(protocol=protocol)
    append(stage, 2, "old")
    stage.drop(2, 0)
    late = list(stage.wires.pop((2, 1)))
    stage.lose(2)
    come_back(stage, 2, 0, 1)
    stage.quiet()
    append(stage, 2, "new")
    news = list(stage.wires.pop((2, 1)))
    for text in [*late, *news]:
        stage.wires[2, 1].append(text)
        stage.deliver(2, 1)
    stage.settle()
    return stage


def test_what_comes_late_from_its_former_life_is_none_of_its_new_one():
    stage = command_under_way(EPaxos)
    assert instance(stage, 1, (2, 1)).noop
    assert [values(stage, node) for node in range(3)] == [["new"]] * 3


def test_where_it_uses_its_row_again_two_commands_are_in_one_instance():
    stage = command_under_way(EPaxosUsesItsRowAgain)
    assert instance(stage, 0, (2, 1)).command.value == "new"
    assert instance(stage, 1, (2, 1)).command.value == "old"
    assert values(stage, 1) != values(stage, 0)


def test_it_leaves_out_what_others_take_for_used():
    """Of two tries to come back the first may have said more: of its row, others finish what it did not use."""
    stage = staged()
    stage.tell(1, 2, Recover(2, 1, (1, 1)))
    stage.tell(0, 2, Heard((0, 0, 1)))
    append(stage, 2, "first")
    stage.settle()
    assert instance(stage, 0, (2, 2)).command.value == "first"


# --- words of a life that is over -----------------------------------------------------------------


def late(protocol):
    stage = staged(5, protocol)
    append(stage, 1, "a")

    def back():
        for _ in range(16):
            for node in (0, 3, 4):
                stage.fire(node, "tick")
                stage.settle(0, 2, 3, 4)

    late_word(stage, back=back, ticks=4)
    return stage


def test_a_word_of_a_former_life_is_not_counted():
    stage = late(EPaxos)
    assert instance(stage, 1, (1, 1)).phase < COMMITTED
    assert set(stage.replicas[1].pace.leading[1, 1].answers) == {2}


def test_where_it_is_a_majority_has_never_heard_of_what_was_committed():
    stage = late(EPaxosCountsOldWords)
    assert instance(stage, 1, (1, 1)).phase >= COMMITTED
    assert all(instance(stage, node, (1, 1)) is None for node in (0, 3, 4))


def test_words_that_came_before_it_was_known_that_their_life_is_over_are_dropped():
    """And whoever said them is asked again."""
    stage = staged(5)
    append(stage, 1, "a")
    only(stage, 1, 4)
    stage.deliver(4, 1)
    stage.tell(4, 0, Recover(1, 1, (1, 4)))  # n0 hears of it, and
    lead = stage.replicas[1].pace.leading[1, 1]
    assert set(lead.answers) == {4}
    stage.tell(2, 1, Sworn((0, 0, 0, 0, 1), pre_accepted=PreAcceptOk(1, 1, (0, 0, 0, 0, 0))))
    assert set(lead.answers) == {2}
    while (1, 1) not in stage.replicas[0].pace.leading:
        stage.fire(0, "tick")
    only(stage, 0, 4)
    only(stage, 4, 0)
    recovery = stage.replicas[0].pace.leading[1, 1]
    assert set(recovery.promises) == {0, 4}
    stage.tell(
        3, 0, Sworn((0, 0, 0, 0, 1), promised=RecoverOk(1, 1, (9, 0), (0, -1), 0, None, (), None))
    )
    again = stage.replicas[0].pace.leading[1, 1]
    assert set(again.promises) == {0}
    assert again.ballot > recovery.ballot


# --- dependencies ---------------------------------------------------------------------------------


def gave_up_unseen(protocol):
    """n4's command b reaches n3 alone; n4 forgets it, and with n0, n1 and n2 it becomes a no-op: n3 does not hear
    of that. Then n0's command a is pre-accepted by n1 and n4. n0 and n4 are heard no more; n1 recovers a."""
    stage = staged(5, protocol)
    append(stage, 4, "b")
    only(stage, 4, 3)
    stage.quiet()
    stage.lose(4)
    come_back(stage, 4, 0, 1, 2)
    stage.quiet()
    append(stage, 0, "a")
    only(stage, 0, 1, 4)
    while stage.wires[1, 0]:
        stage.deliver(1, 0)
    while stage.wires[4, 0]:
        stage.deliver(4, 0)
    stage.quiet()
    for _ in range(60):
        stage.fire(1, "tick")
        stage.settle(1, 2, 3)
    return stage


def test_what_it_may_have_met_before_it_names_as_a_dependency():
    """Else its being outside of a quorum could not speak against a command that left its own out."""
    stage = gave_up_unseen(EPaxos)
    assert instance(stage, 0, (0, 1)).phase >= COMMITTED
    assert instance(stage, 0, (0, 1)).deps[4] == AHEAD
    mine = instance(stage, 2, (0, 1))
    assert (mine.phase >= COMMITTED, mine.noop) == (True, False)


def test_where_it_does_not_what_was_committed_becomes_a_no_op():
    stage = gave_up_unseen(EPaxosForgetsTheFloor)
    assert not instance(stage, 0, (0, 1)).noop
    assert instance(stage, 0, (0, 1)).phase >= COMMITTED
    mine = instance(stage, 2, (0, 1))
    assert (mine.phase >= COMMITTED, mine.noop) == (True, True)


# --- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("toq", ["false", "true"])
@pytest.mark.parametrize(
    ("n", "nemesis"),
    [(3, "wipe,partition,kill"), (3, "wipe-majority,packet"), (5, "wipe-leader,packet")],
)
def test_a_node_that_is_wiped_again_and_again_harms_nobody(n, nemesis, toq):
    options = PASSIVE | {"checkpoint_every": "20", "retain": "5", "toq": toq}
    trial = replace(
        STORM, protocol="epaxos", nodes=n, nemesis=nemesis, options=options, interval_ms=500
    )
    for seed in range(3):
        assert judged(replace(trial, seed=str(seed))).objections == ()
