"""Handovers on hosts: what is proved of a system that a test plays."""

from __future__ import annotations

import pytest

from harness.remote import faults_handover
from harness.remote.faults_handover import Handovers
from harness.systems.kernel import HandsOver
from nemesis.actions import Lead


class Cluster:
    """Three nodes. The first word is lost; after ``heard`` more the heir leads."""

    def __init__(self, leaders: tuple[int, ...], *, heard: int = 1) -> None:
        self.now, self.heard = leaders, heard
        self.asked: list[tuple[int, str, object]] = []

    def nodes(self) -> tuple[int, ...]:
        return (0, 1, 2)

    def leaders(self) -> tuple[int, ...]:
        return self.now

    def change(self, node: int, f: str, value: object) -> None:
        self.asked.append((node, f, value))
        if len(self.asked) == 1:
            raise OSError("the first is lost")
        if len(self.asked) > self.heard and isinstance(value, int):
            self.now = (value,)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_handover, "PACE_S", 0.001)
    monkeypatch.setattr(faults_handover, "PATIENCE_S", 0.05)


def test_the_leader_is_asked_until_the_heir_says_that_it_leads() -> None:
    cluster = Cluster((1,))
    assert isinstance(cluster, HandsOver)
    (proof,) = Handovers(cluster).lead([Lead(2)])
    assert cluster.asked == [(1, "lead", 2), (1, "lead", 2)]
    assert proof["bit"] is True
    assert proof["saw"] == {"led": [1], "leads": [2]}
    assert proof["action"] == {"do": "lead", "node": 2}


def test_one_that_does_not_come_about_is_open() -> None:
    (proof,) = Handovers(Cluster((1,), heard=10**6)).lead([Lead(2)])
    assert proof["bit"] is None
    assert proof["saw"] == {"led": [1], "leads": [1]}


def test_who_leads_already_or_is_elected_without_any_before_it_proves_nothing() -> None:
    cluster = Cluster((2,))
    (proof,) = Handovers(cluster).lead([Lead(2)])
    assert (proof["bit"], cluster.asked) == (None, [])
    (proof,) = Handovers(Cluster(())).lead([Lead(2)])
    assert (proof["bit"], proof["saw"]) == (None, {"led": [], "leads": [2]})


def test_where_nobody_leads_all_are_asked_in_turn() -> None:
    cluster = Cluster((), heard=10**6)
    Handovers(cluster).lead([Lead(2)])
    assert {node for node, _, _ in cluster.asked} == {0, 1, 2}
