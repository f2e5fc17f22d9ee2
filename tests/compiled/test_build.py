"""A module is compiled for real, and processes use it, see that it is the same, and refuse what it cannot serve."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.compiled import build, loader
from harness.errors import UsageError

ROOT = Path(__file__).parents[2]

RECORDS = """
from dataclasses import fields, replace
import copy, pickle, typing
from protocols import kernel
from protocols.kernel import Cluster, Command, Received, Replica, Started

command = Command("write", "x", 1)
match command:
    case Command(f, key):
        print(f, key)
print(command, hash(command) == hash(("write", "x", 1, "", 0)), command == Command("write", "x", 1))
print(replace(command, value=2).value, [f.name for f in fields(Command)], typing.get_type_hints(Command)["f"])
print(copy.deepcopy(command) == command, pickle.loads(pickle.dumps(command)) == command)

class Echo(Replica[object]):
    messages = ()
    def on_start(self, durable): self.started = True
    def on_request(self, request, command): self.reply(request, command.value)
    def on_message(self, src, msg): self.send(src, msg)
    def on_timer(self, timer): pass

echo = Echo(1, Cluster((0, 1, 2)))
print(echo.step(Started({})), echo.step(Received(0, "hello")), echo.state())
"""

HIDES = """
from protocols.kernel import Replica
class Hides(Replica[object]):
    majority = 1
"""

TRIAL = """
from harness.simulated import play
from harness.trial import Trial
run = play(Trial(protocol="abd", nemesis="partition,kill", time_ms=300, seed="7")).run
print(run.digest, run.events, run.rows)
"""

FLAGS = """
from nemesis.encoding import action_from_json, action_to_json
for torn in (True, False):
    action = action_from_json({"do": "lose-unsynced", "node": 1, "torn": torn})
    print(action, action_to_json(action))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    try:
        build.tools()
    except UsageError as error:
        pytest.skip(f"it cannot be compiled here: {error}")
    made = tmp_path_factory.mktemp("compiled") / "cache"
    build.build(
        ["protocols/kernel", "nemesis/encoding"], folder=made, level="0", say=lambda _: None
    )
    return made


def said(folder: Path, script: str, asked: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What a process says that is to take its modules from ``folder``."""
    begin = "import sys; from pathlib import Path; from harness.compiled.loader import install\n"
    begin += f"install(Path({str(folder)!r}))\n"
    file = tmp_path / "script.py"
    file.write_text(begin + script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HARNESS_COMPILED": asked}
    return subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("script", [RECORDS, TRIAL, FLAGS])
def test_it_says_the_same(folder, tmp_path, script):
    interpreted = said(folder, script, "no", tmp_path)
    compiled = said(folder, script, "yes", tmp_path)
    assert interpreted.stdout
    assert (compiled.stdout, compiled.stderr) == (interpreted.stdout, interpreted.stderr)


def test_it_is_what_was_compiled_that_runs(folder, tmp_path):
    script = "import protocols.kernel; print(protocols.kernel.__file__)"
    assert said(folder, script, "yes", tmp_path).stdout.startswith(
        str(folder / "protocols/kernel.")
    )
    assert said(folder, script, "no", tmp_path).stdout == f"{ROOT / 'protocols/kernel.py'}\n"


def test_a_class_that_hides_a_field_is_refused(folder, tmp_path):
    """Compiled code would not see it; interpreted code does."""
    assert said(folder, HIDES, "no", tmp_path).returncode == 0
    refused = said(folder, HIDES, "yes", tmp_path)
    assert "Hides.majority hides a field of Replica, which is compiled" in refused.stderr


def test_what_does_not_compile_is_told_and_leaves_what_was_there(folder, monkeypatch):
    manifest = (folder / loader.MANIFEST).read_text()
    monkeypatch.setattr(build, "_SETUP", 'raise SystemExit("error: {paths} {level}")')
    with pytest.raises(UsageError, match=r"mypyc or the compiler failed:\nerror: .*ballots"):
        build.build(["protocols/ballots"], folder=folder, say=lambda _: None)
    assert (folder / loader.MANIFEST).read_text() == manifest
