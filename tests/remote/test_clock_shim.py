"""The shim for the clocks of any process: a Python that knows nothing of pages, while it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import CapabilityError
from harness.node import clock
from harness.remote import clock_shim
from tests.remote.agents import LocalRemote

_PROGRAM = """
import sys, threading, time
for line in sys.stdin:
    if line.strip() == "wait":
        threading.Event().wait(0.2)
    print(time.time_ns(), time.monotonic_ns(), flush=True)
"""
MS = 1_000_000


class Program:
    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", _PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | env,
        )  # fmt: skip

    def ahead_ms(self, do: str = "say") -> tuple[float, float]:
        self.process.stdin.write(do + "\n")
        self.process.stdin.flush()
        wall_ns, monotonic_ns = map(int, self.process.stdout.readline().split())
        at_ns, host_ns = clock.wall_at()
        return (wall_ns - host_ns) / MS, (monotonic_ns - at_ns) / MS


@pytest.fixture
def program(tmp_path):
    if not any(map(shutil.which, clock_shim.COMPILERS)):
        pytest.skip("no C compiler here")
    made = []

    def begin(*, monotonic: bool = False) -> Program:
        remote = LocalRemote("h1", "127.0.0.1")
        page = str(tmp_path / "page")
        made.append(Program(clock_shim.prepare(remote, str(tmp_path), page, monotonic=monotonic)))
        return made[-1]

    yield begin
    for each in made:
        each.process.kill()
        each.process.communicate()


def test_a_program_that_knows_nothing_of_pages_is_told_while_it_runs(program, tmp_path) -> None:
    running, page = program(), str(tmp_path / "page")
    assert running.ahead_ms() == pytest.approx((0, 0), abs=100)
    clock.write(page, "bump", -3_600_000)
    assert running.ahead_ms() == pytest.approx((-3_600_000, 0), abs=100)
    clock.write(page, "drift", 200_000)
    with pytest.raises(OSError, match="does not ask"):
        clock.look(page, 0, 1)
    began, first, asked = time.monotonic(), running.ahead_ms(), time.monotonic()
    running.ahead_ms("wait")
    again, second, ended = time.monotonic(), running.ahead_ms(), time.monotonic()
    least_ms, most_ms = (
        1000 * (again - asked) / 5,
        1000 * (ended - began) / 5,
    )  # a busy machine is slow to ask
    assert least_ms - 30 < second[0] - first[0] < most_ms + 30
    assert second[1] - first[1] == pytest.approx(0, abs=30)
    clock.write(page, "reset")
    assert running.ahead_ms() == pytest.approx((0, 0), abs=100)


def test_what_it_was_told_is_on_the_page(program, tmp_path) -> None:
    running, page = program(), str(tmp_path / "page")
    clock.write(page, "bump", 70)
    (busy,) = [subprocess.Popen([sys.executable, "-S", "-c", "import time\nwhile True: time.time(); time.sleep(.001)"], env=os.environ | {"LD_PRELOAD": str(tmp_path / "clock_shim.so"), "HARNESS_CLOCK": page})]  # fmt: skip
    try:
        seen = clock.look(page, 0, 5)
    finally:
        busy.kill()
        busy.wait()
    assert running.process.poll() is None
    for _, wall_ns, monotonic_ns in seen:
        assert wall_ns / MS == pytest.approx(70, abs=1)
        assert monotonic_ns == 0


def test_a_wait_ends_by_its_own_clock_however_far_that_is_ahead(program, tmp_path) -> None:
    """It has drifted for an hour: until the host's clock has come as far, it would take half an hour."""
    running, page = program(monotonic=True), str(tmp_path / "page")
    clock.write(page, "drift", 500_000)
    with Path(page).open("r+b") as file:
        since_ns = time.monotonic_ns() - 3_600_000 * MS
        file.seek(8)
        file.write(since_ns.to_bytes(8, "little", signed=True))
    began = time.monotonic()
    _, ahead = running.ahead_ms("wait")
    assert ahead > 1_800_000
    assert 0.13 < time.monotonic() - began < 20


def test_a_host_without_a_compiler_is_told_what_to_type(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(clock_shim, "_BUILD", clock_shim._BUILD.replace("cc gcc clang", "no-cc"))
    with pytest.raises(CapabilityError, match=r"h1: there is no C compiler(?s:.)*gcc"):
        clock_shim.prepare(LocalRemote("h1", "127.0.0.1"), str(tmp_path), str(tmp_path / "page"))
