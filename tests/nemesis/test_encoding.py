"""Plans as JSON: the same back, and mistakes named by their window."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis import FAULTS, OF_ZONES
from nemesis.actions import (
    CLEAR,
    BumpClock,
    Corrupt,
    Cut,
    Fault,
    FillDisk,
    FreeDisk,
    Kill,
    LoseUnsynced,
    Mend,
    Pause,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Weather,
    Window,
)
from nemesis.encoding import action_from_json, actions_to_json, plan_from_json, plan_to_json
from nemesis.resolution import resolve

GOLDEN = Path(__file__).parents[1] / "golden" / "plan-disk-clock-zone.jsonl"
NODE = st.integers(0, 6)
LINKS = st.lists(st.tuples(NODE, NODE), max_size=4).map(tuple)
PERMILLE = st.integers(0, 1000)
WEATHER = st.just(CLEAR) | st.builds(
    Weather, st.integers(0, 500), st.integers(0, 100), PERMILLE, PERMILLE, PERMILLE
)
ACTION = st.one_of(
    *(st.builds(cls, LINKS) for cls in (Cut, Mend)),
    st.builds(Shape, LINKS, WEATHER),
    *(
        st.builds(cls, NODE)
        for cls in (Kill, Start, Pause, Resume, Corrupt, Restore, FreeDisk, ResetClock)
    ),
    *(st.builds(cls, NODE, st.integers()) for cls in (SlowDisk, FillDisk, BumpClock, SetDrift)),
    st.builds(LoseUnsynced, NODE, st.booleans()),
    st.builds(StrobeClock, NODE, st.integers(), st.integers()),
)
ACTIONS = st.lists(ACTION, max_size=3).map(tuple)
FAULT = st.sampled_from(["partition", "kill-one"]) | st.builds(Fault, st.text(), ACTIONS, ACTIONS)
PLAN = st.lists(st.builds(Window, st.integers(), st.integers(), FAULT), max_size=4).map(tuple)


@given(PLAN)
def test_what_is_written_is_read_back_the_same(plan) -> None:
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


@given(ACTIONS)
def test_actions_too(actions) -> None:
    assert tuple(map(action_from_json, json.loads(json.dumps(actions_to_json(actions))))) == actions


def test_the_plans_that_seeds_make_are_written_as_they_were() -> None:
    """A golden file: what is in stored runs and on command lines must be readable for good."""
    names = [name for name in FAULTS if name.startswith(("disk-", "clock-"))] + list(OF_ZONES)
    zones = ("eu", "eu", "us")
    faults = [resolve(name, Random(f"golden/{name}"), range(3), zones=zones) for name in names]
    plan = [Window(1_000 * i, 500, fault) for i, fault in enumerate(faults)]
    written = plan_to_json(plan)
    made = "".join(json.dumps(window) + "\n" for window in written)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(made)
    assert GOLDEN.read_text() == made, f"UPDATE_GOLDEN=1 writes {GOLDEN} anew"
    assert list(plan_from_json(json.loads(json.dumps(written)))) == plan


GOOD = {"at_ms": 1, "for_ms": 2, "fault": "kill"}
OWN = {"name": "x", "begin": [], "end": []}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, r"a plan is a list of windows, not \{\}"),
        ([GOOD, 5], "window 1: a window is an object, not 5"),
        ([{"at_ms": 1, "for_ms": 2}], "window 0: a window lacks fault"),
        ([{**GOOD, "til_ms": 2}], "window 0: a window has no til_ms"),
        ([GOOD, {**GOOD, "at_ms": 1.5}], "window 1: at_ms is 1.5, not an integer"),
        ([{**GOOD, "at_ms": True}], "window 0: at_ms is True, not an integer"),
        ([{**GOOD, "fault": 3}], "window 0: a fault is an object, not 3"),
        ([{**GOOD, "fault": {"name": "x"}}], "window 0: a fault lacks begin and end"),
        ([{**GOOD, "fault": {**OWN, "name": 1}}], "window 0: the fault's name is 1"),
        ([{**GOOD, "fault": {**OWN, "begin": 1}}], "window 0: begin is 1, not a list"),
        ([{**GOOD, "fault": {**OWN, "end": ["kill"]}}], "window 0: end, action 0: an action is an"),
        (
            [{**GOOD, "fault": {**OWN, "begin": [{"do": "kill", "node": 1}, {"do": "maim"}]}}],
            "window 0: begin, action 1: no action is called 'maim': there are cut, mend",
        ),
        (
            [{**GOOD, "fault": {**OWN, "begin": [{"do": "slow-disk", "node": 0}]}}],
            "begin, action 0: slow-disk lacks ms",
        ),
        (
            [{**GOOD, "fault": {**OWN, "end": [{"do": "lose-unsynced", "node": 0, "torn": 1}]}}],
            "end, action 0: torn is 1, neither true nor false",
        ),
        (
            [{**GOOD, "fault": {**OWN, "begin": [{"do": "cut", "links": [[0]]}]}}],
            r"begin, action 0: a link is \[from, to\] by number, not \[0\]",
        ),
        (
            [{**GOOD, "fault": {**OWN, "begin": [{"do": "shape", "links": [], "weather": {"fog": 1}}]}}],
            "weather is {'fog': 1}, not some of delay_ms",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_window(value, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        plan_from_json(value)
