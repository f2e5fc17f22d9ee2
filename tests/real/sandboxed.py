"""Tests that run inside a sandbox, though pytest itself runs on the plain machine.

``@sandboxed`` makes a test run itself again, by a pytest of its own inside, where LocalCluster can be used::

    @pytest.mark.real
    @sandboxed
    def test_something(tmp_path):
        with LocalCluster(3) as cluster: ...

Its fixtures are made on both sides, so they must not need the sandbox. A machine that cannot have one skips
the test and says why.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import pytest

from harness.errors import CapabilityError
from harness.remote import sandbox

P = ParamSpec("P")

ROOT = Path(__file__).parents[2]


@functools.cache
def barred() -> str | None:
    """Why this machine cannot make a sandbox, or None."""
    try:
        sandbox.probe()
    except CapabilityError as error:
        return str(error)
    return None


def sandboxed(test: Callable[P, None]) -> Callable[P, None]:
    @functools.wraps(test)
    def either(*args: P.args, **kwargs: P.kwargs) -> None:
        if not sandbox.inside():
            run_inside(os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0])
            return
        try:
            test(*args, **kwargs)
        except CapabilityError as error:
            pytest.skip(str(error))

    return either


def run_inside(node_id: str, timeout_s: float = 110.0) -> None:
    """Run one test by its pytest id in a new sandbox, and pass its fate and its output on."""
    if reason := barred():
        pytest.skip(reason)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", node_id]
    done = subprocess.run(
        sandbox.command(argv),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"inside the sandbox:\n{done.stdout}\n{done.stderr}", pytrace=False)
    if skipped := re.search(r"^SKIPPED \[1\] \S+ (.*)$", done.stdout, re.MULTILINE):
        pytest.skip(skipped[1])
    print(done.stdout)
