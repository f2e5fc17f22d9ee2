"""A node as one file: ``protocols``, ``harness.node`` and what is named besides, as a zipapp.

The same sources give the same bytes wherever they are built (sorted names, no times, stored rather
than compressed, since zlib's output differs between versions), so a digest names a node's code.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import UsageError

_ALWAYS = ("protocols", "harness.node")
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("node: python3 is %d.%d here, and a node needs 3.11" % sys.version_info[:2])
if not __debug__:
    sys.exit("node: do not run with -O: asserts are part of the node")

from harness.node.__main__ import main

sys.exit(main())
"""


def build(extra_modules: Iterable[str] = ()) -> bytes:
    """The zipapp. ``extra_modules`` are modules or packages, by name, that protocols are taken from;
    what these import of their own top-level package comes along.

    Raises UsageError for a module that cannot be found or is not Python source.
    """
    files = {"__main__.py": _MAIN.encode()}
    for module in _ALWAYS:
        files |= _sources(module)
    waiting, shipped = [(module, True) for module in extra_modules], set[str]()
    while waiting:
        module, whole = waiting.pop()
        if module not in shipped:
            shipped.add(module)
            sources = _sources(module, whole=whole)
            files |= sources
            waiting += [(n, False) for text in sources.values() for n in _siblings(module, text)]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            zipped.writestr(entry, files[name])
    return _SHEBANG + archive.getvalue()


def digest(zipapp: bytes) -> str:
    return hashlib.sha256(zipapp).hexdigest()


def _sources(module: str, *, whole: bool = True) -> dict[str, bytes]:
    """Name in the archive -> source, of a module, or of a package with all that is in it (if it is
    not wanted whole: with what is in its ``__init__``).
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise UsageError(f"module {module} cannot be found: {error}") from error
    if spec is None:
        raise UsageError(f"module {module} cannot be found")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise UsageError(f"module {module} is not Python source, so it cannot be shipped")
    origin = Path(spec.origin)
    place = module.replace(".", "/")
    files = _packages_around(module)
    if spec.submodule_search_locations is None:
        files[f"{place}.py"] = origin.read_bytes()
    else:
        for path in origin.parent.rglob("*.py") if whole else [origin]:
            files[f"{place}/{path.relative_to(origin.parent).as_posix()}"] = path.read_bytes()
    return files


def _siblings(module: str, source: bytes) -> Iterator[str]:
    """The modules of the same top-level package that a source imports."""
    top = module.partition(".")[0]
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.startswith(f"{top}.") and _is_module(name):
                yield name


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _packages_around(module: str) -> dict[str, bytes]:
    """The ``__init__.py`` of each package that the module is in; empty for a namespace package."""
    files = {}
    package = module.rpartition(".")[0]
    while package:
        spec = importlib.util.find_spec(package)
        origin = spec.origin if spec is not None else None
        source = Path(origin).read_bytes() if origin is not None else b""
        files[f"{package.replace('.', '/')}/__init__.py"] = source
        package = package.rpartition(".")[0]
    return files
