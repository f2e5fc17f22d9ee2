"""``--stop-on-anomaly``: a trial ends where its clients see the first anomaly; red and green."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from random import Random

import pytest

from checker.history import History, Row
from checker.verdict import Outcome
from harness.driver import Driver
from harness.online import Online
from harness.simulated import play
from harness.trial import Trial
from tests.test_cli import run
from workloads.kernel import Options
from workloads.register import workload

BROKEN = Trial(
    protocol="tests.mutants.abd:NoTieBreak",
    time_ms=30_000,
    rate=400,
    seed="3",
    stop_on_anomaly=True,
)


def test_a_simulated_trial_stops_and_is_judged_as_usual_and_twice_the_same() -> None:
    played = play(BROKEN)
    assert played.results.outcome is Outcome.INVALID
    assert played.online is not None
    assert played.online.stopped is not None
    assert "a value came back" in played.online.stopped
    last_ns = max(row.time_ns for row in played.run.rows if row.process >= 0)
    assert last_ns < 5_000_000_000
    assert play(BROKEN).run.digest == played.run.digest


def test_the_verdict_at_the_end_says_the_same_moment() -> None:
    """The op at which it stopped is among the last ones of the history."""
    played = play(BROKEN)
    evidence = played.results.checks["linearizable"].evidence
    clients = [i for i, row in enumerate(played.run.rows) if row.process >= 0]
    assert clients.index(max(evidence)) > len(clients) - 4 * BROKEN.threads


def test_a_sound_trial_runs_to_its_end_whether_watched_or_not() -> None:
    trial = Trial(protocol="abd", time_ms=2_000, seed="3", nemesis="partition,kill")
    plain = play(trial)
    watched = play(Trial.from_json({**trial.to_json(), "stop_on_anomaly": True}))
    assert watched.online is not None
    assert watched.online.stopped is None
    assert watched.online.rows > 300
    assert watched.run.digest == plain.run.digest
    assert watched.results.outcome is Outcome.VALID


class Forgetful:
    """A register on one node that every so often answers with what was there long before."""

    shared: dict[str, list[object]]

    def __init__(self, shared: dict[str, list[object]], lock: threading.Lock) -> None:
        self.shared, self.lock = shared, lock

    def invoke(self, f: str, key: str, value: object) -> object:
        with self.lock:
            values = self.shared.setdefault(key, [None])
            if f == "write":
                values.append(value)
                return value
            return values[0] if len(values) > 20 else values[-1]

    def close(self) -> None:
        pass


def test_real_threads_stop_too() -> None:
    told: list[str] = []
    rows: list[Row] = []
    online, shared, lock = Online(told.append), {}, threading.Lock()
    options = Options(threads=4, nodes=1, time_ms=20_000, rate=2_000, keys=1)
    watched = online.watching(workload())
    began = time.monotonic()
    driver = Driver(
        lambda *_: Forgetful(shared, lock), threads=4, nodes=1, record=rows.append,
        clock_ns=lambda: time.monotonic_ns() - start, stop=threading.Event(),
    )  # fmt: skip
    start = time.monotonic_ns()
    driver.run(watched.main(Random(1), options))
    assert time.monotonic() - began < 10
    assert len(told) == 1
    assert told[0].startswith("stopped at ")
    History.of(rows)  # every op in flight was completed
    assert watched.final(Random(1), options).poll(0, (0, 1)) is None


def test_a_value_written_twice_is_not_watched_any_more_and_says_so() -> None:
    ops = '[[0,0,"write","r0",1],[5,0,"write","r0",1]]'
    played = play(Trial(protocol="abd", time_ms=1_000, ops=ops, stop_on_anomaly=True))
    assert played.online is not None
    assert played.online.gave_up == "not watched any more: a value is written twice"


@pytest.mark.parametrize("workload_name", ["cas", "set"])
def test_what_cannot_be_watched_is_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str], workload_name: str
) -> None:
    code, _, err = run(capsys, "sim", "-p", "multipaxos", "-w", workload_name, "--stop-on-anomaly")
    assert code == 254
    assert "watches linearizable registers of reads and writes only" in err


def test_the_console_says_when_and_the_run_replays(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("sim", "-p", BROKEN.protocol, "--rate", "400", "--seed", "3", "--stop-on-anomaly")
    code, out, _ = run(capsys, *words, "--no-shrink", "--store", str(tmp_path))
    assert code == 1
    assert "  stopped at 1." in out
    assert "--stop-on-anomaly --seed 3" in out.splitlines()[-1]
    assert run(capsys, "replay", "latest", "--store", str(tmp_path))[0] == 0
