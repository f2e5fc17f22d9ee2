"""What Peluso et al. (DSN 2016) claim of M2Paxos, and what a command of several objects needs."""

from __future__ import annotations

import pytest

from protocols.kernel import Command
from protocols.m2paxos import M2Paxos
from protocols.m2paxos.messages import Accept, Ask, Frontier, Prepare
from protocols.transfer import Missing
from tests.mutants.m2paxos import PartialOwnership
from tests.transcript import Stage, assert_golden


def append(key, value, serial=1):
    return Command("append", key, value, f"c{value}", serial)


def both(value, *keys):
    return Command("txn", "", [["append", key, value] for key in keys], f"c{value}", 1)


def stage_of(protocol=M2Paxos, n=3, **options):
    stage = Stage(protocol, n, options)
    stage.start()
    return stage


def under_way(stage, kind):
    texts = [text for wire in stage.wires.values() for text in wire]
    return [msg for msg in map(stage.codec.decode, texts) if isinstance(msg, kind)]


def beat(stage, times=1):
    for _ in range(times):
        for node in stage.replicas:
            for timer in list(stage.timers[node]):
                stage.fire(node, timer)
        stage.settle()


def lists(stage, *keys):
    """The lists of these keys, which must be the same at every replica."""
    found = [[r.store.values.get(key, []) for key in keys] for r in stage.replicas.values()]
    assert all(each == found[0] for each in found), found
    return found[0]


def unfinished(protocol=M2Paxos):
    """Node 0 owns x and y and dies; node 1 alone has accepted its command of both."""
    stage = stage_of(protocol)
    stage.request(0, both("old", "x", "y"))
    stage.settle()
    stage.request(0, both("half", "x", "y"))
    stage.drop(0, 2)
    stage.deliver(0, 1)
    stage.kill(0)
    stage.quiet()
    return stage


def test_the_owner_of_all_objects_decides_in_one_round_trip():
    """Two communication delays: no Prepare, one Accept to each other node."""
    stage = stage_of()
    stage.request(0, both("a", "x", "y"))
    stage.settle()

    second = stage.request(0, both("b", "x", "y"))
    assert not under_way(stage, Prepare)
    assert len(under_way(stage, Accept)) == 2
    stage.deliver(0, 1)
    stage.deliver(1, 0)

    assert stage.replies[second].ok


def test_a_command_is_forwarded_to_who_owns_all_its_objects():
    stage = stage_of()
    stage.request(0, both("a", "x", "y"))
    stage.settle()

    forwarded = stage.request(1, both("b", "x", "y"))
    assert stage.wires[1, 0]
    assert not under_way(stage, Prepare)
    stage.settle()

    assert stage.replies[forwarded].ok
    assert lists(stage, "x", "y") == [["a", "b"], ["a", "b"]]


def test_objects_of_two_owners_are_acquired_together():
    """The acquisition phase: one Prepare for all objects; then this node owns them."""
    stage = stage_of()
    stage.request(0, append("x", 1))
    stage.settle()
    stage.request(1, append("y", 2))
    stage.settle()

    stage.request(2, both("b", "x", "y"))
    asked = under_way(stage, Prepare)
    assert [[wanted.key for wanted in msg.objects] for msg in asked] == [["x", "y"]] * 2
    stage.settle()

    assert lists(stage, "x", "y") == [[1, "b"], [2, "b"]]
    assert all(r.ledger[key].promised[1] == 2 for r in stage.replicas.values() for key in "xy")


def robbed_of_one(protocol):
    """Node 0 owns x and y; node 2 has promised y, and voted for a command of y and z, to node 1.
    Then node 0 proposes a command of x and y, of which node 1 hears nothing.
    """
    stage = stage_of(protocol)
    stage.request(0, both("a", "x", "y"))
    stage.settle()
    stage.request(1, both("b", "y", "z"))
    stage.drop(1, 0)
    for src, dst in ((1, 2), (2, 1), (1, 2)):
        stage.deliver(src, dst)
    stage.drop(1, 0)
    late = stage.request(0, both("late", "x", "y"))
    stage.deliver(0, 2)
    stage.deliver(2, 0)
    return stage, late


def test_o1_an_acceptor_that_has_promised_one_object_refuses_all():
    stage, late = robbed_of_one(M2Paxos)

    assert late not in stage.replies
    assert ("x", 2) not in stage.replicas[2].ledger.entries
    beat(stage, 20)
    assert stage.replies[late].ok
    assert lists(stage, "x", "y", "z") == [["a", "late"], ["a", "b", "late"], ["b"]]


def test_o1_seen_red():
    """The mutant's acceptor counts for both objects, having promised one to another."""
    stage, late = robbed_of_one(PartialOwnership)

    assert stage.replies[late].ok
    stage.settle(1, 2)
    with pytest.raises(AssertionError, match=r"y\.2"):
        stage.decided()


def test_o3_an_unfinished_command_is_finished_on_all_its_objects():
    """Who wants only x finds the dead owner's command there, and acquires y, too."""
    stage = unfinished()
    stage.request(1, append("x", "new"))
    beat(stage, 40)

    assert lists(stage, "x", "y") == [["old", "half", "new"], ["old", "half"]]
    assert_golden("m2paxos-finished", stage)


def test_a_command_that_was_not_chosen_is_void_on_all_its_objects():
    """y goes on without the vote; then the vote for x is of no use any more."""
    stage = unfinished()
    stage.start(0)
    stage.kill(1)
    stage.replicas[2].proposer.heard = {0: -100}
    stage.replicas[0].ledger.entries.clear()
    stage.kill(0)
    stage.disks[0] = {k: v for k, v in stage.disks[0].items() if not k.startswith("vote/2/")}
    stage.start(0)
    stage.request(2, append("y", "new"))
    for _ in range(40):
        for node in (0, 2):
            for timer in list(stage.timers[node]):
                stage.fire(node, timer)
        stage.drop(0, 1)
        stage.drop(2, 1)
        stage.settle(0, 2)
    stage.start(1)
    stage.request(1, append("x", "next"))
    beat(stage, 40)

    assert lists(stage, "x", "y") == [["old", "next"], ["old", "new"]]


def test_a_replica_that_restarts_keeps_promises_and_votes():
    stage = unfinished()
    stage.kill(1)
    stage.start(1)
    ledger = stage.replicas[1].ledger

    assert ledger["x"].promised == ledger["y"].promised == (1, 0)
    assert ledger.entries["x", 2] is ledger.entries["y", 2]
    assert stage.replicas[1].store.values == {"x": ["old"], "y": ["old"]}


def test_two_who_steal_from_each_other_come_to_an_end():
    stage = stage_of()
    for value in range(20):
        stage.request(0, both(f"a{value}", "x", "y"))
        stage.request(1, both(f"b{value}", "y", "x"))
        stage.request(2, append("x", f"c{value}"))
    beat(stage, 60)

    x, y = lists(stage, "x", "y")
    assert len(x) == 60
    assert [value for value in x if not value.startswith("c")] == y


def test_memory_is_bounded_by_snapshots():
    stage = stage_of(snapshot_every=10, keep=5, batch=1)
    for value in range(100):
        stage.request(value % 3, both(f"v{value}", "x", f"y{value % 2}"))
        stage.settle()
    beat(stage, 8)

    for replica in stage.replicas.values():
        assert len(replica.ledger.executed) <= 15
        assert len(replica.ledger.entries) <= 30
    assert all(len(disk) < 25 for disk in stage.disks)


def test_who_was_away_for_longer_than_is_kept_gets_a_snapshot():
    stage = stage_of(snapshot_every=5, keep=2, batch=1)
    stage.kill(2)
    for value in range(30):
        stage.request(0, both(f"v{value}", "x", "y"))
        stage.settle(0, 1)
    stage.quiet()
    stage.start(2)
    beat(stage, 30)

    assert len(lists(stage, "x", "y")[0]) == 30


def test_while_anything_is_under_way_nobody_asks_for_what_will_come_anyway():
    """Marks differ all the time then; the last 64 proposals were told each time (docs/speed.md)."""
    stage = stage_of()
    for mark in range(1, 20):
        assert stage.tell(0, 2, Frontier(mark)) == [], "the other's mark has moved"
    assert stage.tell(0, 2, Frontier(19)) == [Ask(())], "it stands still"
    stage.request(2, append("x", 1))
    stage.settle()
    assert stage.tell(0, 2, Frontier(19)) == [], "one's own has moved"
    asked = [stage.tell(0, 2, Frontier(19)) for _ in range(3)]
    assert asked == [[Ask(())], [Ask(())], [Missing(0)]], "a snapshot, since nothing was learnt"


def test_who_missed_the_end_of_one_log_is_told_that_and_nothing_else():
    """When all is quiet: what else was executed last it knows."""
    stage = stage_of()
    for value in range(20):
        stage.request(0, append("x", value))
        stage.settle()
    stage.request(0, append("y", 20))
    stage.settle(0, 1)
    stage.drop(0, 2)
    stage.drop(1, 2)
    before = len(stage.lines)
    beat(stage, 12)

    assert lists(stage, "x", "y") == [[*range(20)], [20]]
    learned = [line for line in stage.lines[before:] if "Learned" in line and line.startswith("n2")]
    assert 1 <= len(learned) <= 2, "by both of the others, at most"
    assert all(line.count("append") == 1 for line in learned), learned


def test_the_life_of_two_commands():
    """Goal: acquire two objects, decide; a forwarded command; then one of two owners' objects."""
    stage = stage_of()
    stage.request(0, both("a", "x", "y"))
    stage.settle()
    stage.request(1, append("x", "b"))
    stage.settle()
    stage.request(2, append("z", "c"))
    stage.settle()
    stage.request(2, both("d", "x", "z"))
    stage.settle()
    assert_golden("m2paxos", stage)
