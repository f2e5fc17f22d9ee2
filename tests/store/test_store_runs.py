"""Run directories: made, found, read again whole, half-written or broken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checker.history import FAIL, INFO, INVOKE, OK, Row, node_process
from harness.errors import StoreError, UsageError
from harness.store.find import find_history, list_runs
from harness.store.load import blocks, load_history
from harness.store.record import RunDirectory
from nemesis.actions import Fault, Kill, Start, Window
from tests.waiting import wait_until

NOW = datetime(2026, 11, 21, 10, 15, 0, tzinfo=UTC)
ROWS = [
    Row(1, 0, INVOKE, "write", "x", 1, None, 0),
    Row(2, 1, INVOKE, "read", "x", None, None, 1, 1),
    Row(3, 0, OK, "write", "x", 1, None, 0),
    Row(4, 1, FAIL, "read", "x", None, "no", 1),
    Row(9, -1, INFO, "kill", None, {"window": 0}),
]


def made(root: Path, name: str = "abd-register", rows: list[Row] = ROWS) -> RunDirectory:
    run = RunDirectory.create(root, name, now=NOW)
    run.write_history(rows)
    return run


def test_a_run_directory_is_named_by_time_and_linked(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "abd-register", now=NOW)
    assert run.path == tmp_path / "abd-register" / "20261121T101500Z"
    assert (tmp_path / "latest").resolve() == run.path
    assert (tmp_path / "abd-register" / "latest").resolve() == run.path
    other = RunDirectory.create(tmp_path, "epaxos-cas", now=NOW)
    assert (tmp_path / "latest").resolve() == other.path
    assert (tmp_path / "abd-register" / "latest").resolve() == run.path


def test_runs_that_start_in_the_same_second_are_apart(tmp_path: Path) -> None:
    runs: list[Path] = []

    def make() -> None:
        runs.append(RunDirectory.create(tmp_path, "abd-register", now=NOW).path)

    threads = [threading.Thread(target=make) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(runs)) == 12
    assert (tmp_path / "latest").resolve() in runs
    left = {path.name for path in (tmp_path / "abd-register").iterdir()}
    assert left == {path.name for path in runs} | {"latest"}, "no temporary link is left"
    assert [r.stamp for r in list_runs(tmp_path)][-2:] == [
        "20261121T101500Z-11",
        "20261121T101500Z-12",
    ]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "latest", "a\0b"])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a run cannot be called"):
        RunDirectory.create(tmp_path, name)


def test_what_is_stored_is_read_again(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "abd-register", now=NOW)
    run.write_trial({"protocol": "abd", "seed": "7"})
    for row in ROWS:
        run.journal().record(row)
    run.write_plan([Window(5, 9, Fault("kill", (Kill(1),), (Start(1),)))])
    run.write_results({"outcome": "valid"})
    run.write_bytes("nodes/n1/node.log", b"hello\n")
    run.finish()
    run.finish()
    stored = load_history(run.path)
    assert list(stored.history.rows) == ROWS
    assert stored.warnings == ()
    (found,) = list_runs(tmp_path)
    assert (found.path, found.name, found.outcome) == (run.path, "abd-register", "valid")
    assert found.trial == {"protocol": "abd", "seed": "7"}
    assert json.loads((run.path / "plan.json").read_text())[0]["at_ms"] == 5
    assert run.node("n2").is_dir()


def test_a_run_is_found_by_every_name_it_has(tmp_path: Path) -> None:
    run = made(tmp_path)
    wanted = run.path / "history.jsonl"
    for where in (
        wanted,
        run.path,
        "latest",
        "abd-register",
        "abd-register/20261121T101500Z",
        "20261121T101500Z",
        tmp_path / "latest",
        tmp_path / "abd-register",
    ):
        assert find_history(where, root=tmp_path).resolve() == wanted, where


def test_a_run_that_there_is_not_is_named_with_the_near_match(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run or file 'latest', and no run in .*missing/"):
        find_history("latest", root=tmp_path / "missing")
    made(tmp_path)
    with pytest.raises(UsageError, match="did you mean abd-register"):
        find_history("adb-register", root=tmp_path)
    with pytest.raises(UsageError, match="did you mean latest"):
        find_history("ltest", root=tmp_path)
    with pytest.raises(UsageError, match="there are abd-register"):
        find_history("qqqq", root=tmp_path)
    RunDirectory.create(tmp_path, "died-early")
    with pytest.raises(UsageError, match=r"died-early is not a run: there is no history\.jsonl"):
        find_history("died-early", root=tmp_path)


def test_a_store_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*file.*: Not a directory"):
        RunDirectory.create(tmp_path / "file", "abd-register")
    run = made(tmp_path)
    with pytest.raises(StoreError, match=r"cannot write .*: Is a directory"):
        run.write_json("", {})


def test_a_broken_run_is_named_and_hides_no_other(tmp_path: Path) -> None:
    broken, whole = made(tmp_path), made(tmp_path)
    whole.write_results({"outcome": "valid"})
    (broken.path / "results.json").write_text("{")

    one, other = list_runs(tmp_path)
    assert one.broken is not None
    assert "results.json: not JSON" in one.broken
    assert one.outcome is None
    assert (other.broken, other.outcome) == (None, "valid")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.write_results({"outcome": "valid"})
    with pytest.raises(TypeError):
        run.write_results({"outcome": object()})
    assert json.loads((run.path / "results.json").read_text()) == {"outcome": "valid"}


@pytest.mark.parametrize("lost", [1, 2, 30])
def test_a_torn_last_line_is_left_out_with_a_warning(tmp_path: Path, lost: int) -> None:
    run = made(tmp_path)
    history = run.path / "history.jsonl"
    history.write_bytes(history.read_bytes()[:-lost])
    stored = load_history(run.path)
    if lost == 1:
        assert (len(stored.history), stored.warnings) == (5, ()), "only the newline is missing"
    else:
        assert list(stored.history.rows) == ROWS[:-1]
        (warning,) = stored.warnings
        assert warning == f"{history}:5: the last line is torn and was left out"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", r":3: not JSON: .*, column \d+"),
        ("[]", r":3: a row is an object, not \[\]"),
        ('{"time":1,"process":0,"type":"okay","f":"read"}', ':3: "type" is one of'),
        ('{"time":1,"process":5,"type":"ok","f":"read"}', ": row 2: process 5 completes what it"),
    ],
)
def test_a_broken_line_is_named_with_its_file_and_number(tmp_path, line: str, what: str) -> None:
    run = made(tmp_path)
    history = run.path / "history.jsonl"
    lines = history.read_text().splitlines()
    lines[2] = line
    history.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match=f"{history}{what}"):
        load_history(history)


def test_blank_lines_are_no_rows_and_line_numbers_stay_right(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('\n{"time":1,"process":0,"type":"invoke","f":"read"}\n\nbroken\n')
    with pytest.raises(UsageError, match=r"mine\.jsonl:4: not JSON"):
        load_history(file)
    file.write_text(file.read_text().replace("broken", ""))
    assert len(load_history(file).history) == 1


def test_binary_and_missing_files_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="x:1: not text in UTF-8"):
        load_history(tmp_path / "x")
    with pytest.raises(StoreError, match=r"cannot read .*: No such file"):
        list(blocks(tmp_path / "y"))


def note(time: int, node: int, value: object) -> str:
    return json.dumps({"time": time, "node": node, "kind": "decided", "value": value}) + "\n"


def test_the_nodes_notes_follow_the_clients_rows(tmp_path: Path) -> None:
    run = made(tmp_path)
    (run.node("n1") / "notes.jsonl").write_text(note(1005, 0, "a") + note(1030, 0, "b"))
    (run.node("n2") / "notes.jsonl").write_text(note(1010, 1, "a") + '{"time":10\n' + note(7, 1, 3))
    run.write_trial({"started_wall_ns": 1000})
    stored = load_history(run.path)
    assert list(stored.history.rows[: len(ROWS)]) == ROWS
    assert stored.history.rows[len(ROWS) :] == [
        Row(5, node_process(0), INFO, "decided", None, "a"),
        Row(10, node_process(1), INFO, "decided", None, "a"),
        Row(10, node_process(1), INFO, "decided", None, 3),
        Row(30, node_process(0), INFO, "decided", None, "b"),
    ]
    (warning,) = stored.warnings
    assert warning.endswith("n2/notes.jsonl: 1 broken lines were left out")
    assert next(iter(stored.history.notes("decided")))[1:] == (0, "a")


def test_a_killed_controller_leaves_a_history_that_can_be_read(tmp_path: Path) -> None:
    """A process records until it is killed -9; what it had a second ago is there."""
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from checker.history import INVOKE, OK, Row\n"
        "from harness.store.record import RunDirectory\n"
        "journal = RunDirectory.create(Path(sys.argv[1]), 'abd-register').journal()\n"
        "for i in range(10**9):\n"
        "    journal.record(Row(2 * i, 0, INVOKE, 'write', 'x', i))\n"
        "    journal.record(Row(2 * i + 1, 0, OK, 'write', 'x', i))\n"
        "    if i == 2000: print('now', flush=True); time.sleep(1)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"now\n"
    history = tmp_path / "latest" / "history.jsonl"
    wait_until(lambda: history.stat().st_size > 100_000, 20, "the rows are flushed")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    stored = load_history("latest", root=tmp_path)
    assert len(stored.history) >= 4000
    assert len(stored.warnings) <= 1
