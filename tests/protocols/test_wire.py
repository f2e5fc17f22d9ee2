from typing import Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.kernel import Command, record
from protocols.wire import Codec, WireError, dumps, loads, read_as, reader

# Small: a message is a handful of fields, and Hypothesis gives up on what is drawn too large.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@record
class Inner:
    ballot: tuple[int, int]
    command: Command


@record
class Outer:
    many: tuple[Inner, ...]
    maybe: Inner | None
    named: dict[str, Inner]
    old: Union[str, None]  # noqa: UP007  # the other spelling is another type at run time
    anything: object


@record
class Plain:
    n: int


CODEC = Codec((Outer, Plain))
INNERS = st.builds(
    Inner,
    st.tuples(st.integers(), st.integers()),
    st.builds(Command, st.text(), st.text(), JSON, st.text(), st.integers()),
)
OUTERS = st.builds(
    Outer,
    st.lists(INNERS, max_size=4).map(tuple),
    st.none() | INNERS,
    st.dictionaries(st.text(max_size=8), INNERS, max_size=4),
    st.none() | st.text(),
    JSON,
)


@settings(max_examples=40)
@given(OUTERS)
def test_a_message_arrives_as_it_was_sent_with_its_types(msg):
    assert CODEC.decode(CODEC.encode(msg)) == msg


@given(INNERS)
def test_what_was_persisted_is_read_back(value):
    assert read_as(Inner, loads(dumps(value))) == value


def test_nothing_of_the_sender_arrives():
    """Else two replicas in one process would share what each takes for its own."""
    values = [1, [2]]
    msg = Outer((), None, {}, None, values)
    arrived = CODEC.decode(CODEC.encode(msg))
    assert arrived.anything == values
    assert arrived.anything is not values
    assert arrived.anything[1] is not values[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "7",
        "[]",
        '["Nobody",1]',
        '["Plain"]',
        '["Plain",1,2]',
        '["Outer",1,2,3,4,5]',
    ],
)
def test_what_is_no_message_is_a_wire_error_and_nothing_else(text):
    with pytest.raises(WireError):
        CODEC.decode(text)


@given(st.text())
def test_no_text_makes_it_raise_anything_else(text):
    with pytest.raises(WireError):
        CODEC.decode(text)


@pytest.mark.parametrize("tp", [set, dict[int, int], Inner | Plain, float])
def test_a_type_that_cannot_travel_is_refused_when_the_protocol_is_imported(tp):
    with pytest.raises(TypeError):
        reader(tp)


def test_an_object_of_no_record_cannot_be_sent():
    with pytest.raises(TypeError, match="cannot travel"):
        dumps({1})


def test_two_messages_of_one_name_are_refused():
    other = type("Plain", (), {"__annotations__": {}})
    with pytest.raises(AssertionError, match="one name"):
        Codec((Plain, record(other)))
