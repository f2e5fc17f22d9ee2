"""Scenarios: ordinary windows, inside their stage, in which somebody is between two sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.search.swarm import swarmed
from harness.simulated import play
from harness.trial import Trial
from nemesis import KINDS, SCENARIOS
from nemesis.actions import Action, Cut, Fault, Kill, Shape, Window, Wipe
from nemesis.plan import lanes, validate
from nemesis.process import kill_nodes
from nemesis.resolution import factory, played_out, resolve, scenario
from nemesis.scenario import Stage
from tests.mutants.trials import STORM

STAGE = Stage(at_ms=100, for_ms=400, rtt_ms=5)
TRIAL = replace(STORM, protocol="abd", seed="1", nemesis="relay-kill", interval_ms=400)


def mine(random, nodes, stage) -> Iterator[Window]:
    """One of the user's own: the nodes die one after the other."""
    each_ms = stage.for_ms // len(nodes)
    for turn, node in enumerate(random.sample(nodes, len(nodes))):
        yield Window(stage.at_ms + turn * each_ms, each_ms, kill_nodes("mine", [node]))


def name_of(window) -> str:
    return window.fault if isinstance(window.fault, str) else window.fault.name


def actions(windows) -> list[Action]:
    """What they begin with."""
    return [a for w in windows if isinstance(w.fault, Fault) for a in w.fault.begin]


@given(
    name=st.sampled_from([*SCENARIOS]),
    n=st.integers(3, 9),
    seed=st.integers(0, 10**6),
    for_ms=st.integers(40, 10_000),
    rtt_ms=st.integers(1, 200),
)
def test_it_is_a_plan_inside_its_stage(name, n, seed, for_ms, rtt_ms):
    stage = Stage(50, for_ms, rtt_ms)
    windows = scenario(name, Random(seed), range(n), stage)
    validate(windows, range(n))
    assert windows == scenario(name, Random(seed), range(n), stage)
    assert 2 <= len(windows) <= 8
    assert {name_of(window) for window in windows} <= {
        name, f"{name}-cut", f"{name}-slow", "membership-replace"
    }  # fmt: skip
    assert min(window.at_ms for window in windows) >= 50
    assert max(window.at_ms + window.for_ms for window in windows) <= 50 + for_ms


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_says_what_it_is_and_is_drawn_anew(name):
    assert factory(name).__doc__
    plans = {str(scenario(name, Random(seed), range(5), STAGE)) for seed in range(50)}
    assert len(plans) == 50


def cut_at(windows, ms) -> set[tuple[int, int]]:
    on = [w.fault for w in windows if w.at_ms <= ms < w.at_ms + w.for_ms]
    return {link for f in on for a in f.begin if isinstance(a, Cut) for link in a.links}


def heard(windows, ms, n) -> list[set[int]]:
    """For each node, who hears it and is heard by it."""
    cut = cut_at(windows, ms)
    return [{b for b in range(n) if not {(a, b), (b, a)} & cut} for a in range(n)]


@pytest.mark.parametrize("name", ["relay-kill", "relay-wipe", "voice-kill", "voice-wipe"])
@pytest.mark.parametrize("n", [3, 5, 7])
def test_two_sides_in_turn_meet_in_the_node_that_dies(name, n):
    """Who is with it first and who is with it then have nobody else in common, and nobody hears all."""
    cutting = 0
    for seed in range(40):
        windows = scenario(name, Random(seed), range(n), STAGE)
        (dead,) = {a.node for a in actions(windows) if isinstance(a, Kill)}
        if not any(isinstance(a, Cut) for a in actions(windows)):
            continue  # a voice without sides
        cutting += 1
        end_ms = max(w.at_ms + w.for_ms for w in windows) - 1
        first, last = (heard(windows, ms, n)[dead] - {dead} for ms in (STAGE.at_ms, end_ms))
        assert first
        assert last
        assert not first & last
        assert max(map(len, heard(windows, end_ms, n))) < n
    assert cutting > 20


def test_only_the_node_that_dies_hears_both_sides_of_a_bridge():
    for seed in range(20):
        windows = scenario("bridge-kill", Random(seed), range(5), STAGE)
        (dead,) = {a.node for a in actions(windows) if isinstance(a, Kill)}
        by_each = heard(windows, STAGE.at_ms, 5)
        assert by_each[dead] == {0, 1, 2, 3, 4}
        assert [len(some) for node, some in enumerate(by_each) if node != dead] == [3] * 4


def test_who_is_deaf_is_heard():
    """At the end of a gap a node hears nobody of those that it missed something of, and is heard by them."""
    for seed in range(20):
        windows = scenario("gap", Random(seed), range(3), STAGE)
        missed = cut_at(windows, STAGE.at_ms)
        assert missed <= cut_at(windows, STAGE.at_ms + STAGE.for_ms - 1)
        assert not {(b, a) for a, b in missed} & cut_at(windows, STAGE.at_ms + STAGE.for_ms - 1)


def test_the_name_says_whether_the_disk_is_lost():
    for name in SCENARIOS:
        begun = actions(scenario(name, Random(3), range(5), STAGE))
        assert any(isinstance(a, Wipe) for a in begun) == name.endswith("-wipe")
        assert any(isinstance(a, Kill) for a in begun) == name.endswith(("-wipe", "-kill"))


@pytest.mark.parametrize(("name", "outward"), [("voice-kill", True), ("echo-kill", False)])
def test_what_is_late_was_said_by_or_to_the_node_that_dies(name, outward):
    for seed in range(20):
        windows = scenario(name, Random(seed), range(5), STAGE)
        dead = {a.node for a in actions(windows) if isinstance(a, Kill)}
        late = [a for a in actions(windows) if isinstance(a, Shape)]
        assert {link[0 if outward else 1] for a in late for link in a.links} == dead


def test_moments_are_as_likely_short_as_long_and_leave_room():
    drawn = [STAGE.moment(Random(seed), 1, 32) for seed in range(500)]
    assert min(drawn) < STAGE.rtt_ms
    assert max(drawn) == STAGE.for_ms // 4
    assert 100 < sum(ms <= 2 * STAGE.rtt_ms for ms in drawn) < 250


# --- in a trial -----------------------------------------------------------------------------------


def test_a_trial_has_its_windows_and_can_be_given_them_back():
    played = play(TRIAL)
    assert {w.fault.name for w in played.run.plan} == {"relay-kill", "relay-kill-cut"}
    again = TRIAL.with_plan(played.run.plan)
    assert play(replace(again, nemesis="none")).run.digest == played.run.digest


def test_what_it_draws_does_not_depend_on_the_other_windows():
    named, other = Window(100, 400, "bridge-kill"), Window(10, 60, "packet-loss")
    alone = played_out([named], "7", range(5), 5)
    both = played_out([other, named], "7", range(5), 5)
    assert [w for w in both if w != other] == list(alone)
    assert alone != played_out([named], "8", range(5), 5)


def test_a_plan_may_name_it():
    text = '[{"at_ms":100,"for_ms":400,"fault":"gap"}]'
    assert {w.fault.name for w in replace(TRIAL, plan=text).windows()} == {"gap-cut"}


def test_it_takes_turns_with_what_is_of_its_lanes():
    trial = replace(TRIAL, nemesis="relay-kill,partition-one,kill-one", time_ms=20_000)
    windows = trial.windows()
    assert {"relay-kill", "partition-one", "kill-one"} <= {name_of(w) for w in windows}
    validate(windows, range(3))
    assert lanes("echo-wipe") == ("network", "process", "packet", "disk")


def test_one_of_ones_own():
    windows = replace(TRIAL, nemesis=f"{__name__}:mine").windows()
    assert {w.fault.name for w in windows} == {"mine"}
    assert {w.fault.begin[0].node for w in windows} == {0, 1, 2}


def test_a_swarm_draws_it_where_it_is_named_and_only_there():
    assert not {*SCENARIOS} & {kind for kinds in KINDS.values() for kind in kinds}
    drawn = [swarmed(replace(TRIAL, seed=str(seed))) for seed in range(20)]
    assert {trial.nemesis for trial in drawn} == {"relay-kill"}
    assert {trial.nodes for trial in drawn} == {3, 5}
    assert all(isinstance(w.fault, Fault) for trial in drawn for w in trial.windows())


def test_two_nodes_are_too_few():
    with pytest.raises(UsageError, match="relay-kill needs at least 3 nodes"):
        replace(TRIAL, nodes=2).windows()


def test_it_is_no_fault_of_one_window():
    with pytest.raises(ValueError, match="relay-kill is a scenario, of several windows"):
        resolve("relay-kill", Random(1), range(3))


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="relay-wipe"):
        Trial(protocol="abd", nemesis="relay-wip").windows()
