"""Checking some keys only."""

from __future__ import annotations

import pytest

from checker.history import INFO, INVOKE, NEMESIS, OK, History, Row
from harness.errors import UsageError
from harness.formats.keys import only_keys

HISTORY = History.of(
    [
        Row(0, 0, INVOKE, "read", "x"),
        Row(1, 1, INVOKE, "read", 7),
        Row(2, NEMESIS, INFO, "kill", None),
        Row(3, 1, OK, "read", 7, 1),
        Row(4, 0, OK, "read", "x", 2),
        Row(5, 0, INVOKE, "read", [1]),
    ]
)


@pytest.mark.parametrize(
    ("keys", "invoked"), [(("x",), [0]), (("7",), [1]), (("x", "7"), [0, 1]), (("[1]",), [5])]
)
def test_only_ops_of_these_keys_are_left_at_their_rows(
    keys: tuple[str, ...], invoked: list[int]
) -> None:
    some = only_keys(HISTORY, keys)
    assert [op.invoked for op in some.ops()] == invoked
    assert some.of_nemesis() == [2]
    assert len(some) == len(HISTORY)


def test_a_key_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no op has the key 'y': there are x, 7, \[1\]"):
        only_keys(HISTORY, ("y",))
