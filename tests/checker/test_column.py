"""A column gives back the values it was made of, and codes that tell them apart as JSON does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.column import Coded, Listed, Numbers, column, names
from checker.values import identity

INTS = st.integers(-5, 5) | st.integers(-(1 << 70), 1 << 70)
PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=2) | INTS
JSON = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=1), PLAIN, max_size=1)


def same(a, b) -> bool:
    return type(a) is type(b) and a == b


@given(st.lists(JSON, max_size=8) | st.lists(st.none() | INTS, max_size=40), st.integers(0, 40))
def test_values_come_back_and_codes_tell_them_apart(values, more) -> None:
    values = values + [7] * more  # with many ints the others are exceptions
    made = column(values)
    assert len(made) == len(values)
    assert all(map(same, made, values))
    assert all(same(made[i], values[i]) for i in range(len(values)))
    assert made[1:] == values[1:]
    rows = np.arange(len(values))[::-1]
    assert all(map(same, made.take(rows), values[::-1]))
    codes = made.codes.tolist()
    assert all(-1 <= code < max(made.size, 1) for code in codes)
    assert [code == -1 for code in codes] == [value is None for value in values]
    for i, a in enumerate(values):
        for j, b in enumerate(values[:i]):
            assert (codes[i] == codes[j]) is (identity(a) == identity(b))


@given(st.lists(JSON, max_size=8), st.integers(0, 40))
def test_ints_are_those_of_64_bits(values, more) -> None:
    values = values + [7] * more
    ints, known = column(values).as_ints()
    for i, value in enumerate(values):
        fits = type(value) is int and -(1 << 63) <= value < 1 << 63
        assert bool(known[i]) is fits
        assert not fits or ints[i] == value


def test_each_kind_of_values_has_its_column() -> None:
    assert isinstance(column([1, None, 3]), Numbers)
    assert isinstance(column([1] * 8 + [{"a": 1}]), Numbers)
    assert isinstance(column([1, {"a": 1}]), Listed)
    assert isinstance(column(["a", None]), Coded)
    assert isinstance(column([None, None]), Coded)
    assert names(["b", "a", "b"]).table == ["b", "a"]
    with pytest.raises(IndexError):
        column([1, 2])[2]
