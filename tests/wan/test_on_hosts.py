"""A row on hosts: what fails is the row's problem, and is told; what the machine spoilt is tried again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import harness.on_hosts
from checker.history import History
from checker.verdict import Outcome
from harness.errors import RemoteError
from harness.report.progress import Progress
from harness.simulated import play
from harness.wan import zones_of
from harness.wan.measured import Place, on_hosts, trial_of
from harness.wan.rows import Maker, chosen
from tests.real.conftest import barred

FIVE = Maker("wan5", zones_of("wan5", 5), rounds=4)
(ABD,) = chosen(FIVE.all(), ["ABD"])
PLACE = Place(hosts=(), store=Path("nowhere"), progress=Progress(quiet=True))


def runs(monkeypatch, *outcomes: Outcome | Exception) -> list[int]:
    """Hosts on which these come out, one after another; the history is the simulator's."""
    history = play(trial_of(ABD, "wan5", "1")).history
    left, counted = list(outcomes), []

    def execute(trial, wanted, progress):
        counted.append(len(left))
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        ran = history if outcome is Outcome.VALID else History.of([])
        return SimpleNamespace(
            results=SimpleNamespace(outcome=outcome), history=ran,
            real=SimpleNamespace(interrupted=outcome is Outcome.UNKNOWN),
        )  # fmt: skip

    monkeypatch.setattr(harness.on_hosts, "execute", execute)
    return counted


def measured(monkeypatch, *outcomes: Outcome | Exception):
    counted = runs(monkeypatch, *outcomes)
    return on_hosts(ABD, "wan5", FIVE.zones, "1", PLACE), len(counted)


def test_a_row_is_measured(monkeypatch) -> None:
    found, times = measured(monkeypatch, Outcome.VALID)
    assert (times, found.within(0.10, 2)) == (1, True)


def test_distances_that_could_not_be_proved_are_tried_once_more(monkeypatch) -> None:
    found, times = measured(monkeypatch, Outcome.INVALID_HARNESS, Outcome.VALID)
    assert (times, found.within(0.10, 2)) == (2, True)
    found, times = measured(monkeypatch, Outcome.INVALID_HARNESS, Outcome.INVALID_HARNESS)
    assert (times, found.outcome) == (2, "invalid-harness")
    assert found.why.startswith("nothing was measured")
    assert not found.within(1.0, 1_000)


def test_who_interrupts_a_row_interrupts_all(monkeypatch) -> None:
    runs(monkeypatch, Outcome.UNKNOWN)
    with pytest.raises(KeyboardInterrupt):
        on_hosts(ABD, "wan5", FIVE.zones, "1", PLACE)


def test_a_host_that_is_lost_is_the_row_s_problem(monkeypatch) -> None:
    found, times = measured(monkeypatch, RemoteError("n3", "connection lost"))
    assert (times, found.outcome) == (1, "unknown")
    assert "n3" in found.why


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_row_on_real_hosts(tmp_path) -> None:
    """That a form is met is no matter for a test: a busy machine is slow. That ops go far is."""
    if reason := barred():
        pytest.skip(f"no hosts can be made here: {reason}")
    words = f"wan --on local abd --rounds 2 --within 1000 --store {tmp_path}".split()
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], capture_output=True, text=True, check=False,
        timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    head, row = done.stdout.splitlines()[:2]
    assert head.split()[:4] == ["wan5:", "means,", "on", "hosts"]
    sites = [int(cell) for cell in row.split()[1:15:3]]
    forms = [162, 144, 176, 274, 204]
    assert all(ms >= form * 0.95 for ms, form in zip(sites, forms, strict=True)), row
