"""Which nodes a symbolic target names."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis.targets import TARGETS, pick

CLUSTERS = st.integers(1, 9).map(lambda n: tuple(range(n)))
LEAST_AND_MOST = {
    "one": lambda n: (1, 1),
    "minority": lambda n: (1, max(1, (n - 1) // 2)),
    "majority": lambda n: (n // 2 + 1, max(n // 2 + 1, n - 1)),
    "all": lambda n: (n, n),
    "leader": lambda n: (1, 1),
    "primaries": lambda n: (1, n),
}


@pytest.mark.parametrize("target", TARGETS)
@given(nodes=CLUSTERS, seed=st.integers(0, 10**6), leads=st.sets(st.integers(0, 8)))
def test_a_target_is_some_of_the_nodes_in_order(target, nodes, seed, leads) -> None:
    chosen = pick(target, Random(seed), nodes, sorted(leads))
    least, most = LEAST_AND_MOST[target](len(nodes))
    assert least <= len(chosen) <= most
    assert list(chosen) == sorted(set(chosen) & set(nodes))
    assert chosen == pick(target, Random(seed), nodes, sorted(leads))


def test_all_sizes_of_minority_and_majority_are_drawn() -> None:
    random, nodes = Random(1), range(7)
    assert {len(pick("minority", random, nodes, ())) for _ in range(100)} == {1, 2, 3}
    assert {len(pick("majority", random, nodes, ())) for _ in range(100)} == {4, 5, 6}


def test_a_leader_is_one_that_leads_and_a_leaderless_cluster_has_a_target_too() -> None:
    nodes = range(5)
    assert {pick("leader", Random(s), nodes, (1, 3)) for s in range(50)} == {(1,), (3,)}
    assert pick("primaries", Random(1), nodes, (1, 3)) == (1, 3)
    assert {pick("leader", Random(s), nodes, ()) for s in range(99)} == {(n,) for n in nodes}
    assert pick("leader", Random(1), nodes, (77,))[0] in nodes


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'boss'.*there are one, minority"):
        pick("boss", Random(1), (0,), ())
    with pytest.raises(ValueError, match="at least one node"):
        pick("one", Random(1), (), ())
