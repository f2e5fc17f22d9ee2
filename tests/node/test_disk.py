"""A power cut forgets what a journal has not synced, all of it and nothing else; damage is found."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

import pytest

from harness.node import disk
from harness.node.disk import PAGE_BYTES, Broken, Disk
from harness.node.journal import Journal, JournalError


class Home:
    """The directory of a node that is a journal and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.page = str(path / "disk")
        self.warnings: list[str] = []
        Path(self.page).write_bytes(bytes(PAGE_BYTES))

    def open(self, *, synced: bool = True, compact_bytes: int = 1 << 20) -> Journal:
        return Journal(
            self.path / "data", self.warnings.append, disk=Disk(self.page), synced=synced,
            compact_bytes=compact_bytes,
        )  # fmt: skip

    def durable(self) -> dict[str, object]:
        journal = self.open()
        try:
            return journal.durable()
        finally:
            journal.close()

    def broken(self) -> Broken:
        return Broken(str(self.path))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def written(home: Home, numbers: range, **options) -> None:
    """Commits, each of one key, and then the process dies."""
    journal = home.open(**options)
    for number in numbers:
        journal.commit({f"k{number}": str(number)})
    journal.close()


def test_what_was_synced_survives_a_power_cut(home) -> None:
    written(home, range(4))
    said = home.broken().lose()
    assert said["had_bytes"] == said["synced_bytes"] == said["has_bytes"]
    assert said["lost_records"] == 0
    assert home.durable() == {f"k{n}": n for n in range(4)}


def test_what_was_not_synced_survives_a_kill_and_no_power_cut(home) -> None:
    written(home, range(4))
    written(home, range(4, 9), synced=False)
    assert set(home.durable()) == {f"k{n}" for n in range(9)}
    written(home, range(9, 12), synced=False)
    assert home.broken().lose()["lost_records"] == 3
    assert set(home.durable()) == {f"k{n}" for n in range(9)}
    assert home.warnings == []


def test_a_torn_journal_is_a_prefix_and_the_tear_is_seen(tmp_path) -> None:
    random = Random("torn")
    for trial in range(20):
        base = tmp_path / str(trial)
        base.mkdir()
        home = Home(base)
        synced, all_ = random.randint(0, 5), random.randint(6, 12)
        written(home, range(synced))
        written(home, range(synced, all_), synced=False)
        home.broken().tear()
        kept = len(home.durable())
        assert synced <= kept < all_
        assert set(home.durable()) == {f"k{n}" for n in range(kept)}
        assert [("torn record" in w) for w in home.warnings] == [True]


def test_a_power_cut_in_the_middle_of_a_record_leaves_what_was_synced(home) -> None:
    written(home, range(3))
    with (home.path / "data" / "journal").open("ab") as file:
        file.write(b"half a record")
    assert home.broken().tear()["lost_records"] == 0
    assert len(home.durable()) == 3
    assert home.broken().lose()["lost_records"] == 0


def test_a_compacted_journal_is_another_file_and_durable_as_it_came(home) -> None:
    journal = home.open(synced=False, compact_bytes=200)
    for number in range(60):
        journal.commit({"k": str(number)})
    assert journal.compactions > 0
    journal.commit({"last": "1"})
    journal.close()
    home.broken().lose()
    assert "last" not in home.durable()
    assert home.durable()["k"] > 0
    # Between the rename and the page's word for it, the page is about a file that is gone.
    (home.path / "data" / "copy").write_bytes((home.path / "data" / "journal").read_bytes())
    (home.path / "data" / "copy").replace(home.path / "data" / "journal")
    said = home.broken().lose()
    assert said["had_bytes"] == said["has_bytes"] > 0


def test_a_slow_disk_is_as_slow_as_told_and_says_so(home) -> None:
    journal = home.open()
    home.broken().slow("30")
    began = time.monotonic()
    journal.commit({"a": "1"})
    assert time.monotonic() - began >= 0.03
    said = home.broken().look()
    assert (said["slow_ms"], said["syncs"]) == (30, 1)
    assert said["slowed_us"] >= 30_000
    home.broken().slow("0")
    journal.commit({"a": "2"})
    assert home.broken().look()["slowed_us"] < 10_000
    journal.close()


def test_damage_is_found_and_can_be_undone(home) -> None:
    written(home, range(5))
    good = (home.path / "data" / "journal").read_bytes()
    assert home.broken().corrupt()["damaged"] == 2
    with pytest.raises(JournalError, match="is damaged, but a good one follows"):
        home.open()
    assert home.broken().restore() == {"restored": True}
    assert (home.path / "data" / "journal").read_bytes() == good
    assert home.broken().restore() == {"restored": False}


def test_damage_is_not_undone_in_another_journal(home) -> None:
    written(home, range(5))
    home.broken().corrupt()
    journal = home.path / "data" / "journal"
    (home.path / "data" / "other").write_bytes(b"0" * 999)
    (home.path / "data" / "other").replace(journal)
    assert home.broken().restore() == {"restored": False}
    assert journal.read_bytes() == b"0" * 999


def test_a_last_record_is_not_damaged_since_that_would_be_a_tear(home) -> None:
    written(home, range(1))
    written(home, range(1, 4), synced=False)
    home.broken().lose()
    assert home.broken().corrupt() == {"records": 1, "damaged": None}


def test_the_disk_of_who_lives_is_left_alone(home, capsys) -> None:
    written(home, range(3))
    journal = home.open()
    for verb in ("lose", "tear", "corrupt"):
        assert disk.main(str(home.path), verb) == 1
        assert "temporarily unavailable" in capsys.readouterr().err
    assert disk.main(str(home.path), "slow", "7") == 0
    assert json.loads(capsys.readouterr().out)["slow_ms"] == 7
    journal.close()
    (home.path / "short").write_bytes(b"x")
    with pytest.raises(OSError, match="a page has 64 bytes"):
        Disk(str(home.path / "short"))
