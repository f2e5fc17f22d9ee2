"""The report of a run as a page: it needs nothing else, it is quick, and it never fails a run."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from checker import graded
from checker.history import INFO, INVOKE, NEMESIS, OK, History, Row
from checker.verdict import Outcome
from harness.claims import claims
from harness.judge import judge
from harness.report import run_page
from harness.report.charts import charts
from harness.report.page import About, page
from tests.test_cli import run

MS = 1_000_000
ABOUT = About(
    title="a <trial>", where="store/x", reproduce="harness sim --seed 7", options={"seed": "7"}
)
VOID = {"meta", "br", "rect", "line", "circle", "path"}


class Balanced(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def long_history(ops: int) -> History:
    """Clients that write and read, a fault with proofs, and one stale read at the end."""
    rows: list[Row] = []
    proof = [{"action": "kill n1", "probe": "pid", "saw": "gone", "bit": True}]
    kill = {"phase": "begin", "window": 0, "actions": [{"do": "kill", "node": 0}], "proof": proof}
    for i in range(ops):
        at, key = i * MS, f"r{i % 5}"
        rows += [Row(at, 0, INVOKE, "write", key, i), Row(at + MS // 2, 0, OK, "write", key, i)]
        if i == ops // 2:
            rows.append(Row(at + MS // 2, NEMESIS, INFO, "kill-one", None, kill))
    end = ops * MS
    rows += [Row(end, 1, INVOKE, "read", "r0"), Row(end + MS, 1, OK, "read", "r0", 0)]
    rows.append(Row(end + 2 * MS, NEMESIS, INFO, "kill-one", None, {"phase": "end", "window": 0}))
    return History.of(rows)


def test_a_page_of_thirty_thousand_ops_is_whole_quick_and_needs_nothing_else() -> None:
    history = long_history(30_000)
    checks = judge(history, claims("register"), faults=True).checks
    began = time.process_time()
    text = page(ABOUT, history, checks)
    assert time.process_time() - began < 1.0
    assert len(text) < 200_000

    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)|(?:src|href)=", text)
    for said in (
        "a &lt;trial&gt;", "harness sim --seed 7", "the write of", "kill n1", "proved: action kill n1",
        "Ops a second", "Latency of ok ops", 'class="anomaly"', "badge invalid",
    ):  # fmt: skip
        assert said in text


def test_the_worst_that_was_only_measured_is_drawn_and_not_called_wrong() -> None:
    history = long_history(10)
    text = page(ABOUT, history, {"staleness": graded.check(history)})
    assert "What is wrong" not in text
    heading, _, rest = text.partition("<h2>The worst that was measured</h2>")
    assert "badge valid" in heading
    assert 'class="anomaly"' in rest
    assert "found what had been replaced for" in rest
    fresh = History.of([row for row in history.rows if row.process != 1])
    assert "The worst" not in page(ABOUT, fresh, {"staleness": graded.check(fresh)})


def test_charts_of_nothing_and_of_a_moment() -> None:
    assert charts(History.of([])) == []
    moment = History.of([Row(0, 0, INVOKE, "read", "x"), Row(0, 0, INFO, "read", "x")])
    assert len(charts(moment)) == 1


def test_a_broken_trial_is_no_broken_run(tmp_path: Path) -> None:
    history = long_history(10)
    results = judge(history, claims("register"), faults=False)
    assert results.outcome is Outcome.INVALID
    (tmp_path / "trial.json").write_text("{")
    told: list[str] = []
    assert run_page.page_of_invalid(tmp_path, history, results, told.append) is None
    assert "no report was written" in told[0]


def test_an_invalid_run_has_a_report_and_any_run_has_one_when_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = str(tmp_path)
    bad = (
        "sim",
        "-p",
        "tests.mutants.abd:NoTieBreak",
        "--time",
        "5",
        "--rate",
        "400",
        "--seed",
        "3",
    )
    code, out, _ = run(capsys, *bad, "--no-shrink", "--store", store)
    assert code == 1
    (path,) = re.findall(r"^report: +(.+)$", out, re.MULTILINE)
    assert "was read" in Path(path).read_text()

    code, out, _ = run(capsys, "sim", "-p", "abd", "--time", "1", "--seed", "3", "--store", store)
    assert (code, "report:" in out) == (0, False)
    code, out, _ = run(capsys, "report", "latest", "--store", store)
    assert code == 0
    (written,) = re.findall(r"^written: (.+)$", out, re.MULTILINE)
    assert "What is wrong" not in Path(written).read_text()

    results = Path(written).parent / "results.json"
    results.unlink()
    assert run(capsys, "report", "latest", "--store", store)[0] == 0
    results.write_text(json.dumps({"checks": 3}))
    code, _, err = run(capsys, "report", "latest", "--store", store)
    assert (code, "these are no results" in err) == (255, True)
