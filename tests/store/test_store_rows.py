"""The lines of ``history.jsonl``: exactly the documented bytes, and back to the same row."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, Row, node_process
from harness.store.rows import decode, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
rows = st.builds(
    Row,
    st.integers(0, 2**62),
    st.integers(-60, 2**31),
    st.sampled_from((INVOKE, OK, FAIL, INFO)),
    st.text(),
    json_values,
    json_values,
    st.none() | st.text(),
    st.none() | st.integers(0, 60),
    st.none() | st.integers(0, 2**62),
)


def test_the_lines_are_those_of_the_architecture() -> None:
    lines = [
        encode(0, Row(1200345, 3, INVOKE, "write", "x", 5)),
        encode(1, Row(1200911, 3, OK, "write", "x", 5)),
        encode(2, Row(1300000, NEMESIS, INFO, "partition", None, {"links": [[0, 1]]})),
        encode(3, Row(9, 0, FAIL, "cas", "x", [1, 2], "was 7", 0, 4)),
        encode(4, Row(9, node_process(2), INFO, "decided", None, None)),
    ]
    assert lines == [
        '{"index":0,"time":1200345,"process":3,"type":"invoke","f":"write","key":"x","value":5}\n',
        '{"index":1,"time":1200911,"process":3,"type":"ok","f":"write","key":"x","value":5}\n',
        (
            '{"index":2,"time":1300000,"process":"nemesis","type":"info","f":"partition",'
            '"value":{"links":[[0,1]]}}\n'
        ),
        (
            '{"index":3,"time":9,"process":0,"type":"fail","f":"cas","key":"x","value":[1,2],'
            '"error":"was 7","node":0,"intended":4}\n'
        ),
        '{"index":4,"time":9,"process":"n3","type":"info","f":"decided","value":null}\n',
    ]


@given(rows, st.integers(0, 2**31))
def test_any_row_survives_and_its_line_is_one_line_of_ascii(row: Row, index: int) -> None:
    line = encode(index, row)
    assert line.isascii()
    assert line.count("\n") == 1
    parsed = json.loads(line)
    assert parsed["index"] == index
    assert decode(parsed) == row


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ([1], "a row is an object, not \\[1\\]"),
        ({"process": 1, "type": "ok", "f": "read"}, 'there is no "time"'),
        ({"time": 1, "process": 1, "type": "ok"}, 'there is no "f"'),
        ({"time": 1, "process": -1, "type": "ok", "f": "read"}, '"process" is a client'),
        ({"time": 1, "process": "n0", "type": "ok", "f": "read"}, '"process" is a client'),
        ({"time": 1, "process": True, "type": "ok", "f": "read"}, '"process" is a client'),
        ({"time": 1, "process": 1, "type": ["ok"], "f": "read"}, '"type" is one of'),
        ({"time": 1, "process": 1, "type": "ok", "f": 7}, '"f" is a string, not 7'),
        ({"time": 1.5, "process": 1, "type": "ok", "f": "read"}, '"time" is a whole number'),
        ({"time": 1, "process": 1, "type": "ok", "f": "r", "node": "n1"}, '"node" is a whole'),
        ({"time": 1, "process": 1, "type": "ok", "f": "r", "intended": True}, '"intended" is a'),
    ],
)
def test_what_is_no_row_is_refused_with_the_reason(fields: object, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        decode(fields)
