"""The online check says at the end what the check of the whole says, and remembers little."""

import pytest
from hypothesis import given, settings

from checker.history import INVOKE, OK, History, Row
from checker.linearizable import check, online
from checker.linearizable.online import OnlineRegister, Unsupported
from checker.verdict import Outcome
from tests.checker.golden import golden
from tests.checker.histories import DRAWS, register_history


def fed(history: History) -> tuple[str | None, int | None]:
    """The anomaly, and the row at which it was seen."""
    register = OnlineRegister()
    for place, row in enumerate(history.rows):
        if register.feed(row) is not None:
            return register.anomaly, place
    return None, None


@settings(max_examples=600)
@given(DRAWS)
def test_it_agrees_with_the_check_of_the_whole(draws) -> None:
    history = register_history(draws, cas=False, unique=True)
    anomaly, place = fed(history)
    assert (anomaly is not None) is (check(history).outcome is Outcome.INVALID)
    if place is not None:  # and it was not there before
        assert check(History.of(history.rows[:place])).outcome is not Outcome.INVALID


@settings(max_examples=300)
@given(DRAWS)
def test_it_agrees_though_it_forgets_at_once(draws) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online, "_SWEEP", 1)
        history = register_history(draws, cas=False, unique=True)
        anomaly, _ = fed(history)
        assert (anomaly is not None) is (check(history).outcome is Outcome.INVALID)


def test_golden_anomalies_are_seen_at_their_row() -> None:
    assert fed(golden("linearizable", "stale-read", "bad")) == (
        "row 7, key x: a value came back after another had replaced it",
        7,
    )
    assert fed(golden("linearizable", "stale-read", "ok")) == (None, None)
    assert (
        fed(golden("linearizable", "failed-write", "bad"))[0]
        == "row 3, key x: read of a failed write"
    )


def test_it_keeps_only_what_is_live() -> None:
    register = OnlineRegister()
    for value in range(10_000):
        assert register.feed(Row(0, 0, INVOKE, "write", "x", value)) is None
        assert register.feed(Row(0, 0, OK, "write", "x", value)) is None
        assert register.feed(Row(0, 1, INVOKE, "read", "x")) is None
        assert register.feed(Row(0, 1, OK, "read", "x", value)) is None
    assert len(register.keys["x"].zones) < 1100
    register.feed(Row(0, 1, INVOKE, "read", "x"))
    stale = register.feed(Row(0, 1, OK, "read", "x", 3))
    assert stale == "row 40001, key x: read of what was replaced or never written"


def test_what_it_does_not_judge_is_said() -> None:
    with pytest.raises(Unsupported, match="'cas' is not judged online"):
        OnlineRegister().feed(Row(0, 0, INVOKE, "cas", "x", [1, 2]))
    register = OnlineRegister()
    register.feed(Row(0, 0, INVOKE, "write", "x", 1))
    with pytest.raises(Unsupported, match="written twice"):
        register.feed(Row(0, 1, INVOKE, "write", "x", 1))
