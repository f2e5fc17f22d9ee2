"""A text that somebody named, and errors that say where in it they are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from harness.errors import StoreError, UsageError

STDIN = "-"
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Source:
    """``name`` is for people: the path, or ``standard input``."""

    name: str
    text: str

    def lines(self) -> list[str]:
        """Each with its newline; the last may have none."""
        return StringIO(self.text, newline="\n").readlines()

    def line_of(self, position: int) -> int:
        """The number of the line, from 1, in which a character is."""
        return self.text.count("\n", 0, position) + 1

    def error(self, position: int, problem: str) -> UsageError:
        return UsageError(f"{self.name}:{self.line_of(position)}: {problem}")


def read_source(where: str | Path) -> Source:
    """A file, or standard input where that is ``-``. Raises StoreError, and UsageError if no text."""
    if str(where) == STDIN:
        return Source(name="standard input", text=_text("standard input", sys.stdin.buffer.read()))
    try:
        return Source(name=str(where), text=_text(str(where), Path(where).read_bytes()))
    except OSError as error:
        raise StoreError(f"cannot read {where}: {error.strerror}") from error


def read_head(path: Path) -> str:
    """The first lines of a file, whatever they are. Raises StoreError."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}:{line}: not text in UTF-8: {error.reason}") from error
