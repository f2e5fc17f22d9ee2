"""docs/client.md, run as its reader would run it: on a cluster that `harness up` has made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.processes import ROOT
from tests.real.conftest import barred
from tests.test_guide import missing

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PAGE = ROOT / "docs" / "client.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```$.*?^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a cluster that ends with the test."""
    if reason := barred():
        pytest.skip(f"no hosts can be made here: {reason}")
    mine = os.environ | {"HARNESS_RUNNING": str(tmp_path / "running")}
    try:
        assert run(mine, "-m", "harness", "up", "-p", "multipaxos", "-n", "3")[0] == 0
        yield mine
    finally:
        run(mine, "-m", "harness", "down", "--all")


def run(environment: dict[str, str], *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, env=environment, text=True, timeout=200, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_page_works_as_it_says(environment: dict[str, str], tmp_path: Path) -> None:
    found = EXAMPLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    example, wanted = found.groups()
    (tmp_path / "example.py").write_text(example)
    environment["PYTHONPATH"] = str(ROOT)
    code, printed = run(environment, str(tmp_path / "example.py"))
    assert code == 0, printed
    assert not missing(wanted, printed), printed
    assert len(printed.splitlines()) == len(wanted.splitlines())
