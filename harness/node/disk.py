"""The disk below a node's journal: slow, full, or forgetful of what was not synced, if a fault says so.

A process that is killed loses nothing that it wrote: the page cache outlives it. What a machine loses when
its power fails is what was not *synced*, and only the process knows how far it has come with that. So it
notes it in a *page*, a small file that it maps, and whoever plays the power cut cuts the journal of the
dead process off there. The words of the page are of 8 bytes, little-endian:

=== =========== ===================================================================================
0   slow        by how many ms a sync is to take longer; this and ``full`` are the words that are not the node's
1   inode       of the journal that the next word is about: a compacted one is another file
2   synced      how many of its bytes are known to be durable
3   syncs       how many there were
4   took        how long the last of them took, in us
5   slowed      and by how much that was too long, in us
6   full        0, or the count of ``written`` at which the disk is full, and one
7   written     how many bytes have been, since there is this page
8   refused     how often there was no space
=== =========== ===================================================================================

Beside it, this file is the program that breaks the disk, on the node's host: ``python3 -m harness.node.disk
HOME slow MS``, ``fill BYTES`` (so many are left), ``free``, ``look``, and for a node that is dead ``lose``,
``tear``, ``corrupt`` and ``restore``.
It says in JSON what it found and did. Only the bytes of the journal are lost, no names of files.
"""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.node.records import ends

PAGE_BYTES = 128
_SLOW, _INODE, _SYNCED, _SYNCS, _TOOK, _SLOWED, _FULL, _WRITTEN, _REFUSED = range(9)


class Disk:
    """How a journal is written and synced. ``page``: a path; empty: nobody will ever break this disk.

    Raises OSError where the page cannot be mapped.
    """

    def __init__(self, page: str = "") -> None:
        self._words = _mapped(page) if page else memoryview(bytearray(PAGE_BYTES)).cast("q")

    def opened(self, fd: int, size: int) -> None:
        """This file is the journal now, and durable up to ``size``."""
        words = self._words
        words[_SYNCED] = 0  # whoever reads meanwhile takes nothing of the new file for durable
        words[_INODE] = os.fstat(fd).st_ino
        words[_SYNCED] = size

    def write(self, fd: int, data: bytes) -> int:
        """Append as much of it as there is space for; how much that was. Raises OSError where there is none."""
        words = self._words
        if words[_FULL]:
            data = data[: max(0, words[_FULL] - 1 - words[_WRITTEN])]
            if not data:
                words[_REFUSED] += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, data)
        words[_WRITTEN] += written
        return written

    def sync(self, fd: int, size: int) -> None:
        """Make the journal durable, all ``size`` bytes of it. Raises OSError."""
        words = self._words
        began_ns = slept_ns = time.monotonic_ns()
        if words[_SLOW]:
            time.sleep(words[_SLOW] / 1000)
            slept_ns = time.monotonic_ns()
        os.fdatasync(fd)
        words[_SYNCED] = size
        words[_TOOK] = (time.monotonic_ns() - began_ns) // 1000
        words[_SLOWED] = (slept_ns - began_ns) // 1000
        words[_SYNCS] += 1


def _mapped(page: str) -> memoryview:
    fd = os.open(page, os.O_RDWR)
    try:
        if os.fstat(fd).st_size < PAGE_BYTES:
            raise OSError(errno.EINVAL, f"a page has {PAGE_BYTES} bytes", page)
        return memoryview(mmap.mmap(fd, PAGE_BYTES)).cast("q")
    finally:
        os.close(fd)


# --- the program ----------------------------------------------------------------------------------


class Broken:
    """The disk of the node that lives in ``home``: ``data/journal``, ``disk``, ``damage``."""

    def __init__(self, home: str) -> None:
        self.home = Path(home)
        self.journal = self.home / "data" / "journal"
        self.damage = self.home / "damage"
        self._words = _mapped(f"{home}/disk")

    def look(self) -> dict[str, object]:
        names = ("slow_ms", "syncs", "took_us", "slowed_us", "refused")
        places = (_SLOW, _SYNCS, _TOOK, _SLOWED, _REFUSED)
        said = {name: self._words[place] for name, place in zip(names, places, strict=True)}
        return {**said, "full": self._words[_FULL] > 0}

    def slow(self, ms: str) -> dict[str, object]:
        self._words[_SLOW] = int(ms)
        return self.look()

    def fill(self, left_bytes: str) -> dict[str, object]:
        """There is space for so many bytes more. (A write that is under way may not see it.)"""
        self._words[_FULL] = self._words[_WRITTEN] + int(left_bytes) + 1
        return self.look()

    def free(self) -> dict[str, object]:
        self._words[_FULL] = 0
        return self.look()

    def lose(self) -> dict[str, object]:
        """Forget all that was not synced."""
        return self._cut(torn=False)

    def tear(self) -> dict[str, object]:
        """Forget half of the records that were not synced, and half of the one where that begins."""
        return self._cut(torn=True)

    def _cut(self, *, torn: bool) -> dict[str, object]:
        with self._of_the_dead() as file:
            had = os.fstat(file).st_size
            synced = self._synced(file)
            cut = synced
            found = [end for end in ends(self._read(file)) if end > synced]
            if torn and had > synced:
                kept = [synced, *found][len(found) // 2]
                beyond = next((end for end in found if end > kept), had)
                cut = kept + (beyond - kept) // 2
            os.ftruncate(file, cut)
            os.fsync(file)
        return {
            "had_bytes": had,
            "synced_bytes": synced,
            "has_bytes": cut,
            "lost_records": len(found),
        }

    def corrupt(self) -> dict[str, object]:
        """Damage a durable record that a good one follows, in the middle of what there is."""
        with self._of_the_dead() as file:
            begins = [0, *(end for end in ends(self._read(file)) if end <= self._synced(file))]
            durable = len(begins) - 1
            if durable < 2:
                return {"records": durable, "damaged": None}
            number = (durable - 1) // 2
            at = begins[number + 1] - 1
            good = os.pread(file, 1, at)[0]
            self.damage.write_text(json.dumps([os.fstat(file).st_ino, at, good]))
            os.pwrite(file, bytes([good ^ 0xFF]), at)
            os.fsync(file)
        return {"records": durable, "damaged": number, "at_byte": at}

    def restore(self) -> dict[str, object]:
        """Undo the damage, if the file is still the same."""
        if not self.damage.exists():
            return {"restored": False}
        inode, at, good = json.loads(self.damage.read_text())
        with self._of_the_dead() as file:
            if same := os.fstat(file).st_ino == inode:
                os.pwrite(file, bytes([good]), at)
                os.fsync(file)
        self.damage.unlink()
        return {"restored": same}

    def _synced(self, file: int) -> int:
        """A journal that the page does not know was whole before it came in the place of another."""
        is_ = os.fstat(file)
        return (
            min(self._words[_SYNCED], is_.st_size)
            if is_.st_ino == self._words[_INODE]
            else is_.st_size
        )

    def _read(self, file: int) -> bytes:
        return os.pread(file, os.fstat(file).st_size, 0)

    @contextmanager
    def _of_the_dead(self) -> Iterator[int]:
        """The journal, opened. Raises BlockingIOError if a node has it."""
        lock = os.open(self.home / "data" / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = os.open(self.journal, os.O_RDWR)
            try:
                yield file
            finally:
                os.close(file)
        finally:
            os.close(lock)


VERBS = ("look", "slow", "fill", "free", "lose", "tear", "corrupt", "restore")


def main(home: str, verb: str, *amounts: str) -> int:
    assert verb in VERBS, verb
    try:
        said = getattr(Broken(home), verb)(*amounts)
    except OSError as error:
        sys.stderr.write(f"disk: {error}\n")
        return 1
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
