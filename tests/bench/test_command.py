"""``harness bench`` as it is typed, in the simulator."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from harness.bench.result import read
from tests.test_cli import run

SMALL = shlex.split("--on sim --nodes 3 -c 6 --time 1 --warmup 500ms --keys 20 --seed 7")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def numbers() -> Path:
    return max(Path("store/bench").glob("*.json"))


def test_protocols_stand_side_by_side_and_each_run_can_be_checked_and_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["bench", "-p", "abd,multipaxos", "-p", "multipaxos+thrifty=true", *SMALL]
    code, out, err = run(capsys, *words)

    assert code == 0, out + err
    names = [line.split("  ")[0] for line in out.splitlines()[1:4]]
    assert names == ["abd", "multipaxos", "multipaxos thrifty=true"]
    benched = read(numbers())
    assert [one.outcome for one in benched] == ["valid"] * 3
    assert all(70 < one.throughput < 130 for one in benched)
    assert numbers().with_suffix(".svg").read_text().count("multipaxos thrifty=true") >= 2
    for one in benched:
        assert one.run is not None
        assert (Path(one.run) / "history.jsonl").is_file()
        assert read(Path(one.run) / "bench.json") == (one,)
    assert run(capsys, "check", "abd-bench")[0] == 0
    assert run(capsys, "report", "abd-bench")[0] == 0
    text = Path("store/abd-bench/latest/report.html").read_text()
    assert "<h2>Benchmark</h2>" in text
    assert "Latency from when an op was due" in text


@pytest.mark.parametrize(
    "words",
    [
        "-p abd --rate 200 --warmup 0",
        "-p epaxos+batch=4 --closed --throttle 300 -d zipfian:1.1,1 --write-ratio 0.2 --min 5",
        "-p wpaxos --wan wan5 --nodes 5 -d locality:80 --no-load --nemesis partition",
        "-p wpaxos --wan wan5 --zones oregon,ireland --nodes 3 --no-check",
        "-p raft --zones eu,us -d normal:10,2,speed=100 --network hostile --timeout 700",
    ],
)
def test_the_command_in_a_run_measures_the_same_again(
    capsys: pytest.CaptureFixture[str], words: str
) -> None:
    first: list[Any] = []
    typed = ["bench", *SMALL, *words.split()]
    for _ in range(2):
        run(capsys, *typed)
        told = read(numbers())[0]
        first.append(told.measured)
        saved = json.loads((Path(str(told.run)) / "bench.json").read_text())
        typed = shlex.split(saved["command"])[1:]
        numbers().unlink()
    assert first[0] == first[1]


def test_a_run_of_it_is_replayed_by_the_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "bench", "-p", "abd", *SMALL)
    before = Path("store/abd-bench/latest/history.jsonl").read_bytes()
    results = json.loads(Path("store/abd-bench/latest/results.json").read_text())
    run(capsys, *shlex.split(results["reproduce"])[1:])
    assert Path("store/abd-bench/latest/history.jsonl").read_bytes() == before


def test_sizes_are_gone_through_and_written_as_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    words = "bench -p abd --on sim --nodes 3,5 -c 1,2n --closed --ops 50 --warmup 100ms --keys 5"
    code, out, _ = run(capsys, *words.split(), "--markdown", "page.md")

    assert code == 0
    assert [(one.nodes, one.clients) for one in read(numbers())] == [
        (3, 1),
        (3, 6),
        (5, 1),
        (5, 10),
    ]
    assert all(one.measured.of().ops == 50 for one in read(numbers()))
    text = Path("page.md").read_text()
    assert "(page.svg)" in text
    assert Path("page.svg").read_text() == numbers().with_suffix(".svg").read_text()
    assert "## 5 nodes" in text
    assert out.splitlines()[-1].removeprefix("reproduce:  ") in text


def test_an_earlier_one_stands_beside(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "bench", "-p", "abd", *SMALL, "--closed")
    _, out, _ = run(capsys, "bench", "-p", "abd", *SMALL, "--closed", "--compare", "abd-bench")
    assert "1.00 ±" in out
    assert re.search(r"the same\s*$", out, re.MULTILINE)
    _, out, _ = run(capsys, "bench", "-p", "raft", *SMALL, "--compare", "abd-bench")
    assert "nothing of that was run now" in out


def test_what_is_fast_because_it_is_wrong_is_invalid(capsys: pytest.CaptureFixture[str]) -> None:
    words = "-p tests.mutants.abd:NoWriteBack --closed --network hostile -c 9 --keys 1 --time 8"
    code, out, _ = run(capsys, "bench", *SMALL, *words.split())
    assert code == 1
    assert "what is wrong:  harness report store/tests.mutants" in out


def test_a_load_phase_that_never_ends_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = "bench -p abd --on sim --wan wan5 -c 1 --keys 5000 --time 1"
    code, _, err = run(capsys, *words.split())
    assert code == 2
    assert "of 5,000 keys were loaded" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("-p abd --closed --rate 5", "give one"),
        ("-p abd --throttle 5", "--throttle is for --closed"),
        ("-p abd --time 5 --ops 5", "give one"),
        ("-p abd --on sim --wan wan5 --zones a,b", "no [[rtt]] between 'a' and 'b'"),
        ("-p abd --jobs 2", "it is for --on sim"),
        ("-p epaxso", "did you mean epaxos"),
        ("-p abd,raft+read=log", "stands alone: -p abd -p raft+read=log"),
        ("-p abd+n", "write NAME=VALUE"),
        ("-p abd+pace=2", "has no option 'pace'"),
        ("-p abd -d zipfan:1", "there is no distribution 'zipfan'"),
        ("-p abd -d normal:5000,1", "mean is from 0 to 99"),
        ("-p abd -n three", "numbers from 1 to 60"),
        ("-p abd -c 0", "neither a number of clients"),
        ("-p abd --write-ratio 2", "not in the range"),
        ("-p abd --compare yesterday", "no run or file 'yesterday'"),
        ("-p abd --markdown no/such/page.md", "there is no directory no/such"),
        ("-p abd --on nowhere", "no inventory nowhere"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_run(
    capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    code, _, err = run(capsys, "bench", *words.split())

    assert code == 254
    assert sentence in re.sub(r"\s+", " ", err)
    assert not Path("store").exists()


def test_what_is_not_checked_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "bench", "-p", "abd", *SMALL, "--no-check")
    assert code == 2
    assert "unknown" in out
    assert read(numbers())[0].outcome == "unknown"


def test_several_at_a_time_measure_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for jobs in "12":
        run(capsys, "bench", "-p", "abd,raft", *SMALL, "--jobs", jobs)
        told.append([(one.name, one.measured) for one in read(numbers())])
        numbers().unlink()
    assert told[0] == told[1]


def test_a_run_s_title_says_what_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, _ = run(capsys, "bench", "-p", "abd", *SMALL)
    run(capsys, "report", "abd-bench")
    text = Path("store/abd-bench/latest/report.html").read_text()
    assert " s measured, seed" in text
