"""Faults of leadership: who is to lead, and what goes with it."""

from random import Random

import pytest

from nemesis.actions import Cut, Fault, Lead, Mend, Window
from nemesis.encoding import plan_from_json, plan_to_json
from nemesis.plan import lanes, make_plan, touched, validate
from nemesis.resolution import resolve


def test_another_than_the_leader_is_to_lead_a_member_that_lives():
    heirs = set()
    for seed in range(30):
        fault = resolve("handover", Random(seed), range(5), (1,), members=(0, 1, 2, 3), down=(0,))
        (action,) = fault.begin
        heirs.add(action.node)
        assert fault.end == (), "nothing is broken"
        validate([Window(0, 5, fault)], range(5))
    assert heirs == {2, 3}


def test_where_all_others_are_dead_one_is_asked_for_all_the_same():
    (action,) = resolve("handover", Random(1), range(3), (1,), down=(0, 2)).begin
    assert action.node in (0, 2)


@pytest.mark.parametrize("leaders", [(1,), (0, 1), ()])
def test_a_deaf_leader_hears_nobody_until_the_end_and_is_not_its_own_heir(leaders):
    for seed in range(10):
        fault = resolve("handover-deaf", Random(seed), range(3), leaders)
        cut, heir = fault.begin
        (old,) = {dst for _, dst in cut.links}
        assert old in (leaders or range(3))
        assert heir.node not in {old, *leaders}
        assert {src for src, _ in cut.links} == {0, 1, 2} - {old}
        assert fault.end == (Mend(cut.links),)
        validate([Window(0, 5, fault)], range(3))


def test_one_node_is_too_few_to_be_deaf():
    with pytest.raises(ValueError, match="at least two nodes"):
        resolve("handover-deaf", Random(1), range(1))


def test_handovers_overlap_with_other_faults_and_not_with_each_other():
    assert lanes("handover") == ("leadership",)
    assert lanes("handover-deaf") == ("network", "leadership")
    assert touched(Fault("mine", (Lead(1),), ()), "leadership") is None
    both = [Window(0, 10, Fault(f"l{n}", (Lead(n),), ())) for n in (0, 1)]
    with pytest.raises(ValueError, match="overlaps window 0"):
        validate(both, range(3))
    plan = make_plan(Random(1), ["handover", "partition-one"], 60_000)
    assert {window.fault for window in plan} == {"handover", "partition-one"}
    validate(plan, range(3))


def test_a_plan_with_handovers_is_read_as_it_was_written():
    fault = Fault("mine", (Cut(((1, 0),)), Lead(2)), (Mend(((1, 0),)),))
    plan = (Window(3, 4, fault),)
    assert plan_from_json(plan_to_json(plan)) == plan
