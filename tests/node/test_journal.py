"""The journal keeps what was committed, whatever byte a crash stops it at, and says when it cannot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.node.journal import Journal, JournalError
from protocols.wire import dumps


class Journals:
    """Opens journals in a directory, and keeps what they warn of."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.warnings: list[str] = []

    def open(self, **options: int) -> Journal:
        return Journal(self.directory, self.warnings.append, **options)

    def read(self) -> dict[str, object]:
        journal = self.open()
        durable = journal.durable()
        journal.close()
        return durable


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path)


COMMITS = [
    {"a": "1", "b": '["x",null]'},
    {"a": "2"},
    {"c": '{"k":[1,2,"é"]}'},
    {"b": "null", "d": "true"},
]


def states() -> list[dict[str, object]]:
    """What is durable after none, one, two ... of COMMITS."""
    return [
        {},
        {"a": 1, "b": ["x", None]},
        {"a": 2, "b": ["x", None]},
        {"a": 2, "b": ["x", None], "c": {"k": [1, 2, "é"]}},
        {"a": 2, "c": {"k": [1, 2, "é"]}, "d": True},
    ]


def write_commits(journals: Journals) -> list[int]:
    """The size of the file after none, one, two ... of COMMITS."""
    journal = journals.open()
    sizes = [0]
    for texts in COMMITS:
        journal.commit(texts)
        sizes.append(journal.path.stat().st_size)
    assert journal.durable() == states()[-1]
    journal.close()
    return sizes


def test_what_was_committed_is_there_again_and_forgotten_keys_are_not(journals: Journals) -> None:
    write_commits(journals)

    assert journals.read() == states()[-1]
    assert journals.warnings == []


def test_truncated_at_each_byte_all_whole_commits_survive(journals: Journals) -> None:
    """Goal: a torn tail costs exactly the commit that was torn, with a warning, and the journal
    goes on from there."""
    sizes = write_commits(journals)
    path = journals.directory / "journal"
    whole = path.read_bytes()

    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        journals.warnings.clear()
        survived = sum(size <= length for size in sizes) - 1
        journal = journals.open()
        assert journal.durable() == states()[survived], length
        assert len(journals.warnings) == (length not in sizes)
        journal.commit({"z": "26"})
        journal.close()
        assert journals.read() == {**states()[survived], "z": 26}


@pytest.mark.parametrize(
    "tail", [bytes(1), bytes(8), bytes(4096), b"\xff" * 100, bytes(4000) + b"x"]
)
def test_zeros_and_noise_after_the_last_record_are_a_torn_tail(
    journals: Journals, tail: bytes
) -> None:
    """A file may have grown before its data was written: a run of zeros is no record."""
    write_commits(journals)
    path = journals.directory / "journal"
    path.write_bytes(path.read_bytes() + tail)

    assert journals.read() == states()[-1]
    assert "torn" in journals.warnings[0]


def test_damage_before_the_last_record_is_refused_at_each_byte(journals: Journals) -> None:
    """Goal: what was durable is never dropped in silence, not even where a length is damaged."""
    sizes = write_commits(journals)
    path = journals.directory / "journal"
    whole = path.read_bytes()

    for position in range(sizes[-2]):
        damaged = bytearray(whole)
        damaged[position] ^= 0x41
        path.write_bytes(damaged)
        with pytest.raises(JournalError, match="damaged, but a good one follows"):
            journals.open()


def test_one_process_at_a_time(journals: Journals) -> None:
    journal = journals.open()
    with pytest.raises(JournalError, match="another node runs in this directory"):
        journals.open()
    journal.close()
    journals.open().close()


def test_compaction_bounds_the_file_and_keeps_the_map(journals: Journals) -> None:
    journal = journals.open(compact_bytes=1000)
    for i in range(500):
        journal.commit({f"k{i % 7}": str(i), f"gone{i}": "1"})
        journal.commit({f"gone{i}": "null"})
        assert journal.path.stat().st_size < 1500
    assert journal.compactions > 10
    expected = journal.durable()
    journal.close()

    assert journals.read() == expected
    assert len(expected) == 7


class Crash(Exception):  # noqa: N818
    """The process ends here."""


class CrashingOs:
    """The calls by which a journal changes the disk; the n-th of them is never made."""

    CALLS = ("write", "fdatasync", "fsync", "open", "close")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, crash_at: int) -> None:
        self.left = crash_at
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))
        monkeypatch.setattr(Path, "replace", self.counted(Path.replace))

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Crash
            return call(*args, **kwargs)

        return instead


def test_a_crash_at_each_call_of_a_compaction_loses_nothing(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the n-th call to the operating system ends the process, for each n; then the state
    is that before the commit (only if it was not yet written) or after it."""
    before = {f"k{i}": i for i in range(50)}
    after = {**before, "k0": -1}
    crashes = 0
    for crash_at in range(100):
        directory = Journals(journals.directory / str(crash_at))
        journal = directory.open()
        for _ in range(9):
            journal.commit({key: dumps(value) for key, value in before.items()})
        journal._compact_bytes = 0  # so the next commit compacts
        with monkeypatch.context() as patch:
            CrashingOs(patch, crash_at)
            try:
                journal.commit({"k0": "-1"})
            except Crash:
                crashes += 1
        compacted = journal.compactions
        os.close(journal._lock)  # as the end of a process does
        assert directory.read() == (before if crash_at == 0 else after), crash_at
        assert not (directory.directory / "journal.new").exists()
        if compacted:
            break

    assert crashes >= 8
    assert compacted == 1


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(max_size=3), st.text() | st.none() | st.integers())))
def test_any_commits_give_the_map_that_a_dict_gives(
    tmp_path_factory: pytest.TempPathFactory, commits: list[dict[str, object]]
) -> None:
    journals = Journals(tmp_path_factory.mktemp("journal"))
    journal = journals.open(compact_bytes=60)
    expected: dict[str, object] = {}
    for changes in commits:
        journal.commit({key: dumps(value) for key, value in changes.items()})
        expected.update(changes)
    journal.close()

    assert journals.read() == {k: v for k, v in expected.items() if v is not None}
