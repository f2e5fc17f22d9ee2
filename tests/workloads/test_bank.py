"""Accounts are opened whoever refuses, and what was never open is no money lost."""

from __future__ import annotations

from checker.history import FAIL, INVOKE, OK, History, Row
from checker.verdict import Outcome
from workloads.bank import ACCOUNTS, OPENING, TOTAL, Opening, check
from workloads.kernel import Invoke


def test_an_account_is_asked_for_at_another_node_where_one_refuses():
    """A spare node of five refuses all, and no one else opens the account."""
    opening, asked = Opening("b4", 4, 5), []
    for answer in (FAIL, FAIL, OK):
        invoke = opening.poll(0, (0,))
        assert isinstance(invoke, Invoke)
        asked.append(invoke.node)
        opening.update(0, Row(1, 0, answer, "cas", "b4", invoke.value))
    assert asked == [4, 0, 1]
    opening = Opening("b4", 2, 5)
    for _ in range(2):
        invoke = opening.poll(0, (0,))
        assert isinstance(invoke, Invoke)
        assert invoke.node == 2, "who serves is asked on"
        opening.update(0, Row(1, 0, OK, "cas", "b4", invoke.value))
    assert opening.poll(0, (0,)) is None


def history(*opened: str) -> History:
    """These are opened, and then all are read: what was not opened is not there."""
    rows = []
    for name in opened:
        rows += [
            Row(len(rows), 0, type_, "cas", name, [OPENING, OPENING]) for type_ in (INVOKE, OK)
        ]
    balances = {name: OPENING if name in opened else None for name in ACCOUNTS}
    rows.append(Row(1000, 1, INVOKE, "balances", "", list(ACCOUNTS)))
    rows.append(Row(1001, 1, OK, "balances", "", balances))
    return History.of(rows)


def test_an_account_that_was_never_open_makes_a_trial_vacuous_not_invalid():
    verdict = check(history(*ACCOUNTS[:-1]))
    assert verdict.outcome is Outcome.VACUOUS
    assert ACCOUNTS[-1] in verdict.summary
    assert check(history(*ACCOUNTS)).valid


def test_money_that_is_missing_is_seen():
    rows = list(history(*ACCOUNTS).rows)
    short = dict.fromkeys(ACCOUNTS, OPENING) | {"b0": 0}
    rows[-1] = rows[-1]._replace(value=short)
    verdict = check(History.of(rows))
    assert verdict.outcome is Outcome.INVALID
    assert f"found {TOTAL - OPENING}, not {TOTAL}" in verdict.summary
