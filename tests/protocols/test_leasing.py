"""Leases for clients: what a token is worth, and by whose time a lease ends (Gray and Cheriton 1989)."""

from dataclasses import replace

import pytest

from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.kernel import Command
from protocols.leasing import Leases, Timekeeper, stamped
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft
from protocols.statemachine import KeyValue
from protocols.wire import dumps, loads
from tests.mutants.hunts.leases import CHANGES, JUMPS
from tests.transcript import Stage


def ask(leases, f, asked, at, span=0):
    return leases.run(stamped(Command(f, "l", asked), at, at + span))


def test_who_asks_first_has_it_and_the_next_token_is_higher():
    leases = Leases()
    assert ask(leases, "acquire", 100, at=0).value == 1
    assert not ask(leases, "acquire", 100, at=99).ok
    assert ask(leases, "acquire", 100, at=100).value == 2
    assert ask(leases, "release", 2, at=100).ok
    assert ask(leases, "acquire", 100, at=100).value == 3


def test_a_lease_lasts_from_the_latest_time_at_which_it_may_have_been_taken():
    leases = Leases()
    ask(leases, "acquire", 100, at=0, span=50)
    assert not ask(leases, "acquire", 100, at=149, span=50).ok
    assert ask(leases, "acquire", 100, at=150, span=50).ok


def test_who_lost_it_refreshes_nothing_and_frees_nothing():
    leases = Leases()
    ask(leases, "acquire", 100, at=0)
    assert not ask(leases, "refresh", [1, 100], at=100).ok, "it has ended"
    ask(leases, "acquire", 100, at=100)
    assert not ask(leases, "refresh", [1, 100], at=101).ok
    assert not ask(leases, "release", 1, at=101).ok
    assert leases.holder("l") == 2


def test_a_refresh_never_shortens():
    leases = Leases()
    ask(leases, "acquire", 100, at=0)
    assert ask(leases, "refresh", [1, 10], at=50).ok
    assert not ask(leases, "acquire", 10, at=99).ok


def test_the_releaser_frees_only_what_is_over():
    leases = Leases()
    ask(leases, "acquire", 100, at=0)
    assert not ask(leases, "expire", 1, at=99).ok
    assert ask(leases, "expire", 1, at=100).ok
    assert leases.held == {}
    assert ask(leases, "acquire", 1, at=100).value == 2, "tokens go on where it was freed"


def test_time_in_the_log_never_goes_back():
    """An entry of a new leader may have an older time than one that it adopted."""
    leases = Leases()
    ask(leases, "acquire", 100, at=1000)
    assert not ask(leases, "acquire", 100, at=500, span=50).ok
    assert ask(leases, "refresh", [1, 200], at=500, span=50).ok
    assert leases.held["l"] == (1, 1250)


@pytest.mark.parametrize("asked", [None, 0, -1, "x", True, 1 << 40, [1], [None, 5], [[], 5], {}])
@pytest.mark.parametrize("f", ["acquire", "refresh", "release", "expire"])
def test_whatever_it_is_asked_it_answers(f, asked):
    leases = Leases()
    ask(leases, "acquire", 100, at=0)
    assert not ask(leases, f, asked, at=10).ok


def test_without_a_time_in_the_log_nobody_gets_a_lease():
    """Protocols that stamp nothing refuse, rather than lend for ever; nor does a client set the time."""
    answer = KeyValue().run(Command("acquire", "l", 100))
    assert not answer.ok
    assert "no time" in str(answer.value)
    forged = Command("acquire", "l", {"at": [0, 0], "asked": 100})
    assert not KeyValue().run(stamped(forged, 5, 5)).ok


def test_a_snapshot_has_the_leases_and_the_tokens():
    store = KeyValue()
    store.run(stamped(Command("acquire", "l", 100), 0, 50))
    again = KeyValue.restore(loads(dumps(store.snapshot())))
    assert again == store
    assert not again.run(stamped(Command("acquire", "l", 100), 149, 199)).ok
    assert again.run(stamped(Command("acquire", "l", 100), 150, 200)).value == 2


def test_the_resource_refuses_an_older_token():
    store = KeyValue()
    assert store.run(Command("guarded", "g", [33, "a"])).value is None
    assert store.run(Command("guarded", "g", [34, "b"])).value == [33, "a"]
    assert not store.run(Command("guarded", "g", [33, "c"])).ok
    assert store.values["g"] == [34, "b"]


def test_the_first_tick_in_office_counts_for_nothing():
    """It may come at once: what passes between two is all that a leader knows to have passed."""
    keeper = Timekeeper(100)
    keeper.begin(500)
    keeper.tick()
    assert keeper.now == 500
    keeper.tick()
    assert keeper.now == 600


@pytest.mark.parametrize("protocol", [MultiPaxos, Raft])
def test_a_lease_ends_by_the_leaders_ticks_and_is_had_at_every_node(protocol):
    stage = Stage(protocol, 3)
    stage.start()
    stage.elect(0)
    stage.settle()
    first = stage.request(1, Command("acquire", "l", 150, "a", 1))
    stage.settle()
    assert stage.replies[first].value == 1
    refused = stage.request(2, Command("acquire", "l", 150, "b", 1))
    stage.settle()
    assert not stage.replies[refused].ok
    for _ in range(
        4
    ):  # the first counts for nothing, and the lease may have begun after the second
        stage.fire(0, "tick")
        stage.settle()
    assert {replica.store.leases.holder("l") for replica in stage.replicas.values()} == {None}
    second = stage.request(2, Command("acquire", "l", 150, "b", 2))
    stage.settle()
    assert stage.replies[second].value == 2
    stores = [replica.store.snapshot() for replica in stage.replicas.values()]
    assert stores[0] == stores[1] == stores[2]


@pytest.mark.parametrize("protocol", [MultiPaxos, Raft])
def test_a_new_leader_goes_on_with_the_time_of_the_log(protocol):
    stage = Stage(protocol, 3)
    stage.start()
    stage.elect(0)
    stage.settle()
    for _ in range(4):
        stage.fire(0, "tick")
        stage.settle()
    stage.request(1, Command("acquire", "l", 150, "a", 1))
    stage.settle()
    stage.kill(0)
    for node in (2, 2, 1, 1):
        stage.fire(node, "watch")
    stage.drop(2, 1)
    for _ in range(3):
        stage.settle(1, 2)
        if stage.replicas[1].leadership is None:
            stage.fire(1, "watch")
    assert stage.replicas[1].leadership is not None
    request = stage.request(2, Command("acquire", "l", 150, "b", 1))
    stage.settle(1, 2)
    assert not stage.replies[request].ok, "no time has passed that it knows of"
    assert stage.replicas[1].timekeeper.now == 300


@pytest.mark.parametrize("protocol", ["multipaxos", "raft"])
@pytest.mark.parametrize("trial", [JUMPS, CHANGES], ids=["jumps", "changes"])
def test_leases_hold_whatever_clocks_say_and_whoever_leads(protocol, trial):
    for seed in range(2):
        said = judged(replace(trial, protocol=protocol, seed=str(seed))).objections
        assert [o for o in said if "stats" not in o[0]] == []


def test_protocols_without_a_leaders_time_do_not_offer_leases():
    assert "acquire" in Trial(protocol="fpaxos").replica().commands
    for other in ("epaxos", "mencius", "sdpaxos", "chain"):
        commands = Trial(protocol=other).replica().commands
        assert commands is None or "acquire" not in commands
