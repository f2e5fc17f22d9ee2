"""What a node has persisted: a map from key to JSON value, as an append-only file of checked records.

A record (``harness.node.records``) is a JSON object of the keys that one turn changed, null for a forgotten
key. A turn is one record, so it is durable as a whole or not at all.

Since each record is synced before the next is written, only the last one can be torn by a crash.
So a bad record that no good one follows is a torn tail, which nobody was told of: it is dropped with
a warning. (A disk that is full leaves such a one as well, and its node ends by that.) A bad record that a good one follows was durable once: the disk lost what we promised to
keep, and the node refuses to start. (Decay of the very last record cannot be told from a torn one.)

When the file has grown to several times what is alive, the live keys are written to a new file,
which is synced and renamed over the old one: at every moment one of the two is there and whole.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness.node.disk import Disk
from harness.node.records import find_record, record, records
from protocols.kernel import Json
from protocols.wire import dumps, loads

COMPACT_BYTES = 4 << 20
"""A journal smaller than this is never compacted."""
COMPACT_RATIO = 4
"""Compacted at this many times the size of what is alive: so an append costs at most 1/3 more."""
CHUNK_BYTES = 1 << 20
"""A compacted journal has records of about this size."""


class JournalError(Exception):
    """The journal cannot be used: another process has it, or durable bytes were lost."""


class Journal:
    """The durable map of the node that runs in ``directory``; creates both where they are missing.

    ``synced`` False: what is committed is left to the operating system, which keeps it when the process
    dies, and not when the power fails. ``heedful`` False: what cannot be written is taken for written. Raises JournalError where another process uses the directory or a
    durable record is damaged.
    """

    def __init__(
        self,
        directory: str | Path,
        warn: Callable[[str], None],
        *,
        compact_bytes: int = COMPACT_BYTES,
        disk: Disk | None = None,
        synced: bool = True,
        heedful: bool = True,
    ) -> None:
        self.directory = Path(directory)
        self.path = self.directory / "journal"
        self.compactions = 0
        self._new = self.directory / "journal.new"
        self._compact_bytes = compact_bytes
        self._disk, self._synced, self._heedful = disk or Disk(), synced, heedful
        self._live: dict[str, str] = {}
        self._live_bytes = 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        try:
            self._new.unlink(missing_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._size = self._replay(warn)
        except BaseException:
            os.close(self._lock)
            raise

    def durable(self) -> dict[str, Json]:
        """Everything that was persisted, as JSON gives it back: the caller's own copy."""
        return {key: loads(text) for key, text in self._live.items()}

    def get(self, key: str) -> Json:
        text = self._live.get(key)
        return None if text is None else loads(text)

    def commit(self, texts: Mapping[str, str]) -> None:
        """Make these keys durable, all or none: one write, one sync (if there are any).

        Values are JSON text; ``null`` forgets a key. Raises OSError if they may not have become
        durable; the journal is not to be used after that.
        """
        had = self._size
        try:
            self._append(self._fd, record(texts))
            if self._synced:
                self._disk.sync(self._fd, self._size)
        except OSError:
            if self._heedful:
                raise
            os.ftruncate(self._fd, had)
            self._size = had
        self._apply(texts)
        if self._size > max(self._compact_bytes, COMPACT_RATIO * self._live_bytes):
            self._compact()

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._lock)

    def _replay(self, warn: Callable[[str], None]) -> int:
        """Read the file into the map; returns its length without a torn tail."""
        data = self.path.read_bytes()
        end = 0
        for position, payload in records(data):
            end = position
            self._apply({key: dumps(value) for key, value in loads(payload.decode()).items()})
        if end < len(data):
            if (good := find_record(data, end + 1)) is not None:
                raise JournalError(
                    f"{self.path}: the record at byte {end} is damaged, but a good one follows at "
                    f"byte {good}: durable data was lost. Start from an empty directory, or not at all."
                )
            warn(f"{self.path}: dropped {len(data) - end} bytes of a torn record at byte {end}")
            os.ftruncate(self._fd, end)
        os.fsync(self._fd)
        _sync_directory(self.directory)
        self._disk.opened(self._fd, end)
        return end

    def _apply(self, texts: Mapping[str, str]) -> None:
        live = self._live
        for key, text in texts.items():
            old = live.pop(key, None)
            if old is not None:
                self._live_bytes -= len(key) + len(old)
            if text != "null":
                live[key] = text
                self._live_bytes += len(key) + len(text)

    def _append(self, fd: int, data: bytes) -> None:
        self._size += len(data)
        # Less is written where the disk is full: the rest will say so.
        while (written := self._disk.write(fd, data)) < len(data):
            data = data[written:]

    def _compact(self) -> None:
        fd = os.open(self._new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        self._size = 0
        for chunk in _chunks(self._live):
            self._append(fd, record(chunk))
        os.fsync(fd)
        self._new.replace(self.path)
        _sync_directory(self.directory)
        os.close(self._fd)
        self._fd = fd
        self._disk.opened(fd, self._size)
        self.compactions += 1


def _lock(directory: Path) -> int:
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise JournalError(f"{directory}: another node runs in this directory") from None
    return fd


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _chunks(live: Mapping[str, str]) -> Iterator[dict[str, str]]:
    chunk: dict[str, str] = {}
    size = 0
    for key, text in live.items():
        chunk[key] = text
        size += len(key) + len(text)
        if size > CHUNK_BYTES:
            yield chunk
            chunk, size = {}, 0
    yield chunk
