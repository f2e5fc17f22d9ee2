"""Swarm: pure in the seed, of ordinary trials, over all that it says it draws."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from harness.commands.shrink import parsed
from harness.errors import UsageError
from harness.search.swarm import draw, swarmed
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
        assert trial.time_ms <= 700


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
