"""Tests marked ``sandboxed`` run inside a sandbox, where LocalCluster can be used; pytest itself need not.

Outside, the first of them runs a second pytest in a new sandbox, with all tests of its module that were
selected, and then each reports its own fate from there. Their fixtures are made on both sides, so they must
not need the sandbox themselves. A machine that cannot have one skips them and says why.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypedDict

import pytest

from harness.errors import CapabilityError
from harness.remote import sandbox

ROOT = Path(__file__).parents[2]
REPORT = "HARNESS_TESTS_REPORT"
TIMEOUT_S = 600


class Fate(TypedDict):
    outcome: str
    text: str


Fates = dict[str, Fate]

selected = pytest.StashKey[list[str]]()
fates = pytest.StashKey[dict[str, Fates]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sandboxed: runs inside a sandbox (tests/real/conftest.py)")
    config.stash[fates] = {}


@pytest.hookimpl(trylast=True)  # after -k and -m have taken theirs away
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.get_closest_marker("sandboxed")]
    config.stash[selected] = [item.nodeid for item in mine]
    if not sandbox.inside():
        for item in mine:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S + 10))  # one waits for all


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if sandbox.inside() or not pyfuncitem.get_closest_marker("sandboxed"):
        return None
    if reason := barred():
        pytest.skip(reason)
    config, module = pyfuncitem.config, pyfuncitem.nodeid.partition("::")[0]
    known = config.stash[fates]
    if module not in known:
        known[module] = run_inside(
            [each for each in config.stash[selected] if each.startswith(f"{module}::")]
        )
    fate = known[module][pyfuncitem.nodeid]
    if fate["outcome"] == "failed":
        pytest.fail(f"inside the sandbox:\n{fate['text']}", pytrace=False)
    if fate["outcome"] == "skipped":
        pytest.skip(fate["text"])
    return True


@functools.cache
def barred() -> str | None:
    """Why this machine cannot make a sandbox, or None."""
    try:
        sandbox.probe()
    except CapabilityError as error:
        return str(error)
    return None


def run_inside(node_ids: Sequence[str]) -> Fates:
    """Run tests by their pytest ids in a new sandbox."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.jsonl")
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *node_ids]
        done = subprocess.run(
            sandbox.command(argv),
            cwd=ROOT,
            env=os.environ | {REPORT: str(report)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        lines = report.read_text().splitlines() if report.exists() else []
    known: Fates = {
        node_id: Fate(outcome="failed", text=f"{done.stdout}{done.stderr}") for node_id in node_ids
    }
    for node_id, outcome, text in map(json.loads, lines):
        known[node_id] = Fate(outcome=outcome, text=text)
    return known


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Inside: write each fate down. What the host cannot do, as a container's root, is no failure."""
    report = yield
    refused = call.excinfo is not None and call.excinfo.errisinstance(CapabilityError)
    if refused and call.excinfo and sandbox.inside():
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, str(call.excinfo.value))
    path = os.environ.get(REPORT)
    if path and (report.when == "call" or report.outcome != "passed"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        with Path(path).open("a") as file:
            file.write(json.dumps([item.nodeid, report.outcome, reason]) + "\n")
    return report
