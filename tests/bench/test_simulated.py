"""Benchmarks in the simulator: what is measured is what distance makes of a protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.bench.result import ALL, Benched, read, write
from harness.bench.simulated import Asked, bench, played_bench
from harness.errors import UsageError
from harness.simulated import play
from nemesis.actions import Window

WIDE = Asked(
    wan="wan5", clients=25, rate=50, time_ms=4_000, keys=40,
    load={"distribution": "conflict:0", "writes": "1"},
)  # fmt: skip


@pytest.fixture(scope="module")
def epaxos() -> Benched:
    return bench("epaxos", WIDE)


def test_each_site_of_epaxos_waits_for_the_nearest_fast_quorum(epaxos: Benched) -> None:
    """Moraru, SOSP 2013, section 7: one round trip to the second nearest of five."""
    assert epaxos.outcome == "valid"
    nearest = {"virginia": 81, "california": 72, "oregon": 88, "ireland": 137, "tokyo": 102}
    for site, ms in nearest.items():
        latency = epaxos.measured.of(site, "write").latency
        assert latency is not None
        assert ms <= latency.mean < 1.1 * ms


def test_the_same_seed_measures_the_same_and_another_does_not(epaxos: Benched) -> None:
    again = bench("epaxos", WIDE)
    assert again == epaxos
    other = bench("epaxos", Asked(**{**WIDE.__dict__, "seed": "1"}))
    assert other.measured != epaxos.measured


def test_what_is_measured_is_read_back_as_it_was_written(epaxos: Benched, tmp_path: Path) -> None:
    write(tmp_path / "bench.json", [epaxos], "harness bench")
    assert read(tmp_path / "bench.json") == (epaxos,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not JSON"),
        ("[]", "no benchmarks of format"),
        (json.dumps({"format": 1, "benchmarks": [{"protocol": "abd"}]}), "these are no benchmarks"),
    ],
)
def test_a_file_that_is_no_benchmark_is_told_by_name(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(UsageError) as told:
        read(path)
    assert str(path) in str(told.value)
    assert sentence in str(told.value)


def test_a_wrong_protocol_is_fast_and_the_benchmark_says_that_it_is_wrong() -> None:
    near = Asked(
        nodes=3,
        clients=12,
        rate=0,
        time_ms=1_500,
        keys=1,
        load={"writes": "0.3"},
        network="hostile",
    )
    right = bench("abd", near)
    wrong = bench("tests.mutants.abd:NoWriteBack", near)
    assert right.outcome == "valid"
    assert wrong.outcome == "invalid"
    assert any("the history is invalid" in note for note in wrong.notes)
    fast, slow = (b.measured.of(ALL, "read").latency for b in (wrong, right))
    assert fast is not None
    assert slow is not None
    assert fast.mean < 0.7 * slow.mean


def test_too_much_load_is_said_to_be_too_much() -> None:
    far = Asked(wan="wan5", clients=5, rate=500, time_ms=3_000, load={"load": "false"})
    told = bench("abd", far)
    assert told.measured.behind_ms > 1_000
    assert any("too much" in note for note in told.notes)


def test_a_benchmark_under_faults_counts_what_failed() -> None:
    asked = Asked(nodes=3, clients=6, rate=200, time_ms=6_000, nemesis="kill", seed="3")
    whole = bench("multipaxos", asked).measured.of()
    assert whole.ok + whole.fail + whole.info == whole.ops
    assert whole.fail + whole.info > 0


@pytest.mark.parametrize("rate", [200, 0])
def test_a_stall_is_in_the_latency_of_all_that_it_held_up_in_an_open_loop_alone(rate: int) -> None:
    """Tene's coordinated omission: of 4 s all nodes stand still for 2, and a closed loop hides it."""
    asked = Asked(
        nodes=3, clients=6, rate=rate, time_ms=4_000, warmup_ms=100, load={"load": "false"}
    )
    trial = asked.trial("abd").with_plan((Window(1_000, 2_000, "pause-all"),))
    whole = played_bench(trial, play(trial)).measured.of()
    assert whole.latency is not None
    assert whole.service is not None
    assert whole.service.p99 < 10
    if rate:
        assert abs(whole.ops - 4 * rate) < 60
        assert whole.latency.p50 > 300
        assert whole.latency.p99 > 1_800
    else:
        assert whole.latency.p99 < 10
        assert whole.latency.max > 2_000
