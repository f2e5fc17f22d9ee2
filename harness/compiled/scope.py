"""Which modules are compiled, which are not and why, and what names the sources that they were made of."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Where our packages are."""

SOURCES = ("protocols", "workloads", "checker", "nemesis", "harness/sim", "harness/compiled")
"""All that compiled modules were compiled with: types and constants of what they import are in them."""

COMPILED = (
    "protocols",
    "harness/sim",
    "workloads/context",
    "workloads/generators",
    "workloads/register",
)
"""Modules, or folders with all modules in them, but for packages' ``__init__`` and what is ``LEFT``."""

LEFT = {
    "protocols/sdpaxos/commander": "it narrows the type of an attribute that it inherits",
    "protocols/sdpaxos/fast": "what it is part of is left",
    "protocols/sdpaxos/replica": "what it is of is left",
    "protocols/shapes": "it writes functions while it runs",
    "protocols/wire": "it reads annotations while it runs",
    "protocols/text": "it calls what is written in C",
    "protocols/wankeeper/master": "it gives objects what is its class'",
    "harness/sim/frozen": "it writes functions while it runs",
    "harness/sim/explore": "not for runs of one seed",
}
"""Modules that begin so, and why."""

LEFT_CLASSES = {"protocols.nested": frozenset({"Wrapped"})}
"""Of a module, classes that are left as Python makes them: of these others are made while it runs."""


def chosen() -> Iterator[str]:
    """The modules that are compiled, as paths from ``ROOT`` without a suffix."""
    for name in COMPILED:
        folder = ROOT / name
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
        for file in files:
            path = file.relative_to(ROOT).with_suffix("").as_posix()
            if file.name != "__init__.py" and not path.startswith(tuple(LEFT)):
                yield path


def sources() -> Iterator[Path]:
    for name in SOURCES:
        yield from sorted((ROOT / name).rglob("*.py"))


def key() -> str:
    """Names these sources, as they are now, and this Python. It takes some milliseconds."""
    found = blake2b(digest_size=16)
    found.update(str(sysconfig.get_config_var("EXT_SUFFIX")).encode())
    for path in sources():
        text = path.read_bytes()
        found.update(f"\0{path.relative_to(ROOT).as_posix()}\0{len(text)}\0".encode())
        found.update(text)
    return found.hexdigest()
