"""How many must agree for EPaxos' fast path, and how long it is waited for: options, a claim a test."""

from __future__ import annotations

import pytest

from protocols.epaxos import EPaxos
from protocols.epaxos.messages import Accept
from protocols.kernel import Cluster, Command
from tests.protocols.test_epaxos_paper import A, B, sent
from tests.transcript import Stage


def stage_of(**options: str) -> Stage:
    stage = Stage(EPaxos, 5, options)
    stage.start()
    return stage


def answer(stage: Stage, *nodes: int) -> None:
    """These get node 0's PreAccept, and it gets their answers."""
    for node in nodes:
        stage.deliver(0, node)
        stage.deliver(node, 0)


@pytest.mark.parametrize(("options", "enough"), [({}, 2), ({"fast_quorum": "4"}, 3)])
def test_a_fast_quorum_may_be_larger_than_need_be(options, enough) -> None:
    """SOSP'13 section 4.2's simplified EPaxos wants 2F, that is n-1, the owner included."""
    stage = stage_of(**options)
    request = stage.request(0, A)
    answer(stage, *range(1, enough))
    assert request not in stage.replies
    answer(stage, enough)
    assert stage.replies[request].value == "a"
    assert sent(stage, Accept) == 0


def interfered(**options: str) -> tuple[Stage, int]:
    """Node 1 answers node 0 that it knows of another command; nodes 2, 3 and 4 do not."""
    stage = stage_of(**options)
    stage.request(1, B)
    request = stage.request(0, A)
    answer(stage, 2, 1)
    stage.deliver(1, 0)  # its own PreAccept was before its answer
    return stage, request


def test_the_patient_wait_for_a_fast_quorum_that_may_come_together_yet() -> None:
    stage, request = interfered()
    assert sent(stage, Accept) == 0
    answer(stage, 3)
    assert request in stage.replies


def test_the_impatient_do_not() -> None:
    """SOSP'13, Figure 2, steps 10-16: the first answers that are enough are all that count."""
    stage, request = interfered(patient="false")
    assert sent(stage, Accept) == 4
    stage.settle()
    assert request in stage.replies
    assert {str(r.store.values) for r in stage.replicas.values()} == {
        str(stage.replicas[0].store.values)
    }


@pytest.mark.parametrize("size", ["2", "6", "x"])
def test_quorums_that_cannot_be_are_refused(size) -> None:
    with pytest.raises(ValueError, match=f"fast_quorum={size}"):
        EPaxos.check(Cluster(tuple(range(5)), options={"fast_quorum": size}))


def test_a_large_fast_quorum_outlives_a_crash_by_the_slow_path() -> None:
    stage = stage_of(fast_quorum="5")
    stage.kill(4)
    request = stage.request(0, Command("append", "x", "a", "ann", 1))
    stage.settle(0, 1, 2, 3)
    assert request not in stage.replies
    for _ in range(4):
        stage.fire(0, "tick")
        stage.settle(0, 1, 2, 3)
    assert request in stage.replies
    assert sent(stage, Accept) >= 4
