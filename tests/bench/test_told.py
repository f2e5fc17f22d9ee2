"""What is made of benchmarks: notes, comparisons, tables, plots."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.bench.compare import Pair, differences, find, pairs, rows
from harness.bench.markdown import page
from harness.bench.notes import notes
from harness.bench.pictures import pictures, section
from harness.bench.result import Benched, Usage, write
from harness.bench.table import by_clients, row, site_rows
from harness.errors import UsageError
from harness.report.plot import stack
from tests.bench.made import group, made, times


def used(client: float, *nodes: float, machine: float = 1.0) -> Usage:
    return Usage(elapsed_s=2.0, client=client, nodes=nodes, machine=machine, cores=2)


# --- notes ----------------------------------------------------------------------------------------


def test_a_benchmark_of_which_nothing_must_be_said_has_no_notes() -> None:
    assert list(notes(made(usage=used(0.3, 0.2, 0.2)))) == []


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (made(outcome="invalid"), "the history is invalid"),
        (made(measured={"groups": (group(fail=3, info=2),)}), "3 ops failed and 2 are unknown"),
        (made(rate=500, measured={"behind_ms": 2300.0}), "2.3 s behind their share of 500 ops/s"),
        (made(rate=500, measured={"late": times(0.9)}), "8 clients are few for 500 ops/s"),
        (made(usage=used(0.9, 0.2)), "the client was the bottleneck: it used 90%"),
        (made(usage=used(0.2, 0.1, 0.95)), "a node used 95%"),
        (made(usage=used(0.2, 0.1, machine=2.0)), "1.7 of its 2 processors were used by others"),
        (
            made(usage=used(0.7, 0.6, 0.6, machine=2.0)),
            "2 processors for clients and nodes together",
        ),
    ],
)
def test_what_makes_numbers_say_less_is_told(told: Benched, sentence: str) -> None:
    assert any(sentence in note for note in notes(told))


def test_ops_that_began_a_little_late_are_no_news() -> None:
    assert not list(notes(made(rate=500, measured={"late": times(0.1)})))


# --- comparisons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "now", "word"),
    [
        (made(1000, spread=0.1), made(1020, spread=0.1), "the same"),
        (made(1000, spread=0.1), made(1500, spread=0.1), "faster"),
        (made(1000, spread=0.1), made(700, spread=0.1), "slower"),
        (made(1000, spread=0.9), made(1300, spread=0.9), "the same"),
        (made(1000, repeats=(700, 1000, 1300)), made(1300), "the same"),
        (made(1000, repeats=(990, 1000, 1010)), made(1300, repeats=(1290, 1300, 1310)), "faster"),
    ],
)
def test_a_difference_is_told_from_the_unevenness_of_the_runs(
    then: Benched, now: Benched, word: str
) -> None:
    assert Pair(then=then, now=now).word == word


def test_only_the_same_protocol_and_size_are_compared() -> None:
    then = [made(), made(clients=32), made(protocol="raft"), made(options={"read": "any"})]
    now = [made(2000), made(nodes=3), made(3000, options={"read": "any"})]
    found = pairs(then, now)
    assert [(p.then.name, p.ratio) for p in found] == [("abd", 2.0), ("abd read=any", 3.0)]
    assert [cells[3:6] for cells in rows(found)] == [
        ["1,000", "2,000", "2.00 ± 0.00"],
        ["1,000", "3,000", "3.00 ± 0.00"],
    ]


def test_what_was_not_alike_is_said_with_the_ratio() -> None:
    then = made(rate=100, load={"writes": "0.5"}, usage=used(0.2, 0.1, machine=0.4))
    now = made(rate=200, outcome="unknown", load={"min": "7"}, usage=used(0.2, 0.1, machine=1.6))
    assert list(differences(Pair(then=then, now=now))) == [
        "abd: rate was 100 then and is 200 now",
        "abd: min was 0 then and is 7 now",
        "abd: others used 0.1 processors then and 1.3 now",
        "abd: the history is unknown now",
    ]
    assert list(differences(Pair(then=then, now=then))) == []


def test_an_earlier_one_is_found_as_file_by_name_and_as_a_run(tmp_path: Path) -> None:
    write(tmp_path / "bench" / "20261128T101500Z.json", [made(1)], "harness bench")
    run = tmp_path / "abd-bench" / "20261128T101400Z"
    write(run / "bench.json", [made(2)], "harness bench")
    (run / "history.jsonl").touch()
    for where in (str(tmp_path / "bench" / "20261128T101500Z.json"), "20261128T101500Z"):
        assert [one.throughput for one in find(where, tmp_path)] == [1]
    assert [one.throughput for one in find("20261128T101400Z", tmp_path)] == [2]
    (run / "bench.json").unlink()
    with pytest.raises(UsageError, match="is no benchmark"):
        find("20261128T101400Z", tmp_path)
    with pytest.raises(UsageError, match="no run or file"):
        find("20261128T999999Z", tmp_path)


# --- tables and plots -----------------------------------------------------------------------------


def test_a_row_has_the_numbers_and_marks_a_client_that_is_the_bottleneck() -> None:
    assert row(made(1234.5, usage=replace(used(0.91, 0.2, 0.5), op_us=340.2))) == [
        "abd", "5", "8", "1,234", "2.00", "2.00", "4.00", "6.00", "8.00", "10.0", "0", "91% !", "50%",
        "340", "valid",
    ]  # fmt: skip
    assert row(made())[-4:] == ["-", "-", "-", "valid"]


def test_each_site_and_kind_has_a_row() -> None:
    assert [cells[1:3] for cells in site_rows(made())] == [
        ["all", "all"], ["all", "read"], ["eu", "all"], ["us", "all"],
    ]  # fmt: skip


def test_a_page_has_a_table_for_each_size_and_a_word_for_what_is_wrong() -> None:
    grid = [
        made(1000 * nodes * clients, protocol=name, nodes=nodes, clients=clients,
             outcome="invalid" if (name, clients) == ("dynamo", 8) else "valid",
             usage=used(0.9 if clients == 8 else 0.2))
        for nodes in (3, 5)
        for clients in (1, 8)
        for name in ("abd", "dynamo")
    ]  # fmt: skip
    text = by_clients(grid)
    assert "## 3 nodes" in text
    assert "| `abd` | 3,000 | 2.00 | 6.00 | 20% | - | 24,000 | 2.00 | 6.00 | 90% ! | - |" in text
    assert (
        "| `dynamo` | 5,000 | 2.00 | 6.00 | 20% | - | invalid! | 2.00 | 6.00 | 90% ! | - |" in text
    )
    whole = page(grid, command="harness bench -p all", about=["A sentence."], plots="p.svg")
    assert "harness bench -p all" in whole
    assert "![throughput and latency](p.svg)" in whole
    assert "In 4 of 8 cells the client was the bottleneck" in whole


def test_plots_fit_what_was_run_and_are_well_formed() -> None:
    def titles(benched: list[Benched]) -> str:
        root = ET.fromstring(stack(pictures(benched)))
        return " / ".join(n.text or "" for n in root.iter() if n.get("class") == "name")

    assert "Mean latency by site" in titles([made(wan="wan5"), made(protocol="raft", wan="wan5")])
    assert "over time" in titles([made()])
    many = [made(clients=clients) for clients in (1, 8, 32)]
    assert "Throughput by clients, 5 nodes" in titles(many)
    assert "by site" not in titles(many)


def test_a_runs_page_has_tables_and_plots_and_escapes() -> None:
    text = "".join(section([made(protocol="a<b", notes=("1 < 2",))]))
    assert "a&lt;b" in text
    assert "1 &lt; 2" in text
    assert text.count("<svg") == len(pictures([made()]))


def test_numbers_of_a_newer_version_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, [made()], "harness bench")
    saved = json.loads(path.read_text())
    saved["benchmarks"][0]["measured"]["groups"][0]["jitter"] = 3
    path.write_text(json.dumps(saved))
    assert find(str(path), tmp_path) == (made(),)
