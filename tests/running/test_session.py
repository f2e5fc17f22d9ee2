"""``harness shell`` as it is typed, on a terminal and in scripts, against a holder that is a dictionary."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.running import registry
from harness.running.control import Server
from harness.running.registry import Asked
from tests.node.processes import ROOT
from tests.waiting import wait_until


class Store:
    """A holder of one map."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["do"] == "status":
            return {
                "nodes": [{"name": name, "state": "serves"} for name in ("n1", "n2")],
                "faults": [],
            }
        value = self.values.get(request["key"])
        if request["f"] == "cas" and request["value"][0] != value:
            return {"outcome": "fail", "error": f"was {value}", "node": "n1", "ms": 1.0}
        if request["f"] == "write":
            value = self.values[request["key"]] = request["value"]
        return {"outcome": "ok", "value": value, "node": "n1", "ms": 1.0}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """With a cluster ``kv`` in it."""
    monkeypatch.setenv(registry.PLACE, str(tmp_path / "running"))
    asked = Asked(protocol="kv", on="local", nodes=2, tag="t", since="2026-01-01T00:00:00+00:00")
    entry, lock = registry.claim(None, asked)
    server = Server(entry.control, Store().handle, print)
    yield {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "TERM": "dumb"}
    server.close()
    os.close(lock)


def shell(environment: dict[str, str], *words: str, stdin: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "shell", *words],
        cwd=ROOT, env=environment, input=stdin, text=True, timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_in_a_script(environment: dict[str, str]) -> None:
    ok = "ok  1   (n1, 1.0 ms)\n"
    assert shell(environment, "kv", "-c", "put x 1; get x") == (0, ok * 2)
    assert shell(environment, stdin="get x\ncas x 2 3\nget x\n") == (
        1, ok + "fail  was 1   (n1, 1.0 ms)\n",
    )  # fmt: skip
    assert shell(environment, stdin="exit\nget x\n") == (0, "")
    code, out = shell(environment, "kvv", "-c", "get x")
    assert (code, out) == (254, "harness: there is no cluster 'kvv': did you mean kv?\n")


def test_on_a_terminal_with_completion_and_history(environment: dict[str, str]) -> None:
    typed = [("kv> ", b"put xylo 1\n"), ("ok  1", b"ge\txy\t\n"), ("ok  1", b"\x1b[A\x1b[A\n"),
             ("ok  1", b"dance\n"), ("no command 'dance'", b"exit\n")]  # fmt: skip
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "shell"],
        cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = Screen(mine)
        for expected, keys in typed:
            shown.wait_for(expected)
            os.write(mine, keys)
        assert process.wait(30) == 0
    shown.end()
    history = Path(environment["XDG_STATE_HOME"], "harness", "shell-history").read_text()
    assert history.split("\n")[:3] == ["put xylo 1", "get xylo ", "put xylo 1"]


class Screen:
    """What a terminal shows; each piece is waited for behind the one before."""

    def __init__(self, terminal: int) -> None:
        self.terminal, self.text, self.seen = terminal, "", 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        while True:
            try:
                data = os.read(self.terminal, 4096)
            except OSError:  # the other side is closed
                return
            self.text += data.decode(errors="replace")

    def wait_for(self, piece: str) -> None:
        def there() -> bool:
            return piece in self.text[self.seen :]

        wait_until(there, 30, f"{piece!r} in {self.text!r}")
        self.seen = self.text.index(piece, self.seen) + len(piece)

    def end(self) -> None:
        self.reader.join(10)
        os.close(self.terminal)
