"""What the papers claim, one test a claim, on a stage where each message is delivered by hand."""

import pytest

from protocols.kernel import Command, Reply
from protocols.log import Log, Vote
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import (
    Accept,
    Accepted,
    Chosen,
    Commit,
    Missing,
    Preempted,
    Prepare,
    Promise,
    Snapshot,
)
from protocols.statemachine import NOOP
from tests.mutants.multipaxos import ForgetsPromise, OmitsChosen
from tests.transcript import Stage


def write(value, serial=1, session="c"):
    return Command("write", "x", value, session, serial)


def append(value, serial=1, session="c"):
    return Command("append", "x", value, session, serial)


def read(session="r"):
    return Command("read", "x", None, session, 1)


@pytest.fixture
def stage():
    """Three replicas; node 0 leads in ballot (1, 0)."""
    stage = Stage(MultiPaxos)
    stage.start()
    stage.elect(0)
    return stage


def stand(stage, node):
    """Let a node lose its patience (and lose nothing that it says then)."""
    replica = stage.replicas[node]
    while replica.campaign is None:
        stage.fire(node, "watch")
    return replica.campaign.ballot


def forget_leader(stage, *nodes):
    """These have not heard of their leader for a while, but do not stand yet."""
    for node in nodes:
        stage.replicas[node].following = None


# --- phase 1 --------------------------------------------------------------------------------------


def test_a_promise_carries_every_vote_from_the_asked_slot_on_the_chosen_ones_too(stage):
    """Lamport 2001, section 3; Paxi's P1b left out what it had committed (P-1)."""
    stage.request(0, write(1))
    stage.settle()
    stage.request(0, write(2, 2))
    stage.deliver(0, 1)
    stage.quiet()
    forget_leader(stage, 1)
    ballot = stand(stage, 2)
    stage.deliver(2, 1)
    promise = stage.deliver(1, 2)
    assert promise.ballot == ballot
    assert [(v.slot, v.command.value) for v in promise.votes] == [(2, 2)]
    assert promise.chosen == 1
    assert stage.replicas[1].testimony(Prepare(ballot, 1)).votes[0].command.value == 1


def lagging_leader(protocol):
    """Slot 1 is chosen, and node 2, which lacks it, leads next. What is written there?"""
    stage = Stage(protocol)
    stage.start()
    stage.elect(0)
    stage.drop(0, 2)
    stage.request(0, append("acknowledged"))
    stage.settle(0, 1)
    stage.quiet()
    stage.kill(0)
    forget_leader(stage, 1)
    stand(stage, 2)
    stage.settle(1, 2)
    request = stage.request(2, append("later", 2))
    stage.settle(1, 2)
    assert request in stage.replies
    return stage


def test_a_new_leader_learns_what_was_chosen_before_it_proposes():
    """P-1, the violation that was reproduced on Paxi: there, slot 1 is given to the later write."""
    stage = lagging_leader(MultiPaxos)
    assert stage.replicas[2].store.values["x"] == ["acknowledged", "later"]
    assert stage.decided()[1] == "c/1"
    with pytest.raises(AssertionError, match="slot 1"):
        lagging_leader(OmitsChosen).decided()


def test_a_prepare_below_the_promise_is_refused_and_names_it():
    """Lamport 2001, section 2.2, 1b, and the advice of 2.5 to tell a proposer that it is beaten."""
    stage = Stage(MultiPaxos)
    stage.start()
    stage.replicas[1].promise((7, 2))
    stand(stage, 0)
    stage.deliver(0, 1)
    assert stage.deliver(1, 0) == Preempted((7, 2))
    assert stage.replicas[0].campaign is None
    assert stand(stage, 0) > (7, 2), "and the next ballot outranks it"


def old_leader_returns(protocol):
    """Node 1 promises a ballot, restarts, and then the old leader asks for its vote."""
    stage = Stage(protocol)
    stage.start()
    stage.elect(0)
    stage.request(0, write(1))
    forget_leader(stage, 1)
    stand(stage, 2)
    stage.deliver(2, 1)
    stage.kill(1)
    stage.start(1)
    stage.wires[1, 0].clear()
    stage.deliver(0, 1)
    return stage.deliver(1, 0)


def test_a_promise_outlives_a_restart():
    """Lamport 2001, section 2.5: an acceptor keeps its promise on stable storage."""
    assert isinstance(old_leader_returns(MultiPaxos), Preempted)
    assert isinstance(old_leader_returns(ForgetsPromise), Accepted)


def test_the_vote_of_the_highest_ballot_is_adopted_and_a_gap_gets_a_no_op():
    """Lamport 2001, section 2.2, P2c, and section 3; P-3."""
    stage = Stage(MultiPaxos)
    stage.start()
    for node, votes in ((0, {1: ((3, 1), "low"), 4: ((3, 1), "only")}), (1, {1: ((5, 1), "high")})):
        for slot, (ballot, value) in votes.items():
            stage.replicas[node].vote(slot, ballot, write(value, slot))
    stand(stage, 0)
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    stage.wires[0, 2].popleft()
    stage.wires[0, 2].popleft()
    proposed = stage.deliver(0, 2)
    assert (proposed.first, [c.value for c in proposed.commands]) == (
        1,
        ["high", None, None, "only"],
    )
    assert proposed.commands[1] == NOOP


def test_a_ballot_is_on_disk_before_anybody_hears_of_it_and_never_used_again():
    """Lamport 2001, section 2.4; GoPaxos began from 0 again (G-2)."""
    stage = Stage(MultiPaxos)
    stage.start()
    used = []
    for _ in range(4):
        used.append(stand(stage, 0))
        stage.drop(0, 1)
        stage.kill(0)
        stage.start(0)
    assert used == sorted(set(used))


def test_a_promise_that_comes_late_changes_nothing(stage):
    """P-2: in Paxi it made an entry that nobody proposes."""
    vote = Vote(9, (0, 2), write("late"))
    stage.put(2, 0, Promise((1, 0), 0, (vote,)))
    stage.deliver(2, 0)
    assert stage.lines[-1].startswith("n0 <-"), "it said nothing"
    assert stage.replicas[0].leadership.next == 1


def test_an_answer_to_an_older_ballot_is_not_counted():
    """E-2's kind: a quorum is of one ballot."""
    stage = Stage(MultiPaxos)
    stage.start()
    stand(stage, 0)
    stage.put(1, 0, Promise((0, 0), 0, ()))
    stage.deliver(1, 0)
    assert stage.replicas[0].leadership is None


def test_a_promise_leaves_out_what_is_too_much_and_the_candidate_fetches_it_first():
    """Departures: bounded promises. It does not lead before it has all that is chosen."""
    stage = Stage(MultiPaxos, options={"batch": 4})
    stage.start()
    stage.elect(0)
    for i in range(20):
        stage.request(0, append(i, i + 1))
        stage.settle(0, 1)
    stage.quiet()
    stage.kill(0)
    forget_leader(stage, 1)
    stand(stage, 2)
    stage.deliver(2, 1)
    assert stage.deliver(1, 2).votes == ()
    assert stage.replicas[2].leadership is None
    assert isinstance(stage.deliver(2, 1), Missing)
    stage.settle(1, 2)
    assert stage.replicas[2].leadership is not None
    assert stage.replicas[2].store.values["x"] == list(range(20))


# --- phase 2 --------------------------------------------------------------------------------------


def test_a_write_is_acknowledged_after_a_majority_has_it_on_disk(stage):
    """Lamport 2001, section 2.2."""
    request = stage.request(0, write(1))
    assert request not in stage.replies
    stage.deliver(0, 1)
    assert "log/1" in stage.disks[1]
    assert request not in stage.replies
    stage.deliver(1, 0)
    assert stage.replies[request] == Reply(request, 1)


def test_what_was_acknowledged_outlives_the_restart_of_all(stage):
    """M2: votes are on disk. Nobody needs to have known the slot to be chosen."""
    request = stage.request(0, write("kept"))
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    assert request in stage.replies
    stage.quiet()
    stage.kill()
    stage.start(1, 2)
    stage.elect(2, 1, 2)
    answer = stage.request(2, read())
    stage.settle(1, 2)
    assert stage.replies[answer].value == "kept"


def test_commands_are_executed_in_order_whatever_order_they_arrive_in(stage):
    """Lamport 2001, section 3: a command waits for all slots before its own."""
    stage.request(0, append("a"))
    stage.request(0, append("b", 2))
    stage.deliver(0, 2, place=1)
    stage.put(0, 2, Commit((1, 0), 2))
    stage.deliver(0, 2, place=1)
    assert stage.replicas[2].store.values == {}
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    assert stage.replicas[2].store.values["x"] == ["a", "b"]


def test_a_lost_accept_and_a_lost_commit_are_made_up_for(stage):
    """P-4: in Paxi one lost message stops a replica for ever."""
    request = stage.request(0, write(1))
    stage.quiet()
    stage.fire(0, "tick")
    stage.quiet()
    stage.fire(0, "tick")
    stage.settle()
    assert request in stage.replies
    stage.request(0, write(2, 2))
    stage.settle(0, 1)
    stage.quiet()
    for _ in range(3):
        stage.fire(0, "tick")
        stage.settle()
        stage.fire(2, "tick")
        stage.settle()
    assert stage.replicas[2].store.values["x"] == 2


def test_a_vote_in_another_ballot_is_not_taken_for_what_was_chosen(stage):
    """A follower executes its own vote only if it is of the ballot that says so, and asks else."""
    stage.request(0, append("lost"))
    stage.deliver(0, 2)
    stage.quiet()
    stage.kill(0)
    stage.kill(2)
    forget_leader(stage, 1)
    stage.start(0)
    stage.replicas[0].log = Log()  # as if its disk had never had the slot
    stage.elect(1, 0, 1)
    stage.request(1, append("won", 2))
    stage.settle(0, 1)
    stage.start(2)
    stage.drop(1, 2)
    stage.put(1, 2, Commit((2, 1), 1))
    stage.deliver(1, 2)
    assert stage.replicas[2].store.values == {}
    stage.fire(1, "tick")
    for _ in range(2):
        stage.settle()
        stage.fire(2, "tick")
    stage.settle()
    assert stage.replicas[2].store.values["x"] == ["won"]


# --- leaders --------------------------------------------------------------------------------------


def test_a_leader_steps_down_for_a_higher_ballot(stage):
    """Van Renesse and Altinbuken 2015, *preempted*."""
    stage.put(1, 0, Preempted((9, 2)))
    stage.deliver(1, 0)
    assert stage.replicas[0].leadership is None
    assert stage.replicas[0].leader() is None


def test_a_node_that_comes_back_does_not_disturb_a_living_leader(stage):
    """Departures. A node that heard nothing stands again and again; then it is heard."""
    for _ in range(3):
        stage.replicas[2].campaign = None
        stand(stage, 2)
    stage.settle()
    assert stage.replicas[0].leadership is not None
    assert stage.replicas[1].leader() == 0
    stage.fire(0, "tick")
    stage.settle()
    assert stage.replicas[2].leader() == 0, "and it follows the leader again"


def test_a_leader_that_nobody_answers_resigns(stage):
    """Departures: else others would wait for one that is heard and hears nothing."""
    for _ in range(3):
        stage.fire(0, "watch")
    assert stage.replicas[0].leader() is None


def test_of_two_candidates_the_higher_wins():
    """Lamport 2001, section 2.4: they must not stop each other for ever."""
    stage = Stage(MultiPaxos)
    stage.start()
    stand(stage, 0)
    stand(stage, 2)
    stage.settle()
    assert [r.leader() for r in stage.replicas.values()] == [2, 2, 2]


# --- clients --------------------------------------------------------------------------------------


def test_a_command_asked_for_twice_runs_once(stage):
    """Ongaro 2014, section 6.3: also through another node, also after it was answered."""
    first = stage.request(1, append("a"))
    second = stage.request(2, append("a"))
    stage.settle()
    third = stage.request(2, append("a"))
    stage.settle()
    assert {stage.replies[r].value for r in (first, second, third)} == {"a"}
    assert stage.replicas[0].store.values["x"] == ["a"]


def test_a_forwarded_command_that_was_lost_is_sent_again_to_whoever_leads(stage):
    """And runs once, though both leaders got it."""
    request = stage.request(1, append("a"))
    stage.deliver(1, 0)
    stage.quiet()
    stage.kill(0)
    forget_leader(stage, 1)
    stage.elect(2, 1, 2)
    assert stage.replies[request].value == "a"
    assert stage.replicas[2].store.values["x"] == ["a"]


def test_a_client_without_a_session_is_executed_once_too(stage):
    request = stage.request(1, Command("append", "x", "a"))
    for _ in range(3):
        stage.fire(1, "tick")
    stage.settle()
    assert stage.replies[request].value == "a"
    assert stage.replicas[1].store.values["x"] == ["a"]


def test_what_cannot_be_done_is_refused_at_once():
    """No queue without a bound: a refusal is certain, and says so."""
    stage = Stage(MultiPaxos)
    stage.start()
    assert stage.replies[stage.request(0, Command("increment", "x"))].ok is False
    requests = [stage.request(0, write(i, 1, f"c{i}")) for i in range(1025)]
    assert stage.replies[requests[-1]].ok is False
    assert requests[-2] not in stage.replies


def test_batches_grow_with_the_load_and_are_bounded():
    """The pipeline is full, so what comes waits, and travels together."""
    stage = Stage(MultiPaxos, options={"batch": 4, "pipeline": 2})
    stage.start()
    stage.elect(0)
    for i in range(12):
        stage.request(0, append(i, i + 1, f"c{i}"))
    assert len(stage.wires[0, 1]) == 2
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    sizes = [len(stage.codec.decode(text).commands) for text in stage.wires[0, 1]]
    assert sizes == [1, 4]
    stage.settle()
    assert stage.replicas[2].store.values["x"] == list(range(12))


def test_an_op_costs_few_messages(stage):
    """At most 3n: forwarded, voted for, answered, told."""
    before = stage.sent
    for i in range(50):
        stage.request(i % 3, write(i, i + 1, f"c{i}"))
        stage.settle()
    assert (stage.sent - before) / 50 <= 3 * 3


# --- snapshots ------------------------------------------------------------------------------------


def compacted(protocol=MultiPaxos):
    """Nodes 0 and 1 have forgotten the slots that node 2 has not seen."""
    stage = Stage(protocol, options={"snapshot_every": 10, "keep": 2})
    stage.start()
    stage.elect(0)
    for i in range(25):
        stage.request(0, append(i, i + 1))
        stage.settle(0, 1)
    stage.drop(0, 2)
    return stage


def test_a_log_is_truncated_behind_a_snapshot_on_disk_too():
    """Chandra 2007, section 5.5."""
    stage = compacted()
    kept = sorted(int(key[4:]) for key in stage.disks[0] if key.startswith("log/"))
    assert kept == list(range(19, 26))
    stage.kill(0)
    stage.start(0)
    assert stage.replicas[0].log.base == 18
    assert stage.replicas[0].log.chosen >= 24
    assert stage.replicas[0].store.values["x"] == list(range(stage.replicas[0].log.chosen))


def test_who_lacks_what_was_truncated_gets_the_snapshot_in_parts(monkeypatch):
    """And one that answers late, or twice, does no harm; sessions come with it."""
    monkeypatch.setattr("protocols.transfer.PART", 40)
    stage = compacted()
    for _ in range(2):
        stage.fire(0, "tick")
        stage.settle()
        stage.fire(2, "tick")
    while stage.replicas[2].log.chosen < 25:
        stage.deliver(2, 0)
        stage.wires[0, 2].append(stage.wires[0, 2][-1])
        stage.settle(0, 2)
    assert sum("n2 <- n0 Snapshot" in line for line in stage.lines) >= 4
    assert stage.replicas[2].store == stage.replicas[0].store
    again = stage.request(2, append(3, 4, "c"))
    assert again not in stage.replies, "long answered; nobody may be told that it failed"


def test_a_snapshot_leaves_the_votes_above_it_alone():
    """paxakos replaced them by the donor's (K-1)."""
    stage = compacted()
    stage.replicas[2].vote(27, (1, 0), append("vote", 99))
    state = stage.replicas[0].snapshot
    stage.replicas[2].install(*state)
    assert stage.replicas[2].log.chosen == 20
    assert [v.slot for v in stage.replicas[2].log.since(1)] == [27]


def test_an_older_snapshot_is_not_installed_over_a_newer_state():
    """L3."""
    stage = compacted()
    old = Snapshot(10, 0, 2, "{}")
    stage.put(1, 0, old)
    stage.put(0, 1, old)
    stage.deliver(0, 1)
    assert stage.replicas[1].store.values["x"] == list(range(25))


def test_a_leader_lets_nobody_change_the_slots_beneath_its_proposals(stage):
    """Who sends it chosen slots knows of a higher ballot; it will step down, not mix the two."""
    stage.request(0, write("mine"))
    votes = (stage.replicas[0].log[1],)
    stage.put(1, 0, Chosen(votes, 1))
    stage.deliver(1, 0)
    assert stage.replicas[0].log.chosen == 0


def test_an_acceptor_votes_only_within_reach_of_what_is_chosen():
    """So that a promise is bounded."""
    stage = Stage(MultiPaxos, options={"batch": 2, "pipeline": 1})
    stage.start()
    far = Accept((1, 0), 8, (write(1), write(2)), 0)
    stage.put(0, 1, far)
    stage.deliver(0, 1)
    assert stage.deliver(1, 0) == Accepted((1, 0), 8, 1)


def thrifty(n):
    stage = Stage(MultiPaxos, n, {"thrifty": "true"})
    stage.start()
    stage.elect(0)
    stage.fire(0, "tick")
    return stage


def receivers(stage, kind):
    """Whom n0 has messages of this kind under way to."""
    return [
        dst
        for dst in range(1, len(stage.cluster.nodes))
        if any(isinstance(stage.codec.decode(text), kind) for text in stage.wires[0, dst])
    ]


def test_a_thrifty_leader_asks_no_more_than_a_quorum_and_tells_the_others():
    """Moraru 2013, section 6.1: "Thrifty ... send Accept messages to only a quorum"."""
    stage = thrifty(5)
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    request = stage.request(0, Command("write", "x", 1, "c", 1))
    assert receivers(stage, Accept) == [1, 2]
    stage.settle()
    assert stage.replies[request].ok
    assert [stage.replicas[node].log.chosen for node in range(5)] == [1] * 5


def test_a_thrifty_leader_reminds_all_of_what_its_quorum_leaves_open():
    stage = thrifty(5)
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    stage.kill(1)
    request = stage.request(0, Command("write", "x", 1, "c", 1))
    stage.settle()
    assert request not in stage.replies
    for _ in range(2):
        stage.fire(0, "tick")
        stage.settle()
    assert stage.replies[request].ok
    stage.request(0, Command("write", "x", 2, "c", 2))
    assert receivers(stage, Accept) == [2, 3]
