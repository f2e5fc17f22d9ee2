"""What is read many lines at once is what the parser of JSON reads line by line, right or wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checker.history import INFO, INVOKE, OK, Row
from harness.errors import UsageError
from harness.store.gather import Gathered
from harness.store.load import gather
from harness.store.rows import decode, encode

SMALL = st.integers(-3, 12) | st.integers(0, 10**17) | st.integers(0, 1 << 62)
NAMES = st.sampled_from(
    ["x", "k7", "read", "a\\", 'q"uote', "é", "", "a longer name than most are"]
)
JSON = st.none() | SMALL | st.booleans() | st.floats(allow_nan=False) | NAMES | st.lists(SMALL)
ROWS = st.builds(
    Row,
    st.integers(0, 10**16) | st.integers(0, 1 << 62),
    st.integers(-3, 100) | st.integers(0, 10**12),
    st.integers(0, 3),
    NAMES,
    st.none() | NAMES | SMALL,
    JSON,
    st.none() | NAMES,
    st.none() | SMALL,
    st.none() | SMALL,
)
BYTES = st.sampled_from([bytes([b]) for b in b'\x00\t\n "\\{}[],:.-+019e\x80']) | st.binary(
    max_size=2
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), BYTES), max_size=3)


def by_line(text: bytes) -> list[Row] | None:
    """The reference; None where some line is no row."""
    lines = text.split(b"\n")
    rows: list[Row] = []
    for line in lines:
        try:
            words = line.decode("utf-8")
            if words.strip():
                rows.append(decode(json.loads(words)))
        except UnicodeDecodeError:
            return None
        except ValueError:
            if line is lines[-1]:
                break  # torn
            return None
    return rows


def at_once(text: bytes) -> list[Row] | None:
    try:
        return list(gather("x", [text]).rows())
    except UsageError:
        return None


def same(text: bytes) -> None:
    found, wanted = at_once(text), by_line(text)
    assert found == wanted
    assert repr(found) == repr(wanted), "True is not 1"


@given(st.lists(ROWS, max_size=12))
def test_our_own_rows_survive(rows: list[Row]) -> None:
    text = "".join(encode(i, row) for i, row in enumerate(rows)).encode()
    assert at_once(text) == rows
    same(text)
    same(text[:-1])
    same(text[: len(text) * 2 // 3])


@settings(max_examples=400)
@given(st.lists(ROWS, min_size=1, max_size=4), EDITS)
@example([Row(1, 2, OK, "read", "x", 3)], [(0.0, 0, b'{"index":01}')])
def test_broken_rows_are_read_or_refused_as_by_the_parser_of_json(rows, edits) -> None:
    text = "".join(encode(i, row) for i, row in enumerate(rows)).encode()
    for place, size, put in edits:
        at = int(place * len(text))
        text = text[:at] + put + text[at + size :]
    same(text)


@pytest.mark.parametrize(
    "line",
    [
        b'{"index":0,"time":01,"process":0,"type":"ok","f":"read","key":"x","value":1}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"read","key":"x","value":01}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"re\tad","key":"x","value":1}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"read","key":"x\\","value":1}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"read","key":"x","value":1}}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"read","key":"x","value":[1}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"read","key":"x","value":nul1}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":7,"key":"x","value":1}',
        b'{"index":,"time":1,"process":0,"type":"ok","f":"r","key":"x","value":1}',
        b'{"index":0,"time":1,"process":0,"type":"okay","f":"r","key":"x","value":1}',
        b'{"index":0,"time":1,"process":0,"type":"ok","f":"r","value":"\xff"}',
    ],
)
def test_a_line_that_nearly_is_a_row_is_refused_with_its_number(line: bytes) -> None:
    good = encode(0, Row(0, 0, INVOKE, "read", "x")).encode()
    with pytest.raises(UsageError, match="x:2: "):
        gather("x", [good + line + b"\n" + good])


def test_lines_may_be_cut_anywhere_into_blocks() -> None:
    rows = [Row(i, i, INVOKE, "write", f"k{i % 3}", i) for i in range(30)]
    text = "".join(encode(i, row) for i, row in enumerate(rows)).encode()
    for size in (1, 7, 100, 1000):
        blocks = [text[i : i + size] for i in range(0, len(text), size)]
        assert list(gather("x", blocks).rows()) == rows


def test_rows_from_elsewhere_follow() -> None:
    gathered = Gathered("x")
    first = Row(5, 0, INVOKE, "write", "x", 1)
    notes = [Row(7, -2, INFO, "decided", None, [1, "s"]), Row(8, -2, INFO, "decided", None, "s")]
    gathered.take(encode(0, first).encode())
    assert gathered.last_ns == 5
    gathered.extend(notes)
    history = gathered.history()
    assert list(history.rows) == [first, *notes]
    assert list(history.notes("decided")) == [(1, 0, [1, "s"]), (2, 0, "s")]
