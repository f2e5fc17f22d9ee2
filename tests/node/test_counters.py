"""Counting is for ever, telling is not."""

from __future__ import annotations

import logging

import pytest

from harness.node.counters import Counters


def test_what_goes_wrong_again_and_again_is_told_each_time_it_has_doubled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counters = Counters()
    with caplog.at_level(logging.WARNING, "node"):
        for _ in range(1000):
            counters.wrong("garbage", "from here")
    assert counters.all()["garbage"] == 1000
    assert len(caplog.records) == 10
    assert caplog.records[-1].getMessage() == "garbage: from here (512 so far)"


def test_a_kind_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Counters().wrong("grabage", "")
