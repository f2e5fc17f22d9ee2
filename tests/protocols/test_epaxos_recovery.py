"""The decision table of recovery, and what each message does in each phase of an instance."""

from __future__ import annotations

import pytest

from protocols.ballots import ZERO
from protocols.epaxos import EPaxos
from protocols.epaxos.instances import ACCEPTED, COMMITTED, EXECUTED, PREACCEPTED, UNKNOWN
from protocols.epaxos.messages import (
    Accept,
    AcceptOk,
    Commit,
    PreAccept,
    PreAcceptOk,
    Recover,
    RecoverOk,
    Refused,
    Validate,
    ValidateOk,
    Waiting,
)
from protocols.epaxos.recovery import (
    Choice,
    Examine,
    Recovery,
    decide,
    judge,
    overrules,
    sizes,
)
from protocols.kernel import Cluster, Command, Fired, Send, Started, effects_of
from protocols.wire import dumps, loads

C = Command("write", "x", 1, "ann", 1)
D = Command("write", "x", 2, "bob", 1)
NONE = (0, 0, 0)
NOOP = Choice(None, NONE)
B1, B2 = (1, 1), (2, 1)


def ok(phase=UNKNOWN, voted=ZERO, command=None, deps=NONE, initial=None) -> RecoverOk:
    return RecoverOk(0, 1, B2, voted, phase, command, deps, initial)


NOTHING = ok()
AGREED = ok(PREACCEPTED, ZERO, C, NONE, NONE)
ADDED = ok(PREACCEPTED, ZERO, C, (0, 1, 0), NONE)
SLOW = ok(ACCEPTED, ZERO, C, (0, 1, 0), NONE)
VOTED = ok(ACCEPTED, B1, C, (0, 2, 0), NONE)
VOTED_NOOP = ok(ACCEPTED, B1, None, NONE)


@pytest.mark.parametrize(
    ("replies", "decision"),
    [
        ({1: NOTHING, 2: NOTHING}, NOOP),
        ({1: NOTHING, 2: ADDED}, NOOP),
        ({1: ADDED, 2: ADDED}, NOOP),
        ({1: NOTHING, 2: AGREED}, Examine(C, NONE, 1)),
        ({1: AGREED, 2: AGREED}, Examine(C, NONE, 2)),
        ({1: AGREED, 2: ADDED}, Examine(C, NONE, 1)),
        ({0: AGREED, 1: AGREED}, NOOP),
        ({0: AGREED, 1: AGREED, 2: AGREED}, NOOP),
        ({0: SLOW, 1: AGREED}, Choice(C, (0, 1, 0))),
        ({1: VOTED, 2: AGREED}, Choice(C, (0, 2, 0))),
        ({0: SLOW, 2: VOTED}, Choice(C, (0, 2, 0))),
        ({0: SLOW, 2: VOTED_NOOP}, NOOP),
        ({1: AGREED, 2: VOTED_NOOP}, NOOP),
    ],
)
def test_what_promises_decide_among_three(replies, decision):
    """Votes first, by the ballot voted in; the owner's word; enough witnesses; else no-op."""
    assert decide(replies, 0, sizes(3), NONE) == decision


def test_five_replicas_need_one_witness_of_three_and_seven_two_of_four():
    for n, witnesses in ((5, 1), (7, 2), (9, 2)):
        size = sizes(n)
        quorum = range(1, size.slow + 1)
        replies = {node: AGREED if node <= witnesses else NOTHING for node in quorum}
        assert size.witnesses == witnesses
        assert decide(replies, 0, size, NONE) == Examine(C, NONE, witnesses)
        replies[1] = NOTHING
        assert decide(replies, 0, size, NONE) == NOOP if witnesses == 1 else True


@pytest.mark.parametrize("n", range(1, 12))
def test_quorums_meet_as_the_proof_needs(n):
    """Votes meet votes; a fast quorum leaves witnesses in every quorum of promises; and meets one."""
    size = sizes(n)
    f = (n - 1) // 2
    assert 2 * size.slow > n
    assert size.fast + size.slow > n
    assert size.witnesses >= 1
    assert n >= max(2 * size.lacking + f - 1, 2 * f + 1)
    # Witnesses that overrule, their owner and any fast quorum have one in common.
    assert size.witnesses + 1 + 1 + size.fast > n


def waiting(found, witnesses=2, quorum=(1, 2)) -> Recovery:
    recovery = Recovery(B2, examined=Examine(C, NONE, witnesses), quorum=quorum)
    recovery.conflicts = found
    return recovery


@pytest.mark.parametrize(
    ("recovery", "choice"),
    [
        (waiting({}), Choice(C, NONE)),
        (waiting({(1, 1): 1}), NOOP),
        (waiting({(1, 1): 0, (2, 5): 1}), NOOP),
        (waiting({(1, 1): 0}), None),
        (waiting({(1, 1): 0}, witnesses=1), None),
        (waiting({(0, 2): 0}, witnesses=1), NOOP),
        (waiting({(0, 2): 0}, witnesses=2), None),
    ],
)
def test_what_answers_to_validate_decide(recovery, choice):
    assert judge(recovery, (0, 1, 2), sizes(3), NONE) == choice


def test_more_witnesses_than_a_fast_quorum_leaves_overrule():
    assert [overrules(k, sizes(3)) for k in (1, 2)] == [False, True]
    assert [overrules(k, sizes(5)) for k in (1, 2)] == [False, True]
    assert [overrules(k, sizes(7)) for k in (2, 3)] == [False, True]


# --- what each message does in each phase ------------------------------------------------------------

PA, ACC, COM = PreAccept(0, 1, C, NONE), Accept(0, 1, B1, C, NONE), Commit(0, 1, C, NONE)
PHASES = {
    "unknown": (),
    "preaccepted": (PA,),
    "promised": (Recover(0, 1, B2),),
    "preaccepted, promised": (PA, Recover(0, 1, B2)),
    "accepted": (PA, Accept(0, 1, ZERO, C, NONE)),
    "accepted later": (PA, Accept(0, 1, B2, C, NONE)),
    "committed": (COM,),
}
ANSWERS: dict[str, dict[str, object]] = {
    "unknown": {"PreAccept": PreAcceptOk, "Accept": AcceptOk, "Recover": RecoverOk},
    "preaccepted": {"PreAccept": PreAcceptOk, "Accept": AcceptOk, "Recover": RecoverOk},
    "promised": {"PreAccept": Refused, "Accept": Refused, "Recover": Refused},
    "preaccepted, promised": {"PreAccept": Refused, "Accept": Refused, "Recover": Refused},
    "accepted": {"PreAccept": None, "Accept": AcceptOk, "Recover": RecoverOk},
    "accepted later": {"PreAccept": Refused, "Accept": Refused, "Recover": Refused},
    "committed": {"PreAccept": Commit, "Accept": Commit, "Recover": Commit},
}


def replica(*before) -> EPaxos:
    made = EPaxos(2, Cluster((0, 1, 2)))
    made.step(Started({}))
    for msg in before:
        made.on_message(1, msg)
    made._said = []
    return made


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("msg", [PA, ACC, Recover(0, 1, B1)], ids=lambda m: type(m).__name__)
def test_answers_by_phase(phase, msg):
    """Ballot 1 comes to an instance in each phase; what was promised to ballot 2 refuses it."""
    made = replica(*PHASES[phase])
    made.on_message(1, msg)
    answers = [e.msg for e in effects_of(made._said) if isinstance(e, Send)]
    expected = ANSWERS[phase][type(msg).__name__]
    assert [type(a) for a in answers] == ([] if expected is None else [expected])


@pytest.mark.parametrize("phase", PHASES)
def test_commit_is_final_in_every_phase(phase):
    made = replica(*PHASES[phase])
    made.on_message(1, COM)
    made.on_message(1, Accept(0, 1, (9, 1), None, NONE))
    instance = made.instances.get((0, 1))
    assert instance is not None
    assert instance.phase == EXECUTED
    assert instance.value == C


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_survives_a_restart(phase):
    made = EPaxos(2, Cluster((0, 1, 2)))
    disk = {}
    for event in (Started({}),):
        made.step(event)
    for msg in PHASES[phase]:
        made._said = []
        made.on_message(1, msg)
        disk |= {e.key: loads(dumps(e.value)) for e in effects_of(made._said) if hasattr(e, "key")}
    again = EPaxos(2, Cluster((0, 1, 2)))
    again.step(Started(disk))
    assert again.instances.get((0, 1)) == made.instances.get((0, 1))


@pytest.mark.parametrize(
    "stale",
    [
        PreAcceptOk(2, 1, NONE),
        AcceptOk(2, 1, B1),
        RecoverOk(0, 1, B1, ZERO, COMMITTED, C, NONE, None),
        ValidateOk(0, 1, B1, ()),
        Refused(0, 1, B2),
        Waiting(0, 1, 2, NONE),
    ],
    ids=lambda m: type(m).__name__,
)
def test_answers_to_what_was_not_asked_are_ignored(stale):
    """Error E-2: answers to old ballots must not be counted; here nothing was asked at all."""
    made = replica(PA)
    made.on_message(1, stale)
    assert not [e for e in effects_of(made._said) if isinstance(e, Send)]
    assert made.instances.get((0, 1)).phase == PREACCEPTED


def test_a_promise_leaves_the_vote_as_it_was():
    made = replica(PA, Accept(0, 1, B1, C, NONE))
    made.on_message(1, Recover(0, 1, (5, 1)))
    (answer,) = [e.msg for e in effects_of(made._said) if isinstance(e, Send)]
    assert answer == RecoverOk(0, 1, (5, 1), B1, ACCEPTED, C, NONE, NONE)


def test_validate_makes_later_commands_depend_on_the_one_in_recovery():
    """OPODIS'25: whoever answers Validate has the command in mind from then on."""
    made = replica(Recover(0, 1, B1))
    made.on_message(1, Validate(0, 1, B1, C, NONE))
    made.on_message(1, PreAccept(1, 1, D, NONE))
    assert effects_of(made._said)[-1] == Send(1, PreAcceptOk(1, 1, (1, 0, 0)))


@pytest.mark.parametrize(
    ("before", "conflicts"),
    [
        ((), ()),
        ((PreAccept(1, 1, D, NONE),), ((1, 1, 0),)),
        ((PreAccept(1, 1, D, (1, 0, 0)),), ()),
        ((Accept(1, 1, B1, D, NONE),), ()),
        ((Commit(1, 1, D, NONE),), ((1, 1, 1),)),
        ((Commit(1, 1, D, (1, 0, 0)),), ()),
        ((Commit(1, 1, None, NONE),), ()),
        ((PreAccept(1, 1, Command("write", "y", 1), NONE),), ()),
    ],
)
def test_what_speaks_against_a_command(before, conflicts):
    """Interfering, not in its dependencies, without it in theirs; committed or perhaps to be."""
    made = replica(*before, Recover(0, 1, B1))
    made.on_message(1, Validate(0, 1, B1, C, NONE))
    assert effects_of(made._said)[-1] == Send(1, ValidateOk(0, 1, B1, conflicts))


# --- patience --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heard", "waited"), [(False, range(12, 16)), (True, range(48, 56))])
def test_an_owner_that_is_silent_is_not_waited_for_as_one_that_lives(heard, waited):
    """In ticks of a round trip: the next in line recovers after 12, or 48 if the owner is heard of."""
    made = EPaxos(1, Cluster((0, 1, 2)))
    made.step(Started({}))
    made.on_message(0, PA)
    while not any(
        isinstance(e, Send) and isinstance(e.msg, Recover) for e in effects_of(made._said)
    ):
        if heard:
            made.pace.heard[0] = made.pace.ticks
        made.step(Fired("tick"))
    assert made.pace.ticks in waited
