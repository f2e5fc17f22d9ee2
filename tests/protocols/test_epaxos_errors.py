"""The known errors of EPaxos' papers and programs, played by hand: here right, and once broken.

E-1 (one ballot variable) is ``test_epaxos_paper.sutra``.
"""

from __future__ import annotations

import pytest

from protocols.epaxos import EPaxos
from protocols.epaxos.messages import Accept, Recover, RecoverOk
from protocols.epaxos.recoverer import Recoverer
from protocols.epaxos.recovery import Recovery
from protocols.kernel import Cluster, NodeId
from tests.mutants.epaxos import MUTANTS
from tests.protocols.test_epaxos_paper import A, B, decided, sent, ticks
from tests.transcript import Stage

# --- E-2: answers to an old ballot are counted ----------------------------------------------------


class _AnyBallot(Recoverer):
    def on_recover_ok(self, src: NodeId, msg: RecoverOk) -> None:
        iid = (msg.row, msg.number)
        recovery = self.replica.pace.leading.get(iid)
        if isinstance(recovery, Recovery):
            self._promised(iid, recovery, src, msg)


class AnyBallot(EPaxos):
    """E-2: efficient/epaxos' ``handlePrepareReply``, and ``PrepareFinalize`` of its TLA+."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.recoverer = _AnyBallot(self)


def late_promise(protocol: type[EPaxos]) -> Stage:
    """What the third replica said to the first recovery arrives in the second one, after it has
    voted for something else.
    """
    stage = Stage(protocol)
    stage.start()
    stage.request(0, A)
    stage.deliver(0, 1)
    stage.drop(0, 2)
    stage.drop(1, 0)
    while sent(stage, Recover) == 0:
        stage.fire(1, "tick")
        stage.wires[1, 0].clear()
        if sent(stage, Recover) == 0:
            stage.wires[1, 2].clear()
    while stage.wires[1, 2]:
        stage.deliver(1, 2)
    assert "RecoverOk" in stage.wires[2, 1][-1]
    late = stage.wires[2, 1].pop()
    stage.wires[2, 1].clear()
    while not decided(stage, 0, 1):  # the owner, refused by the third, makes it a no-op with it
        stage.fire(0, "tick")
        stage.wires[0, 1].clear()
        while stage.wires[0, 2] or stage.wires[2, 0]:
            for link in ((0, 2), (2, 0)):
                if stage.wires[link] and not decided(stage, 0, 1):
                    stage.deliver(*link)
                elif stage.wires[link]:
                    stage.wires[link].clear()
    assert decided(stage, 0, 1) == [["noop", [0, 0, 0]]]
    stage.kill(0)
    before = sent(stage, Recover)
    while sent(stage, Recover) < before + 4:  # 1 is refused, and begins again with a higher ballot
        stage.fire(1, "tick")
        stage.wires[1, 0].clear()
        while stage.wires[1, 2]:
            stage.deliver(1, 2)
        answers = list(stage.wires[2, 1])
        stage.wires[2, 1].clear()
        stage.wires[2, 1].extend(text for text in answers if "Refused" in text)
        while stage.wires[2, 1]:
            stage.deliver(2, 1)
    stage.wires[2, 1].append(late)
    for _ in range(60):
        stage.settle(1, 2)
        ticks(stage, 1, 1)
    return stage


@pytest.mark.parametrize(("protocol", "agree"), [(EPaxos, True), (AnyBallot, False)])
def test_e2_answers_to_an_old_ballot_are_not_counted(protocol, agree):
    decisions = decided(late_promise(protocol), 0, 1)
    assert len(decisions) > 1
    assert all(d == decisions[0] for d in decisions) == agree


# --- E-4: no order between two that depend on each other ------------------------------------------


def entangled(protocol: type[EPaxos], first: int) -> Stage:
    """Two commands depend on each other; the third replica hears of ``first``'s commit first."""
    stage = Stage(protocol)
    stage.start()
    stage.request(0, A)
    stage.request(1, B)
    for link in ((0, 1), (1, 0), (0, 1), (1, 0)):  # PreAccepts, then the answers
        stage.deliver(*link)
    for node in (0, 1):
        ticks(stage, node, 2)  # no fast quorum: phase 2
    for _ in range(20):
        for link in ((0, 1), (1, 0)):
            if stage.wires[link]:
                stage.deliver(*link)
    assert decided(stage, 0, 1)[0] == ["ann/1", [0, 1, 0]]
    assert decided(stage, 1, 1)[0] == ["bob/1", [1, 0, 0]]
    for node in (first, 1 - first):
        while stage.wires[node, 2]:
            stage.deliver(node, 2)
    return stage


@pytest.mark.parametrize("first", [0, 1])
def test_e4_two_that_depend_on_each_other_run_alike_everywhere(first):
    """There is no ``seq`` that could be equal: the sum of the dependencies, then the name."""
    stage = entangled(EPaxos, first)
    assert [r.store.values for r in stage.replicas.values()] == [{"x": ["a", "b"]}] * 3  # type: ignore[attr-defined]


def test_e4_without_a_tie_break_they_do_not():
    ends = [
        r.store.values["x"]  # type: ignore[attr-defined]
        for first in (0, 1)
        for r in entangled(MUTANTS["no-tie-break"], first).replicas.values()
    ]
    assert ["a", "b"] in ends
    assert ["b", "a"] in ends


# --- E-3: a majority is no fast quorum of 7 --------------------------------------------------------


class FastMajority(EPaxos):
    """X2: a majority that agrees commits, which is too few from 7 replicas on.

    efficient/epaxos' fast path (error E-3).
    """

    def fast(self, agreeing: int) -> bool:
        return agreeing >= self.size.slow


def seven(protocol: type[EPaxos], agreeing: int) -> Stage:
    """The owner and so many others pre-accept; it and two of them die; four are left to recover it."""
    stage = Stage(protocol, 7)
    stage.start()
    stage.request(0, A)
    for node in range(1, 1 + agreeing):
        stage.deliver(0, node)
        stage.deliver(node, 0)
    stage.kill(0, 1, 2)
    stage.wires.clear()
    for _ in range(120):
        for node in (3, 4, 5, 6):
            stage.fire(node, "tick")
        stage.settle(3, 4, 5, 6)
    return stage


def test_a_fast_commit_of_seven_is_recovered_without_its_owner():
    """5 of 7 pre-accepted, the owner included. f=3 die, the owner among them: the two witnesses that
    are left of four are as few as there can be, and enough.
    """
    stage = seven(EPaxos, 4)
    assert decided(stage, 0, 1) == [["ann/1", [0] * 7]] * 5
    assert sent(stage, Accept) > 0, "by a recovery"


def test_with_a_majority_of_seven_it_is_not():
    """4 of 7 leave one witness of four, which is what a command that was never committed leaves."""
    assert ["ann/1", [0] * 7] not in decided(seven(EPaxos, 3), 0, 1), "not on the fast path"
    decisions = decided(seven(FastMajority, 3), 0, 1)
    assert decisions[0] == ["ann/1", [0] * 7]
    assert ["noop", [0] * 7] in decisions
