"""docs/models.md is true: its model, its history and its command are run."""

import re
from pathlib import Path

import pytest

from tests.test_cli import run

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def block(kind: str) -> str:
    found = re.search(
        rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


def test_the_page_is_what_happens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "leases.py").write_text(block("python"))
    rows = block("json")
    (tmp_path / "history.jsonl").write_text(rows)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    command = block("console").removeprefix("$ harness ").split()

    code, out, _ = run(capsys, *command)

    assert code == 1
    for line in block("text").splitlines():
        assert line in out

    (tmp_path / "history.jsonl").write_text("".join(rows.splitlines(keepends=True)[:3]))
    assert run(capsys, *command)[0] == 0, "the second may never have taken it"


def test_a_new_model_is_twenty_lines() -> None:
    assert len([line for line in block("python").splitlines() if line]) <= 20
