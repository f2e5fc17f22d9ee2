"""A power cut forgets what a journal has not synced, all of it and nothing else; damage is found."""

from __future__ import annotations

import errno
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

    def open(self, **how) -> Journal:
        return Journal(self.path / "data", self.warnings.append, disk=Disk(self.page), **how)

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


def refused(home: Home) -> int:
    return home.broken().look()["refused"]


def test_a_full_disk_refuses_and_what_was_written_before_is_there(home) -> None:
    journal = home.open()
    journal.commit({"a": "1"})
    home.broken().fill("0")
    for attempt in (1, 2):
        with pytest.raises(OSError) as caught:
            journal.commit({"b": "2"})
        assert caught.value.errno == errno.ENOSPC
        assert refused(home) == attempt
    journal.close()
    assert home.durable() == {"a": 1}
    assert home.warnings == []
    home.broken().free()
    written(home, range(1))
    assert home.durable() == {"a": 1, "k0": 0}
    assert home.broken().look()["full"] is False


def test_a_record_that_meets_the_end_is_half_there_and_one_that_fits_is_whole(home) -> None:
    journal = home.open()
    home.broken().fill("40")
    journal.commit({"a": "1"})
    with pytest.raises(OSError, match="No space left on device"):
        journal.commit({"b": json.dumps("2" * 60)})
    journal.close()
    assert (home.path / "data" / "journal").stat().st_size == 40
    assert home.durable() == {"a": 1}
    assert ["torn record" in warning for warning in home.warnings] == [True]


def test_what_is_left_is_not_there_again_for_the_next_process(home) -> None:
    home.broken().fill("40")
    written(home, range(2))
    with pytest.raises(OSError, match="No space left on device"):
        written(home, range(2, 4))
    assert refused(home) == 1


def test_a_journal_without_space_to_compact_is_whole_where_it_was(home) -> None:
    journal = home.open(compact_bytes=200)
    while journal._size <= 190:
        journal.commit({"k": "10"})
    home.broken().fill("30")
    with pytest.raises(OSError, match="No space left on device"):
        journal.commit({"k": "11"})
    assert journal.compactions == 0
    journal.close()
    home.broken().free()
    assert home.durable() == {"k": 11}


def test_who_does_not_heed_takes_it_for_written_and_has_lost_it_later(home) -> None:
    journal = home.open(heedful=False)
    journal.commit({"a": "1"})
    home.broken().fill("5")
    journal.commit({"a": "2"})
    assert journal.get("a") == 2
    home.broken().free()
    journal.commit({"b": "3"})
    journal.close()
    assert home.durable() == {"a": 1, "b": 3}
    assert refused(home) == 1
    assert home.warnings == [], "the half record was cut off"


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
    with pytest.raises(OSError, match="a page has 128 bytes"):
        Disk(str(home.path / "short"))
