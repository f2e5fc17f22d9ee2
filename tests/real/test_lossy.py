"""The file system that forgets what was not synced, mounted: what programs make of it that are not ours."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.remote import lossy

pytestmark = [pytest.mark.real, pytest.mark.sandboxed]

_INSERT = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("pragma synchronous=" + sys.argv[2])
for n in range(5):
    db.execute("insert into t values (?)", (n,))
    db.commit()
os.kill(os.getpid(), 9)
"""


class Mounted:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, lossy.__file__, str(directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if not self.process.stdout.readline():
            pytest.skip(f"no FUSE here: {self.process.communicate()[1].splitlines()[-1]}")

    def ask(self, do: str, **amounts: int) -> dict[str, int]:
        self.process.stdin.write(json.dumps({"do": do, **amounts}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def mounted(tmp_path) -> Iterator[Mounted]:
    made = Mounted(tmp_path)
    yield made
    if made.process.poll() is None:
        made.close()


def rows(path: Path) -> int:
    with sqlite3.connect(path) as db:
        (count,) = db.execute("select count(*) from t").fetchone()
    db.close()
    return count


@pytest.mark.parametrize(("synchronous", "left"), [("full", 5), ("off", 0)])
def test_a_database_that_does_not_sync_loses_what_it_committed(mounted, synchronous, left) -> None:
    path = mounted.directory / "db"
    with sqlite3.connect(path) as db:
        db.execute("create table t (x)")
    db.close()
    done = subprocess.run([sys.executable, "-c", _INSERT, str(path), synchronous], check=False)
    assert done.returncode == -9
    assert rows(path) == 5, "a kill loses nothing"
    mounted.ask("lose")
    assert rows(path) == left


def test_a_database_without_space_says_so_and_keeps_what_it_had(mounted) -> None:
    path = mounted.directory / "db"
    with sqlite3.connect(path) as db:
        db.execute("create table t (x)")
        db.execute("insert into t values (1)")
        db.commit()
        mounted.ask("fill", left_bytes=0)
        with pytest.raises(sqlite3.OperationalError, match=r"disk is full|unable to open"):
            db.execute("insert into t values (2)")
    db.close()
    assert mounted.ask("free")["refused"] >= 1
    assert rows(path) == 1
    done = subprocess.run([sys.executable, "-c", _INSERT, str(path), "full"], check=False)
    assert (done.returncode, rows(path)) == (-9, 6)


def test_a_write_that_meets_the_end_is_short_for_the_program_too(mounted) -> None:
    file = os.open(mounted.directory / "a", os.O_RDWR | os.O_CREAT)
    mounted.ask("fill", left_bytes=8192)
    assert os.write(file, b"x" * 10_000) == 8192
    for refused in (
        lambda: os.write(file, b"y"),
        lambda: os.posix_fallocate(file, 8192, 4096),
        (mounted.directory / "b").touch,
        (mounted.directory / "d").mkdir,
    ):
        with pytest.raises(OSError) as caught:
            refused()
        assert caught.value.errno == errno.ENOSPC
    assert os.fstatvfs(file).f_bavail == 0
    mounted.ask("free")
    assert os.write(file, b"y") == 1
    os.close(file)
    assert (mounted.directory / "a").read_bytes() == b"x" * 8192 + b"y"


def test_files_are_as_elsewhere_and_stay_when_it_ends(mounted) -> None:
    base = mounted.directory
    (base / "below").mkdir()
    (base / "below" / "a").write_text("one")
    (base / "below" / "a").rename(base / "b")
    (base / "link").symlink_to("b")
    with (base / "b").open("a") as file:
        file.write(" two")
    with (base / "gone").open("w+") as file:
        (base / "gone").unlink()
        file.write("x" * 9)
        file.flush()
        assert os.fstat(file.fileno()).st_size == 9
    os.truncate(base / "b", 5)
    (base / "b").chmod(0o600)
    assert (base / "link").read_text() == "one t"
    assert (base / "b").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in base.iterdir()) == ["b", "below", "link"]
    (base / "below").rmdir()
    with pytest.raises(FileNotFoundError):
        (base / "below" / "a").read_text()
    mounted.close()
    assert sorted(p.name for p in base.iterdir()) == ["b", "link"]
    assert (base / "b").read_text() == "one t"
