"""Plots: well-formed, everything within the frame, at the place where its value belongs."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from harness.report.plot import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Axis,
    Bars,
    Series,
    bars,
    lines,
    stack,
)

SVG = "{http://www.w3.org/2000/svg}"


def path_of(picture: str, kind: str = "c0") -> list[tuple[float, float]]:
    found = re.search(rf'<path class="{kind}[^"]*" d="M([^"]*)"', picture)
    assert found is not None
    return [tuple(map(float, pair.split(","))) for pair in found[1].split()]  # type: ignore[misc]


def test_a_line_goes_from_edge_to_edge_in_proportion() -> None:
    picture = lines(
        "t", [Series(name="s", points=[(0, 0), (5, 50), (10, 100)])], x=Axis("x"), y=Axis("y")
    )
    (x0, y0), (x1, y1), (x2, y2) = path_of(picture)
    assert (x0, x2) == (LEFT, WIDTH - RIGHT)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert y0 == HEIGHT - BOTTOM
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.1)


def test_a_logarithmic_axis_has_equal_room_for_equal_ratios() -> None:
    points = [(1.0, 1.0), (10.0, 1.0), (100.0, 1.0)]
    picture = lines("t", [Series(name="s", points=points)], x=Axis("x", log=True), y=Axis("y"))
    (x0, _), (x1, _), (x2, _) = path_of(picture)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert all(f">{tick}<" in picture for tick in ("1", "10", "100"))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(3.0, 7.0)], [(1e-9, 1e9), (2.0, -4.0)]])
def test_strange_points_stay_within_the_frame(log: bool, points: list[tuple[float, float]]) -> None:
    picture = lines(
        "t",
        [Series(name="s", points=points, dots=True)],
        x=Axis("x", log=log),
        y=Axis("y", log=log),
    )
    for circle in ET.fromstring(picture).iter(f"{SVG}circle"):
        assert LEFT <= float(circle.get("cx", "-1")) <= WIDTH
        assert 0 <= float(circle.get("cy", "-1")) <= HEIGHT


def test_bars_are_as_high_as_their_values_and_none_is_drawn_for_none() -> None:
    picture = bars(
        "t", ["eu", "us"],
        [Bars(name="a", values=[10, 20], predicted=[10, 20]), Bars(name="b", values=[None, 5])],
        y=Axis("ms"),
    )  # fmt: skip
    root = ET.fromstring(picture)
    high = [
        float(r.get("height", "0")) for r in root.iter(f"{SVG}rect") if "c" in r.get("class", "")
    ]
    assert len(high) == 3
    assert high[1] == pytest.approx(2 * high[0], abs=0.2)
    tops = [float(r.get("y", "0")) for r in root.iter(f"{SVG}rect") if r.get("class") == "c0"]
    drawn = [
        float(line.get("y1", "0"))
        for line in root.iter(f"{SVG}line")
        if line.get("class") == "predicted"
    ]
    assert sorted(drawn[1:]) == sorted(tops)  # the first is the legend's
    with pytest.raises(ValueError, match="b: 2 values"):
        bars("t", ["eu", "us"], [Bars(name="b", values=[1])], y=Axis("ms"))


def test_names_are_escaped_and_a_long_legend_has_rows() -> None:
    many = [
        Series(name=f"<protocol & option number {i}>", points=[(0, 1), (1, i)]) for i in range(12)
    ]
    picture = lines("a < b", many, x=Axis("x"), y=Axis("y"))
    words = [node.text or "" for node in ET.fromstring(picture).iter(f"{SVG}text")]
    assert "a < b" in words
    assert all(one.name in words for one in many)


def test_lines_of_which_a_colour_comes_again_are_dashed() -> None:
    many = [Series(name=str(i), points=[(0, 1), (1, i)]) for i in range(len(COLOURS) + 1)]
    picture = lines("t", many, x=Axis("x"), y=Axis("y"))
    kinds = [path.get("class") for path in ET.fromstring(picture).iter(f"{SVG}path")]
    assert kinds[0] == "c0"
    assert kinds[-1] == "c0 dashed"
    assert len(set(kinds)) == len(many)


def test_several_are_stacked_without_covering_each_other() -> None:
    one = lines("one", [Series(name="s", points=[(0, 1), (1, 2)])], x=Axis("x"), y=Axis("y"))
    root = ET.fromstring(stack([one, one, one]))
    places = [float(part.get("y", "0")) for part in root.iter(f"{SVG}svg") if part.get("y")]
    assert [b - a for a, b in pairwise(places)] == [HEIGHT + 8] * 2
    assert float(root.get("height", "0")) >= places[-1] + HEIGHT
