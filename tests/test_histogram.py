"""Quantiles of the histogram against those of the sorted values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.histogram import Histogram


def filled(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(
    st.lists(st.integers(0, 2**62) | st.integers(0, 300), min_size=1, max_size=200),
    st.integers(1, 1000),
)
def test_a_quantile_is_right_to_within_a_64th_and_never_too_low(values, permille) -> None:
    exact = sorted(values)[-(-len(values) * permille // 1000) - 1]
    quantile = filled(values).quantile(permille)
    assert quantile is not None
    assert exact <= quantile <= exact + exact // 64


@given(st.lists(st.integers(0, 2**40)), st.lists(st.integers(0, 2**40)))
def test_merging_is_counting_both(some: list[int], others: list[int]) -> None:
    merged = filled(some)
    merged.merge(filled(others))
    assert merged.to_json() == filled(some + others).to_json()


def test_nothing_has_no_quantiles_and_negative_counts_as_zero() -> None:
    assert Histogram().quantile(500) is None
    assert filled([-5, -1]).quantile(1000) == 0
