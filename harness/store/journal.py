"""The history on disk while it grows: rows appended as lines, flushed twice a second.

A killed controller loses the rows of the last half second at most, and may leave a torn last line.
Nothing is synced: a power cut may lose more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from checker.history import Row
from harness.errors import StoreError
from harness.store.rows import encode

FLUSH_EVERY_S = 0.5
_MOST_LINES_HELD = 8192


class Journal:
    """Appends rows to a file. ``record`` may be called from any thread.

    The order of the calls is the order of the rows. Callers read the clock before they call, so
    two of them may come in the wrong order by a moment; the later row then gets the time of the
    earlier one, so that times never go back along the rows.

    Raises StoreError where the file cannot be written: from ``record`` too, soon after.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._index = 0
        self._last_ns = 0
        self._failure: OSError | None = None
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from error
        self._closing = threading.Event()
        self._flusher = threading.Thread(target=self._keep_flushing, name="journal", daemon=True)
        self._flusher.start()

    def record(self, row: Row) -> None:
        with self._lock:
            if self._closing.is_set():
                raise StoreError(f"{self.path} is closed: no row can follow")
            if row.time_ns < self._last_ns:
                row = row._replace(time_ns=self._last_ns)
            try:
                self._lines.append(encode(self._index, row))
            except (TypeError, ValueError) as error:
                text = f"row {self._index}: {row.f} {row.value!r} is not JSON: {error}"
                raise StoreError(text) from error
            self._index += 1
            self._last_ns = row.time_ns
            if len(self._lines) >= _MOST_LINES_HELD or self._failure is not None:
                self._write()

    def flush(self) -> None:
        """Hand all rows so far to the operating system."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Flush, and take no more rows. Idempotent."""
        self._closing.set()
        self._flusher.join()
        with self._lock:
            if not self._file.closed:
                try:
                    self._write()
                finally:
                    self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self) -> None:
        """Within the lock. After a failure nothing is written any more, so no line has a hole."""
        if self._failure is None and self._lines:
            data = memoryview("".join(self._lines).encode("ascii"))
            self._lines.clear()
            try:
                while data:
                    data = data[self._file.write(data) :]
            except OSError as error:
                self._failure = error
        if self._failure is not None:
            reason = self._failure.strerror
            raise StoreError(f"cannot write {self.path}: {reason}") from self._failure

    def _keep_flushing(self) -> None:
        while not self._closing.wait(FLUSH_EVERY_S):
            try:
                self.flush()
            except StoreError:
                return  # kept in _failure: the next record() raises it


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a whole history at once. The same rows make the same bytes. Raises StoreError."""
    text = "".join([encode(index, row) for index, row in enumerate(rows)])
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
