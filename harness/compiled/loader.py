"""Has Python import compiled modules, if there are some and they were made of the sources as they are.

The environment variable ``HARNESS_COMPILED`` forces either way: ``no``, or ``yes``, which is an error where it cannot
be. Modules that are linked with each other are taken all or none: so nothing is done in a process that has
imported one of them already.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from harness.compiled.scope import key
from harness.errors import UsageError

FOLDER = Path(__file__).parent / "cache"
MANIFEST = "manifest.json"
ASKED = "HARNESS_COMPILED"
GROUP = "harness__mypyc"
"""The library that all compiled modules are in; the others only point to it."""


@dataclass(frozen=True)
class Found:
    """``files``: what to import for each module's name; none: all is interpreted. ``words`` say why.

    ``odd``: somebody may have expected otherwise.
    """

    words: str
    files: Mapping[str, str] = field(default_factory=dict)
    odd: bool = False


def look(folder: Path = FOLDER) -> Found:
    """What a process that starts now imports."""
    asked = os.environ.get(ASKED, "auto")
    if asked not in ("auto", "yes", "no"):
        raise UsageError(f"{ASKED}={asked}: it is yes, no or auto")
    if asked == "no":
        return Found(f"interpreted, since {ASKED}=no")
    found = _look(folder)
    if asked == "yes" and not found.files:
        raise UsageError(f"{ASKED}=yes, but the simulator is {found.words}")
    return found


def _look(folder: Path) -> Found:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        return Found("interpreted; `harness compile` makes it faster")
    if manifest["key"] != key():
        words = "interpreted: sources have changed since `harness compile`"
        return Found(words, odd=True)
    files = {name: str(folder / file) for name, file in manifest["files"].items()}
    words = (
        f"compiled: {len(files) - 1} modules, {manifest['bytes'] / 1e6:.1f} MB, by {manifest['by']}"
    )
    return Found(words, files)


class Finder(MetaPathFinder):
    """Finds the compiled modules."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        file = self._files.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))


def install(folder: Path = FOLDER) -> Found:
    """Take the compiled modules from now on, if there are some. Whoever shows ``words`` is the caller."""
    found = look(folder)
    if not found.files:
        return found
    early = next((name for name in found.files if name in sys.modules), None)
    if early is not None:
        return Found(f"interpreted: {early} is imported already", odd=early != GROUP)
    finder = Finder(found.files)
    sys.meta_path.insert(0, finder)
    try:
        __import__(GROUP)
    except ImportError as error:
        sys.meta_path.remove(finder)
        return Found(f"interpreted: what was compiled cannot be loaded: {error}", odd=True)
    return found
