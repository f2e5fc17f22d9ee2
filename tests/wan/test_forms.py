"""The closed forms against the figures of PROTOCOLS.md 6.3, from the matrix of 6.2."""

from __future__ import annotations

import pytest

from harness.wan import forms

# VA, CA, OR, IR, JP; the mean of both ways, in ms (AWS, April 2017).
FAR = {
    (0, 1): 72.15, (0, 2): 87.85, (0, 3): 80.55, (0, 4): 145.3, (1, 2): 19.35, (1, 3): 153.2,
    (1, 4): 102.5, (2, 3): 137.0, (2, 4): 89.15, (3, 4): 212.4,
}  # fmt: skip
FIVE = [[FAR.get((min(a, b), max(a, b)), 0.0) for b in range(5)] for a in range(5)]
VA, CA, OR, IR, JP = range(5)
SINGLE = [[node] for node in range(5)]
"""Zones of a node each."""
LAN_MS = 1
"""What 6.3 counts for a quorum within the site."""


def local(sites: list[float]) -> list[float]:
    return [ms + LAN_MS for ms in sites]


@pytest.mark.parametrize(
    ("sites", "figures", "mean"),
    [
        (forms.leader(FIVE, CA), (144, 72, 92, 225, 175), 142),
        (forms.leader(FIVE, OR), (176, 107, 88, 225, 177), 154),
        (forms.leader(FIVE, VA), (80, 153, 168, 161, 226), 158),
        (forms.leader(FIVE, OR, size=2), (107, 39, 19, 156, 108), 86),
        (forms.one_round(FIVE), (80, 72, 88, 137, 102), 96),
        (forms.two_rounds(FIVE), (161, 144, 176, 274, 205), 192),
        (forms.one_round(FIVE, size=4), (88, 102, 89, 153, 145), 116),
        (forms.sequenced(FIVE, OR, short=False), (90, 90, 88, 153, 105), 105),
        (forms.farthest(FIVE), (145, 153, 137, 212, 212), 172),
        (local(forms.owned(FIVE, SINGLE, 0)), (1, 1, 1, 1, 1), 1),
        (forms.owned(FIVE, SINGLE, 1), (72, 19, 19, 80, 89), 56),
        (local(forms.by_locality(FIVE, SINGLE, 0, 700)), (30, 27, 26, 45, 42), 34),
        (local(forms.by_locality(FIVE, SINGLE, 0, 900)), (11, 10, 9, 16, 15), 12),
        (local(forms.stolen(FIVE, SINGLE, 0)), (146, 154, 138, 213, 213), 173),
        (forms.chain(FIVE, (VA, CA, OR, JP, IR)), (237, 309, 309, 237, 375), 293),
    ],
)
def test_the_figures_of_the_five_regions(sites, figures, mean) -> None:
    assert sites == pytest.approx(figures, abs=1.0)
    assert forms.mean(sites) == pytest.approx(mean, abs=1.0)


def test_each_site_s_keys_may_have_another_leader_and_other_voters() -> None:
    three = [[0, 10, 4], [10, 0, 6], [4, 6, 0]]
    assert forms.led_by(three, [0, 1, 2]) == forms.one_round(three, 2)
    assert forms.led_by(three, [1, 1, 1]) == forms.leader(three, 1)
    assert forms.led_by(three, [2, 0, 0]) == [4 + 4, 10 + 4, 4 + 4]
    assert forms.appointed(three, [1, 1, 0], [[1, 0], [1, 2], [0]]) == [10 + 10, 6, 4]


def test_the_worst_places_for_a_leader() -> None:
    assert forms.mean(forms.leader(FIVE, JP)) == pytest.approx(212, abs=1)
    assert forms.mean(forms.leader(FIVE, IR)) == pytest.approx(254, abs=1)


def test_the_sequencer_s_own_vote_and_one_s_own_are_enough_on_the_short_path() -> None:
    assert forms.sequenced(FIVE, OR) == pytest.approx((88, 72, 88, 137, 102), abs=1)


def test_conflicts_go_from_the_fast_path_to_the_slow_one() -> None:
    assert forms.by_conflict(FIVE, 0) == forms.one_round(FIVE)
    assert forms.by_conflict(FIVE, 1000) == pytest.approx(forms.two_rounds(FIVE))
    half = forms.by_conflict(FIVE, 500)
    assert half[IR] == pytest.approx((137 + 274) / 2, abs=1)


def test_zones_of_several_nodes_have_majorities_of_their_own() -> None:
    """Two zones of three, 100 ms apart, a millisecond within."""
    matrix = [[0 if a == b else 1 if a // 3 == b // 3 else 100 for b in range(6)] for a in range(6)]
    grid = forms.zones(["eu"] * 3 + ["us"] * 3)
    assert grid == [[0, 1, 2], [3, 4, 5]]
    assert forms.owned(matrix, grid, 0) == [1] * 6
    assert forms.owned(matrix, grid, 1) == [100] * 6
    assert forms.stolen(matrix, grid, 0) == [101] * 6


def test_the_busiest_node_of_nine() -> None:
    """SIGMOD 2019: Paxos, EPaxos without and with conflicts, WPaxos on 3 x 3."""
    assert forms.load(1, 5) == 4
    assert forms.load(9, 5) == pytest.approx(4 / 3)
    assert forms.load(9, 5, 1) == pytest.approx(8 / 3)
    assert forms.load(3, 3) == pytest.approx(4 / 3)
