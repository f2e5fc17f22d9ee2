"""docs/ci.md, as its reader would use it: the test suite that it shows, and the night's commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.testing import assert_caught, assert_valid
from tests.test_guide import BLOCK, GUIDE, missing, replaced

PAGE = GUIDE.with_name("ci.md").read_text(encoding="utf-8")
TIE = "harness sim -p tests.mutants.abd:NoTieBreak --time 2 --seeds 20 --seed 1 --no-shrink"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the ``register.py`` that the guide ends with, to be in."""
    source = ""
    for kind, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if kind == "python":
            source = replaced(source, text) if text.startswith("    def ") else text
    (tmp_path / "register.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_test_suite_passes(place: Path) -> None:
    suite, mutant = (text for kind, text in BLOCK.findall(PAGE) if kind == "python")
    (place / "test_register.py").write_text(f"{mutant}\n\n{suite}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(place)],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_its_nights_work_with_a_protocol_of_ones_own(place: Path) -> None:
    (line,) = re.findall(r"harness soak register:\S+", PAGE)
    done = subprocess.run(
        [sys.executable, "-m", "harness", *line.split()[1:], "--trials", "4", "--jobs", "1"],
        cwd=place, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not missing("register:Register ... 4 ...", done.stdout), done.stdout


@pytest.mark.usefixtures("place")
def test_a_line_that_does_not_end_as_it_should_is_told_whole() -> None:
    with pytest.raises(AssertionError, match=r"(?s)not valid: .*reproduce:  harness sim"):
        assert_valid(TIE)
    with pytest.raises(AssertionError, match="not caught by liveness"):
        assert_caught(TIE, by="liveness")
    assert "linearizable" in assert_caught(TIE)
    with pytest.raises(AssertionError, match=r"(?s)not caught: .*3 valid"):
        assert_caught("harness sim -p abd --time 1 --seeds 3 --seed 1 --jobs 1")


@pytest.mark.parametrize("line", ["pytest -x", "", "harness sim -p abt", "harness sim --what"])
def test_a_line_that_cannot_be_meant_is_no_verdict(line: str) -> None:
    with pytest.raises(UsageError):
        assert_caught(line)
