"""What a replica noted, one JSON line a note, for the checkers: ``{"time", "node", "kind", "value"}``.

``time`` is the wall clock in ns, taken when the turn that noted it had become durable. Lines are
written at the end of each turn but not synced: a kill -9 of the process loses none, a crash of the
machine may lose some, or tear the last one. The file grows as long as the node runs.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from protocols.kernel import NodeId
from protocols.wire import dumps


class Notes:
    """Appends to a file. Raises OSError where that cannot be done."""

    def __init__(self, path: Path, node: NodeId) -> None:
        self._node = node
        self._lines: list[str] = []
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")  # ends the torn line, so that only that one is lost

    def add(self, kind: str, value: str) -> None:
        """Note a value, given as JSON text."""
        self._lines.append(
            f'{{"time":{time.time_ns()},"node":{self._node},"kind":{dumps(kind)},"value":{value}}}\n'
        )

    def flush(self) -> None:
        if self._lines:
            data = "".join(self._lines).encode()
            self._lines.clear()
            while (written := os.write(self._fd, data)) < len(data):
                data = data[written:]

    def close(self) -> None:
        self.flush()
        os.close(self._fd)
