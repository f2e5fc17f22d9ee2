"""Another version of Python plays the same run of a seed, byte for byte: 3.11 to 3.13, those that are to be had here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from protocols import PROTOCOLS

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
OTHERS = [
    version for version in VERSIONS if version != f"{sys.version_info[0]}.{sys.version_info[1]}"
]
NEEDED = ("numpy", "scipy", "networkx")
"""What a simulated trial imports."""
PACKAGES = Path.home() / ".cache/harness/pythons"
"""Where these are, for each version that is not this one."""

PROGRAM = """
from hashlib import blake2b
from harness.sim import simulate
from harness.simulated import setup_of
from harness.trial import Trial
from protocols import PROTOCOLS
for name in PROTOCOLS:
    trial = Trial(
        protocol=name, nemesis="partition,kill,pause,packet", nodes=3, threads=6, time_ms=800, rate=100,
        keys=2, rtt_ms=5, client_timeout_ms=300, interval_ms=300, seed="pythons",
    )
    run = simulate(setup_of(trial))
    rows = blake2b(repr(run.rows).encode(), digest_size=8).hexdigest()
    print(name, run.digest, rows, run.events)
"""


def interpreter(version: str) -> str | None:
    """The first of this version: on the path, or pyenv's."""
    known = [shutil.which(f"python{version}")]
    known += map(str, sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python")))
    for path in known:
        # What pyenv puts on the path is there, and refuses to run, where that version is not selected.
        if path and subprocess.run([path, "-V"], capture_output=True, check=False).returncode == 0:
            return path
    return None


def packages(version: str) -> Path:
    """The folder with what is needed, which is filled once. Skips where it cannot be had."""
    folder = PACKAGES / version
    if not folder.exists():
        new = folder.with_name(f"{version}.{os.getpid()}")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(new)]
        pip += ["--python-version", version, "--only-binary=:all:", *NEEDED]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            pytest.skip(
                f"{', '.join(NEEDED)} for Python {version} are not to be had: {done.stderr[-200:]}"
            )
        new.rename(folder)
    return folder


def played(python: str, path: list[str], hash_seed: str) -> list[str]:
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *path]), "PYTHONHASHSEED": hash_seed
    }  # fmt: skip
    said = subprocess.run(
        [python, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", OTHERS)
def test_every_protocol_has_the_same_run_of_a_seed(version: str) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    there = played(python, [str(packages(version))], "1")
    assert there == played(sys.executable, [], "2")
    assert len(there) == len(PROTOCOLS)
