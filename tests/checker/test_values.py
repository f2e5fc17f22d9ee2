"""Which values are the same, and their codes."""

from hypothesis import given
from hypothesis import strategies as st

from checker.values import encode, identity

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text("01a", max_size=2)
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


@given(st.lists(JSON, max_size=12))
def test_codes_are_equal_exactly_where_values_are_the_same(values) -> None:
    codes, size = encode(values)
    for a, code in zip(values, codes.tolist(), strict=True):
        assert (code == -1) is (a is None)
        assert code < size
        for b, other in zip(values, codes.tolist(), strict=True):
            assert (code == other) is (identity(a) == identity(b))


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5), st.booleans()), max_size=12))
def test_ints_that_are_near_each_other_too(values) -> None:
    codes, _ = encode(values)
    same = {(code, identity(value)) for code, value in zip(codes.tolist(), values, strict=True)}
    assert len(same) == len({code for code, _ in same}) == len({name for _, name in same})


def test_true_is_not_one_and_one_is_not_one_point_zero() -> None:
    assert encode([1, True, 1.0, "1", None, [1], [True]])[0].tolist() == [0, 1, 2, 3, -1, 4, 5]


def test_ints_beyond_64_bits_have_codes_too() -> None:
    codes, size = encode([1 << 80, 5, 1 << 80])
    assert (codes[0], codes[0] != codes[1], size) == (codes[2], True, 2)
