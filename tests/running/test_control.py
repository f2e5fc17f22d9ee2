"""Speaking to a holder: answers, refusals, and one that goes away."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError, NotReadyError, UsageError
from harness.running.control import Control, NotThereError, Server, _short


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Longer than a Unix socket's address may be."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    return deep / "control"


@pytest.fixture
def said(path: Path) -> Iterator[list[str]]:
    words: list[str] = []

    def handle(request: Mapping[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "echo":
                return {"error": request["text"]}
            case "usage":
                raise UsageError("a sentence")
            case "late":
                raise NotReadyError("another")
            case _:
                raise KeyError(request["do"])

    server = Server(path, handle, words.append)
    yield words
    server.close()


def test_a_request_gets_its_answer_and_a_connection_takes_many(path: Path, said: list[str]) -> None:
    control, other = Control(path), Control(path)
    for text in ("a", "b\n", "é"):
        assert control.ask("echo", text=text) == {"error": text}
    assert other.ask("echo", text=1) == {"error": 1}
    control.close()
    other.close()
    assert said == []


def test_errors_arrive_as_what_they_were(path: Path, said: list[str]) -> None:
    control = Control(path)
    with pytest.raises(UsageError, match="a sentence"):
        control.ask("usage")
    with pytest.raises(HarnessError, match="another"):
        control.ask("late")
    with pytest.raises(HarnessError, match="bug of the harness: KeyError"):
        control.ask("dance")
    assert control.ask("echo", text=0) == {"error": 0}
    control.close()
    assert len(said) == 1


@pytest.mark.parametrize("line", [b"{\n", b"[]\n", b'{"do": 1}\n', b"\xff\n"])
def test_what_is_no_request_is_refused(path: Path, said: list[str], line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        with _short(path) as address:
            client.connect(address)
        client.sendall(line)
        answer = json.loads(client.recv(4096))
    assert answer["code"] == 254
    assert said == []


def test_an_answer_that_nobody_waited_for_answers_nobody_else(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when Ctrl-C ends the wait, and the next command is typed."""

    class Interrupted:
        def readline(self) -> bytes:
            raise KeyboardInterrupt

        def close(self) -> None: ...

    control = Control(path)
    monkeypatch.setattr(control, "_lines", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        control.ask("echo", text="first")
    assert control.ask("echo", text="second") == {"error": "second"}
    control.close()
    assert said == []


def test_nobody_there(path: Path) -> None:
    with pytest.raises(NotThereError, match="nobody answers"):
        Control(path)
    server = Server(path, lambda _: {}, print)
    control = Control(path)
    assert control.ask("x") == {}
    server.close()
    with pytest.raises(NotThereError, match="nobody answers"):
        Control(path)
    control.close()
