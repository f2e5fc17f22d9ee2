"""docs/guide.md, run as its reader would run it: every file, every replaced method, every command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
METHOD = re.compile(r"    def (\w+)\(.*?(?=\n    def |\Z)", re.DOTALL)


def replaced(source: str, method: str) -> str:
    """The source with this method in the place of the one of its name."""
    name = METHOD.match(method)[1]  # type: ignore[index]
    (old,) = [m for m in METHOD.finditer(source) if m[1] == name]
    return source[: old.start()] + method.rstrip() + "\n" + source[old.end() :]


def missing(wanted: str, printed: str) -> list[str]:
    """The lines of ``wanted`` that are not in ``printed``, in this order; ``...`` is anything."""
    rest = iter(printed.splitlines())
    return [
        line
        for line in wanted.splitlines()
        if not any(re.fullmatch(re.escape(line).replace(r"\.\.\.", ".*"), said) for said in rest)
    ]


def test_the_guide_works_as_it_says(tmp_path: Path) -> None:
    file = tmp_path / "register.py"
    for kind, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if kind == "python":
            method = text.startswith("    def ")
            file.write_text(replaced(file.read_text(), text) if method else text)
            continue
        command, _, wanted = text.partition("\n")
        words = shlex.split(command.removeprefix("$ harness "))
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words, "--jobs", "1"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == (1 if "first failure" in wanted else 0), done.stdout + done.stderr
        assert not missing(wanted, done.stdout), done.stdout


def test_the_protocol_has_at_most_60_lines() -> None:
    first = BLOCK.search(GUIDE.read_text(encoding="utf-8"))
    assert first is not None
    assert sum(bool(line.strip()) for line in first[2].splitlines()) <= 60


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [("a\nc", []), ("c\na", ["a"]), ("a ... d", ["a ... d"]), ("... b\nc", [])],
)
def test_what_is_not_printed_is_missed(wanted: str, lacking: list[str]) -> None:
    assert missing(wanted, "a\na b\nc") == lacking
