"""Retry policies, Nay, and how much a leader has under way (paxakos' rows): ``multipaxos.appending``, ``window``."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.kernel import Cluster, Command, Requested, Started
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Leadership
from protocols.multipaxos.messages import Forward, Nay
from protocols.multipaxos.window import Window
from tests.mutants.hunts.appending import CROWDED
from tests.mutants.trials import STORM
from tests.protocols.disks import Disks

NARROW = {"batch": "1", "pipeline": "1"}


def staged(**options):
    stage = Disks(MultiPaxos, 3, options)
    stage.start()
    stage.elect(0)
    return stage


def crowd(stage, node=0):
    """As many commands as the leader has room for, one of them under way; nobody answers."""
    for number in range(1 + stage.replicas[0].reach):
        stage.request(node, Command("write", "x", number, f"w{number}", 1))


def sent_in_ticks(stage, node, ticks):
    """In which of its ticks a node sends its client's command again."""
    found = []
    for tick in range(1, ticks + 1):
        stage.fire(node, "tick")
        if stage.said_by(node, Forward):
            found.append(tick)
        stage.drop(node, 0)
    return found


@pytest.mark.parametrize(
    ("retry", "ticks"), [("tick", list(range(2, 10))), ("backoff", [2, 4, 8]), ("never", [])]
)
def test_a_command_is_sent_again_as_the_policy_says(retry, ticks):
    stage = staged(retry=retry)
    stage.write(1, 5)
    stage.drop(1, 0)
    assert sent_in_ticks(stage, 1, 9) == ticks


def test_who_has_no_room_says_so_and_the_waiting_goes_on():
    stage = staged(retry="backoff", **NARROW)
    crowd(stage)
    stage.write(1, 5)
    stage.deliver(1, 0)
    assert stage.said_by(0, Nay) == [Nay((("c5", 1),), "too many wait")]
    while not isinstance(stage.deliver(0, 1), Nay):
        pass
    stage.drop(1, 0)
    assert sent_in_ticks(stage, 1, 9) == [2, 4, 8]


def test_who_does_not_lead_says_so_and_the_waiting_begins_anew():
    stage = staged(retry="backoff")
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


def test_by_default_nobody_says_nay():
    stage = staged(**NARROW)
    crowd(stage)
    stage.write(1, 5)
    stage.deliver(1, 0)
    assert not stage.said_by(0, Nay)


def test_what_was_sent_nowhere_is_refused_and_what_was_sent_is_not_known():
    stage = staged(retry="never", **NARROW)
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


def test_where_nobody_is_known_to_lead_it_is_refused_at_once():
    replica = MultiPaxos(0, Cluster((0, 1, 2), options={"retry": "never"}))
    replica.step(Started({}))
    (reply,) = replica.step(Requested(1, Command("write", "x", 1, "c", 1)))
    assert (reply.ok, reply.value) == (False, "refused: nobody leads")


# --- the window -----------------------------------------------------------------------------------


def lead(window, adopted=()):
    return Leadership((1, 0), 1, list(adopted), batch=1, pipeline=4, capacity=9, window=window)


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


def test_places_are_reserved_for_the_leaders_own_entries():
    leadership = lead(Window(2, 1, adaptive=False, size=2))
    for key in "ab":
        leadership.enqueue(command(key))
    assert propose(leadership) == ["a"]
    leadership.enqueue(command("own"), own=True)
    assert propose(leadership) == ["own"]
    assert propose(leadership, 1) == [], "the place that is free is not for clients"
    assert propose(leadership, 2) == ["b"]


def test_nothing_goes_before_what_was_adopted():
    leadership = lead(Window(2, 1, adaptive=False, size=2), [command("a"), command("b")])
    leadership.enqueue(command("own"), own=True)
    assert propose(leadership) == ["a"]
    assert propose(leadership, 1) == ["b", "own"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"retry": "often"}, "retry=often: it is one of tick, backoff, never"),
        ({"window": "open"}, "window=open: it is one of fixed, adaptive"),
        ({"reserve": "4"}, "reserve=4: it is less than pipeline=4"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, why):
    with pytest.raises(UsageError, match=why):
        Trial(protocol="multipaxos", options=options).replica()


@pytest.mark.parametrize("retry", ["never", "backoff"])
def test_none_of_these_makes_it_wrong(retry):
    options = {"retry": retry, "window": "adaptive", "reserve": "1"}
    for trial in (STORM, replace(CROWDED, time_ms=1_000)):
        some = {**options, "batch": "1", "pipeline": "2"}
        run = replace(trial, protocol="multipaxos", options=some, seed="1")
        said = {name for name, _ in judged(run).objections}
        assert said <= {"availability", "liveness", "stats vacuous"}, "who is refused has no answer"
