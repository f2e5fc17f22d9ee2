"""Commands of several keys: all or nothing, and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.kernel import Command
from protocols.statemachine import Answer, KeyValue
from protocols.transactions import MULTI, keys_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "y", "r", "append"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["from", "to", "amount"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def txn(*micro_ops, key="", session="", serial=0):
    return Command("txn", key, [list(m) for m in micro_ops], session, serial)


def transfer(amount, source="a", target="b", **named):
    return Command("transfer", "", {"from": source, "to": target, "amount": amount}, **named)


def bank(**balances):
    store = KeyValue()
    for account, balance in balances.items():
        store.run(Command("write", account, balance))
    return store


def test_a_transaction_reads_what_it_wrote_itself():
    store = KeyValue()
    done = store.run(txn(("append", "x", 1), ("r", "x", None), ("w", "y", 2), ("r", "y", None)))
    assert done == Answer([["append", "x", 1], ["r", "x", [1]], ["w", "y", 2], ["r", "y", 2]])
    assert store.values == {"x": [1], "y": 2}


def test_nothing_is_changed_where_a_part_cannot_be_done():
    store = bank(y=5)
    assert not store.run(txn(("append", "x", 1), ("append", "y", 2))).ok
    assert store.values == {"y": 5}


def test_a_transfer_moves_money_and_never_more_than_there_is():
    store = bank(a=5, b=0)
    assert store.run(transfer(3)).ok
    assert not store.run(transfer(3)).ok
    assert not store.run(transfer(1, "a", "nobody")).ok
    assert not store.run(transfer(1, "a", "a")).ok
    assert store.run(Command("balances", "", ["a", "b"])) == Answer({"a": 2, "b": 3})


def test_a_transaction_decided_twice_runs_once():
    store = bank(a=5, b=0)
    twice = transfer(2, session="s", serial=1)
    assert store.run(twice) == store.run(twice)
    assert store.ran(twice)
    assert store.values == {"a": 3, "b": 2}


def test_a_command_that_names_a_key_concerns_no_other():
    store = KeyValue()
    assert store.run(txn(("append", "x", 1), key="x")).ok
    refused = txn(("append", "x", 2), ("append", "y", 2), key="x")
    assert keys_of(refused) == ("x",)
    assert not store.run(refused).ok
    assert store.values == {"x": [1]}


@pytest.mark.parametrize("f", MULTI)
@given(value=JSON)
def test_nonsense_is_refused_and_changes_nothing_or_is_done_whole(f, value):
    """It is in the log: to raise would stop each replica, and again after each restart."""
    store = bank(x=1, y=2)
    before = dict(store.values)
    command = Command(f, "", value)
    keys_of(command)
    if not store.run(command).ok:
        assert store.values == before
