"""Joins and leaves in the simulator: asked of whoever lives, until it is so; and nothing else changes."""

from dataclasses import replace

import pytest

from checker.verdict import Outcome
from harness.errors import UsageError
from harness.simulated import play
from harness.trial import Trial
from tests.mutants.trials import STORM

COMING = replace(STORM, nodes=4, threads=8, nemesis="membership,partition,kill", interval_ms=600)


@pytest.mark.parametrize(
    ("protocol", "options"),
    [("raft", {"members": "3"}), ("multipaxos", {"members": "3", "alpha": "4"})],
)
def test_members_change_under_faults_and_come_back(protocol, options):
    """Goal: every check of a trial, ``membership`` among them, under changes, cuts and crashes."""
    for seed in range(6):
        trial = replace(COMING, protocol=protocol, options=options, seed=f"members{seed}")
        checks = play(trial).results.checks
        assert {name: v for name, v in checks.items() if v.outcome is not Outcome.VALID} == {}
        assert checks["membership"].details["members"] == [0, 1, 2]


def test_a_core_that_is_healed_is_of_members():
    """Goal: who stays dead is a minority of the first members, and does not come back."""
    for seed in range(4):
        trial = replace(
            COMING, protocol="raft", nodes=5, options={"members": "3"}, heal="core", seed=str(seed)
        )
        checks = play(trial).results.checks
        assert checks["liveness"].outcome is Outcome.VALID, checks["liveness"].summary
        assert checks["membership"].outcome is Outcome.VALID, checks["membership"].summary
        assert len(checks["membership"].details["members"]) >= 2


def test_who_joins_late_leaves_again():
    """A join that the leader had under way at the heal came about after all: the trial ended with four."""
    trial = Trial(
        protocol="raft",
        options={"members": "3", "batch": "1", "pipeline": "8"},
        nemesis="membership-grow,partition-halves,partition-leader",
        time_ms=3_000,
        rate=800,
        keys=1,
        rtt_ms=5,
        client_timeout_ms=200,
        interval_ms=300,
        seed="30",
    )
    checks = play(trial).results.checks
    assert {name: v for name, v in checks.items() if v.outcome is not Outcome.VALID} == {}


def test_it_is_the_same_twice():
    trial = replace(COMING, protocol="raft", seed="7")
    assert play(trial).run.digest == play(trial).run.digest


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (Trial(protocol="abd", nemesis="membership"), "is for multipaxos, raft"),
        (Trial(protocol="fpaxos", nemesis="membership-leave"), "is for multipaxos, raft"),
        (Trial(protocol="raft", nodes=2, nemesis="membership"), "needs 3 nodes"),
        (Trial(protocol="raft", options={"members": "1"}, nemesis="membership"), "needs 3 nodes"),
        (Trial(protocol="raft", options={"members": "9"}, nemesis="membership"), "members=9"),
    ],
)
def test_who_cannot_change_members_is_told_so_before_anything_starts(trial, words):
    with pytest.raises(UsageError, match=words):
        trial.windows()
