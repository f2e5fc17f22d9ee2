"""The playground over HTTP: what it serves, what it refuses, and that it is for this machine only."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from harness.cli import main
from harness.commands.play import step_at
from harness.play.server import FILES, MOST_BYTES, Server
from harness.play.session import Session
from harness.replay import load_simulated, replay
from harness.simulated import keep, play
from harness.trial import Trial
from tests.play.conftest import Serve

BY_HAND = Trial(protocol="abd", workload="register", nodes=3, threads=6, seed="7", ops="[]")
JSON = {"Content-Type": "application/json"}


def ask(
    server: Server,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        text = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(
            method, path, text, {**(JSON if method == "POST" else {}), **(headers or {})}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def get(server: Server, path: str) -> dict[str, Any]:
    status, told = ask(server, "GET", path)
    assert status == 200, told
    return told


def act(server: Server, version: int, step: int, **act: object) -> dict[str, Any]:
    status, told = ask(server, "POST", "/api/act", {"version": version, "step": step, "act": act})
    assert status == 200, told
    return told


def test_the_page_is_whole(serve: Serve) -> None:
    """Each file that is served is there, says its type, and names no other host."""
    server = serve(BY_HAND)
    page = Path(__file__).parents[2] / "harness" / "play" / "page"
    assert {name for name, _ in FILES.values()} == {path.name for path in page.iterdir()}
    for path, (_, kind) in FILES.items():
        with urlopen(server.url.rstrip("/") + path, timeout=60) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"https?://(?!www\.w3\.org)", text), f"{path} names another host"


def test_a_session_over_http(serve: Serve, tmp_path: Path) -> None:
    server = serve(BY_HAND)
    about = get(server, "/api/about")
    assert (about["version"], about["moments"][0]["step"]) == (0, 0)
    assert about["commands"] == ["read", "write"]
    assert not about["hands_over"], "it has no leader"
    told = act(server, 0, 0, do="ask", f="write", key="r0", value=5, node=1)
    assert told["version"] == 1
    moments = get(server, "/api/moments?version=1&from=1&count=20&have=0")
    kinds = [event["kind"] for moment in moments["moments"] for event in moment["events"]]
    assert kinds[0] == "request"
    assert "reply" in kinds
    assert [row["type"] for row in moments["rows"]["rows"] if "type" in row] == [0, 1]
    told = act(server, 1, 12, do="kill", node=2)
    assert [made["kind"] for made in told["inputs"]] == ["ask", "break"]
    verdict = get(server, "/api/verdict?version=2&step=12")
    assert verdict["outcome"] in {"vacuous", "valid"}
    assert get(server, "/api/node?step=12&node=1")["state"]["registers"]
    status, saved = ask(server, "POST", "/api/save", {"version": 2, "step": 14})
    assert status == 200
    assert saved["replay"] == f"harness replay {saved['path']}"
    assert Path(saved["path"]).is_relative_to(tmp_path)
    assert replay(load_simulated(saved["path"])).differs is None


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("GET", "/api/moments?version=0&count=1", None, "there is no from"),
        ("GET", "/api/moments?version=0&from=-1&count=1", None, "from is '-1', not a whole number"),
        ("GET", "/api/moments?version=0&from=1e9&count=1", None, "from is '1e9'"),
        ("GET", "/api/node?step=0&node=17", None, "there is no node 17: there are 0 to 2"),
        ("GET", "/api/about?step=" + "9" * 30, None, "not a whole number"),
        ("POST", "/api/act", b"{", "the body is no JSON"),
        ("POST", "/api/act", b"\xff\xfe{", "the body is no JSON"),
        ("POST", "/api/act", [1], "no JSON object"),
        ("POST", "/api/act", {"version": 0, "step": 0}, "act is None, not an object"),
        ("POST", "/api/act", {"version": 0, "step": True, "act": {}}, "step is True"),
        ("POST", "/api/act", {"version": "0", "step": 0, "act": {}}, "version is '0'"),
        ("POST", "/api/act", {"version": 0, "step": 0, "act": {"do": "melt"}}, "no action is called 'melt'"),
        ("POST", "/api/save", {"version": 0, "step": 0}, "nothing to save"),
    ],
)  # fmt: skip
def test_bad_input_is_400_with_a_sentence(
    serve: Serve, method: str, path: str, body: object, sentence: str
) -> None:
    server = serve(BY_HAND)
    status, told = ask(server, method, path, body)
    assert (status, sentence in told["error"]) == (400, True), told
    assert get(server, "/api/about")["version"] == 0


def test_what_there_is_not_is_404(serve: Serve) -> None:
    server = serve(BY_HAND)
    for method, path in (
        ("GET", "/../pyproject.toml"),
        ("GET", "/server.py"),
        ("POST", "/api/about"),
    ):
        status, told = ask(server, method, path, {} if method == "POST" else None)
        assert (status, "there is no " in told["error"]) == (404, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Length": str(MOST_BYTES + 1)}, 400),
    ],
)
def test_pages_from_elsewhere_are_refused(
    serve: Serve, headers: dict[str, str], status: int
) -> None:
    """By the name that they resolved to us, by where they come from, by what a form can post."""
    server = serve(BY_HAND)
    body = {"version": 0, "step": 0, "act": {"do": "kill", "node": 0}}
    assert ask(server, "POST", "/api/act", body, headers)[0] == status
    if status == 403:
        assert ask(server, "GET", "/api/about", None, headers)[0] == status
    assert get(server, "/api/about")["inputs"] == []


def test_it_is_bound_to_loopback(serve: Serve) -> None:
    assert serve(BY_HAND).server_address[0] == "127.0.0.1"


def test_two_pages_do_not_undo_each_other(serve: Serve) -> None:
    server = serve(BY_HAND)
    act(server, 0, 5, do="kill", node=0)
    status, told = ask(
        server, "POST", "/api/act", {"version": 0, "step": 5, "act": {"do": "forget"}}
    )
    assert (status, told["error"]) == (
        409,
        "the session was changed from another page: load it again",
    )
    for question in ("moments?from=5&count=1", "verdict?step=5"):
        assert get(server, f"/api/{question}&version=0") == {"outdated": True}
        assert "outdated" not in get(server, f"/api/{question}&version=1")


# --- the command ----------------------------------------------------------------------------------


def end(playing: subprocess.Popen[str]) -> str:
    """What it said on stderr, once it has ended, by itself or not."""
    try:
        return playing.communicate(timeout=60)[1]
    finally:
        playing.kill()
        playing.communicate()


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "play", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def test_the_command_serves_until_ctrl_c() -> None:
    playing = start("--protocol", "abd", "--nodes", "3", "--seed", "1", "--at", "20")
    try:
        assert playing.stdout is not None
        line = playing.stdout.readline()
        url = line.split()[-1]
        with urlopen(f"{url}api/about", timeout=60) as answer:
            about = json.loads(answer.read())
        assert (about["seed"], about["moments"][0]["step"]) == ("1", 0)  # it waits to be asked
        playing.send_signal(signal.SIGINT)
    finally:
        said = end(playing)
    assert (playing.returncode, "Traceback" in said) == (0, False)
    assert "harness: ended" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "what to play: --protocol NAME"),
        ("--protocol abdd", "did you mean abd?"),
        ("--protocol abd --at soon", "--at 'soon': write 417 for event 417"),
        ("latest --seed 3", "--seed: a stored run has its own trial"),
        ("no-such-run", "no run or file"),
    ],
)
def test_what_cannot_be_played_is_said(
    capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["play", *words.split()])
    assert (ended.value.code, sentence in capsys.readouterr().err) == (254, True)


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit) as ended:
            main(["play", "--protocol", "abd", "--port", port])
    said = f"cannot serve on port {port}"
    assert (ended.value.code, said in capsys.readouterr().err) == (255, True)


def test_a_stored_run_is_opened_at_a_time(tmp_path: Path) -> None:
    """The session of ``harness play RUN --at 300ms``: that trial, at the event then."""
    trial = Trial(protocol="abd", nodes=3, threads=6, time_ms=500, rate=40, seed="2")
    path, _ = keep(tmp_path, trial, play(trial))
    session = Session(load_simulated(path).trial)
    step = step_at(session, "300ms")
    times = session.timeline.times
    assert times[step] <= 300_000_000 < times[step + 1]
    assert step_at(session, "17") == 17
    assert step_at(session, "99s") == session.timeline.last
