"""What the paper claims, one test a claim, on a stage where each message is delivered by hand."""

from __future__ import annotations

import pytest

from protocols.ballots import ZERO
from protocols.kernel import Command, Reply
from protocols.paxos import Paxos
from protocols.paxos.messages import Accept, Accepted, Chosen, Prepare, Promise, Rejected
from protocols.transfer import Snapshot
from tests.mutants.paxos import ForgetsPromise
from tests.transcript import Stage, assert_golden


def append(value, serial=1, session="c"):
    return Command("append", "x", value, session, serial)


def read(serial=1, session="r"):
    return Command("read", "x", None, session, serial)


@pytest.fixture
def stage():
    """Three replicas that have heard of nothing."""
    stage = Stage(Paxos)
    stage.start()
    return stage


def agreed(stage):
    """What every replica has for the list."""
    return [replica.store.values.get("x") for replica in stage.replicas.values()]


# --- section 2.2: choosing a value ----------------------------------------------------------------


def test_an_acceptor_promises_once_and_never_takes_it_back(stage):
    """2.2, phase 1b; P1a: it accepts a proposal numbered n iff it has not promised more than n."""
    assert stage.tell(0, 1, Prepare(1, (2, 0))) == [Promise(1, (2, 0), ZERO, ())]
    assert stage.tell(2, 1, Prepare(1, (1, 2))) == [Rejected(1, (1, 2), (2, 0))]
    assert stage.tell(2, 1, Accept(1, (1, 2), (append("a"),))) == [Rejected(1, (1, 2), (2, 0))]
    assert stage.tell(0, 1, Accept(1, (2, 0), (append("b"),))) == [Accepted(1, (2, 0))]


def test_promises_and_votes_survive_a_restart(stage):
    """2.4: an acceptor's information is kept in stable storage before its response is sent."""
    stage.tell(0, 1, Prepare(1, (7, 0)))
    stage.tell(0, 1, Accept(1, (7, 0), (append("a"),)))
    stage.kill(1)
    stage.start(1)
    assert stage.tell(2, 1, Prepare(1, (6, 2))) == [
        Rejected(1, (6, 2), stage.replicas[1].slots[1].promised)
    ]
    (promise,) = stage.tell(2, 1, Prepare(1, (9, 2)))
    assert (promise.voted, promise.batch) == ((7, 0), (append("a"),))


def test_a_proposer_takes_up_the_highest_numbered_proposal_that_it_hears_of(stage):
    """2.2, phase 2a: v is the value of the highest-numbered proposal among the responses."""
    stage.tell(1, 2, Accept(1, (5, 1), (append("older"),)))
    stage.quiet()
    request = stage.request(0, append("mine", session="me"))
    stage.drop(0, 1)
    stage.settle(0, 2)
    while "propose" in stage.timers[0] and request not in stage.replies:
        stage.fire(0, "propose")
        stage.settle(0, 2)
    assert stage.replicas[0].store.values["x"] == ["older", "mine"]
    assert ("sometimes", "an older proposal was helped through") in {
        (note.kind, note.value) for _, note in stage.notes if note.kind == "sometimes"
    }


def test_answers_to_an_older_attempt_count_for_nothing(stage):
    """2.2: a proposer that abandons a proposal forgets it."""
    stage.request(0, append("a"))
    first = stage.replicas[0].attempt.ballot
    stage.quiet()
    stage.fire(0, "propose")
    stage.quiet()
    stage.tell(1, 0, Promise(1, first, ZERO, ()))
    assert not stage.replicas[0].attempt.promises.reached
    stage.tell(1, 0, Promise(1, stage.replicas[0].attempt.ballot, ZERO, ()))
    assert stage.replicas[0].attempt.promises.reached


def test_an_answer_that_comes_twice_counts_once():
    """A majority is of acceptors, not of answers."""
    stage = Stage(Paxos, n=5)
    stage.start()
    stage.request(0, append("a"))
    stage.quiet()
    ballot = stage.replicas[0].attempt.ballot
    for _ in range(3):
        stage.tell(1, 0, Promise(1, ballot, ZERO, ()))
    assert not stage.replicas[0].attempt.promises.reached


def test_a_ballot_is_never_used_twice_even_across_a_restart(stage):
    """2.4: each proposer remembers, on disk, the highest-numbered proposal that it tried to issue."""
    stage.request(0, append("a"))
    first = stage.replicas[0].attempt.ballot
    stage.quiet()
    stage.kill(0)
    stage.start(0)
    assert stage.replicas[0].attempt.ballot > first


# --- section 2.3 and 3: learning, and the log ------------------------------------------------------


def test_an_op_takes_two_round_trips_and_all_learn_of_it(stage):
    """2.3: a learner must find out that a proposal was accepted by a majority."""
    request = stage.request(0, append("a"))
    stage.settle()
    assert stage.replies[request] == Reply(request, "a", True)
    assert agreed(stage) == [["a"]] * 3
    assert_golden("paxos", stage)


def test_two_proposers_meet_and_both_are_served(stage):
    """2.4: a duel. The one that is turned away helps the other through, and follows in the next slot."""
    requests = [
        stage.request(0, append("a", session="a")),
        stage.request(2, append("b", session="b")),
    ]
    stage.deliver(0, 1)
    stage.deliver(2, 1)
    stage.settle()
    for _ in range(6):
        for node in (0, 2):
            if "propose" in stage.timers[node]:
                stage.fire(node, "propose")
                stage.settle()
    assert set(requests) <= set(stage.replies)
    assert len({tuple(x) for x in agreed(stage)}) == 1
    assert sorted(agreed(stage)[0]) == ["a", "b"]
    assert_golden("paxos-duel", stage)


def test_a_batch_may_hold_many_and_each_runs_by_itself(stage):
    """G-5: GoPaxos ran the joined commands once for each of them."""
    first = stage.request(0, append("a", session="a"))
    more = [stage.request(0, append(value, session=value)) for value in "bcd"]
    stage.settle()
    assert {first, *more} <= set(stage.replies)
    assert agreed(stage)[0] == list("abcd")
    assert stage.replicas[0].slots.chosen == 1, "they wait for the promises, and go together"


def test_a_node_that_comes_back_catches_up_by_a_no_op(stage):
    """Section 3's gaps, and GoPaxos' start: nobody needs to tell it that it has missed something."""
    stage.kill(2)
    for serial in range(1, 5):
        stage.request(0, append(serial, serial))
        stage.settle(0, 1)
    stage.quiet()
    stage.disks[2]["slot/9"] = "[[1,0],[0,-1],[],false]"
    stage.start(2)
    stage.settle()
    while "propose" in stage.timers[2]:
        stage.fire(2, "propose")
        stage.settle()
    assert agreed(stage) == [[1, 2, 3, 4]] * 3


def test_slots_learnt_out_of_order_are_executed_in_order(stage):
    """Section 3: command 140 cannot be executed before 139 is."""
    stage.tell(0, 1, Chosen(2, ((append("second", 2),),)))
    assert stage.replicas[1].store.values == {}
    stage.tell(0, 1, Chosen(1, ((append("first", 1),),)))
    assert stage.replicas[1].store.values["x"] == ["first", "second"]


def test_a_command_chosen_in_two_slots_runs_once(stage):
    """A retry at another node, or a hand-over: sessions (Ongaro 2014, section 6.3)."""
    for node in (0, 1):
        stage.request(node, append("once"))
        stage.settle()
        while "propose" in stage.timers[node]:
            stage.fire(node, "propose")
            stage.settle()
    assert agreed(stage)[1] == ["once"]


def test_what_is_forgotten_is_told_by_a_snapshot_in_parts(monkeypatch):
    """Compaction: the slots are gone, the state is not; and votes above it stay."""
    monkeypatch.setattr("protocols.transfer.PART", 40)
    stage = Stage(Paxos, options={"snapshot_every": 3, "keep": 0})
    stage.start()
    stage.kill(2)
    for serial in range(1, 8):
        stage.request(0, append(serial, serial))
        stage.settle(0, 1)
    stage.quiet()
    assert stage.replicas[0].slots.base == 6
    stage.start(2)
    stage.tell(1, 2, Accept(8, (3, 1), (append("vote", 9),)))
    stage.quiet()
    request = stage.request(2, read())
    stage.settle()
    for _ in range(9):
        if "propose" in stage.timers[2]:
            stage.fire(2, "propose")
            stage.settle()
    assert stage.replies[request].value == [1, 2, 3, 4, 5, 6, 7, "vote"]
    assert any(isinstance(m, str) and " Snapshot(" in m for m in stage.lines)
    assert Snapshot in Paxos.messages


# --- a mutant that chance hardly finds --------------------------------------------------------------


def forgotten_promise(protocol):
    """Node 2 promises (2, 0), is killed, and is then asked to accept the older (1, 1)."""
    stage = Stage(protocol)
    stage.start()
    stage.tell(0, 2, Prepare(1, (2, 0)))
    stage.kill(2)
    stage.start(2)
    (answer,) = stage.tell(1, 2, Accept(1, (1, 1), (append("older"),)))
    return type(answer)


def test_a_promise_that_was_not_durable_is_broken_after_a_restart():
    """M1. (2, 0) may by now have been told, by node 2's promise, that nothing was accepted."""
    assert forgotten_promise(Paxos) is Rejected
    assert forgotten_promise(ForgetsPromise) is Accepted
