"""Retry policies, Nay, and how much a leader has under way (paxakos' rows): ``protocols.appending``, ``window``."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.appending import Forward, Nay
from protocols.kernel import Cluster, Command, Received, Reply, Requested, Started
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Leadership
from protocols.raft import Raft
from protocols.raft.leadership import Leadership as Term
from protocols.raft.messages import ReadIndex, Unread
from protocols.statemachine import NOOP
from protocols.window import Window
from tests.mutants.hunts.appending import CROWDED
from tests.mutants.trials import STORM
from tests.protocols.disks import Disks

NARROW = {"batch": "1", "pipeline": "1"}
FITS = 1 + 4
"""Commands that a leader takes with these: one under way, and what waits."""
BOTH = pytest.mark.parametrize("protocol", [MultiPaxos, Raft])


def staged(protocol, **options):
    stage = Disks(protocol, 3, options)
    stage.start()
    stage.elect(0)
    return stage


def crowd(stage, node=0):
    """As many commands as the leader has room for, one of them under way; nobody answers."""
    for number in range(FITS):
        stage.request(node, Command("write", "x", number, f"w{number}", 1))


def sent_in_ticks(stage, node, ticks, kind=Forward):
    """In which of its ticks a node sends its client's command again."""
    found = []
    for tick in range(1, ticks + 1):
        stage.fire(node, "tick")
        if stage.said_by(node, kind):
            found.append(tick)
        stage.drop(node, 0)
    return found


POLICY = pytest.mark.parametrize(
    ("retry", "ticks"), [("tick", list(range(2, 10))), ("backoff", [2, 4, 8]), ("never", [])]
)


@BOTH
@POLICY
def test_a_command_is_sent_again_as_the_policy_says(protocol, retry, ticks):
    stage = staged(protocol, retry=retry)
    stage.write(1, 5)
    stage.drop(1, 0)
    assert sent_in_ticks(stage, 1, 9) == ticks


@BOTH
def test_who_has_no_room_says_so_and_the_waiting_goes_on(protocol):
    stage = staged(protocol, retry="backoff", **NARROW)
    crowd(stage)
    stage.write(1, 5)
    stage.deliver(1, 0)
    assert stage.said_by(0, Nay) == [Nay((("c5", 1),), "too many wait")]
    while not isinstance(stage.deliver(0, 1), Nay):
        pass
    stage.drop(1, 0)
    assert sent_in_ticks(stage, 1, 9) == [2, 4, 8]


@BOTH
def test_who_does_not_lead_says_so_and_the_waiting_begins_anew(protocol):
    stage = staged(protocol, retry="backoff")
    stage.write(1, 5)
    stage.drop(1, 0)
    assert sent_in_ticks(stage, 1, 5) == [2, 4]
    stage.kill(0)
    stage.start(0)
    stage.request(1, Command("write", "x", 6, "c6", 1))
    stage.deliver(1, 0)
    assert stage.said_by(0, Nay) == [Nay((("c6", 1),), "does not lead")]
    stage.replicas[1].on_nay(Nay((("c5", 1),), "does not lead"))
    assert sent_in_ticks(stage, 1, 1) == [1]


@BOTH
def test_a_new_leader_is_sent_what_waits_unless_that_is_never_done(protocol):
    for retry, answered in (("backoff", True), ("never", False)):
        stage = staged(protocol, retry=retry)
        request = stage.request(1, Command("write", "x", 5, "c5", 1))
        stage.drop(1, 0)
        stage.kill(0)
        stage.start(0)
        stage.elect(2)
        assert stage.replicas[1].leader() == 2
        assert (request in stage.replies) is answered, retry


@BOTH
def test_by_default_nobody_says_nay(protocol):
    stage = staged(protocol, **NARROW)
    crowd(stage)
    stage.write(1, 5)
    stage.deliver(1, 0)
    assert not stage.said_by(0, Nay)


@BOTH
def test_what_was_sent_nowhere_is_refused_and_what_was_sent_is_not_known(protocol):
    stage = staged(protocol, retry="never", **NARROW)
    crowd(stage)
    here = stage.request(0, Command("write", "x", 7, "c7", 1))
    assert (stage.replies[here].ok, stage.replies[here].value) == (False, "refused: too many wait")
    there = stage.request(1, Command("write", "x", 8, "c8", 1))
    stage.deliver(1, 0)
    while not isinstance(stage.deliver(0, 1), Nay):
        pass
    assert (stage.replies[there].ok, stage.replies[there].value) == (
        None,
        "given up: too many wait",
    )


@BOTH
@pytest.mark.parametrize("f", ["write", "read"])
def test_where_nobody_is_known_to_lead_it_is_refused_at_once(protocol, f):
    replica = protocol(0, Cluster((0, 1, 2), options={"retry": "never"}))
    replica.step(Started({}))
    (reply,) = replica.step(Requested(1, Command(f, "x", None, "c", 1)))
    assert (reply.ok, reply.value) == (False, "refused: nobody leads")


# --- reads of Raft, which take no entry -----------------------------------------------------------


READ = Command("read", "x", None, "r", 1)


@POLICY
def test_a_leader_is_asked_for_an_index_again_as_the_policy_says(retry, ticks):
    stage = staged(Raft, retry=retry)
    stage.request(1, READ)
    stage.drop(1, 0)
    assert sent_in_ticks(stage, 1, 9, ReadIndex) == ticks


def unread(retry):
    """n0 led, has come back, and does not lead any more; n1 has not heard of that."""
    stage = staged(Raft, retry=retry)
    stage.kill(0)
    stage.start(0)
    request = stage.request(1, READ)
    stage.deliver(1, 0)
    return stage, request


def test_a_read_that_is_not_taken_is_refused_since_it_has_no_effect():
    stage, request = unread("never")
    (said,) = stage.said_by(0, Unread)
    assert said.why == "does not lead"
    stage.deliver(0, 1)
    assert (stage.replies[request].ok, stage.replies[request].value) == (
        False,
        "refused: does not lead",
    )
    assert not [e for e in stage.replicas[1].step(Received(0, said)) if isinstance(e, Reply)]


def test_a_read_that_is_not_taken_is_asked_for_anew():
    stage, request = unread("backoff")
    stage.deliver(0, 1)
    assert request not in stage.replies
    assert sent_in_ticks(stage, 1, 4, ReadIndex) == [2, 4]
    stage.elect(2)
    stage.settle()
    assert stage.replies[request].ok


def test_nobody_says_so_by_default():
    stage, _ = unread("tick")
    assert not stage.said_by(0, Unread)


# --- the window -----------------------------------------------------------------------------------


def lead(window, adopted=()):
    return Leadership((1, 0), 1, list(adopted), batch=1, pipeline=4, capacity=9, window=window)


def term(window):
    """The same of Raft, with its no-op committed."""
    leadership = Term(1, 0, [1, 2], window, batch=1, capacity=9)
    assert leadership.next_batch(0, 0) == (NOOP,)
    return leadership


def propose(leadership, chosen=0):
    """All that may be under way beside what is."""
    said = []
    while commands := leadership.next_batch(chosen):
        leadership.propose(commands, 0)
        said += [command.key for command in commands]
    return said


def command(key):
    return Command("write", key, 1, key, 1)


def test_an_adaptive_window_grows_while_commands_wait_and_is_halved_by_what_is_late():
    leadership = lead(Window(4, 0, adaptive=True, size=1))
    for key in "abcdefgh":
        leadership.enqueue(command(key))
    assert propose(leadership) == ["a"]
    assert propose(leadership, 1) == ["b", "c"]
    assert propose(leadership, 3) == ["d", "e", "f", "g"]
    leadership.tick()
    assert leadership.window.size == 4, "they are not a tick old"
    leadership.tick()
    leadership.tick()
    leadership.tick()
    assert leadership.window.size == 1


def append(leadership, commit, last):
    """The same for Raft, after entry ``last``."""
    said = []
    while commands := leadership.next_batch(commit, last + len(said)):
        said += [command.key for command in commands]
    return said


def test_an_adaptive_window_of_raft_does_the_same():
    leadership = term(Window(4, 0, adaptive=True, size=1))
    for key in "abcdefgh":
        leadership.enqueue(command(key))
    assert append(leadership, 0, 1) == [], "the no-op is under way"
    assert append(leadership, 1, 1) == ["a", "b"]
    assert append(leadership, 3, 3) == ["c", "d", "e", "f"]
    leadership.tick(3, 7)
    assert leadership.window.size == 4, "they are not a tick old"
    for _ in range(3):
        leadership.tick(3, 7)
    assert leadership.window.size == 1
    leadership.tick(7, 7)
    assert append(leadership, 7, 7) == ["g", "h"], "and grows again"


def test_places_are_reserved_for_the_ends_of_leases_in_raft():
    leadership = term(Window(2, 1, adaptive=False, size=2))
    for key in "ab":
        leadership.enqueue(command(key))
    assert append(leadership, 1, 1) == ["a"]
    leadership.enqueue(command("own"), own=True)
    assert append(leadership, 1, 2) == ["own"]
    assert append(leadership, 2, 3) == [], "the place that is free is not for clients"
    assert append(leadership, 3, 3) == ["b"]


def test_places_are_reserved_for_the_leaders_own_entries():
    leadership = lead(Window(2, 1, adaptive=False, size=2))
    for key in "ab":
        leadership.enqueue(command(key))
    assert propose(leadership) == ["a"]
    leadership.enqueue(command("own"), own=True)
    assert propose(leadership) == ["own"]
    assert propose(leadership, 1) == [], "the place that is free is not for clients"
    assert propose(leadership, 2) == ["b"]


@pytest.mark.parametrize("reserve", [0, 1])
def test_a_full_line_takes_in_the_leaders_own_entries(reserve):
    """They may be what the others wait for."""
    leadership = lead(Window(2, reserve, adaptive=False, size=2))
    while leadership.enqueue(command(f"c{len(leadership.queue)}")):
        pass
    full = len(leadership.queue)
    assert [leadership.enqueue(command(f"own{i}"), own=True) for i in range(2 * full)] == [
        True
    ] * 2 * full
    assert not leadership.enqueue(command("one more"))


def test_the_leaders_own_entries_go_first_and_clients_commands_fill_the_batch():
    window = Window(1, 0, adaptive=False, size=1)
    leadership = Leadership((1, 0), 1, [], batch=2, pipeline=1, capacity=9, window=window)
    for key in "abcd":
        leadership.enqueue(command(key))
    assert propose(leadership) == ["a", "b"]
    leadership.enqueue(command("own"), own=True)
    assert propose(leadership) == []
    assert propose(leadership, 2) == ["own", "c"]
    assert propose(leadership, 4) == ["d"]


def test_nothing_goes_before_what_was_adopted():
    leadership = lead(Window(2, 1, adaptive=False, size=2), [command("a"), command("b")])
    leadership.enqueue(command("own"), own=True)
    assert propose(leadership) == ["a"]
    assert propose(leadership, 1) == ["b", "own"]


@BOTH
def test_the_end_of_a_lease_does_not_wait_behind_clients(protocol):
    under_way = []
    for reserve in ("0", "1"):
        stage = staged(protocol, reserve=reserve, batch="1", pipeline="2")
        stage.request(0, Command("acquire", "l", 10, "holder", 1))
        stage.settle()
        for number in range(6):
            stage.request(0, Command("write", "x", number, f"w{number}", 1))
        for _ in range(4):
            stage.fire(0, "tick")
        assert stage.replicas[0].store.leases.over(stage.replicas[0].timekeeper.now)
        under_way.append("expire" in repr(stage.disks[0]))
    assert under_way == [False, True]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"retry": "often"}, "retry=often: it is one of tick, backoff, never"),
        ({"window": "open"}, "window=open: it is one of fixed, adaptive"),
        ({"reserve": "4"}, "reserve=4: it is less than pipeline=4"),
    ],
)
@pytest.mark.parametrize("protocol", ["multipaxos", "raft"])
def test_what_cannot_be_meant_is_refused(protocol, options, why):
    with pytest.raises(UsageError, match=why):
        Trial(protocol=protocol, options=options).replica()


@pytest.mark.parametrize("retry", ["never", "backoff"])
@pytest.mark.parametrize("protocol", ["multipaxos", "raft"])
def test_none_of_these_makes_it_wrong(protocol, retry):
    options = {"retry": retry, "window": "adaptive", "reserve": "1"}
    for trial in (STORM, replace(CROWDED, time_ms=1_000)):
        some = {**options, "batch": "1", "pipeline": "2"}
        run = replace(trial, protocol=protocol, options=some, seed="1")
        said = {name for name, _ in judged(run).objections}
        assert said <= {"availability", "liveness", "stats vacuous"}, "who is refused has no answer"
