"""Makes the compiled modules: rewrites copies of the sources, has mypyc make C of them, and a compiler the rest."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from harness.compiled.linear import linear
from harness.compiled.loader import FOLDER, MANIFEST
from harness.compiled.rewrite import Others, Rewritten
from harness.compiled.scope import ROOT, chosen, key, sources
from harness.errors import UsageError

_SETUP = """\
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify(
    ["--config-file=mypy.ini", *{paths!r}],
    opt_level={level!r}, debug_level="0", multi_file=True, target_dir="c", group_name="harness",
)
setup(name="harness", packages=[], ext_modules=modules)
"""

_MYPY = """\
[mypy]
follow_imports = silent
ignore_missing_imports = True
disable_error_code = type-var
[mypy-numpy.*,scipy.*,networkx.*,numba.*]
follow_imports = skip
"""
"""``type-var``: to mypy a rewritten record is none that ``replace`` takes."""


@dataclass(frozen=True)
class Built:
    modules: int
    bytes: int
    seconds: float


def tools() -> None:
    """Raises UsageError where something is missing, with what to type."""
    if find_spec("mypyc") is None or find_spec("setuptools") is None:
        raise UsageError(f"mypyc is missing: {sys.executable} -m pip install 'mypy' setuptools")
    compiler = shlex.split(str(sysconfig.get_config_var("CC") or "cc"))[0]
    if shutil.which(os.environ.get("CC", compiler)) is None:
        raise UsageError(f"{compiler} is missing: apt-get install gcc")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        raise UsageError(f"{header} is missing: apt-get install python3-dev")


def build(
    paths: list[str] | None = None,
    *,
    folder: Path = FOLDER,
    level: str = "1",
    say: Callable[[str], None],
) -> Built:
    """Compile, and put the modules into ``folder`` once all are there. ``paths``: fewer than are chosen."""
    tools()
    began = time.monotonic()
    named = key()
    paths = list(chosen()) if paths is None else paths
    with tempfile.TemporaryDirectory(prefix="harness-compile-") as place:
        tree = Path(place)
        files = rewrite(tree, paths)
        (tree / "setup.py").write_text(_SETUP.format(paths=files, level=level))
        (tree / "mypy.ini").write_text(_MYPY)
        say(f"compiling {len(paths)} modules, which takes some minutes of processor time")
        _run(tree)
        if key() != named:
            raise UsageError("sources were changed while they were compiled: try again")
        return _take(tree / "lib", folder, named, began)


def rewrite(tree: Path, paths: list[str]) -> list[str]:
    """Copies of all sources, those of ``paths`` rewritten. The files to compile are returned."""
    for source in sources():
        target = tree / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    (tree / "harness/__init__.py").write_text("")
    texts = linear({path.replace("/", "."): (ROOT / f"{path}.py").read_text() for path in paths})
    others = Others(texts)
    files = [f"{module.replace('.', '/')}.py" for module in texts]
    for (module, text), file in zip(texts.items(), files, strict=True):
        new = Rewritten(module, text, texts.__getitem__, others=others)
        (tree / file).write_text(new.text)
    return files


def _run(tree: Path) -> None:
    argv = [
        sys.executable,
        "setup.py",
        "-q",
        "build_ext",
        "--build-lib",
        "lib",
        "--build-temp",
        "o",
    ]
    argv.append(f"-j{os.cpu_count() or 1}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        argv, cwd=tree, env=environment, check=False, text=True, capture_output=True
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        said = [line for line in lines if "error" in line.lower()] or lines
        raise UsageError("\n".join(["mypyc or the compiler failed:", *said[:20]]))


def _take(made: Path, folder: Path, named: str, began: float) -> Built:
    """Put the modules where the loader looks, in the place of older ones."""
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    found = sorted(path.relative_to(made) for path in made.rglob(f"*{suffix}"))
    files = {
        path.as_posix().removesuffix(suffix).replace("/", "."): path.as_posix() for path in found
    }
    size = sum((made / path).stat().st_size for path in found)
    seconds = time.monotonic() - began
    manifest = {
        "key": named, "files": files, "bytes": size, "seconds": round(seconds, 1),
        "by": f"mypyc {version('mypy')}",
    }  # fmt: skip
    new = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.copytree(made, new)
    (new / MANIFEST).write_text(json.dumps(manifest, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return Built(len(files) - 1, size, seconds)
