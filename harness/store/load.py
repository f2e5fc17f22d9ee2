"""Stored histories, read back: of a run, of one that died half-way, or any file in our format.

The rows of the file come first, then the nodes' notes (``nodes/*/notes.jsonl``), since the order of
the clients' rows is real time and the nodes' clocks are not to be trusted that far.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any

from checker.garbage import no_garbage_yet
from checker.history import INFO, History, Row, node_process
from harness.errors import StoreError, UsageError
from harness.store.find import STORE, find_history, read_object
from harness.store.gather import Gathered
from harness.store.record import HISTORY, NOTES, TRIAL

_AT_ONCE = 10_000
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A history as it was found. ``warnings`` are sentences about what had to be left out."""

    path: Path
    history: History
    warnings: tuple[str, ...]


def load_history(where: str | Path, *, root: Path = STORE) -> Stored:
    """Read what ``where`` means (see ``find_history``).

    A torn last line, as a kill leaves it, is left out with a warning. Raises UsageError, with file
    and line, for a line that is no row and for rows that are no history; StoreError for a file that
    cannot be read.
    """
    path = find_history(where, root=root)
    with no_garbage_yet():
        gathered = gather(path, blocks(path))
        if path.name == HISTORY:
            notes, warnings = read_notes(path.parent, gathered.last_ns)
            gathered.extend(notes)
            gathered.warnings += warnings
        try:
            history = gathered.history()
        except ValueError as error:
            raise UsageError(f"{path}: {error}") from error
    return Stored(path=path, history=history, warnings=tuple(gathered.warnings))


def gather(path: Path | str, blocks: Iterable[bytes]) -> Gathered:
    """The rows of a text that comes in blocks; ``path`` is for people.

    Raises UsageError, with the line, where one is no row; a torn last line is left out.
    """
    gathered = Gathered(path)
    rest = b""
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if not end:
            rest += block
            continue
        gathered.take(rest + block[:end])
        rest = block[end:]
    gathered.take(rest)
    return gathered


def blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                yield block
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return file.readlines()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not text in UTF-8: {error.reason} at byte {error.start}"
        ) from error


def read_notes(run: Path, end_ns: int) -> tuple[list[Row], list[str]]:
    """The notes of all nodes of a run directory, as rows, and warnings.

    Each node's in its own order; the nodes' among each other by their wall clocks. A note's time
    counts from the trial's start if the run says when that was, and is ``end_ns`` if not. Broken
    lines are left out with a warning: a crash tears a line, and the node then goes on below.
    """
    started = (read_object(run / TRIAL) or {}).get("started_wall_ns")
    zero_ns = started if isinstance(started, int) else None
    by_node: list[list[tuple[int, Row]]] = []
    warnings: list[str] = []
    for path in sorted(run.glob(f"nodes/*/{NOTES}")):
        notes, broken = [], 0
        latest_ns = 0
        for note in _parsed(_lines(path)):
            try:
                wall_ns, node, kind, value = (note[n] for n in ("time", "node", "kind", "value"))
                latest_ns = max(latest_ns, int(wall_ns))
                time_ns = end_ns if zero_ns is None else latest_ns - zero_ns
                row = Row(time_ns, node_process(int(node)), INFO, str(kind), None, value)
                notes.append((latest_ns, row))
            except (ValueError, KeyError, TypeError):  # not an object, or not a note's
                broken += 1
        if broken:
            warnings.append(f"{path}: {broken} broken lines were left out")
        by_node.append(notes)
    merged = merge(*by_node, key=lambda note: note[0])
    return [row for _, row in merged], warnings


def _parsed(lines: list[str]) -> Iterator[Any]:
    """Each line's value; None for a line that is not JSON (or says null)."""
    for first in range(0, len(lines), _AT_ONCE):
        some = lines[first : first + _AT_ONCE]
        try:  # many at once, as above
            yield from json.loads(f"[{','.join(some)}]")
        except ValueError:
            for line in some:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield None
