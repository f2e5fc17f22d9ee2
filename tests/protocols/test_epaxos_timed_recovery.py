"""Recoveries of commands that were opened by clocks, on the schedules that could break them.

Of five replicas, n1 and n2 own the commands a and b and are slow; clocks have jumped, so that each opens
the other's command before its own. n3 has opened a alone, n4 b first. n5 is the only one that has a part in
both recoveries: it must not let both commands be committed, each without the other.
"""

from __future__ import annotations

import pytest

from protocols.epaxos import EPaxos
from protocols.epaxos.messages import (
    Accept,
    AcceptOk,
    InstanceId,
    Recover,
    RecoverOk,
    Timed,
    Validate,
    ValidateOk,
)
from tests.mutants.epaxos import EachExamination, OwnAnswerOnly
from tests.protocols.test_epaxos_paper import A, B, decided, ticks
from tests.protocols.test_epaxos_timed import at, stage_of
from tests.transcript import Stage

ANN, BOB, Y, Z, X = range(5)
OF_A, OF_B = (0, 1), (1, 1)


def carry(stage: Stage, src: int, dst: int, kind: type, iid: InstanceId) -> None:
    """Deliver the messages of this kind about this instance, and leave the others under way."""
    wire = stage.wires[src, dst]
    start = f'["{kind.__name__}",{iid[0]},{iid[1]},'
    while places := [at for at, text in enumerate(wire) if text.startswith(start)]:
        stage.deliver(src, dst, places[0])


PREPARE, VALIDATE, VOTE = (Recover, RecoverOk), (Validate, ValidateOk), (Accept, AcceptOk)


def ask(
    stage: Stage, src: int, to: tuple[int, ...], what: tuple[type, type], iid: InstanceId
) -> None:
    """Let these be asked, and answer."""
    question, answer = what
    for dst in to:
        carry(stage, src, dst, question, iid)
        carry(stage, dst, src, answer, iid)


def recover(stage: Stage, node: int, iid: InstanceId) -> None:
    """Let a node's timer fire until it recovers this instance, as if all others were silent."""
    said = stage.wires[node, (node + 1) % 5]
    for _ in range(100):
        if any(text.startswith(f'["Recover",{iid[0]},') for text in said):
            return
        ticks(stage, node, 1)
    raise AssertionError(f"n{node + 1} does not recover {iid}")


def opened_in_two_orders(protocol: type[EPaxos]) -> Stage:
    """Up to where n5 recovers b, of which n4 has told it, and then opens a."""
    stage = stage_of(5, protocol)
    for node, clock in ((ANN, 100), (BOB, 200), (Y, 200), (Z, 200), (X, 200)):
        stage.replicas[node].now_ms = clock
    stage.request(ANN, A)  # to be opened at 112
    for node in (BOB, Y):
        carry(stage, ANN, node, Timed, OF_A)
    stage.replicas[BOB].now_ms = 50
    stage.request(BOB, B)  # to be opened at 62
    for node in (ANN, Z):
        carry(stage, BOB, node, Timed, OF_B)
    at(stage, 112, ANN)
    at(stage, 62, BOB)
    for node in (X, Y):
        stage.drop(BOB, node)  # b never gets there by itself
    stage.drop(BOB, ANN)
    stage.drop(ANN, BOB)
    stage.drop(Y, ANN)
    stage.drop(Z, BOB)  # no owner is answered
    recover(stage, Z, OF_B)  # who gets no further than to tell n5 that there is b
    carry(stage, Z, X, Recover, OF_B)
    recover(stage, X, OF_B)
    ask(stage, X, (Z,), PREPARE, OF_B)
    carry(stage, ANN, X, Timed, OF_A)
    return stage


def finish_b(stage: Stage) -> None:
    """n5 has the promises of n4 and n1: b's recovery goes to its end."""
    ask(stage, X, (ANN,), PREPARE, OF_B)
    ask(stage, X, (ANN, Z), VALIDATE, OF_B)
    ask(stage, X, (ANN, Z), VOTE, OF_B)


def heal(stage: Stage) -> None:
    for _ in range(60):
        stage.settle()
        for node in range(5):
            ticks(stage, node, 1)
    stage.settle()


def blind_to_each_other(stage: Stage) -> bool:
    """Whether both were committed, each without the other."""
    (a, *others), (b, *more) = decided(stage, *OF_A), decided(stage, *OF_B)
    assert all(what == a for what in others)
    assert all(what == b for what in more)
    return a[0] == "ann/1" and b[0] == "bob/1" and a[1][1] == 0 == b[1][0]


def two_recoveries(protocol: type[EPaxos]) -> Stage:
    """n3 recovers a with n2, and n5 b with n1 and n4; n5 answers for both."""
    stage = opened_in_two_orders(protocol)
    recover(stage, Y, OF_A)
    ask(stage, Y, (BOB, X), PREPARE, OF_A)
    ask(stage, Y, (BOB, X), VALIDATE, OF_A)
    ask(stage, Y, (BOB, Z), VOTE, OF_A)
    finish_b(stage)
    heal(stage)
    return stage


def three_recoveries(protocol: type[EPaxos]) -> Stage:
    """n2 examines one set of dependencies for a, votes, and is cut off; n4 examines another, and stops."""
    stage = opened_in_two_orders(protocol)
    carry(stage, ANN, Z, Timed, OF_A)
    recover(stage, BOB, OF_A)
    ask(stage, BOB, (Y, X), PREPARE, OF_A)
    ask(stage, BOB, (Y, X), VALIDATE, OF_A)
    for node in (ANN, Y, Z, X):
        stage.drop(BOB, node)
    recover(stage, Z, OF_A)
    ask(stage, Z, (Y, X), PREPARE, OF_A)
    for node in (Y, X):
        carry(stage, Z, node, Validate, OF_A)
        stage.drop(node, Z)
    stage.drop(Z, Y)
    finish_b(stage)
    recover(stage, Y, OF_A)
    ask(stage, Y, (BOB, X), PREPARE, OF_A)
    ask(stage, Y, (BOB, X), VOTE, OF_A)
    heal(stage)
    return stage


@pytest.mark.parametrize(
    ("schedule", "mutant"),
    [(two_recoveries, OwnAnswerOnly), (three_recoveries, EachExamination)],
)
def test_who_answers_for_two_recoveries_does_not_let_both_leave_the_other_out(schedule, mutant):
    """Red: replicas execute the two in different orders."""
    red = schedule(mutant)
    assert blind_to_each_other(red)
    stores = [r.store.values for r in red.replicas.values()]
    assert {"x": ["a", "b"]} in stores
    assert {"x": ["b", "a"]} in stores
    stage = schedule(EPaxos)
    assert not blind_to_each_other(stage)
    stores = [r.store.values for r in stage.replicas.values()]
    assert stores == [stores[0]] * 5
    assert len(stage.replies) == 2
