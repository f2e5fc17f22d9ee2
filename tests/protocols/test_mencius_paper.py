"""What Mao, Junqueira, Marzullo (OSDI 2008) claim, one test a claim, each message by hand."""

import pytest

from protocols.kernel import Command
from protocols.mencius import Mencius
from protocols.mencius.messages import (
    Accepted,
    Chosen,
    Found,
    Learn,
    Overtaken,
    Prepare,
    Promise,
    Propose,
    Range,
    Revoked,
    Status,
    Suggest,
)
from protocols.mencius.slots import Slots
from tests.mutants.mencius import (
    ForgetsSkips,
    ReusesSlots,
    RevokesBlindly,
    SkipsSuggested,
    VotesForThePast,
)
from tests.transcript import Stage, assert_golden


def append(value, session="c", serial=1):
    return Command("append", "x", value, session, serial)


def staged(n=3, protocol=Mencius, options=None):
    stage = Stage(protocol, n, options)
    stage.start()
    return stage


def values(stage, node):
    return stage.replicas[node].store.values.get("x")


def ticks(stage, count, *nodes):
    """Time goes by for these nodes, and they hear of each other."""
    for _ in range(count):
        for node in nodes:
            stage.fire(node, "tick")
        for src in stage.cluster.nodes:
            for dst in stage.cluster.nodes:
                if not {src, dst} <= {*nodes}:
                    stage.wires.pop((src, dst), None)
        stage.settle(*nodes)


def under_way(stage, src, dst, kind):
    messages = [stage.codec.decode(text) for text in stage.wires[src, dst]]
    return [msg for msg in messages if isinstance(msg, kind)]


def test_slots_are_owned_in_turn():
    """Section 4.1: instance cn + p is assigned to server p."""
    slots = Slots((0, 1, 2))
    assert [slots.owner(number) for number in range(1, 8)] == [0, 1, 2, 0, 1, 2, 0]


def test_every_replica_suggests_without_asking_in_its_own_slot():
    """Section 4.2, rule 1: and no two of them meet."""
    stage = staged()
    requests = [stage.request(node, append(node, f"c{node}")) for node in range(3)]
    assert [under_way(stage, n, (n + 1) % 3, Suggest)[0].slot for n in range(3)] == [1, 2, 3]
    stage.settle()
    ticks(stage, 2, 0, 1, 2)
    assert set(requests) <= set(stage.replies)
    assert values(stage, 0) == [0, 1, 2]


def test_a_command_takes_one_round_trip_when_the_others_are_idle():
    """Sections 4.2 (rule 2) and 4.3 (optimization 1): a vote skips, and says so."""
    stage = staged()
    request = stage.request(2, append(1))
    for node in (0, 1):
        stage.deliver(2, node)
        accepted = stage.deliver(node, 2)
        assert accepted == Accepted(3, 0, node + 4)
    assert request in stage.replies


def test_it_waits_for_the_slowest_of_all_whose_slots_come_before():
    """Section 4.2: a majority has voted, and yet what is in slot 2 is not known."""
    stage = staged()
    request = stage.request(2, append(1))
    stage.deliver(2, 0)
    stage.deliver(0, 2)
    assert stage.replicas[2].slots.get(3).chosen
    assert request not in stage.replies
    stage.deliver(2, 1)
    stage.deliver(1, 2)
    assert request in stage.replies


def test_a_skip_says_nothing_of_slots_that_were_suggested_in():
    """J1. Node 0's suggestion is lost on its way to node 2; its vote for another skips up to it."""

    def play(protocol):
        stage = staged(3, protocol)
        stage.request(0, append("first", "a"))
        stage.drop(0, 2)
        stage.deliver(0, 1)
        stage.request(2, append("second", "b"))
        stage.deliver(2, 0)
        stage.deliver(0, 2)
        stage.settle()
        ticks(stage, 3, 0, 1, 2)
        return stage

    stage = play(Mencius)
    stage.decided()
    assert values(stage, 2) == ["first", "second"]
    with pytest.raises(AssertionError, match="slot 1"):
        play(SkipsSuggested).decided()


def cut_off(protocol):
    """Node 0 suggests to node 1 alone, and dies. Nodes 1 and 2 cannot wait for it."""
    stage = staged(3, protocol)
    request = stage.request(0, append("of the dead", "a"))
    stage.drop(0, 2)
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    assert request in stage.replies
    stage.kill(0)
    stage.quiet()
    later = stage.request(2, append("of the living", "b"))
    stage.settle(1, 2)
    assert later not in stage.replies
    ticks(stage, 8, 1, 2)
    assert later in stage.replies
    return stage


def test_a_dead_owners_slots_are_revoked_with_what_it_suggested_there():
    """Section 4.2, rule 3; and J2."""
    stage = cut_off(Mencius)
    assert values(stage, 2) == ["of the dead", "of the living"]
    stage.decided()
    with pytest.raises(AssertionError, match="slot 1"):
        cut_off(RevokesBlindly).decided()


def proposed_for(stage, owner, src, dst):
    return [msg for msg in under_way(stage, src, dst, Propose) if msg.range.owner == owner]


def revoked_late(protocol):
    """Node 0's suggestion has two votes of five, its own and node 4's, when it dies. Node 1 revokes it
    with the promises of 2 and 3, who know of none, and proposes a no-op, which is long on its way. Node
    0 comes back and revokes its own slot in a higher ballot: it finds the suggestion, and ends first.
    """
    stage = staged(5, protocol)
    stage.request(0, append("of the owner", "a"))
    stage.deliver(0, 4)
    stage.quiet()
    stage.kill(0)
    ticks(stage, 3, 1, 2, 3)
    stage.fire(1, "tick")
    for link in ((1, 2), (1, 3), (2, 1), (3, 1)):
        while stage.wires[link]:
            stage.deliver(*link)
    late = {(1, node): proposed_for(stage, 0, 1, node) for node in (2, 3)}
    assert all(msg.ballot == (1, 1) and not msg.found for (msg,) in late.values())
    stage.start(0)
    ticks(stage, 8, 0, 2, 3, 4)
    assert stage.decided()[1] == ["a/1"]
    assert not stage.replicas[1].slots.chosen
    for (src, dst), (propose,) in late.items():
        stage.put(src, dst, propose)
        stage.deliver(src, dst)
        stage.deliver(dst, src)
    return stage


def test_who_knows_what_is_chosen_votes_for_nothing_else():
    """Section 4.2, rule 3: a revocation is Paxos, where a vote is for a value, in a ballot not below
    what was promised; that a slot is chosen here takes nothing from either. (Seed 33441 of the
    campaign: two who had learned of (2, 0) still said *Voted* in (1, 1).)
    """
    stage = revoked_late(Mencius)
    assert not stage.replicas[1].slots.get(1).chosen
    stage.quiet()
    ticks(stage, 8, 0, 1, 2, 3, 4)
    stage.decided()
    assert values(stage, 1) == ["of the owner"]
    with pytest.raises(AssertionError, match="slot 1"):
        revoked_late(VotesForThePast).decided()


def test_a_revoker_that_has_learned_better_proposes_nothing_else():
    """The same of its own vote: the promises that it has are older than what it now knows."""
    stage = staged(5)
    stage.kill(0)
    ticks(stage, 3, 1, 2, 3)
    stage.fire(1, "tick")
    for link in ((1, 2), (1, 3)):
        while stage.wires[link]:
            stage.deliver(*link)
    suggestion = Found(1, (0, 0), (append("of the owner", "a"),))
    stage.put(4, 1, Revoked(Range(0, 1, 1), (suggestion,)))
    stage.deliver(4, 1)
    for node in (2, 3):
        while stage.wires[node, 1]:
            stage.deliver(node, 1)
    assert stage.decided() == {1: ["a/1"]}
    assert not proposed_for(stage, 0, 1, 2)


def test_slots_that_were_given_up_stay_so_when_what_said_so_is_forgotten():
    """Departures: node 0 hears that its slots up to 31 are revoked, and tells all that it skips them.
    A snapshot then stands for the slot that it was told of.
    """
    stage = staged(3, options={"snapshot_every": 5, "keep": 0})
    for msg in (Overtaken(1, 31, 0, 2), Chosen(1, ((),) * 10)):
        stage.put(1, 0, msg)
        stage.deliver(1, 0)
    assert stage.replicas[0].slots.base == 10
    stage.fire(0, "tick")
    assert under_way(stage, 0, 1, Status)[-1].index == 34
    stage.kill(0)
    stage.start(0)
    stage.request(0, append(1))
    assert under_way(stage, 0, 1, Suggest)[-1].slot == 34


def test_a_revocation_takes_a_range_and_some_slots_ahead():
    """Section 4.3, optimization 4: so that the next suggestions do not wait."""
    stage = cut_off(Mencius)
    request = stage.request(1, append("at once", "d"))
    stage.settle(1, 2)
    assert request in stage.replies


def test_an_owner_that_was_wrongly_suspected_suggests_beyond_what_was_revoked():
    """Section 4.2: and its commands come through."""
    stage = staged()
    rng = Range(1, 2, 50)
    stage.put(0, 1, Prepare((1, 0), rng))
    promise = stage.deliver(0, 1)
    assert promise == Prepare((1, 0), rng)
    assert isinstance(stage.deliver(1, 0), Promise)
    stage.request(1, append(1))
    assert under_way(stage, 1, 2, Suggest)[0].slot == 53


@pytest.mark.parametrize("protocol", [Mencius, ReusesSlots])
def test_an_owner_that_comes_back_uses_no_slot_twice(protocol):
    """J3: its suggestion is on its disk, and is made again as it was."""
    stage = staged(3, protocol)
    stage.request(0, append("before", "a"))
    stage.deliver(0, 1)
    stage.quiet()
    stage.kill(0)
    stage.start(0)
    stage.request(0, append("after", "b"))
    slots = [(msg.slot, msg.batch[0].value) for msg in under_way(stage, 0, 1, Suggest)]
    if protocol is Mencius:
        assert slots == [(1, "before"), (4, "after")]
    else:
        assert slots == [(1, "after")]


@pytest.mark.parametrize("protocol", [Mencius, ForgetsSkips])
def test_a_skip_outlives_a_restart(protocol):
    """Departures: who has voted in a slot never suggests below it."""
    stage = staged(3, protocol)
    stage.request(2, append(1))
    stage.deliver(2, 0)
    assert stage.deliver(0, 2) == Accepted(3, 0, 4)
    stage.kill(0)
    stage.start(0)
    stage.request(0, append(2, "d"))
    assert under_way(stage, 0, 1, Suggest)[-1].slot == (4 if protocol is Mencius else 1)


def test_what_is_late_changes_nothing():
    stage = staged()
    stage.request(0, append(1))
    stage.settle()
    for msg in (Learn(1), Accepted(1, 0, 4), Suggest(1, 0, (append(7),))):
        stage.put(0, 2, msg)
    stage.settle()
    stage.decided()
    assert values(stage, 2) == [1]


def test_a_replica_that_has_done_more_holds_no_more():
    stage = staged(3, options={"snapshot_every": 20, "keep": 5})
    for serial in range(1, 101):
        stage.request(serial % 3, Command("write", "x", serial, "c", serial))
        stage.settle()
        ticks(stage, 1, 0, 1, 2)
        assert all(len(disk) <= 40 for disk in stage.disks)
        assert all(not r.mine and not r.line.names for r in stage.replicas.values())
    assert all(r.slots.base > 50 for r in stage.replicas.values())


def test_a_laggard_is_brought_up_by_a_snapshot():
    stage = staged(3, options={"snapshot_every": 5, "keep": 1})
    stage.kill(2)
    for serial in range(1, 31):
        stage.request(0, append(serial, serial=serial))
        ticks(stage, 6, 0, 1)
    stage.start(2)
    ticks(stage, 6, 0, 1, 2)
    assert values(stage, 2) == list(range(1, 31))
    request = stage.request(2, append("mine", "d"))
    ticks(stage, 8, 0, 1, 2)
    assert request in stage.replies, "though its next slots were revoked"


def test_a_transcript_of_two_suggestions_and_the_skips_between():
    """Goal: fault-free: n3 is asked first, and n1, whose slot 1 is skipped by its vote, then."""
    stage = staged()
    stage.request(2, append("a", "c"))
    stage.settle()
    stage.request(0, append("b", "d"))
    stage.settle()
    assert_golden("mencius", stage)


def test_a_transcript_of_a_revocation():
    """Goal: the contested case. The owner's suggestion is at one node when it dies, and is found."""
    assert_golden("mencius-revoked", cut_off(Mencius))
