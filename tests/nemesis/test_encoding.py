"""Plans as JSON: the same back, and mistakes named by their window."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis.actions import (
    CLEAR,
    Cut,
    Fault,
    Kill,
    Mend,
    Pause,
    Resume,
    Shape,
    Start,
    Weather,
    Window,
)
from nemesis.encoding import action_from_json, actions_to_json, plan_from_json, plan_to_json

NODE = st.integers(0, 6)
LINKS = st.lists(st.tuples(NODE, NODE), max_size=4).map(tuple)
PERMILLE = st.integers(0, 1000)
WEATHER = st.just(CLEAR) | st.builds(
    Weather, st.integers(0, 500), st.integers(0, 100), PERMILLE, PERMILLE, PERMILLE
)
ACTION = st.one_of(
    *(st.builds(cls, LINKS) for cls in (Cut, Mend)),
    st.builds(Shape, LINKS, WEATHER),
    *(st.builds(cls, NODE) for cls in (Kill, Start, Pause, Resume)),
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
