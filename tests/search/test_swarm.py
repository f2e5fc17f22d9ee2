"""Swarm: pure in the seed, of ordinary trials, over all that it says it draws."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from checker.verdict import Outcome
from harness.commands.shrink import parsed
from harness.errors import UsageError
from harness.search.swarm import CALM_MS, CALM_RTT, draw, swarmed
from harness.simulated import play
from harness.trial import Trial
from nemesis import KINDS

BASE = Trial(protocol="multipaxos", time_ms=3_000)
DRAWN = [swarmed(replace(BASE, seed=str(seed))) for seed in range(60)]


def test_the_command_line_of_a_drawn_trial_is_that_trial():
    for trial in DRAWN[:20]:
        assert parsed(trial.command("sim")) == trial


@pytest.mark.parametrize(
    "field",
    ["nodes", "threads", "keys", "rate", "rtt_ms", "client_timeout_ms", "network", "nemesis"],
)
def test_every_dimension_varies(field):
    assert len({getattr(trial, field) for trial in DRAWN}) > 1


def test_a_kind_of_fault_is_in_some_trials_and_not_in_others():
    for kind in (*KINDS["partition"], *KINDS["kill"], *KINDS["aimed"]):
        if not kind.endswith("-zone"):
            with_it = sum(kind in trial.faults for trial in DRAWN)
            assert 0 < with_it < len(DRAWN), kind


def test_small_limits_are_drawn_from_what_the_protocol_declares():
    assert {name for trial in DRAWN for name in trial.options} == set(BASE.replica().choices)
    assert any(not trial.options for trial in DRAWN) or len({len(t.options) for t in DRAWN}) > 1


def test_what_the_base_says_stands():
    base = replace(BASE, nemesis="kill-one", options={"batch": "7"}, time_ms=700)
    for seed in range(20):
        trial = draw(Random(seed), base)
        assert (trial.nemesis, trial.options["batch"]) == ("kill-one", "7")
        assert trial.time_ms - trial.calm_ms <= 700


@pytest.mark.parametrize("trial", DRAWN[:20])
def test_a_drawn_trial_ends_calm_for_as_long_as_clients_may_need_to_be_answered_again(trial):
    last_ms = max(window.at_ms + window.for_ms for window in trial.windows())
    assert trial.time_ms - last_ms >= max(CALM_RTT * trial.rtt_ms, CALM_MS)


def test_where_four_kinds_overlap_in_every_moment_something_is_answered_at_the_end():
    """Faults of five kinds, each every 20 round trips: without the calm, no write was ever answered."""
    base = Trial(protocol="paxos", time_ms=1_500, seed="943")
    assert play(swarmed(base)).results.outcome is Outcome.VALID


def test_a_swarm_takes_no_plan():
    with pytest.raises(UsageError, match="neither --plan nor --ops"):
        draw(Random(1), replace(BASE, plan="[]"))


def test_what_the_options_do_not_go_with_is_drawn_again():
    """A mean of key 3 takes four keys; a reservation of 3 a pipeline of four."""
    load = replace(BASE, workload="bench", workload_options={"distribution": "normal:3,1"})
    own = replace(BASE, protocol="multipaxos", options={"reserve": "3"})
    for seed in range(20):
        assert draw(Random(seed), load).keys == 5
        assert draw(Random(seed), own).options.get("pipeline", "4") == "4"


def test_what_never_goes_with_them_is_a_sentence():
    load = replace(BASE, workload="bench", workload_options={"distribution": "normal:60,1"})
    with pytest.raises(UsageError, match=r"none of 50 trials .* mean is from 0 to"):
        draw(Random(1), load)
