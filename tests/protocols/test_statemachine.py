from hypothesis import given
from hypothesis import strategies as st

from protocols.kernel import Command
from protocols.statemachine import (
    NOOP,
    OUTDATED,
    SESSIONS_PER_KEY,
    Answer,
    KeyValue,
    name_of,
)
from protocols.wire import dumps, loads

SESSIONS = st.sampled_from(["", "a", "b"])
APPENDS = st.builds(
    Command,
    st.just("append"),
    st.just("x"),
    st.integers(),
    SESSIONS.filter(bool),
    st.integers(1, 4),
)
OTHERS = st.one_of(
    st.builds(Command, st.just(f), st.just("y"), value, SESSIONS, st.integers(1, 4))
    for f, value in [
        ("read", st.none()),
        ("write", st.integers(0, 2)),
        ("cas", st.tuples(st.integers(0, 2), st.integers(0, 2)).map(list)),
    ]
)


def append(value, session="c", serial=1):
    return Command("append", "x", value, session, serial)


def test_each_command_does_what_it_says():
    store = KeyValue()
    assert store.run(Command("read", "x")) == Answer(None)
    assert store.run(Command("write", "x", 1)) == Answer(1)
    assert store.run(Command("cas", "x", [1, 2])) == Answer([1, 2])
    assert store.run(Command("read", "x")) == Answer(2)
    assert store.run(Command("append", "y", "a")) == Answer("a")
    assert store.run(Command("append", "y", "b")) == Answer("b")
    assert store.run(Command("read", "y")) == Answer(["a", "b"])


def test_a_cas_that_fails_changes_nothing_and_says_so():
    store = KeyValue()
    assert not store.run(Command("cas", "x", [1, 2])).ok
    assert store.values["x"] is None


def test_a_command_that_makes_no_sense_fails_at_every_replica_alike():
    """It is in the log: to raise would stop each replica, and again after each restart."""
    store = KeyValue()
    store.run(Command("write", "x", 5))
    for command in (append("a"), Command("cas", "x", 5), Command("cas", "x", [5])):
        assert not store.run(command).ok
    assert store.values == {"x": 5}


def test_a_noop_and_an_unknown_command_run_as_nothing():
    store = KeyValue()
    store.run(NOOP)
    assert not store.run(Command("increment", "x")).ok
    assert store == KeyValue()


def test_a_command_decided_twice_runs_once_and_answers_the_same():
    """Ongaro 2014, section 6.3: a failed cas too, or its retry would succeed after a write."""
    store = KeyValue()
    assert store.run(append("a")) == store.run(append("a")) == Answer("a")
    assert store.values["x"] == ["a"]
    cas = Command("cas", "y", [1, 2], "c", 2)
    assert not store.run(cas).ok
    store.run(Command("write", "y", 1))
    assert not store.run(cas).ok
    assert store.values["y"] == 1


def test_an_older_command_of_a_session_neither_runs_nor_fails():
    """Nobody may be told that it had no effect: it ran long ago."""
    store = KeyValue()
    store.run(append("a", serial=1))
    store.run(append("b", serial=2))
    assert store.run(append("a", serial=1)) is OUTDATED
    assert store.values["x"] == ["a", "b"]


def test_sessions_are_kept_for_each_key():
    """Under EPaxos commands on two keys run in any order: one must not outdate the other."""
    store = KeyValue()
    store.run(Command("append", "y", 1, "c", 2))
    assert store.run(append("a", serial=1)) == Answer("a")


def test_a_session_whose_answer_is_used_again_is_not_the_next_to_go():
    store = KeyValue()
    store.run(append("first", "old", 1))
    for i in range(SESSIONS_PER_KEY - 1):
        store.run(append(i, f"c{i}"))
    store.run(append("second", "old", 2))
    store.run(append("one more", "new"))
    assert store.ran(append("second", "old", 2))
    assert not store.ran(append(0, "c0"))


@given(st.lists(APPENDS | OTHERS))
def test_a_snapshot_is_the_whole_state_sessions_included(commands):
    """Goal: two stores, one restored midway, answer alike for ever. Method: run all again."""
    store = KeyValue()
    for command in commands:
        store.run(command)
    restored = KeyValue.restore(loads(dumps(store.snapshot())))
    assert restored == store
    assert [restored.run(c) for c in commands] == [store.run(c) for c in commands]
    assert restored == store


@given(st.lists(APPENDS))
def test_a_command_that_was_the_last_of_its_session_changes_nothing_again(commands):
    """Goal: exactly once. And what is OUTDATED changed nothing either."""
    store = KeyValue()
    for command in commands:
        before = store.snapshot()
        first = store.run(command)
        after = store.snapshot()
        assert store.run(command) == first
        assert store.snapshot() == after
        assert first is not OUTDATED or before == after


def test_a_snapshot_shares_nothing_with_the_store():
    store = KeyValue()
    store.run(append("a"))
    snapshot = store.snapshot()
    store.run(append("b", serial=2))
    assert KeyValue.restore(snapshot).values["x"] == ["a"]


def test_names_tell_commands_of_sessions_apart():
    assert name_of(append("a")) == "c/1"
    assert name_of(NOOP) == "noop"
