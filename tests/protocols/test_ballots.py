from hypothesis import given
from hypothesis import strategies as st

from protocols.ballots import ZERO, above, owner

NODES = st.integers(0, 8)
BALLOTS = st.tuples(st.integers(0, 99), NODES)


@given(BALLOTS, NODES)
def test_the_next_ballot_outranks_the_one_it_was_made_from(ballot, node):
    """Goal: a proposer that was refused with a ballot can outrank it, whatever the node numbers."""
    assert above(ballot, node) > ballot
    assert owner(above(ballot, node)) == node


@given(BALLOTS, NODES, NODES)
def test_two_nodes_never_make_the_same_ballot(ballot, a, b):
    assert (above(ballot, a) == above(ballot, b)) == (a == b)


@given(BALLOTS)
def test_zero_is_below_every_ballot(ballot):
    """Node 0's first ballot too: ZERO must not be mistaken for a vote."""
    assert ballot > ZERO
