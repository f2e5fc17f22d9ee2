"""Shrinking by chance: what is decided from runs that fail at times. The runs are made up, with seeds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest

from checker.history import INVOKE, OK, Row
from harness.commands.shrink_on_hosts import told
from harness.errors import HarnessError, StoreError, UsageError
from harness.shrink.chance import Rate
from harness.shrink.freeze import with_faults
from harness.shrink.hunt import Hunt, hunt
from harness.shrink.ledger import HUNT, MEASURE, Ledger
from harness.shrink.rerun import Reruns, load_real
from harness.shrink.search import Bounds
from harness.store.rows import encode
from harness.trial import Trial
from nemesis.actions import Fault, Kill, Start, Window
from tests.test_cli import run

GUILTY = 2, 5
"""The windows that the made-up bug needs."""


def window(number: int) -> Window:
    return Window(100 + 700 * number, 500, Fault(f"kill-{number}", (Kill(0),), (Start(0),)))


WHOLE = with_faults(
    Trial(protocol="abd", nodes=3, threads=6, time_ms=8_000, seed="1"),
    tuple(window(number) for number in range(8)),
)


def numbers(trial: Trial) -> list[int]:
    return [int(w.fault.name.removeprefix("kill-")) for w in trial.windows()]  # type: ignore[union-attr]


class Bug:
    """Fails with so much probability where the guilty windows are there, two clients, and 10 op/s."""

    def __init__(self, permille: int, seed: int = 0, interrupt_at: int = -1) -> None:
        self.permille, self.seed, self.interrupt_at = permille, seed, interrupt_at
        self.runs = 0

    def __call__(self, trial: Trial, known: int) -> bool | None:
        if self.runs == self.interrupt_at:
            raise KeyboardInterrupt
        self.runs += 1
        possible = set(GUILTY) <= set(numbers(trial)) and trial.threads >= 2 and trial.rate >= 10
        dice = Random(f"{self.seed}/{trial.command('test')}/{known}")
        return possible and dice.randrange(1000) < self.permille


def hunted(bug, path, repeats=5, evidence_ms=None, **bounds):
    search = Hunt(WHOLE, bug, Ledger(path / "ledger.json", "c"), bounds=Bounds(**bounds))
    return hunt(search, repeats, evidence_ms)


# --- how often ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "tries", "low", "high"),
    [(0, 5, 0, 0.4345), (5, 5, 0.5655, 1), (1, 5, 0.0362, 0.6245), (50, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_wilsons(found, tries, low, high):
    assert Rate(found, tries).interval() == pytest.approx((low, high), abs=5e-5)


def test_nothing_is_known_without_a_try():
    assert Rate(0, 0).interval() == (0, 1)
    with pytest.raises(ValueError, match="nothing was found in 3"):
        Rate(0, 3).repeats()


@pytest.mark.parametrize("found", range(1, 10))
def test_so_many_repeats_show_it_with_95_percent(found):
    rate = Rate(found, 10)
    likely = min(found / 10, (found + 1) / 12)

    assert 1 - (1 - likely) ** rate.repeats() >= 0.95
    assert 1 - (1 - likely) ** (rate.repeats() - 1) < 0.95


# --- decisions ------------------------------------------------------------------------------------


def test_what_always_fails_is_shrunk_to_what_it_needs(tmp_path):
    found = hunted(Bug(1000), tmp_path)

    assert numbers(found.trial) == list(GUILTY)
    assert (found.trial.threads, found.trial.rate, found.trial.keys) == (3, 12, 1)
    assert found.trial.time_ms < WHOLE.time_ms
    assert (found.at_first, found.rate) == (Rate(5, 5), Rate(5, 5))
    assert not found.ended


def test_what_fails_at_times_is_shrunk_too_and_never_to_what_cannot_fail(tmp_path):
    smallest = 0
    for seed in range(12):
        found = hunted(Bug(500, seed), tmp_path / str(seed))
        if found.trial is None:
            continue
        assert set(GUILTY) <= set(numbers(found.trial))
        assert found.rate.found > 0
        smallest += numbers(found.trial) == list(GUILTY)
    assert smallest >= 9


def test_what_is_not_found_again_is_not_shrunk(tmp_path):
    found = hunted(Bug(0), tmp_path, repeats=7)

    assert found.trial is None
    assert found.at_first == Rate(0, 7)
    assert found.runs == 7


def test_windows_after_the_evidence_go_first(tmp_path):
    bug = Bug(1000)
    found = hunted(bug, tmp_path, repeats=1, evidence_ms=3_700, trials=1)

    assert numbers(found.trial) == [0, 1, 2, 3, 4, 5, 6]
    assert found.trial.time_ms == 4_700
    assert found.ended == "the bounds were reached"


def test_a_smaller_trial_that_does_not_fail_again_is_given_back(tmp_path):
    """One that failed once by luck: the one before it is what is reported."""

    def lucky(trial: Trial, known: int) -> bool:
        return len(trial.windows()) == 8 or (not trial.windows() and known == 0)

    found = hunted(lucky, tmp_path, trials=1)

    assert found.trial == WHOLE
    assert found.rate == Rate(5, 5)


@pytest.mark.parametrize("at", [1, 6, 20, 40])
def test_an_interrupted_hunt_goes_on_as_if_it_had_not_been(tmp_path, at):
    straight = Bug(600)
    whole = hunted(straight, tmp_path / "straight")
    first = hunted(Bug(600, interrupt_at=at), tmp_path / "halting")
    rest = Bug(600)
    second = hunted(rest, tmp_path / "halting")

    assert first.ended == "interrupted"
    assert first.runs == at
    assert second.trial == whole.trial
    assert second.rate == whole.rate
    assert at + rest.runs == straight.runs


def test_a_hunt_that_is_interrupted_at_once_knows_what_was_known(tmp_path):
    """More repeats are asked for, and ended before they are made: what was taken is still the best."""
    before = hunted(Bug(1000), tmp_path)
    after = hunted(Bug(1000, interrupt_at=0), tmp_path, repeats=8)

    assert after.ended == "interrupted"
    assert after.runs == 0
    assert after.trial == before.trial


def test_runs_that_say_nothing_do_not_count_and_end_it_when_there_are_only_such(tmp_path):
    calls = iter([None, None, *[True] * 500])
    found = hunted(lambda *_: next(calls), tmp_path, trials=1)
    assert found.at_first == Rate(5, 5)

    with pytest.raises(HarnessError, match="3 runs in a row said nothing"):
        hunted(lambda *_: None, tmp_path / "none")


def test_a_ledger_is_about_one_check_and_says_when_it_is_broken(tmp_path):
    path = tmp_path / "ledger.json"
    Ledger(path, "linearizable").add(WHOLE, HUNT, failed=True)
    assert Ledger(path, "linearizable").outcomes(WHOLE, HUNT) == (True,)
    assert Ledger(path, "linearizable").outcomes(WHOLE, MEASURE) == ()
    with pytest.raises(StoreError, match="about check linearizable, not agreement"):
        Ledger(path, "agreement")
    path.write_text('{"check": "c"}')
    with pytest.raises(StoreError, match=r"broken.*delete it"):
        Ledger(path, "c")


# --- stored runs ----------------------------------------------------------------------------------


def stored(tmp_path: Path, outcome: str = "invalid", on: str = "local") -> Path:
    path = tmp_path / "abd-register" / "20260101T000000Z"
    path.mkdir(parents=True)
    asked = Trial(protocol="abd", nodes=3, threads=6, time_ms=8_000, nemesis="kill", seed="7")
    (path / "trial.json").write_text(
        json.dumps({**asked.to_json(), "on": on, "hosts": ["n1", "n2", "n3"]})
    )
    (path / "plan.json").write_text(WHOLE.plan or "")
    rows = Row(0, 0, INVOKE, "read", "r0"), Row(2_500_000, 0, OK, "read", "r0", 4)
    lines = [encode(index, row).encode() for index, row in enumerate(rows)]
    (path / "history.jsonl").write_bytes(b"".join(lines))
    checks = {"stats": {"outcome": "valid"}, "c": {"outcome": outcome, "evidence": [1]}}
    (path / "results.json").write_text(json.dumps({"outcome": outcome, "checks": checks}))
    return path


def source_of(path: Path, check: str | None = None):
    return load_real(path, json.loads((path / "trial.json").read_text()), check)


def test_a_run_on_hosts_is_loaded_with_its_faults_as_they_were(tmp_path):
    source = source_of(stored(tmp_path))

    assert (source.check, source.on, source.evidence_ms) == ("c", "local", 3)
    assert source.trial.windows() == WHOLE.windows()
    assert not source.trial.faults
    words = " ".join(source.words(source.trial, Path("p.json")))
    assert words == (
        "harness test --protocol abd --time 8 --nodes 3 --concurrency 6 --seed 7 --plan @p.json"
    )


def test_hosts_of_an_inventory_are_the_same_ones(tmp_path):
    source = source_of(stored(tmp_path, on="lab.toml"))

    assert "--on lab.toml --nodes n1,n2,n3 --plan @p" in " ".join(
        source.words(source.trial, Path("p"))
    )


@pytest.mark.parametrize(
    ("outcome", "check", "sentence"),
    [("valid", None, "is valid: nothing to shrink"), ("invalid", "stats", "stats: it is valid"),
     ("invalid", "x", "--check x: there is none")],
)  # fmt: skip
def test_what_cannot_be_shrunk_is_told(tmp_path, outcome, check, sentence):
    path = stored(tmp_path, outcome)
    with pytest.raises(UsageError, match=sentence):
        source_of(path, check)


def test_the_report_has_the_plan_in_a_file_and_the_command_that_plays_it(tmp_path):
    source = source_of(stored(tmp_path))
    source.folder.mkdir()
    lines = told(source, Reruns(source), hunted(Bug(1000), tmp_path), 5, "9 runs, 3 s")

    assert lines[0] == "c failed again in 5 of 5 runs (95 %: 57 to 100 %)"
    assert lines[3:5] == ["  1.5 s to 2 s: kill-2", "  3.6 s to 4.1 s: kill-5"]
    file = re.search(r"--plan @(\S+)", lines[-1])
    assert file is not None
    assert len(json.loads(Path(file[1]).read_text())) == 2
    lines = told(source, Reruns(source), hunted(Bug(0), tmp_path / "none"), 5, "5 runs")
    assert (
        lines[0]
        == "c failed again in 0 of 5 runs (95 %: 0 to 43 %): not found again, so nothing can be shrunk"
    )


def test_the_command_takes_what_is_known_and_ends_with_2_when_it_is_not_found(
    capsys, tmp_path, monkeypatch
):
    """All five runs are in the ledger already, so that none is made."""
    monkeypatch.chdir(tmp_path)
    source = source_of(stored(tmp_path / "store"))
    ledger = Ledger(source.folder / "ledger.json", "c")
    for _ in range(5):
        ledger.add(source.trial, MEASURE, failed=False)
    code, out, _ = run(capsys, "shrink", str(source.path))

    assert code == 2
    assert "0 of 5 runs (95 %: 0 to 43 %): not found again" in out
