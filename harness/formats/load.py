"""A history from wherever it is, in whatever notation: the one that its content shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from checker.garbage import no_garbage_yet
from checker.history import History
from harness.errors import UsageError
from harness.formats import FORMATS
from harness.formats.jepsen import Parsed
from harness.formats.source import STDIN, Source, read_head, read_source
from harness.store.find import STORE, find_history
from harness.store.load import load_history
from harness.store.record import HISTORY
from harness.tables import find, nearest

AUTO = "auto"
OURS = "jsonl"
_JEPSENS = ("history.edn", "history.txt")
"""What lies in a run directory of Jepsen's, the better first."""


class Format(Protocol):
    """What the modules of ``FORMATS`` have."""

    def sniff(self, head: str) -> bool:
        """Whether the first lines of a text are of this format."""
        ...

    def parse(self, source: Source, *, tuples: bool | None = None) -> Parsed:
        """The rows. Raises UsageError, with file and line, where the text is broken."""
        ...


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A history as it was found; ``path`` is None for standard input. ``warnings`` are sentences."""

    name: str
    path: Path | None
    format: str
    history: History
    warnings: tuple[str, ...]


def load(
    where: str, *, root: Path = STORE, format: str = AUTO, tuples: bool | None = None
) -> Loaded:
    """Read what ``where`` means: ``-``, a file, a run directory (Jepsen's too), or a run's name.

    ``format`` is a name in FORMATS, or auto; ``tuples`` says whether values are [key, value], None:
    if they look like it. Raises UsageError, with file and line, for what is no history, and
    StoreError for what cannot be read.
    """
    if where == STDIN:
        source = read_source(where)
        name = detect(source.name, source.text) if format == AUTO else format
        return _loaded(source, None, name, tuples)
    path = _path(where, root)
    name = detect(str(path), read_head(path)) if format == AUTO else format
    if name == OURS:
        stored = load_history(path, root=root)
        return Loaded(
            name=str(path), path=path, format=name, history=stored.history, warnings=stored.warnings
        )
    return _loaded(read_source(path), path, name, tuples)


def _loaded(source: Source, path: Path | None, name: str, tuples: bool | None) -> Loaded:
    with no_garbage_yet():
        rows, warnings = named(name).parse(source, tuples=tuples)
    try:
        history = History.of(rows)
    except ValueError as error:
        raise UsageError(f"{source.name}: {error}") from error
    return Loaded(name=source.name, path=path, format=name, history=history, warnings=warnings)


def detect(name: str, head: str) -> str:
    """The format that a text's beginning shows. Raises UsageError, with what was tried."""
    for tried in FORMATS:
        if named(tried).sniff(head):
            return tried
    first = next((line.strip() for line in head.splitlines() if line.strip()), "")
    raise UsageError(
        f"{name}: unknown format: the first line is {first[:60]!r}; tried were\n"
        + "\n".join(f"  {tried:6} {_about(tried)}" for tried in FORMATS)
    )


def named(format: str) -> Format:
    """The format of that name. Raises UsageError, with the near match, if there is none."""
    if format not in FORMATS:
        raise UsageError(f"no format is called {format!r}{nearest(format, FORMATS)}")
    return cast("Format", _module(format))


def _module(format: str) -> ModuleType:
    return cast("ModuleType", find("format", FORMATS, format))


def _about(format: str) -> str:
    return (_module(format).__doc__ or "").partition("\n")[0].replace("``", "")


def _path(where: str, root: Path) -> Path:
    folder = Path(where)
    if folder.is_dir() and not (folder / HISTORY).is_file():
        for name in _JEPSENS:
            if (folder / name).is_file():
                return folder / name
    return find_history(where, root=root)
