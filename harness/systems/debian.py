"""Programs of other projects, out of Debian's packages: unpacked here, installed nowhere.

A package's files are kept in the user's cache, so that only the first run needs a network, and no host
needs any: programs are put there as all else is.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock

from harness.errors import CapabilityError

TIMEOUT_S = 300.0
_PACKING = Lock()


def home() -> Path:
    """Where packages are unpacked: ``$XDG_CACHE_HOME/harness``, or ``~/.cache/harness``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "harness"


def unpacked(packages: Sequence[str]) -> Path:
    """The folder below which the files of these packages lie, fetched if they are not here yet.

    Raises CapabilityError, with what to type, where they cannot be had.
    """
    folder = home() / "+".join(packages)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as scratch:
            _do(["apt-get", "download", *packages], scratch)
            for archive in sorted(Path(scratch).glob("*.deb")):
                _do(["dpkg-deb", "-x", archive.name, "files"], scratch)
            try:
                Path(scratch, "files").rename(folder)
            except OSError as error:  # another run of ours was faster
                if not folder.is_dir():
                    raise CapabilityError(f"{folder}: {error.strerror}") from error
    return folder


def packed(packages: Sequence[str], parts: Sequence[str]) -> tuple[bytes, tuple[str, ...]]:
    """These files and folders of theirs and their shared libraries as a ``.tar.gz``, and where the
    libraries lie in it.
    """
    with _PACKING:  # all nodes are installed at once, by a thread each
        return _packed(tuple(packages), tuple(parts))


@cache
def _packed(packages: tuple[str, ...], parts: tuple[str, ...]) -> tuple[bytes, tuple[str, ...]]:
    folder, into = unpacked(packages), io.BytesIO()
    libraries = sorted({file.parent for file in folder.rglob("*.so.*")})
    with tarfile.open(fileobj=into, mode="w:gz", compresslevel=1) as tar:
        for each in (*(folder / part for part in parts), *libraries):
            tar.add(each, arcname=str(each.relative_to(folder)))
    return into.getvalue(), tuple(str(each.relative_to(folder)) for each in libraries)


def _do(argv: Sequence[str], folder: str) -> None:
    try:
        done = subprocess.run(
            argv, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CapabilityError(_advice(argv, str(error))) from error
    if done.returncode:
        raise CapabilityError(_advice(argv, done.stderr.strip() or f"status {done.returncode}"))


def _advice(argv: Sequence[str], problem: str) -> str:
    return (
        f"`{shlex.join(argv)}` failed: {problem}; try `apt-get update`, or name a program that the"
        " hosts have: --option program=/usr/bin/..."
    )
