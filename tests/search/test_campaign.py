"""A search from end to end: it finds a mutant, the same twice, and says what never happened."""

from __future__ import annotations

from itertools import islice

import pytest

from checker.verdict import Outcome
from harness.cli import main
from harness.errors import UsageError
from harness.search.campaign import search
from harness.search.strategies import STRATEGIES, strategy
from harness.simulated import play
from harness.trial import Trial

BASE = Trial(
    protocol="tests.mutants.abd:ReadOne", nodes=3, threads=6, time_ms=500, rate=300, keys=1,
    rtt_ms=5, client_timeout_ms=200, nemesis="partition,kill", interval_ms=150,
)  # fmt: skip
SEEDS = [str(seed) for seed in range(12)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_finds_a_plain_mutant_and_its_trial_plays_again(name):
    found = next(
        short
        for short in search(strategy(name, BASE), SEEDS, 1)
        if short.outcome is Outcome.INVALID
    )
    assert play(found.trial).run.digest == found.digest


def test_a_guided_search_is_the_same_twice_on_one_process():
    def digests():
        return [s.digest for s in islice(search(strategy("coverage", BASE), SEEDS, 1), 6)]

    assert digests() == digests()


def test_watching_changes_nothing_of_a_trial():
    guided = next(search(strategy("coverage", BASE), ["5"], 1))
    assert guided.features
    assert play(guided.trial).run.digest == guided.digest


def test_a_search_takes_no_plan():
    with pytest.raises(UsageError, match="neither --plan"):
        strategy("pct", BASE.with_plan(()))


def test_a_campaign_says_what_never_happened(capsys):
    words = ["sim", "-p", "multipaxos", "-n", "3", "--time", "300ms", "--seeds", "2", "--jobs", "1"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--seed", "1"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "never in 2 trials: a snapshot was installed" in said
