"""Jepsen's ops in EDN, text and JSON: round trips, errors with their line, and texts that are cut off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, Row
from harness.errors import UsageError
from harness.formats import jepsen_edn, jepsen_json, jepsen_text
from harness.formats.jepsen import Parsed
from harness.formats.source import Source
from tests.formats.printing import as_edn, as_json, as_text

Parse = Callable[[str], Parsed]


def edn(text: str) -> Parsed:
    return jepsen_edn.parse(Source(name="h", text=text))


def text(text: str) -> Parsed:
    return jepsen_text.parse(Source(name="h", text=text))


def json(text: str) -> Parsed:
    return jepsen_json.parse(Source(name="h", text=text))


@st.composite
def histories(draw: st.DrawFn, *, keys: bool) -> list[Row]:
    """Rows as a run would write them: some ops fail, some are never known, some never end."""
    rows: list[Row] = []
    open_ops: dict[int, Row] = {}
    processes = 3
    for _ in range(draw(st.integers(0, 12))):
        time_ns = len(rows) * 1_000_000
        process = draw(st.integers(-1, processes - 1))
        if process == NEMESIS:
            rows.append(Row(time_ns, NEMESIS, INFO, "start", None, draw(st.none() | st.text("ab"))))
        elif process in open_ops:
            asked = open_ops.pop(process)
            type_ = draw(st.sampled_from([OK, FAIL, INFO]))
            value = draw(st.integers(0, 9)) if asked.f == "read" and type_ == OK else asked.value
            error = None if type_ == OK else draw(st.sampled_from([None, "time out", "x\t:y"]))
            rows.append(asked._replace(time_ns=time_ns, type=type_, value=value, error=error))
        else:
            f = draw(st.sampled_from(["read", "write", "cas"]))
            value = {"read": None, "write": draw(st.integers(0, 9)), "cas": [1, 2]}[f]
            key = draw(st.integers(0, 2)) if keys else None
            open_ops[process] = Row(time_ns, process, INVOKE, f, key, value)
            rows.append(open_ops[process])
    return rows


@given(histories(keys=False), st.booleans())
def test_what_is_written_is_read(rows: list[Row], together: bool) -> None:
    assert list(edn(as_edn(rows, vector=together)).rows) == rows
    assert list(json(as_json(rows, array=together)).rows) == rows
    assert list(text(as_text(rows, prefix="INFO  jepsen.util - " if together else "")).rows) == rows


@given(histories(keys=True))
def test_keys_are_split_from_values_where_it_is_certain(rows: list[Row]) -> None:
    read = list(edn(as_edn(rows, vector=False)).rows)
    clients = [row for row in rows if row.process >= 0]
    if any(row.f in ("read", "cas") for row in clients):
        assert read == rows
    else:
        assert all(row.key is None for row in read)


READ = "{:process 0, :type :invoke, :f :read, :value nil}\n"
READ_JSON = '{"process":0,"type":"invoke","f":"read","value":null}'


@pytest.mark.parametrize(
    ("parse", "broken", "sentence"),
    [
        (edn, READ + "{:process 1, :type :maybe, :f :read}\n",
         'h:2: :type is one of invoke, ok, fail, info, not "maybe"'),
        (edn, READ + "{:type :ok, :f :read}\n", "h:2: an op without a :process"),
        (edn, "{:process :me, :type :ok}\n", 'h:1: :process is a number or :nemesis, not "me"'),
        (edn, READ + "\n\n" + READ, "h:4: process 0 invokes again before its op of line 1 completed"),
        (edn, "; x\n{:process 0, :type :ok, :f :read}\n", "h:2: process 0 completes what it did not"),
        (edn, "{:process 0, :type :invoke, :time :soon}\n", 'h:1: :time is a number of ns, not "soon"'),
        (edn, "{:process 0, :type :invoke, :index 2.0}\n", "h:1: :index is a whole number, not 2.0"),
        (edn, "[{:process 0, :type :invoke, :index 1}\n {:process 0, :type :ok, :index 1}]",
         "h:2: index 1 comes after index 1"),
        (edn, READ + "[1 2]\n", "h:2: an op is a map, not [1,2]"),
        (edn, READ + "{:process 0, :type ok]\n", "h:2: ] cannot close the { of line 2"),
        (edn, "[" + READ + "]\n{:a 1}\n", "h:3: nothing was expected after the end"),
        (edn, "{:process 0, :type :invoke\n" + READ, "h:1: { is not closed"),
        (text, "0\t:invoke\t:read\tnil\nhello\n", "h:2: not an op: 'hello'"),
        (text, "0\t:invoke\t:read\tnil\n1\t:maybe\t:read\tnil\n", "h:2: not an op: '1"),
        (text, "0\t:invoke\t:read\t[1\n", "h:1: the value cannot be read: [ is not closed"),
        (text, "0\t:invoke\t:read\t\n", "h:1: an op without a value"),
        (text, "0\t:invoke\t:write\t1 2\n", "h:1: one value was expected"),
        (text, "1\t:ok\t:read\tnil\n", "h:1: process 1 completes what it did not invoke"),
        (json, f"[{READ_JSON},\n{{not}},\n{READ_JSON}]", "h:2: not JSON: Expecting property name"),
        (json, f'{READ_JSON}\n{{"process":1}}\n', "h:2: an op without a :type"),
        (json, f"[{READ_JSON}]\n{READ_JSON}", "h:2: nothing was expected after the end"),
        (json, f"[{READ_JSON},\n17]", "h:2: an op is a map, not 17"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(parse: Parse, broken: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(broken)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("parse", "whole"),
    [
        (edn, READ + READ.replace("0", "1")),
        (edn, "[" + READ + READ.replace("0", "1").strip() + "]"),
        (text, "0\t:invoke\t:read\tnil\n1\t:invoke\t:read\tnil\n"),
        (text, "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:invoke\t:read\tnil\n"),
        (json, READ_JSON + "\n" + READ_JSON.replace("0", "1")),
        (json, f"[{READ_JSON},\n{READ_JSON.replace('0', '1')}]"),
    ],
)  # fmt: skip
def test_wherever_a_history_is_cut_off_it_is_read_up_to_there(parse: Parse, whole: str) -> None:
    everything = parse(whole).rows
    assert len(everything) == 2
    line_break = whole.index("\n") + 1
    for end in range(line_break + 1, len(whole)):
        rows, warnings = parse(whole[:end])
        assert rows in (everything[:1], everything), whole[:end]
        if not whole[line_break:end].strip("[ \n"):
            continue
        said = " ".join(warnings)
        assert len(rows) == 2 or "h:2" in said or "h:3" in said


def test_ops_that_never_end_are_warned_of() -> None:
    warnings = edn(READ).warnings
    assert "h: 1 op has no completion: nobody knows whether they happened (line 1)" in warnings


def test_rows_without_times_are_a_millisecond_each_and_that_is_said() -> None:
    rows, warnings = edn(READ + READ.replace("invoke", "ok"))
    assert [row.time_ns for row in rows] == [0, 1_000_000]
    assert warnings == ("h: no op has a time; row n is shown as if at n ms",)


def test_other_lines_of_a_log_are_passed_over_and_counted() -> None:
    rows, warnings = text(
        "2026-11-21 INFO jepsen.core - Run\n"
        "2026-11-21 10:15:00,1 INFO [worker 0] jepsen.util - 0\t:invoke\t:read\tnil\n"
        "2026-11-21 10:15:00,2 INFO [worker 0] jepsen.util 0\t:ok\t:read\t3\n"
    )
    assert [row.value for row in rows] == [None, 3]
    assert "h: 1 line of the log passed over: no ops" in warnings


def test_transactions_need_no_f() -> None:
    rows, _ = json('[{"process":0,"type":"invoke","value":[["append",1,2],["r",1,null]]}]')
    assert (rows[0].f, rows[0].key) == ("txn", None)


def test_what_is_not_text_in_an_error_is_kept_as_json() -> None:
    rows, _ = edn(READ + "{:process 0, :type :info, :f :read, :error [:timeout {:ms 5}]}\n")
    assert rows[1].error == '["timeout",{"ms":5}]'
