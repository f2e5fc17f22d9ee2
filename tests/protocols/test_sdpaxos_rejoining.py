"""An SDPaxos replica without its disk comes back: the rules of ``protocols.sdpaxos.rejoining``, a test each."""

from protocols.kernel import Command
from protocols.multipaxos.messages import Accepted
from protocols.sdpaxos import SDPaxos
from protocols.sdpaxos.instances import first_ballot
from protocols.sdpaxos.messages import CAccept, CAccepted, CPrepare, CPromise, HeldPromise
from tests.mutants.rejoin import (
    SDPaxosCountsOldVotes,
    SDPaxosForgetsItsRow,
    SDPaxosSkipsTheRows,
)
from tests.protocols.disks import Disks, come_back, late_word
from tests.transcript import assert_golden


def staged(n=3, protocol=SDPaxos, **options):
    return Disks.staged(protocol, n, options)


def append(value, session):
    return Command("append", "x", value, session, 1)


def lead_command(stage, node, value):
    return stage.request(node, append(value, f"c{value}"))


def only(stage, src, *dsts):
    """Of what ``src`` has under way, only what is for these arrives."""
    for dst in stage.cluster.nodes:
        if dst != src and dst not in dsts:
            stage.drop(src, dst)
    for dst in dsts:
        while stage.wires[src, dst]:
            stage.deliver(src, dst)


def values(stage, node):
    return stage.replicas[node].store.values.get("x", [])


def test_while_it_is_passive_it_votes_in_neither_kind_of_instance_and_leads_no_commands():
    stage = staged()
    stage.lose(2)
    lead_command(stage, 2, "its own")
    lead_command(stage, 1, "another's")
    stage.settle()
    for _ in range(3):
        stage.fire(1, "tick")
        stage.drop(2, 0)
        stage.drop(2, 1)
        stage.settle()
    stage.tell(1, 2, CPrepare((1, 1), 0, 9))
    assert not stage.said_by(2, (Accepted, HeldPromise, CAccept, CAccepted, CPromise))
    assert stage.replicas[2].back is not None
    assert values(stage, 0) == ["another's"], "the other two are a majority"


def test_it_comes_back_and_its_row_goes_on_in_another_ballot():
    stage = staged()
    lead_command(stage, 2, "old")
    stage.settle()
    stage.lose(2)
    come_back(stage, 2)
    lost = stage.replicas[2]
    assert lost.back is None
    assert values(stage, 2) == ["old"]
    lead_command(stage, 2, "new")
    said = stage.said_by(2, CAccept)
    assert [(m.ballot, m.index) for m in said] == [(first_ballot(2, 1), 2)] * 2
    assert first_ballot(2) < first_ballot(2, 1) < (1, 0)
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    assert values(stage, 0) == values(stage, 2) == ["old", "new"]
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].first == first_ballot(2, 1)


def test_golden():
    """Goal: a replica loses its disk, and leads a command again."""
    stage = staged()
    lead_command(stage, 2, "old")
    stage.settle()
    stage.lose(2)
    come_back(stage, 2)
    lead_command(stage, 2, "new")
    stage.settle()
    assert_golden("sdpaxos-rejoined", stage)


# --- the rows end where the others have heard of them ---------------------------------------------


def unheard_of_by_the_sequencer(protocol):
    """n1's command has the votes of n1 and n2, so it is chosen; n0 does not hear of it. Then n2 forgets."""
    stage = staged(protocol=protocol)
    lead_command(stage, 1, "chosen")
    only(stage, 1, 2)
    stage.deliver(2, 1)
    assert stage.replicas[1].instances[1, 1].chosen
    stage.quiet()
    stage.lose(2)
    both_answer(stage)  # and n1 is heard no more
    return stage


def both_answer(stage):
    """To n2, which comes back. To each other n0 and n1 say nothing."""
    for _ in range(3):
        stage.fire(2, "tick")
        stage.settle(2, 0)
        only(stage, 2, 1)
        only(stage, 1, 2)
        stage.settle(2, 0)
        stage.drop(0, 1)
    stage.fire(2, "tick")
    stage.quiet()


def among_the_two(stage):
    for _ in range(6):
        for node in (2, 0):
            stage.fire(node, "tick")
        stage.settle(0, 2)


def test_it_is_passive_while_a_place_is_open_that_one_other_has_heard_of():
    stage = unheard_of_by_the_sequencer(SDPaxos)
    among_the_two(stage)
    assert stage.replicas[2].back is not None
    assert stage.replicas[0].instances.last[1] == 1, "n2 has told it"
    for _ in range(3):
        for node in (2, 0, 1):
            stage.fire(node, "tick")
        stage.settle()
    assert stage.replicas[2].back is None
    assert values(stage, 0) == values(stage, 1) == values(stage, 2) == ["chosen"]


def test_where_it_is_not_commands_that_were_chosen_are_given_up():
    stage = unheard_of_by_the_sequencer(SDPaxosSkipsTheRows)
    assert stage.replicas[2].back is None
    among_the_two(stage)
    assert stage.replicas[0].instances[1, 1].chosen
    assert stage.replicas[0].instances[1, 1].batch == ()
    assert stage.replicas[1].instances[1, 1].batch != ()


# --- its own row ----------------------------------------------------------------------------------


def forgotten_row(protocol):
    """n2 has a command chosen by itself and n1, which knows it; n0 has not heard of it. Then n2 forgets."""
    stage = staged(protocol=protocol)
    lead_command(stage, 2, "first")
    only(stage, 2, 1)
    stage.deliver(1, 2)
    only(stage, 2, 1)
    stage.quiet()
    assert stage.replicas[1].instances[2, 1].chosen
    stage.lose(2)
    both_answer(stage)
    lead_command(stage, 2, "second")
    only(stage, 2, 0)
    only(stage, 0, 2)
    return stage


def test_it_leads_no_commands_before_it_knows_what_it_had_led():
    stage = forgotten_row(SDPaxos)
    assert stage.replicas[2].back is not None
    for _ in range(5):
        for node in (2, 0, 1):
            stage.fire(node, "tick")
        stage.settle()
    assert [values(stage, node) for node in range(3)] == [["first", "second"]] * 3


def test_where_it_forgets_what_it_used_other_commands_are_chosen_in_their_place():
    stage = forgotten_row(SDPaxosForgetsItsRow)
    assert stage.replicas[2].back is None
    mine = stage.replicas[2].instances[2, 1]
    assert (mine.chosen, mine.batch[0].value) == (True, "second")
    assert stage.replicas[1].instances[2, 1].batch[0].value == "first"


# --- votes of a life that is over -----------------------------------------------------------------


def late_vote(protocol):
    stage = staged(5, protocol)
    lead_command(stage, 1, "a")

    def back():
        for _ in range(3):
            stage.fire(4, "tick")
            stage.settle(0, 2, 3, 4)

    late_word(stage, back=back, of='"CAccepted"')
    return stage


def test_a_vote_of_a_former_life_is_not_counted():
    stage = late_vote(SDPaxos)
    assert not stage.replicas[1].instances[1, 1].chosen
    assert set(stage.replicas[1].rounds[1, 1].voters) == {1, 2}


def test_where_it_is_a_majority_has_never_heard_of_what_was_chosen():
    stage = late_vote(SDPaxosCountsOldVotes)
    assert stage.replicas[1].instances[1, 1].chosen
    assert all(stage.replicas[node].instances.get((1, 1)) is None for node in (0, 3, 4))
