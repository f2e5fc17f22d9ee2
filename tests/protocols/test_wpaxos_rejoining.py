"""A WPaxos node without its disk comes back: the rules of ``protocols.recalling``, a test each."""

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from protocols import recalling
from protocols.ballots import owner, renamed
from protocols.kernel import Cluster, Command
from protocols.multipaxos.messages import Accept, Accepted, Prepare, Promise, Sworn
from protocols.nested import Wrapped
from protocols.wpaxos import WPaxos
from protocols.wpaxos.messages import SwornVote
from tests.known import Known
from tests.mutants.rejoin import (
    MUTANTS,
    WPaxosCountsOldVotes,
    WPaxosForgetsItsPromises,
    WPaxosSkipsTheSlots,
)
from tests.protocols.disks import PASSIVE, Disks, alone, both_answer, carry, come_back, late_word
from tests.protocols.test_wpaxos_paper import NINE, append, owners, steal, tick
from tests.protocols.test_wpaxos_random import SMALL, Objects
from tests.protocols.wiping import Wiping
from tests.transcript import assert_golden

KNOWN = Known("wpaxos-rejoining")


def staged(n=3, protocol=WPaxos, **options):
    stage = Disks(protocol, n, PASSIVE | options)
    stage.start()
    return stage


def thing(stage, node, key="x"):
    return stage.replicas[node].objects[key]


def values(stage, node, key="x"):
    return thing(stage, node, key).store.values.get(key, [])


def said(stage, node):
    """Of objects, by this node, and not arrived yet."""
    found = [
        stage.codec.decode(text) for (a, _), w in stage.wires.items() if a == node for text in w
    ]
    return [m.msg for m in found if isinstance(m, Wrapped)]


# --- passive ---------------------------------------------------------------------------------------


def test_while_it_is_passive_it_votes_for_nothing_promises_nothing_and_steals_nothing():
    stage = staged()
    stage.lose(2)
    request = stage.request(2, append("its own"))
    stage.request(1, append("another's"))
    for _ in range(4):
        tick(stage, 0, 1)
        assert not [
            m for m in said(stage, 2) if isinstance(m, (Prepare, Accept, Accepted, Promise))
        ]
        assert not [m for m in said(stage, 2) if isinstance(m, (Sworn, SwornVote))]
        stage.settle()
    assert stage.replicas[2].back is not None
    assert values(stage, 0) == ["another's", "its own"], "it has handed it on"
    come_back(stage, 2)
    assert stage.replies[request].ok


def test_it_comes_back_and_its_ballots_are_new():
    stage = staged()
    stage.request(2, append("old"))
    stage.settle()
    before = thing(stage, 2).promised
    stage.lose(2)
    come_back(stage, 2)
    assert stage.replicas[2].back is None
    assert stage.replicas[0].lives == stage.replicas[2].lives == [0, 0, 1]
    assert "passive" not in stage.disks[2]
    assert thing(stage, 2).promised == before
    stage.request(2, append("new"))
    stage.settle()
    assert thing(stage, 2).promised == (before[0] + 1, renamed(2, 1))
    assert owners(stage) == [2]
    assert [values(stage, node) for node in range(3)] == [["old", "new"]] * 3
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].signature == renamed(2, 1)


def test_golden():
    """Goal: a node loses its disk, and votes again."""
    stage = staged()
    stage.request(0, append("old"))
    stage.settle()
    stage.lose(2)
    come_back(stage, 2)
    stage.request(0, append("new"))
    stage.settle()
    assert_golden("wpaxos-rejoined", stage)


def test_objects_that_it_owned_are_nobodys_for_who_knows_of_its_new_life():
    stage = staged()
    stage.request(2, append("old"))
    stage.settle()
    stage.lose(2)
    stage.fire(2, "tick")
    stage.settle()
    assert owner(thing(stage, 0).seen) == 2
    assert thing(stage, 0).owner == -1
    request = stage.request(0, append("new"))
    stage.settle(0, 1)
    assert stage.replies[request].ok
    assert owners(stage) == [0]


def test_who_was_to_hand_commands_to_one_that_lost_its_disk_keeps_them_till_it_steals():
    """Goal: n1 is robbed by the former life of n2, whose Prepare comes after its end is known."""
    stage = staged()
    stage.request(1, append("a"))
    stage.settle()
    request = stage.request(1, append("b"))
    stage.quiet()
    steal(stage, 2)
    late = list(stage.wires[2, 1])
    stage.quiet()
    stage.lose(2)
    stage.fire(2, "tick")
    stage.settle()
    stage.quiet()
    stage.wires[2, 1].extend(late)
    carry(stage, (2, 1))
    assert thing(stage, 1).leadership is None
    assert list(thing(stage, 1).parked)
    tick(stage, 1, times=3)
    stage.settle()
    assert stage.replies[request].ok


def test_a_restart_on_the_way_back_does_not_end_it_and_each_loss_is_another_life():
    stage = staged()
    stage.request(0, append("a"))
    stage.settle()
    for life in (1, 2, 3):
        stage.lose(2, now_ms=life)
        stage.kill(2)
        stage.start(2)
        assert stage.replicas[2].back is not None
        come_back(stage, 2)
        assert stage.replicas[2].lives[2] == life
        assert values(stage, 2) == ["a"]


def test_many_objects_are_told_of_in_pages(monkeypatch):
    """Goal: those of all pages are learnt; some of them only by snapshots."""
    monkeypatch.setattr(recalling, "PAGE", 3)
    monkeypatch.setattr(recalling, "AT_ONCE", 4)
    stage = staged(snapshot_every="2", keep="0")
    for key in ["", *(f"k{number}" for number in range(10))]:
        for value in range(3):
            stage.request(0, append(value, key))
            stage.settle()
    stage.lose(2)
    stage.fire(2, "tick")
    stage.settle()
    assert set(stage.replicas[2].floors) == {"", *(f"k{number}" for number in range(10))}
    for _ in range(20):
        stage.fire(2, "tick")
        stage.settle()
    assert stage.replicas[2].back is None
    assert all(values(stage, 2, key) == [0, 1, 2] for key in stage.replicas[0].objects)


def test_two_that_lost_their_disks_do_not_tell_each_other():
    """Of five, one on its way back is asked by another: what it knew it has forgotten."""
    stage = staged(5)
    stage.request(0, append("a"))
    stage.settle()
    stage.lose(3)
    stage.lose(4, now_ms=2)
    stage.fire(4, "tick")
    stage.settle(3, 4)
    assert not stage.replicas[4].back.known
    stage.settle()
    for _ in range(3):
        tick(stage, 3, 4)
        stage.settle()
    assert stage.replicas[3].back is None
    assert stage.replicas[4].back is None
    assert stage.replicas[3].lives == stage.replicas[4].lives == [0, 0, 0, 1, 1]


# --- 1: chosen by a forgotten vote -----------------------------------------------------------------


def heard_of_by_one_other(protocol):
    """n1's command has the votes of n1 and n2, so it is chosen; n0 has not heard of it. Then n2 forgets."""
    stage = staged(protocol=protocol)
    stage.request(1, append("first"))
    stage.settle()
    stage.request(1, append("chosen"))
    alone(stage, (1, 2), (2, 1))
    assert values(stage, 1) == ["first", "chosen"]
    stage.lose(2)
    both_answer(stage, 1)  # and n1 is heard no more
    return stage


def among_the_two(stage):
    steal(stage, 0, append("other"))
    for _ in range(8):
        stage.settle(0, 2)
        tick(stage, 0, 2)
    stage.settle(0, 2)


def test_it_is_passive_while_a_slot_is_open_that_one_other_has_voted_in():
    stage = heard_of_by_one_other(WPaxos)
    among_the_two(stage)
    assert stage.replicas[2].back is not None
    assert values(stage, 0) == ["first"]
    for _ in range(4):
        tick(stage)
        stage.settle()
    assert stage.replicas[2].back is None
    assert {tuple(values(stage, node)) for node in range(3)} == {("first", "chosen", "other")}


def test_where_it_is_not_what_was_chosen_is_replaced():
    stage = heard_of_by_one_other(WPaxosSkipsTheSlots)
    assert stage.replicas[2].back is None
    among_the_two(stage)
    assert values(stage, 0) == ["first", "other"]


# --- 2: elected by a forgotten promise ---------------------------------------------------------------


def robbed_by_its_help(protocol):
    """n0 owns; n1 steals by the promise of n2, and n0 does not hear of it. Then n2 forgets, and comes back."""
    stage = staged(protocol=protocol)
    stage.request(0, append("first"))
    stage.settle()
    steal(stage, 1)
    alone(stage, (1, 2), (2, 1))
    assert owners(stage) == [0, 1]
    stage.lose(2)
    both_answer(stage, 5)
    assert stage.replicas[2].back is None
    stage.request(0, append("the former owner's"))
    alone(stage, (0, 2), (2, 0))
    stage.request(1, append("the owner's"))
    alone(stage, (1, 2), (2, 1))
    return stage


def test_it_votes_for_no_older_owner_than_those_that_others_have_promised():
    stage = robbed_by_its_help(WPaxos)
    assert values(stage, 0) == ["first"]
    assert values(stage, 1) == ["first", "the owner's"]


def test_where_it_does_both_owners_decide():
    stage = robbed_by_its_help(WPaxosForgetsItsPromises)
    assert values(stage, 0) == ["first", "the former owner's"]
    assert values(stage, 1) == ["first", "the owner's"]


# --- 3: votes of a life that is over -----------------------------------------------------------------


def late_vote(protocol):
    stage = staged(5, protocol)
    stage.request(1, append("first"))
    stage.settle()
    stage.request(1, append("a"))
    late_word(stage, back=lambda: come_back(stage, 4, 0, 2, 3, 4))
    return stage


def test_a_vote_of_a_former_life_is_not_counted():
    stage = late_vote(WPaxos)
    assert values(stage, 1) == ["first"]
    assert thing(stage, 1).leadership.open[2].voters == 0b00110
    tick(stage, 1)
    stage.settle()
    assert values(stage, 4) == ["first", "a"], "it is asked again"


def test_where_it_is_a_majority_has_never_heard_of_what_was_chosen():
    stage = late_vote(WPaxosCountsOldVotes)
    assert values(stage, 1) == ["first", "a"]
    assert all(thing(stage, node).log.last == 1 for node in (0, 3, 4))


def test_votes_and_promises_that_were_counted_are_dropped_when_the_new_life_is_known():
    stage = staged(5)
    stage.request(1, append("first"))
    stage.settle()
    stage.request(1, append("a"))
    alone(stage, (1, 4), (4, 1))
    steal(stage, 3)
    alone(stage, (3, 4), (4, 3))
    assert thing(stage, 1).leadership.open[2].voters == 0b10010
    assert thing(stage, 3).campaign.voters == 0b11000
    stage.lose(4)
    stage.fire(4, "tick")
    stage.settle(0, 1, 2, 3, 4)
    assert thing(stage, 1).leadership.open[2].voters == 0b00010
    assert thing(stage, 3).campaign.voters == 0b01000


# --- what is open, and nobody's ----------------------------------------------------------------------


def test_what_it_had_proposed_itself_is_finished_by_another():
    """n2 proposes, n1 has the vote, n2 forgets: nobody's client asks for the object any more."""
    stage = staged()
    stage.request(2, append("first"))
    stage.settle()
    stage.request(2, append("open"))
    alone(stage, (2, 1))
    stage.lose(2)
    for _ in range(12):
        tick(stage)
        stage.settle()
    assert stage.replicas[2].back is None
    assert {tuple(values(stage, node)) for node in range(3)} == {("first", "open")}


def test_what_is_open_where_nobody_is_heard_is_decided_by_reads():
    """Of five n4 proposes; n3 alone has the vote, tells of it, and is down. The slot must be decided for n4."""
    stage = staged(5)
    stage.request(4, append("first"))
    stage.settle()
    stage.request(4, append("open"))
    alone(stage, (4, 3))
    stage.lose(4)
    stage.fire(4, "tick")
    while any(stage.wires.values()) and stage.replicas[4].told.get(3) != (0, None):
        stage.settle(3, 4)
        carry(stage, (4, 0), (0, 4), (4, 1), (1, 4))
    stage.kill(3)
    for _ in range(20):
        tick(stage)
        stage.settle()
    assert stage.replicas[4].back is None
    assert values(stage, 0) == ["first"]
    assert thing(stage, 4).log.chosen >= 2


def test_an_owner_that_is_down_is_robbed_of_what_it_left_open():
    """Of five n3 owns and is down; only n0 has the vote. No client asks for the object any more."""
    stage = staged(5)
    stage.request(3, append("first"))
    stage.settle()
    stage.request(3, append("open"))
    alone(stage, (3, 0))
    stage.kill(3)
    stage.lose(4)
    for _ in range(25):
        tick(stage)
        stage.settle()
    assert stage.replicas[4].back is None
    assert {tuple(values(stage, node)) for node in (0, 1, 2, 4)} == {("first", "open")}


# --- which grids -------------------------------------------------------------------------------------


def test_of_zones_enough_are_most_of_each_and_all_others_of_its_own():
    stage = Disks(WPaxos, 9, PASSIVE)
    stage.cluster = Cluster(tuple(range(9)), NINE, 20, PASSIVE)
    stage.start()
    replica = stage.replicas[0]
    assert replica.enough([1, 2, 3, 4, 6, 7])
    assert not replica.enough([1, 3, 4, 5, 6, 7, 8]), "n1 and n3 are a quorum of their zone"
    assert not replica.enough([1, 2, 3, 6, 7]), "so are n5 and n6"


@pytest.mark.parametrize(("nodes", "options"), [(1, {}), (3, {"fz": "0"}), (3, {"fz": "2"})])
def test_grids_in_which_a_node_is_a_quorum_are_refused(nodes, options):
    with pytest.raises(UsageError, match="one node decides or is elected alone"):
        Trial(protocol="wpaxos", nodes=nodes, options=PASSIVE | options).replica()


# --- chance ------------------------------------------------------------------------------------------


class Robbed(Objects, Wiping):
    """Objects change hands, and disks are lost."""

    ready = Wiping.ready


@pytest.mark.parametrize(("n", "seeds"), [(3, 40), (5, 20)])
def test_it_keeps_its_claims_whatever_chance_does(n, seeds):
    """Goal: agreement, exactly-once, real-time order, and all are back after all is healed."""
    losses = back = 0
    for seed in range(seeds):
        chance = Robbed(WPaxos, seed, n=n, options=SMALL, asks=30)
        chance.play(1_500)
        losses += chance.losses
        back += sum(note.kind == "rejoined" for _, note in chance.stage.notes)
    assert losses >= seeds
    assert back >= losses // 2, "not vacuous: some are lost again on their way"


@pytest.mark.parametrize("mutant", ["wpaxos-active-at-once", "wpaxos-skips-the-slots"])
def test_chance_finds_who_comes_back_too_early(mutant):
    def finds(seed):
        return Robbed(MUTANTS[mutant], seed, options=SMALL, asks=30).broken(1_500)

    KNOWN.hunt(mutant, range(150), finds)


def test_a_read_of_nobodys_client_is_no_clients():
    assert recalling.probe("x", 2, 1, 7) == Command("read", "x", None, "!n3.1/7", 1)
