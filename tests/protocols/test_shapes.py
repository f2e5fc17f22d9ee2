"""Generated functions say what the slow ones do, and copies share nothing that can change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from protocols.kernel import Command, record
from protocols.shapes import copied, copier, writer
from protocols.wire import Codec, dumps, loads
from tests.protocols.test_wire import CODEC, INNERS, JSON, OUTERS, Inner, Outer


@settings(max_examples=40)
@given(OUTERS)
def test_a_copy_is_what_reading_the_text_gives(msg):
    assert copier(Outer)(msg) == msg == CODEC.decode(CODEC.encode(msg))
    assert CODEC.encode(msg) == dumps(("Outer", *loads(dumps(msg))))


@given(INNERS)
def test_a_generated_text_is_the_text(value):
    assert writer(Inner)(value) == dumps(value)


@given(JSON)
def test_any_json_value_is_copied(value):
    assert copied(value) == loads(dumps(value)) == value


def test_a_copy_shares_nothing_that_can_change():
    inner = Inner((1, 2), Command("f", "k", [1, {"a": [2]}]))
    msg = Outer((inner,), inner, {"x": inner}, None, {"b": [3]})
    copy = copier(Outer)(msg)

    assert copy == msg
    for ours, theirs in ((msg, copy), (msg.maybe, copy.maybe), (msg.many[0], copy.many[0])):
        assert ours is not theirs
    assert copy.named is not msg.named
    assert copy.named["x"] is not inner
    assert copy.anything["b"] is not msg.anything["b"]
    assert copy.maybe.command.value[1]["a"] is not inner.command.value[1]["a"]


@record
class Loose:
    n: int
    many: tuple[int, ...]


def test_what_is_not_as_annotated_travels_as_it_did():
    codec = Codec((Loose,))
    text = codec.encode(Loose(None, [1, True]))  # type: ignore[arg-type]

    assert text == '["Loose",null,[1,true]]'
    assert codec.decode(text) == Loose(None, (1, 1))  # type: ignore[arg-type]
    assert copier(Loose)(Loose(1, [2])).many == (2,)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{1}, object(), [{2}]])
def test_what_cannot_travel_is_not_copied(value):
    with pytest.raises(TypeError, match="cannot travel"):
        copied(value)
