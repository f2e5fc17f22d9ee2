"""A Raft server without its disk comes back: it copies the log, is not counted, and votes for nobody.

The rules are those of ``protocols.rejoining`` and ``protocols.raft.rejoining``.
"""

import pytest

from protocols.raft import Raft
from protocols.raft.messages import Appended, Sworn, Vote
from tests.mutants.rejoin import RaftBelievesItsLog, RaftCountsCopies
from tests.protocols.disks import Disks, come_back


def staged(n=3, protocol=Raft, **options):
    return Disks.staged(protocol, n, options)


def looks_in_vain(stage, *nodes):
    """They have heard of no leader for longer than they wait."""
    for _ in range(2):
        for node in nodes:
            stage.fire(node, "watch")


def test_while_it_is_passive_it_copies_and_is_not_counted_and_votes_for_nobody():
    stage = staged()
    stage.lose(2)
    stage.fire(2, "tick")
    stage.settle(0, 2)
    stage.write(0, 1)
    stage.settle(0, 2)
    server = stage.replicas[2]
    assert server.back is not None
    assert server.log.last == stage.replicas[0].log.last == 2, "it has the entry"
    assert stage.replicas[0].log.commit == 1, "which is not committed by that"
    looks_in_vain(stage, 2)
    assert server.campaign is None
    stage.drop(0, 2)
    looks_in_vain(stage, 1)
    while stage.wires[1, 2]:
        stage.deliver(1, 2)
    assert not stage.said_by(2, (Vote, Sworn, Appended))


def test_who_loses_another_disk_on_the_way_back_is_written_to_from_the_beginning():
    stage = staged()
    stage.write(0, 1)
    stage.settle()
    stage.lose(2, now_ms=1)
    stage.fire(2, "tick")
    stage.drop(2, 1)
    stage.settle()
    assert stage.replicas[2].back is not None
    assert stage.replicas[0].leadership.followers[2].match == 2
    stage.lose(2, now_ms=2)
    stage.fire(0, "tick")
    stage.settle()
    assert stage.replicas[2].log.last == 2
    come_back(stage, 2)
    assert stage.replicas[2].back is None


LOGGED = {"members": "5"}
"""Lives are decided in the log, with the members."""


def vote_under_way(protocol, **options):
    """n3 stands in term 2; n2 and n4 would have it. The vote of n4 is under way, n2 is not asked yet, when n4
    loses its disk."""
    stage = staged(5, protocol, **options)
    looks_in_vain(stage, 2, 4)
    stage.fire(3, "watch")
    stage.fire(3, "watch")
    for link in ((3, 2), (3, 4), (2, 3), (4, 3)):
        while stage.wires[link]:
            stage.deliver(*link)
    while stage.wires[3, 4]:
        stage.deliver(3, 4)
    kept = {link: list(stage.wires[link]) for link in ((4, 3), (3, 2))}
    for wire in stage.wires.values():
        wire.clear()
    stage.lose(4)
    return stage, kept


def copied_by_a_forgetful_voter(protocol):
    """The new life of n4 copies an entry of n0, which n1 has; then its old vote makes n3 lead."""
    stage, kept = vote_under_way(protocol)
    stage.fire(4, "tick")
    for node in (1, 2, 3):
        stage.drop(4, node)
    stage.settle(0, 4)
    stage.write(0, "decided?")
    stage.settle(0, 1, 4)
    for link, texts in kept.items():
        stage.wires[link].extend(texts)
    stage.settle(2, 3)
    stage.deliver(4, 3)
    return stage


def test_what_a_forgetful_voter_has_copied_is_not_committed():
    stage = copied_by_a_forgetful_voter(Raft)
    assert stage.replicas[3].leadership is not None, "so says the vote of n4's former life"
    assert stage.replicas[4].log.last == 2
    assert stage.replicas[0].log.commit == 1


def test_where_it_is_an_entry_is_committed_that_the_next_leader_lacks():
    stage = copied_by_a_forgetful_voter(RaftCountsCopies)
    assert stage.replicas[3].leadership is not None
    assert stage.replicas[0].log.commit == 2
    assert stage.replicas[3].log[2].command != stage.replicas[0].log[2].command


def acknowledged_by_a_forgetful_voter(protocol):
    """n0 and n1 have the entry with the new life of n4, and n4 has it; then the old vote of n4 makes n3 lead."""
    stage, kept = vote_under_way(protocol, **LOGGED)
    for _ in range(3):
        for node in (0, 4):
            stage.fire(node, "tick")
            stage.settle(0, 1, 4)
    for link, texts in kept.items():
        stage.wires[link].extend(texts)
    stage.settle(2, 3)
    stage.deliver(4, 3)
    return stage


def test_a_server_that_has_the_entry_with_its_new_life_counts_when_it_is_committed():
    stage = acknowledged_by_a_forgetful_voter(Raft)
    assert stage.replicas[3].leadership is not None, "so says the vote of n4's former life"
    assert stage.replicas[4].configs.newest.life(4) == 1
    assert stage.replicas[4].back is not None
    assert stage.replicas[0].log.commit == 1


def test_where_it_counts_before_that_the_next_leader_has_not_heard_of_it():
    stage = acknowledged_by_a_forgetful_voter(RaftBelievesItsLog)
    assert stage.replicas[3].leadership is not None
    assert stage.replicas[0].log.commit == 2
    assert stage.replicas[3].log[2].command != stage.replicas[0].log[2].command


@pytest.mark.parametrize("options", [{}, LOGGED], ids=["kept by enough", "in the log"])
def test_a_vote_of_a_former_life_is_void_for_who_hears_of_the_new_one(options):
    stage, kept = vote_under_way(Raft, **options)
    stage.fire(0, "tick")
    stage.settle(0, 1, 2, 4)
    come_back(stage, 4, 0, 1, 2, 4)
    stage.fire(0, "tick")
    stage.settle(0, 1, 2, 4)
    come_back(stage, 4, 0, 1, 2, 4)
    assert stage.replicas[4].back is None
    for wire in stage.wires.values():
        wire.clear()
    looks_in_vain(stage, 2)
    for wire in stage.wires.values():
        wire.clear()
    for link, texts in kept.items():
        stage.wires[link].extend(texts)
    stage.deliver(4, 3)
    while stage.wires[3, 2]:
        stage.deliver(3, 2)
    assert stage.said_by(2, Sworn)
    while stage.wires[2, 3]:
        stage.deliver(2, 3)
    assert stage.replicas[3].leadership is None
    assert stage.replicas[3].lives[4] == 1, "n2 has told it"
