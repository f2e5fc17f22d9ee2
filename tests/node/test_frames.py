"""Frames come out as they went in, however TCP cut them; what is none is an error, never a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.node.frames import FRAME_BYTES_MAX, FrameReader, Hello, frame, hello_frame, read_hello
from protocols.wire import WireError


@given(st.lists(st.text()), st.integers(1, 20))
def test_texts_survive_any_cutting(texts: list[str], size: int) -> None:
    data = b"".join(map(frame, texts))
    reader = FrameReader()
    found = []
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    assert found == texts


def test_a_length_that_no_frame_has_is_an_error() -> None:
    too_long = (FRAME_BYTES_MAX + 1).to_bytes(4, "big")
    with pytest.raises(WireError, match="a frame of"):
        FrameReader().feed(too_long)
    assert FrameReader().feed(FRAME_BYTES_MAX.to_bytes(4, "big")) == []


def test_bytes_that_are_no_text_are_an_error() -> None:
    with pytest.raises(WireError, match="not UTF-8"):
        FrameReader().feed(b"\0\0\0\1\xff")


def test_a_hello_is_read_back() -> None:
    (text,) = FrameReader().feed(hello_frame(Hello("c", 2, 0)))
    assert read_hello(text) == Hello("c", 2, 0)


@pytest.mark.parametrize(
    "text",
    ["", "5", "[]", '["Hello"]', '["Hello",["c",1]]', '["Hello",["c","1",0]]', '["Bye",["c",1,0]]'],
)
def test_what_is_no_hello_is_an_error(text: str) -> None:
    with pytest.raises(WireError, match="not a hello"):
        read_hello(text)
