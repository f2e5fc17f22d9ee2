"""Ending holders that do not want to, and those that are stuck."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.running import lifecycle, registry
from harness.running.lifecycle import end
from harness.running.registry import Asked, Entry

DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(registry.PLACE, str(tmp_path / "running"))
    monkeypatch.setattr(lifecycle, "END_S", 0.3)
    monkeypatch.setattr(lifecycle, "LOOK_S", 0.3)
    return tmp_path / "running"


def claimed() -> tuple[Entry, int]:
    asked = Asked(protocol="abd", on="local", nodes=1, tag="t", since="2026-01-01T00:00:00+00:00")
    return registry.claim("a", asked)


def test_a_holder_that_is_deaf_is_killed_and_nothing_is_left() -> None:
    entry, lock = claimed()
    argv = [sys.executable, "-c", DEAF]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, pass_fds=(lock,)) as holder:
        os.close(lock)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"deaf\n"
        entry.write("holder.json", {"pid": holder.pid})
        seen = end(entry, print)
        assert holder.wait(10) == -9
    assert (seen.left, seen.processes) == ([], 1)
    assert not entry.path.exists()
    assert end(entry, print).before


def test_ps_names_what_is_there_and_forgets_the_dead(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    entry, lock = claimed()
    for words, sentence in (
        ("ps", "a starts, or ends: nobody answers"),
        ("shell", "the holder of a starts, or ends"),
    ):
        with pytest.raises(SystemExit):
            main([words])
        assert sentence in capsys.readouterr().err
    os.close(lock)
    (place / "odd").mkdir()
    for sentences in (
        ("a: its holder has died", "odd: not a cluster's"),
        ("odd: not a cluster's",),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["ps"])
        err = capsys.readouterr().err
        assert ended.value.code == 0
        assert all(sentence in err for sentence in sentences)
        assert err.count("\n") == len(sentences)
    assert not entry.path.exists()


def test_ps_as_json_is_only_what_answers(capsys: pytest.CaptureFixture[str]) -> None:
    _, lock = claimed()
    with pytest.raises(SystemExit):
        main(["ps", "--json"])
    out = capsys.readouterr().out
    assert [json.loads(line) for line in out.splitlines()] == []
    os.close(lock)
