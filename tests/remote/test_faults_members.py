"""The administrator on hosts: what he proves of a change, of a system that a test plays."""

from __future__ import annotations

import threading

import pytest

from harness.remote import faults_members
from harness.remote.faults_members import Members
from harness.systems.kernel import HasMembers
from nemesis.actions import Join, Leave


class Cluster:
    """Five nodes, of which 4 is dead; ``able`` whether a change is ever decided."""

    def __init__(self, *, able: bool = True) -> None:
        self.able = able
        self.version, self.members = 0, {0, 1, 2}
        self.asked: list[tuple[int, str, list[int]]] = []
        self.lock = threading.Lock()

    def nodes(self) -> tuple[int, ...]:
        return tuple(range(5))

    def membership(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        with self.lock:
            config = (self.version, tuple(sorted(self.members)))
        return dict.fromkeys(range(4), config)

    def change(self, node: int, f: str, value: list[int]) -> None:
        with self.lock:
            self.asked.append((node, f, value))
            if len(self.asked) == 1:
                raise OSError("the first is lost")
            if self.able and value[1] == self.version:
                self.version += 1
                {"join": self.members.add, "leave": self.members.discard}[f](value[0])


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_members, "PACE_S", 0.001)


def test_a_change_is_asked_for_until_the_nodes_say_that_it_is_so() -> None:
    cluster = Cluster()
    assert isinstance(cluster, HasMembers)
    members = Members(cluster)
    try:
        proofs = members.change([Join(3), Leave(0)])
        assert [proof["bit"] for proof in proofs] == [True, True]
        assert proofs[0]["saw"] == {"members": [1, 2, 3]}
        assert members.standing() == ((1, 2, 3), (4,))
        restored = members.restore((0, 1, 2), 30)
        assert len(restored) == 5
        assert all(proof["bit"] is True for proof in restored)
        assert {node for node, _, _ in cluster.asked} <= {0, 1, 2, 3}, "the dead are not asked"
    finally:
        members.close()
    members.close()


def test_one_that_is_not_seen_is_open_and_after_the_faults_it_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faults_members, "PATIENCE_S", 0.05)
    members = Members(Cluster(able=False))
    try:
        assert [proof["bit"] for proof in members.change([Leave(0)])] == [None]
        assert members.standing()[0] == (1, 2), "as it is wanted"
        assert members.change([Join(4)])[0]["bit"] is None
        restored = {str(p["action"]): p["bit"] for p in members.restore((0, 1, 2, 3), 0.05)}
        assert list(restored.values()) == [True, True, True, False, True]
    finally:
        members.close()
