"""Disk faults: whom they hit, and that each comes with its cure."""

from __future__ import annotations

from random import Random

import pytest

from nemesis import FAULTS, KINDS
from nemesis.actions import (
    Corrupt,
    Fault,
    FillDisk,
    FreeDisk,
    Kill,
    LoseUnsynced,
    Restore,
    SlowDisk,
    Start,
    Window,
    Wipe,
)
from nemesis.plan import validate
from nemesis.resolution import resolve

SEEDS = range(60)


@pytest.mark.parametrize("name", KINDS["disk"])
def test_every_disk_fault_can_be_played_and_hits_different_nodes(name) -> None:
    plans = [[Window(0, 5, resolve(name, Random(seed), range(5), (3,)))] for seed in SEEDS]
    for plan in plans:
        validate(plan, range(5))
    hit = {frozenset(action.node for action in plan[0].fault.begin) for plan in plans}
    assert {len(nodes) for nodes in hit} >= {1, 2}
    assert frozenset({3}) in hit, "sometimes the leader"


def test_the_power_fails_while_syncs_are_slow_and_the_node_starts_with_a_quick_disk() -> None:
    for name, torn in (("disk-lose", False), ("disk-torn", True)):
        fault = resolve(name, Random(3), range(3))
        (slow, *_) = fault.begin
        assert isinstance(slow, SlowDisk)
        node = slow.node
        assert fault.end[:4] == (
            Kill(node), LoseUnsynced(node, torn), SlowDisk(node, 0), Start(node)
        )  # fmt: skip


def test_a_majority_is_never_corrupt() -> None:
    for seed in SEEDS:
        fault = resolve("disk-corrupt", Random(seed), range(5))
        assert sum(isinstance(action, Corrupt) for action in fault.begin) <= 2
        assert fault.begin[:3] == (
            Kill(fault.begin[0].node), Corrupt(fault.begin[0].node), Start(fault.begin[0].node)
        )  # fmt: skip
        assert sum(isinstance(action, Restore) for action in fault.end) <= 2


@pytest.mark.parametrize(
    ("name", "how_many"),
    [
        ("disk-full", {1}),
        ("disk-full-minority", {1, 2}),
        ("disk-full-majority", {3, 4}),
        ("disk-full-all", {5}),
        ("disk-full-leader", {1}),
    ],
)
def test_a_full_disk_has_space_again_before_its_node_is_started(name, how_many) -> None:
    seen, killed, left = set(), set(), set()
    for seed in SEEDS:
        fault = resolve(name, Random(seed), range(5), (3,))
        validate([Window(0, 5, fault)], range(5))
        nodes = [action.node for action in fault.begin]
        assert fault.begin == tuple(FillDisk(node, fault.begin[0].left_bytes) for node in nodes)
        kills = [Kill(node) for node in nodes] if isinstance(fault.end[0], Kill) else []
        assert fault.end == (*kills, *map(FreeDisk, nodes), *map(Start, nodes))
        seen.add(len(nodes))
        killed.add(bool(kills))
        left.add(fault.begin[0].left_bytes)
        assert name != "disk-full-leader" or nodes == [3]
    assert (seen, killed) == (how_many, {True, False})
    assert 0 in left
    assert max(left) < 51, "a node that starts writes more than that"


def test_full_disks_are_asked_for_by_name_so_that_seeds_of_disk_mean_what_they_did() -> None:
    assert [n for n in FAULTS if n.startswith("disk-") and n not in KINDS["disk"]] == [
        "disk-full", "disk-full-minority", "disk-full-majority", "disk-full-all", "disk-full-leader",
    ]  # fmt: skip


def test_a_wipe_is_of_one_node_the_same_each_time_unless_the_leader_is_asked_for() -> None:
    for name, node in (("wipe", 4), ("wipe-leader", 2)):
        for seed in SEEDS:
            fault = resolve(name, Random(seed), range(5), (2,))
            assert fault.begin == (Kill(node), Wipe(node))
            assert fault.end == (Start(node),)
            validate([Window(0, 5, fault)], range(5))


def test_who_is_wiped_is_in_the_least_majority_apart_from_the_leader() -> None:
    for n, leader in ((3, 0), (5, 2), (5, 4)):
        for seed in SEEDS:
            fault = resolve("wipe-majority", Random(seed), range(n), (leader,))
            (cut, *wiped), (mend,) = fault.begin, fault.end
            assert wiped == [Kill(n - 1), Wipe(n - 1), Start(n - 1)]
            assert mend.links == cut.links
            apart = {a for a, b in cut.links if b == n - 1}
            assert len(apart) == n - (n // 2 + 1)
            assert leader == n - 1 or leader in apart
            validate([Window(0, 5, fault)], range(n))


def test_a_wiped_node_that_is_not_started_again_is_left_open() -> None:
    with pytest.raises(ValueError, match="its end leaves node 1 dead"):
        validate([Window(0, 5, Fault("gone", (Wipe(1),), ()))], range(3))
