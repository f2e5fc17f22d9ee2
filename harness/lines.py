"""A file of JSON, an object a line, that a campaign adds to as it goes: what it has survives an interruption."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.errors import StoreError


class Lines:
    """``path`` None: nothing is kept. Raises StoreError where the file cannot be read or written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> list[str]:
        """The lines, as text. A last one that was not written to its end is cut off."""
        path = self._path
        if path is None:
            return []
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                path.write_text(whole, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        return whole.splitlines()

    def add(self, value: Mapping[str, object]) -> None:
        """Add one, at once: the next may be interrupted."""
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(value) + "\n")
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
