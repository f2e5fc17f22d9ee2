"""The journal: every row once, in order, soon on disk, from any thread; and a full disk is heard of."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from checker.history import INFO, INVOKE, NEMESIS, OK, Row
from harness.errors import StoreError
from harness.store.journal import Journal, write_rows
from tests.waiting import wait_until


def test_rows_are_on_disk_soon_without_being_asked_for(tmp_path: Path) -> None:
    with Journal(tmp_path / "history.jsonl") as journal:
        journal.record(Row(1, 0, INVOKE, "read", "x"))
        wait_until(lambda: journal.path.stat().st_size > 0, 5, "the row is flushed by itself")


def test_rows_of_many_threads_are_all_there_numbered_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "history.jsonl")

    def write(process: int) -> None:
        for i in range(3000):
            journal.record(Row(i, process, INFO, "tick", None, i))

    threads = [threading.Thread(target=write, args=(process,)) for process in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    journal.close()
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(12_000))
    for process in range(4):
        assert [ln["value"] for ln in lines if ln["process"] == process] == list(range(3000))


def test_times_never_go_back_along_the_rows(tmp_path: Path) -> None:
    with Journal(tmp_path / "history.jsonl") as journal:
        journal.record(Row(10, 0, INVOKE, "read", "x"))
        journal.record(Row(9, NEMESIS, INFO, "kill"))
        journal.record(Row(11, 0, OK, "read", "x", 1))
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [(line["time"], line["process"]) for line in lines] == [
        (10, 0),
        (10, "nemesis"),
        (11, 0),
    ]


def test_a_full_disk_is_an_error_of_record_and_of_close() -> None:
    journal = Journal(Path("/dev/full"))
    journal.record(Row(1, 0, INVOKE, "read", "x"))
    with pytest.raises(StoreError, match="cannot write /dev/full: No space left on device"):
        journal.flush()
    with pytest.raises(StoreError, match="No space left"):
        journal.record(Row(2, 0, OK, "read", "x"))
    with pytest.raises(StoreError, match="No space left"):
        journal.close()


def test_no_row_is_lost_silently_after_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "history.jsonl")
    journal.close()
    with pytest.raises(StoreError, match="is closed"):
        journal.record(Row(1, 0, INVOKE, "read", "x"))


def test_a_value_that_is_not_json_names_the_row(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "history.jsonl") as journal,
        pytest.raises(StoreError, match="row 0: read b'x' is not JSON"),
    ):
        journal.record(Row(1, 0, OK, "read", "x", b"x"))


def test_no_way_to_write_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot write .*: No such file or directory"):
        Journal(tmp_path / "missing" / "history.jsonl")
    with pytest.raises(StoreError, match="cannot write"):
        write_rows(tmp_path, [])


def test_a_journal_and_a_whole_history_write_the_same_bytes(tmp_path: Path) -> None:
    rows = [Row(i, i % 3, INVOKE, "write", "x", i) for i in range(20)]
    with Journal(tmp_path / "a") as journal:
        for row in rows:
            journal.record(row)
    write_rows(tmp_path / "b", rows)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
