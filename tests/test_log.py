"""``harness log``: what the nodes of a run decided, side by side and compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main


def log(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(["log", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), (printed.out + printed.err).splitlines()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stored run of three nodes: slot 1 at all, 2 at two of them, 3 twice in the same way."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "store" / "paxos-register" / "20261121T101500Z"
    path.mkdir(parents=True)
    noted(
        path,
        (0, 1, "a"),
        (1, 1, "a"),
        (2, 1, "a"),
        (0, 2, "b"),
        (2, 2, "b"),
        (1, 3, "c"),
        (1, 3, "c"),
    )
    return path


def noted(path: Path, *decided: tuple[int, object, str]) -> None:
    with (path / "history.jsonl").open("a") as file:
        rows = len((path / "history.jsonl").read_text().splitlines())
        for at, (node, slot, what) in enumerate(decided, rows):
            row = {"index": at, "time": at, "process": f"n{node + 1}", "type": "info"}
            file.write(json.dumps({**row, "f": "decided", "value": [slot, what]}) + "\n")


def test_a_line_a_slot_and_who_lacks_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ['1  "a"', '2  "b"  (not at n2)', '3  "c"  (not at n1, n3)']
    assert log(capsys, str(run)) == (0, lines)
    assert log(capsys, str(run), "--last", "1") == (0, lines[-1:])
    assert log(capsys, str(run), "--node", "n2") == (0, ['1  "a"', '3  "c"'])


def test_diff_minds_what_differs_and_cmp_what_lacks(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log(capsys, str(run), "--diff")[0] == 0
    code, lines = log(capsys, str(run), "--cmp")
    assert (code, "slot 2" in lines[0]) == (1, True)
    assert log(capsys, str(run), "--cmp", "--node", "n1", "--node", "n3") == (0, ["equal: 2 slots"])
    noted(run, (1, 2, "x"))
    code, lines = log(capsys, str(run), "--diff")
    assert (code, lines[:2]) == (1, ['slot 2: "b", but n2: "x"', "1 of 3 slots differ"])
    assert log(capsys, str(run))[1][1] == '2  n1 "b"  n2 "x"  n3 "b"'


def test_no_log_is_unknown_and_no_such_node_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (line,) = log(capsys, str(run), "--node", "n7")
    assert (code, line) == (254, "harness: --node n7: it noted no decision; there are n1, n2, n3")
    (run / "history.jsonl").write_text("")
    assert log(capsys, str(run), "--diff")[0] == 2
