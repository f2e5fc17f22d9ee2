from itertools import combinations

import pytest

from protocols.quorums import Tally, fast, majority


@pytest.mark.parametrize("n", range(1, 8))
def test_any_two_majorities_meet_and_one_node_fewer_do_not(n):
    """Lamport 1998, section 2.1, by trying all; and the size is the least that does."""
    nodes = range(n)

    def meet(size):
        return all(
            set(a) & set(b) for a in combinations(nodes, size) for b in combinations(nodes, size)
        )

    assert meet(majority(n))
    assert not meet(majority(n) - 1)


@pytest.mark.parametrize(("n", "size"), [(3, 2), (5, 3), (7, 5), (9, 6)])
def test_fast_quorums_have_the_papers_sizes(n, size):
    """Moraru 2013, section 4.3."""
    assert fast(n) == size


def test_a_tally_counts_each_node_once():
    """Else a duplicated message makes a quorum of one node."""
    tally = Tally(2)
    assert not tally.add(1, "a")
    assert not tally.add(1, "b")
    assert not tally.reached
    assert tally.answers == {1: "a"}
    assert tally.add(0, "c")
    assert tally.reached
    assert not tally.add(2, "d"), "completes the quorum a second time"
