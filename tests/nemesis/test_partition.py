"""Which links a partition cuts: by what it promises of every cluster, and by example."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis import partition
from nemesis.actions import Cut, Fault, Mend

CLUSTERS = st.integers(2, 9).map(lambda n: tuple(range(n)))
SEEDS = st.integers(0, 10**6)


def hears(fault: Fault, nodes) -> dict[int, set[int]]:
    """Whom each node hears while the fault is on, itself included."""
    (cut,) = fault.begin
    return {dst: {src for src in nodes if (src, dst) not in cut.links} for dst in nodes}


def mutual(fault: Fault) -> bool:
    (cut,) = fault.begin
    return all((b, a) in cut.links for a, b in cut.links)


@pytest.mark.parametrize(
    "kind", [*partition.ALL_KINDS, partition.any_kind], ids=lambda k: k.__name__
)
@given(nodes=CLUSTERS, seed=SEEDS)
def test_every_kind_cuts_some_links_and_mends_the_same(kind, nodes, seed) -> None:
    fault = kind(Random(seed), nodes, ())
    (cut,), (mend,) = fault.begin, fault.end
    assert isinstance(cut, Cut)
    assert mend == Mend(cut.links)
    assert list(cut.links) == sorted(set(cut.links)) != []
    assert all(src != dst and {src, dst} <= set(nodes) for src, dst in cut.links)
    assert fault.name.startswith("partition-")


@given(nodes=CLUSTERS, seed=SEEDS)
def test_halves_are_two_groups_as_equal_as_can_be(nodes, seed) -> None:
    groups = {frozenset(group) for group in hears(partition.halves(Random(seed), nodes, ()), nodes).values()}  # fmt: skip
    assert sorted(map(len, groups)) == sorted({len(nodes) // 2, len(nodes) - len(nodes) // 2} if len(nodes) % 2 else [len(nodes) // 2] * 2)  # fmt: skip
    assert set().union(*groups) == set(nodes)


@given(nodes=CLUSTERS, seed=SEEDS)
def test_one_is_alone_and_the_others_together(nodes, seed) -> None:
    sizes = sorted(len(g) for g in hears(partition.one(Random(seed), nodes, ()), nodes).values())
    assert sizes == [1] + [len(nodes) - 1] * (len(nodes) - 1)


@given(nodes=CLUSTERS, seed=SEEDS)
def test_a_minority_is_scattered_and_a_majority_stays(nodes, seed) -> None:
    groups = hears(partition.minority(Random(seed), nodes, ()), nodes)
    alone = [node for node, group in groups.items() if group == {node}]
    together = set(nodes) - set(alone) if len(nodes) > 2 else {nodes[0]}
    assert 1 <= len(alone) <= max(2, (len(nodes) - 1) // 2)
    assert len(together) > len(nodes) // 2 or len(nodes) == 2


@given(nodes=CLUSTERS, seed=SEEDS, leads=st.integers(0, 8))
def test_a_leader_is_on_the_smaller_side(nodes, seed, leads) -> None:
    leader = leads % len(nodes)
    fault = partition.leader(Random(seed), nodes, (leader,))
    side = hears(fault, nodes)[leader]
    assert mutual(fault)
    assert len(side) <= max(1, (len(nodes) - 1) // 2)


@given(nodes=st.integers(3, 9).map(range), seed=SEEDS)
def test_in_a_ring_everyone_hears_a_majority_and_no_two_the_same(nodes, seed) -> None:
    groups = hears(partition.majorities_ring(Random(seed), tuple(nodes), ()), nodes)
    majority = len(nodes) // 2 + 1
    assert {len(group) for group in groups.values()} == {majority}
    assert len({frozenset(group) for group in groups.values()}) == len(nodes)
    assert all(node in group for node, group in groups.items())


@given(nodes=st.integers(3, 9).map(range), seed=SEEDS)
def test_a_bridge_has_one_node_that_all_see(nodes, seed) -> None:
    fault = partition.bridge(Random(seed), tuple(nodes), ())
    groups = hears(fault, nodes)
    bridges = [node for node, group in groups.items() if len(group) == len(nodes)]
    assert len(bridges) == 1
    assert mutual(fault)
    assert len({frozenset(group - set(bridges)) for node, group in groups.items() if node not in bridges}) == 2  # fmt: skip


@given(nodes=CLUSTERS, seed=SEEDS)
def test_one_way_cuts_never_both_ways(nodes, seed) -> None:
    (cut,) = partition.one_way(Random(seed), nodes, ()).begin
    assert all((b, a) not in cut.links for a, b in cut.links)


def test_the_ring_of_five_is_mutual_and_that_of_three_turns_one_way() -> None:
    assert mutual(partition.majorities_ring(Random(1), tuple(range(5)), ()))
    assert not mutual(partition.majorities_ring(Random(1), tuple(range(3)), ()))


def test_two_nodes_have_no_ring_and_no_bridge_so_they_are_halves() -> None:
    for kind in (partition.majorities_ring, partition.bridge):
        assert kind(Random(1), (0, 1), ()).name == "partition-halves"


def test_one_node_cannot_be_partitioned() -> None:
    for kind in partition.ALL_KINDS:
        with pytest.raises(ValueError, match="at least two nodes"):
            kind(Random(1), (0,), ())
