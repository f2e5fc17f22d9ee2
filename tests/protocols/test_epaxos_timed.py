"""Timestamp-ordered queuing: when commands are opened, what that saves, and what recovery makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from harness.sim import simulate
from harness.simulated import setup_of
from harness.trial import Trial
from protocols.ballots import ZERO
from protocols.epaxos import EPaxos
from protocols.epaxos.delays import LAST
from protocols.epaxos.instances import PREACCEPTED, UNKNOWN
from protocols.epaxos.messages import Accept, Commit, RecoverOk
from protocols.epaxos.recovery import Choice, Examine, Recovery, decide, judge, overrules, sizes
from protocols.epaxos.sometimes import SLOW
from protocols.epaxos.timed import HELD_MOST, Queue
from protocols.kernel import Cluster
from tests.mutants.epaxos import BlindAndSmall, StampsAreOrder
from tests.protocols.test_epaxos_paper import A, B, decided, sent, ticks
from tests.protocols.test_epaxos_random import Leaderless
from tests.transcript import Stage

TIMED = {"toq": "true"}
OPENS = 10 + 2
"""Half of the expected round trip, since nothing was measured yet, and epsilon."""


def stage_of(n: int = 3, protocol: type[EPaxos] = EPaxos) -> Stage:
    stage = Stage(protocol, n, TIMED)
    stage.start()
    return stage


def at(stage: Stage, now_ms: int, *nodes: int) -> None:
    """Set the clocks of these nodes (all), and let the timers fire that are due then."""
    for node in nodes or tuple(stage.replicas):
        stage.replicas[node].now_ms = now_ms
        if "open" in stage.timers[node]:
            stage.fire(node, "open")


def phase(stage: Stage, node: int, row: int = 0, number: int = 1) -> int:
    found = stage.replicas[node].instances.get((row, number))  # type: ignore[attr-defined]
    return UNKNOWN if found is None else found.phase


# --- holding ------------------------------------------------------------------------------------------


def test_nobody_opens_a_command_before_his_clock_passes_the_stamp():
    stage = stage_of()
    request = stage.request(0, A)
    stage.settle()
    at(stage, OPENS - 1)
    assert [phase(stage, node) for node in range(3)] == [UNKNOWN] * 3
    at(stage, OPENS)
    assert [phase(stage, node) for node in range(3)] == [PREACCEPTED] * 3
    stage.settle()
    assert stage.replies[request].value == "a"
    assert sent(stage, Accept) == 0


@pytest.mark.parametrize(("options", "slow"), [({}, True), (TIMED, False)])
def test_commands_that_meet_on_their_ways_are_opened_in_one_order(options, slow):
    """The schedule of Figure 1: each reaches the other's owner after that one's own."""
    stage = Stage(EPaxos, 3, options)
    stage.start()
    requests = [stage.request(0, A), stage.request(1, B)]
    stage.settle()
    if options:
        at(stage, OPENS)
        stage.settle()
    assert (sent(stage, Accept) > 0) == slow
    assert set(requests) <= set(stage.replies)
    stores = [r.store.values for r in stage.replicas.values()]
    assert stores == [stores[0]] * 3


def test_what_comes_late_is_opened_at_once_and_costs_a_slow_path():
    stage = stage_of()
    stage.request(0, A)
    stage.request(1, B)
    at(stage, OPENS)  # nothing had arrived anywhere
    stage.settle()
    assert sent(stage, Accept) > 0
    assert len(stage.replies) == 2


def test_an_answer_that_overtakes_the_owners_own_clock_counts_when_it_has_passed():
    stage = stage_of()
    request = stage.request(0, A)
    stage.settle()
    at(stage, OPENS, 1, 2)
    stage.settle()
    assert request not in stage.replies
    at(stage, OPENS, 0)
    assert request in stage.replies


def test_a_clock_that_stands_still_holds_a_command_for_some_ticks_only():
    stage = stage_of()
    request = stage.request(0, A)
    stage.settle()
    for _ in range(HELD_MOST + 1):
        for node in range(3):
            ticks(stage, node, 1)
    stage.settle()
    assert request in stage.replies


def test_a_number_is_on_disk_before_the_command_is_announced_and_never_used_again():
    stage = stage_of()
    stage.request(0, A)
    assert list(stage.disks[0]) == ["i/0/1"]
    stage.settle()
    stage.kill(0)
    stage.start(0)
    stage.request(0, B)
    stage.settle()
    at(stage, 100)
    for _ in range(60):
        for node in range(3):
            ticks(stage, node, 1)
        stage.settle()
    for number in (1, 2):
        assert len({str(what) for what in decided(stage, 0, number)}) == 1
    assert decided(stage, 0, 2)[0][0] == "bob/1"


def queue_of(*apart_and_way: tuple[int, int]) -> Queue:
    """The queue of n1, which has heard of the others, by so much before it, over so long a way."""
    queue = EPaxos(0, Cluster((0, 1, 2), rtt_ms=100, options=TIMED)).timed
    assert queue is not None
    for peer, (apart_ms, way_ms) in enumerate(apart_and_way, 1):
        for _ in range(LAST):
            queue.delays.went(peer, way_ms + apart_ms)
            queue.delays.came(peer, way_ms - apart_ms)
    return queue


def test_a_command_is_stamped_with_when_the_farthest_has_it_whatever_its_clock_says():
    assert queue_of().ahead_ms() == 50 + 2, "nothing was measured: half a round trip"
    assert queue_of((0, 30), (0, 20)).ahead_ms() == 30 + 2
    assert queue_of((-3_600_000, 30), (500, 20)).ahead_ms() == 30 + 2
    assert queue_of((0, 1000), (0, 20)).ahead_ms() == 100, "never above a round trip"
    silent = queue_of((0, 30), (0, 20))
    silent.replica.pace.ticks = 1000
    assert silent.ahead_ms() == 0 + 2, "who is not heard of is not waited for"


def test_what_is_late_once_counts_for_nothing_and_a_jump_for_all_when_it_has_lasted():
    queue = queue_of((0, 30), (0, 20))
    queue.delays.went(1, 10**6)
    queue.delays.came(2, 10**6)
    assert queue.ahead_ms() == 30 + 2
    for _ in range(LAST // 2 + 1):
        queue.delays.went(2, 20 + 777)
        queue.delays.came(2, 20 - 777)
    assert queue.delays.apart_ms(2) == 777
    assert queue.ahead_ms() == 30 + 2


def test_all_go_by_the_clock_of_the_first_that_lives():
    queue = EPaxos(2, Cluster((0, 1, 2), rtt_ms=100, options=TIMED)).timed
    assert queue is not None
    assert queue.clock_ms() == 0, "one's own, until another is known"
    for peer, apart_ms in ((1, 40), (0, -300)):
        queue.delays.went(peer, 5 + apart_ms)
        queue.delays.came(peer, 5 - apart_ms)
        assert queue.clock_ms() == apart_ms
    queue.replica.pace.ticks = 1000
    queue.replica.pace.heard[1] = 1000
    assert queue.clock_ms() == 40


def test_clocks_that_are_far_apart_do_not_make_commands_conflict():
    """A quarter of a second, over ways of some ms: once, two of five took the slow path for it."""
    trial = Trial(
        protocol="epaxos", nodes=5, threads=10, keys=2, rate=150, time_ms=2_000, options=TIMED
    )
    setup = setup_of(replace(trial, seed="apart"))
    assert setup.skew_ms >= 250
    rows = simulate(setup).rows
    slow = sum(row.f == "sometimes" and row.value == SLOW for row in rows)
    updates = sum(row.f == "decided" for row in rows) // 5
    assert updates > 200
    assert slow < updates // 20


def test_an_option_that_is_neither_is_refused():
    with pytest.raises(ValueError, match="toq=maybe: it is true or false"):
        EPaxos(0, Cluster((0, 1, 2), options={"toq": "maybe"}))


# --- recovery -----------------------------------------------------------------------------------------

FIVE = sizes(5, blind=True)
NONE = (0, 0, 0, 0, 0)
NOOP = Choice(None, NONE)


def pre(deps: tuple[int, ...]) -> RecoverOk:
    return RecoverOk(0, 1, (1, 1), ZERO, PREACCEPTED, A, deps, deps)


OWN, MORE = pre(NONE), pre((0, 0, 0, 1, 0))
NOTHING = RecoverOk(0, 1, (1, 1), ZERO, UNKNOWN, None, NONE, None)


@pytest.mark.parametrize(
    ("replies", "decision"),
    [
        ({1: OWN, 2: OWN, 3: OWN}, Examine(A, NONE, 3)),
        ({1: OWN, 2: MORE, 3: OWN}, Examine(A, NONE, 2)),
        ({1: MORE, 2: MORE, 3: OWN}, Examine(A, MORE.deps, 2)),
        ({1: MORE, 2: NOTHING, 3: MORE}, Examine(A, MORE.deps, 2)),
        ({1: OWN, 2: MORE, 3: NOTHING}, NOOP),
        ({1: OWN, 2: MORE, 3: OWN, 4: MORE}, NOOP),
        ({0: OWN, 2: OWN, 3: OWN}, NOOP),
    ],
)
def test_what_may_have_been_committed_is_what_all_but_one_answer(replies, decision):
    """Of five the fast quorum is four: one of those who are asked may not have been in it."""
    assert decide(replies, 0, FIVE, NONE) == decision


def test_a_conflicts_owner_that_is_away_proves_nothing():
    """Nobody knows what it had met: with the owner's own dependencies it would have been no-op."""
    recovery = Recovery((1, 1), examined=Examine(A, NONE, 2), quorum=(1, 2, 3))
    recovery.conflicts[4, 1] = 0
    assert judge(recovery, (0, 1, 2, 3, 4), FIVE, NONE) is None
    recovery.conflicts[4, 1] = 1
    assert judge(recovery, (0, 1, 2, 3, 4), FIVE, NONE) == NOOP


def test_two_witnesses_against_it_leave_no_fast_quorum():
    assert [overrules(w, FIVE) for w in (1, 2)] == [False, True]


def two_owners_die(protocol: type[EPaxos]) -> Stage:
    """Both owners open a, then b; of the others n2 has a alone, n3 b alone. Then both owners die."""
    stage = stage_of(5, protocol)
    stage.request(0, A)
    stage.request(1, B)
    at(stage, OPENS, 0)
    at(stage, 100, 2, 3, 4)
    for node in (0, 1):  # b's owner is late with its own
        stage.replicas[node].now_ms = OPENS
    stage.deliver(0, 1)
    stage.deliver(0, 2)
    at(stage, 100, 1)
    stage.deliver(1, 0)
    stage.deliver(1, 3)
    for src, dst in ((1, 0), (2, 0), (0, 1), (3, 1)):
        while any("TimedOk" in text for text in stage.wires[src, dst]):
            stage.deliver(src, dst)
    stage.kill(0, 1)
    for node in (0, 1):
        for other in range(5):
            stage.drop(node, other)
    for _ in range(80):
        for node in (2, 3, 4):
            ticks(stage, node, 1)
            stage.settle(2, 3, 4)
    return stage


def test_with_the_papers_fast_quorum_a_recovery_contradicts_what_was_committed():
    """Red: three of five had opened a first, its client was answered, and it is given up."""
    found = {str(what) for what in decided(two_owners_die(BlindAndSmall), 0, 1)}
    assert len(found) == 2, found
    stage = two_owners_die(EPaxos)
    for row in (0, 1):
        assert len({str(what) for what in decided(stage, row, 1)}) == 1
    assert sent(stage, Commit) > 0


def test_stamps_taken_for_the_order_are_found_out():
    """T1: two commands that are opened in two orders leave each other out, or are committed apart."""
    found = []
    for seed in range(10):
        try:
            Clocks(StampsAreOrder, seed, 3).play(1200)
        except AssertionError:
            found.append(seed)
            break
    assert found


@dataclass
class Clocks(Leaderless):
    """Chance moves the clocks, too: mostly on, each at its own pace, and now and then back."""

    options: dict[str, object] = field(
        default_factory=lambda: {"checkpoint_every": 8, "retain": 6, **TIMED}
    )

    def move(self) -> None:
        up = list(self.stage.replicas.values())
        if up and self.random.randrange(1000) < 120:
            self.random.choice(up).now_ms += self.random.choice((1, 5, 10, 20, 20, 1000, -30))
        super().move()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [3, 4, 5])
def test_any_schedule_and_any_clocks_are_linearizable_and_end_in_agreement(n, seed):
    Clocks(EPaxos, seed, n).play(1200)
