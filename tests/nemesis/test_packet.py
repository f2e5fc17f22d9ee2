"""Packet faults: which links get what weather, and that it ends."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis import packet
from nemesis.actions import CLEAR, Shape, Window
from nemesis.plan import validate

NODES = tuple(range(5))


@pytest.mark.parametrize("kind", [*packet.ALL_KINDS, packet.any_kind], ids=lambda k: k.__name__)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 7))
def test_every_kind_gives_weather_and_clears_it(kind, seed, n) -> None:
    fault = kind(Random(seed), tuple(range(n)), ())
    (shape,) = fault.begin
    assert shape.weather != CLEAR
    assert fault.end == (Shape(shape.links, CLEAR),)
    validate([Window(0, 1, fault)], range(n))


def test_a_slow_node_is_slow_both_ways_and_often_the_leader() -> None:
    slow = []
    for seed in range(40):
        (shape,) = packet.slow_node(Random(seed), NODES, (2,)).begin
        assert len(shape.links) == 8
        slow.append(set.intersection(*map(set, shape.links)))
    assert slow.count({2}) > 15
    assert len({min(s) for s in slow}) > 1


def test_a_slow_link_is_one_way() -> None:
    (shape,) = packet.slow_link(Random(1), NODES, ()).begin
    assert len(shape.links) == 1


def test_one_node_has_no_links() -> None:
    for kind in packet.ALL_KINDS:
        with pytest.raises(ValueError, match="at least two nodes"):
            kind(Random(1), (0,), ())
