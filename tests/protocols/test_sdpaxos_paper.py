"""What Zhao, Zhang, Li, Chen (SoCC 2018) claim, and what this version adds, a test a claim, by hand."""

import pytest

from protocols.kernel import Cluster, Command
from protocols.sdpaxos import SDPaxos
from protocols.sdpaxos.messages import CAccept, CAccepted, CCommit
from protocols.sdpaxos.state import turn
from tests.mutants.sdpaxos import CountsBeforeStored, NeverGuesses, SequencerAlone
from tests.transcript import Stage


def append(value, session="c", serial=1):
    return Command("append", "x", value, session, serial)


def staged(n, protocol=SDPaxos, options=None):
    """Node 0 is the sequencer, and has begun."""
    stage = Stage(protocol, n, options)
    stage.start()
    stage.elect(0)
    return stage


def hand(stage, src, dst, kind):
    """Let the first message of this kind that is under way arrive; those before it are overtaken."""
    wire = stage.wires[src, dst]
    place = next(i for i, text in enumerate(wire) if text.startswith(f'["{kind}"'))
    return stage.deliver(src, dst, place)


def values(stage, node):
    return stage.replicas[node].store.values.get("x")


def stand(stage, node, *among):
    """``node`` becomes the sequencer among these, who have missed the last one for a while."""
    for other in among:
        stage.replicas[other].following = None
    while stage.replicas[node].campaign is None:
        stage.fire(node, "watch")
    stage.settle(*among)
    for _ in range(4):
        for other in among:
            stage.fire(other, "tick")
        stage.settle(*among)
    assert stage.replicas[node].leadership is not None


def shortly(stage, command, *acceptors):
    """Node 1 leads this command; it comes to the sequencer and these; the turn comes to node 1."""
    request = stage.request(1, command)
    for node in acceptors:
        hand(stage, 1, node, "CAccept")
    for node in acceptors:
        hand(stage, node, 1, "CAccepted")
    hand(stage, 1, 0, "CAccept")
    hand(stage, 0, 1, "CAccepted")
    hand(stage, 0, 1, "Accept")
    return request


# --- the basic protocol ---------------------------------------------------------------------------


def test_every_replica_replicates_its_clients_commands_and_the_sequencer_says_whose_turn_it_is():
    """Section 3.1: C-instances carry commands, O-instances only replicas' ids."""
    stage = staged(3)
    requests = [stage.request(node, append(node, f"c{node}")) for node in range(3)]
    stage.settle()
    assert set(requests) <= set(stage.replies)
    log = stage.replicas[2].log
    entries = [log[slot].command for slot in range(2, log.chosen + 1)]
    assert sorted(entry.key for entry in entries) == ["0", "1", "2"]
    assert all(entry == turn(int(entry.key)) for entry in entries), "no command travels twice"


def test_a_command_leader_sends_its_commands_to_all_without_asking_the_sequencer():
    """Section 3.2: C-accepts go out before, and without, any turn."""
    stage = Stage(SDPaxos)
    stage.start()
    stage.request(1, append(1))
    stage.settle()
    assert stage.replicas[2].instances[1, 1].chosen
    assert values(stage, 1) is None, "but nothing is executed without one"


def test_what_has_a_turn_but_no_majority_of_its_own_is_not_executed():
    """Section 3.2: a command is committed when its C-instance is, and its O-instance is."""
    stage = staged(5)
    stage.request(1, append(1))
    hand(stage, 1, 0, "CAccept")
    quietly = [link for link in stage.wires if 1 in link]
    for link in quietly:
        stage.drop(*link)
    stage.settle(0, 2, 3, 4)
    log = stage.replicas[0].log
    assert log[log.last].command == turn(1)
    assert stage.replicas[0].leadership.is_chosen(log.last, stage.replicas[0].quorums)
    assert not stage.replies
    assert values(stage, 0) is None


def test_a_vote_for_a_command_is_on_disk_before_it_is_told():
    """Section 3.4 recovers from what acceptors remember."""
    stage = staged(3)
    stage.request(1, append(1))
    stage.deliver(1, 2)
    assert "c/1/1" in stage.disks[2]
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].instances[1, 1].batch == (append(1),)


# --- one round trip -------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "acceptors"), [(3, ()), (5, (2,))])
def test_of_3_or_5_replicas_a_command_leader_answers_after_one_round_trip(n, acceptors):
    """Section 4: it has a majority for the command, and the votes of sequencer and itself."""
    stage = staged(n)
    request = shortly(stage, append(1), *acceptors)
    assert request in stage.replies
    assert stage.replicas[0].log.chosen == 1, "the sequencer itself does not know yet"


def test_of_7_replicas_it_may_not():
    """Section 4: the two of them would not be found by every majority."""
    stage = staged(7)
    request = shortly(stage, append(1), 2, 3)
    assert request not in stage.replies
    stage.settle()
    assert request in stage.replies


def test_it_waits_for_the_majority_of_its_command():
    """S3. Two votes for the turn are not enough when nobody else has the command."""
    stage = staged(5)
    assert shortly(stage, append(1)) not in stage.replies
    broken = staged(5, CountsBeforeStored)
    assert shortly(broken, append(1)) in broken.replies


def both_die(protocol):
    """Sequencer and command leader die after a short path. The others have other commands."""
    stage = staged(5, protocol)
    request = shortly(stage, append("first"), 2)
    assert request in stage.replies
    stage.kill(0, 1)
    stage.quiet()
    stage.request(3, append("second", "d"))
    stage.quiet()
    stand(stage, 3, 2, 3, 4)
    return stage


def test_a_new_sequencer_finds_a_turn_that_only_the_dead_have_voted_for():
    """Section 4.2: with two of five gone, it can only be that of the dead command leader."""
    stage = both_die(SDPaxos)
    assert values(stage, 3) == ["first", "second"]
    stage.start(0, 1)
    for _ in range(3):
        stage.fire(3, "tick")
        stage.settle()
    stage.decided()
    assert values(stage, 1) == ["first", "second"]


def test_without_that_guess_an_answered_command_is_overtaken():
    assert values(both_die(NeverGuesses), 3)[0] == "second"


def test_votes_for_a_command_after_a_promise_to_a_new_sequencer_do_not_count_for_the_old_one():
    """Departures: the old sequencer and a command leader go on, cut off from all but one acceptor."""
    stage = staged(5)
    stage.quiet()
    for node in (2, 3, 4):
        stage.replicas[node].following = None
    stage.fire(3, "watch")
    stage.fire(3, "watch")
    stage.settle(2, 3, 4)
    request = shortly(stage, append("late"), 2)
    assert stage.replicas[1].instances[1, 1].chosen
    assert request not in stage.replies


def test_a_deposed_sequencer_is_not_two():
    """A turn of the sequencer itself has one vote, not two. Found by seed 781329, at the first try."""

    def play(protocol):
        stage = staged(3, protocol)
        request = stage.request(0, append(1))
        hand(stage, 0, 1, "CAccept")
        hand(stage, 1, 0, "CAccepted")
        stage.quiet()
        stand(stage, 2, 1, 2)
        stage.fire(2, "tick")
        hand(stage, 2, 0, "Accept")
        return request in stage.replies

    assert not play(SDPaxos)
    assert play(SequencerAlone)


# --- crashes --------------------------------------------------------------------------------------


def test_a_new_sequencer_gives_no_position_away_again():
    """Section 3.4, S1: phase 1 over the O-instances, with merge."""
    stage = staged(3)
    stage.drop(0, 2)
    request = stage.request(0, append("acknowledged"))
    stage.settle(0, 1)
    stage.quiet()
    assert request in stage.replies
    stage.kill(0)
    stand(stage, 2, 1, 2)
    stage.request(2, append("later", "d"))
    stage.settle(1, 2)
    assert values(stage, 2) == ["acknowledged", "later"]
    stage.decided()


@pytest.mark.parametrize("stored", [False, True])
def test_the_sequencer_finishes_what_a_dead_command_leader_left(stored):
    """Section 3.4: it takes what an acceptor may have voted for, and else gives the turn up."""
    stage = staged(5)
    stage.request(1, append("of the dead"))
    hand(stage, 1, 0, "CAccept")
    if not stored:
        # Nobody has the command any more who takes part, but its turn is there.
        replica = stage.replicas[0]
        replica.instances[1, 1].voted, replica.instances[1, 1].batch = (0, -1), ()
    stage.kill(1)
    stage.quiet()
    stage.request(2, append("of the living", "d"))
    for _ in range(4):
        for node in stage.replicas:
            stage.fire(node, "tick")
        stage.settle()
    found = ["of the dead", "of the living"] if stored else ["of the living"]
    assert [values(stage, node) for node in (0, 2, 3, 4)] == [found] * 4
    stage.start(1)
    for _ in range(4):
        stage.fire(0, "tick")
        stage.fire(1, "tick")
        stage.settle()
    assert values(stage, 1) == found


def test_a_command_leader_comes_back_and_uses_no_instance_twice():
    """What it proposed is on its disk, and is proposed again as it was."""
    stage = staged(3)
    stage.request(1, append("before"))
    stage.quiet()
    stage.kill(1)
    stage.start(1)
    stage.request(1, append("after", "d"))
    sent = [stage.codec.decode(text) for text in stage.wires[1, 2]]
    accepts = [msg for msg in sent if isinstance(msg, CAccept)]
    assert [(msg.index, msg.batch[0].value) for msg in accepts] == [(2, "after")]
    stage.fire(1, "tick")
    stage.fire(1, "tick")
    stage.settle()
    assert values(stage, 2) == ["before", "after"]


def test_a_turn_too_many_is_filled_with_nothing_by_its_owner():
    stage = staged(3)
    stage.replicas[0].leadership.queue.append(turn(1))
    stage.replicas[0].assigned[1] += 1
    request = stage.request(2, append(1))
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    assert request in stage.replies
    assert stage.replicas[2].instances[1, 1].batch == ()


def test_a_command_that_two_replicas_lead_runs_once():
    stage = staged(3)
    stage.request(1, append(1))
    stage.request(2, append(1))
    stage.settle()
    assert values(stage, 0) == [1]
    assert len(stage.replies) == 2


def test_a_finisher_and_the_owner_agree():
    """Ballots on C-instances: an owner that was only slow takes what was chosen without it."""
    stage = staged(3)
    stage.request(1, append("slow"))
    late = [stage.wires[1, node].popleft() for node in (0, 2)]
    stage.replicas[0].leadership.queue.append(turn(1))
    stage.replicas[0].assigned[1] += 1
    for _ in range(4):
        stage.fire(0, "tick")
        stage.settle(0, 2)
    assert stage.replicas[2].instances[1, 1].batch == ()
    stage.wires[1, 0].append(late[0])
    stage.settle()
    for _ in range(4):
        stage.fire(1, "tick")
        stage.settle()
    assert values(stage, 0) == values(stage, 1) == ["slow"]
    assert stage.replicas[1].instances[1, 1].batch == ()


# --- bounds ---------------------------------------------------------------------------------------


def test_a_replica_that_has_done_more_holds_no_more():
    stage = staged(3, options={"snapshot_every": 10, "keep": 5})
    for serial in range(1, 101):
        stage.request(serial % 3, Command("write", "x", serial, "c", serial))
        stage.settle()
        assert all(len(disk) <= 40 for disk in stage.disks)
        assert all(len(r.places) <= 16 for r in stage.replicas.values())
        assert all(not r.rounds and not r.line.names for r in stage.replicas.values())


def test_a_laggard_is_brought_up_by_a_snapshot_and_leads_commands_again():
    stage = staged(3, options={"snapshot_every": 5, "keep": 1})
    stage.kill(2)
    for serial in range(1, 21):
        stage.request(1, append(serial, serial=serial))
        stage.settle(0, 1)
    stage.quiet()
    stage.start(2)
    for _ in range(4):
        stage.fire(0, "tick")
        stage.fire(2, "tick")
        stage.settle()
    assert values(stage, 2) == list(range(1, 21))
    request = stage.request(2, append("mine", "d"))
    stage.settle()
    assert request in stage.replies


def test_reads_are_not_offered_that_take_no_turn():
    """A short path is not seen by a majority: a quorum read would miss it."""
    with pytest.raises(ValueError, match="take a turn"):
        SDPaxos.check(Cluster((0, 1, 2), options={"read": "quorum"}))


def test_what_is_late_or_unknown_changes_nothing():
    stage = staged(3)
    stage.request(1, append(1))
    stage.settle()
    before = stage.replicas[0].store.snapshot()
    for msg in (
        CAccepted((0, 1), 1, 9, (1, 0)),
        CCommit((0, 1), 9),
        CAccept((0, 1), 1, 1, (append(7),)),
    ):
        stage.put(2, 0, msg)
    stage.settle()
    assert stage.replicas[0].store.snapshot() == before
