"""Handovers in the simulator: asked for until another leads, and what was seen is in the history."""

import json
from dataclasses import replace

import pytest

from checker.history import NEMESIS
from checker.verdict import Outcome
from harness.errors import UsageError
from harness.simulated import play
from harness.trial import Trial
from nemesis.actions import Fault, Kill, Lead, Start, Window
from nemesis.plan import plan_to_json
from protocols import PROTOCOLS
from tests.mutants.trials import STORM

MOVING = replace(STORM, nemesis="handover", interval_ms=400, threads=8)
ABLE = ("raft", "multipaxos", "fpaxos", "hpaxos", "kpaxos", "paxos-groups")


def proofs(run):
    of_nemesis = [row.value for row in run.rows if row.process == NEMESIS]
    return [proof for value in of_nemesis for proof in value.get("proof", ())]


@pytest.mark.parametrize("protocol", ABLE)
def test_leadership_moves_and_nobody_is_harmed(protocol):
    trial = replace(MOVING, protocol=protocol, seed="1")
    played = play(trial)
    checks = played.results.checks
    assert {name: v for name, v in checks.items() if v.outcome is not Outcome.VALID} == {}
    assert checks["handover"].details["seen"] == checks["handover"].details["asked"] > 2
    for proof in proofs(played.run):
        assert proof["bit"] is True
        assert proof["saw"]["leads"] == [proof["action"]["node"]]
        assert proof["action"]["node"] not in proof["saw"]["led"]


@pytest.mark.parametrize("protocol", ["raft", "multipaxos", "kpaxos"])
def test_it_goes_with_other_faults(protocol):
    options = {"read": "lease"} if protocol == "raft" else {}
    for seed in range(4):
        trial = replace(
            MOVING,
            protocol=protocol,
            options=options,
            nemesis="handover,handover-deaf,partition,kill,pause,packet",
            seed=str(seed),
        )
        checks = play(trial).results.checks
        wrong = {name: v for name, v in checks.items() if v.outcome is Outcome.INVALID}
        assert wrong == {}


def planned(protocol, *windows):
    plan = json.dumps(plan_to_json(windows))
    return play(replace(MOVING, protocol=protocol, plan=plan, seed="1"))


def test_a_handover_that_could_not_come_about_says_so_and_the_trial_is_vacuous():
    """A dead heir: nobody is seen to lead who did not before."""
    dead = Window(300, 1_400, Fault("kill", (Kill(2),), (Start(2),)))
    played = planned("raft", dead, Window(500, 1_000, Fault("mine", (Lead(2),), ())))
    (proof,) = proofs(played.run)
    assert proof["bit"] is None
    assert played.results.checks["handover"].outcome is Outcome.VACUOUS
    assert played.results.outcome is Outcome.VACUOUS


def test_one_that_is_hindered_is_asked_for_again_as_long_as_its_window_lasts():
    """The heir is dead at first: what it was told then is lost."""
    dead = Window(300, 600, Fault("kill", (Kill(2),), (Start(2),)))
    played = planned("raft", dead, Window(500, 1_000, Fault("mine", (Lead(2),), ())))
    assert [proof["bit"] for proof in proofs(played.run)] == [True]


def test_it_is_the_same_twice():
    trial = replace(MOVING, protocol="raft", nemesis="handover,handover-deaf,kill", seed="7")
    assert play(trial).run.digest == play(trial).run.digest


@pytest.mark.parametrize("protocol", sorted({*PROTOCOLS} - {*ABLE}))
def test_who_has_no_such_leader_is_told_so_before_anything_starts(protocol):
    for name in ("handover", "handover-deaf"):
        with pytest.raises(UsageError, match=r"no leader that could be asked.*multipaxos.*raft"):
            Trial(protocol=protocol, nemesis=name).windows()


@pytest.mark.parametrize("protocol", ["multipaxos", "kpaxos"])
def test_a_leader_with_leases_hands_nothing_over(protocol):
    trial = Trial(protocol=protocol, options={"read": "leader"}, nemesis="handover")
    with pytest.raises(UsageError, match=f"with read=leader {protocol} hands nothing over"):
        trial.windows()
