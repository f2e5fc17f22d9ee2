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
    "checker/agreement",
    "checker/asked",
    "checker/availability",
    "checker/crashes",
    "checker/liveness",
    "checker/phrases",
    "checker/vacuity",
    "checker/windows",
    "harness/sim",
    "nemesis/administrator",
    "nemesis/aimed",
    "nemesis/encoding",
    "nemesis/plan",
    "nemesis/resolution",
    "nemesis/targets",
    "workloads/append",
    "workloads/cas",
    "workloads/context",
    "workloads/counter",
    "workloads/generators",
    "workloads/register",
    "workloads/sets",
    "workloads/touched",
    "protocols/kernel",
    "protocols/executing",
    "protocols/abd",
    "protocols/amnesia",
    "protocols/appending",
    "protocols/answers",
    "protocols/ballots",
    "protocols/clients",
    "protocols/leasing",
    "protocols/log",
    "protocols/membership",
    "protocols/pace",
    "protocols/preferred",
    "protocols/quorum_systems",
    "protocols/quorums",
    "protocols/recalling",
    "protocols/rejoining",
    "protocols/statemachine",
    "protocols/transactions",
    "protocols/transfer",
    "protocols/unled",
    "protocols/verifying",
    "protocols/window",
    "protocols/wire",
    "protocols/fpaxos",
    "protocols/epaxos",
    "protocols/m2paxos",
    "protocols/mencius",
    "protocols/multipaxos",
    "protocols/paxos",
    "protocols/raft",
)
"""Modules, or folders with all modules in them, but for packages' ``__init__`` and what is ``LEFT``."""

LEFT = {
    "harness/sim/frozen": "it writes functions while it runs",
    "harness/sim/explore": "not for runs of one seed",
    "protocols/shapes": "it writes functions while it runs",
    "protocols/text": "it calls what is written in C",
    "protocols/nested": "it makes classes while it runs; so are all protocols that are hosts of others",
    "protocols/sdpaxos": "its store is another than its base's, which native fields cannot say",
    "protocols/wpaxos": "it makes classes while it runs",
}
"""Modules that begin so, and why."""


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
