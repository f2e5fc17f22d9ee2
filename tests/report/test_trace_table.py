"""The trace table, reviewed as a diff of its golden file (``UPDATE_GOLDEN=1`` writes it anew)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from harness.report.conversation import Scope
from harness.report.trace_table import LONGEST, table
from tests.report.conversations import STALE, talk

GOLDEN = Path(__file__).parents[1] / "golden" / "trace-table.txt"


def test_the_table_is_as_it_was():
    failing = table(talk(trial=replace(STALE, nodes=1, threads=1)))
    text = "\n".join([*table(talk()), "", *failing, ""])
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")

    assert text == GOLDEN.read_text(encoding="utf-8")


def test_columns_are_aligned_and_lines_bounded():
    _, *lines = table(talk())
    place = lines[0].index("what")

    assert all(len(line) <= LONGEST for line in lines)
    assert all(line[place - 1] == " " and line[place] != " " for line in lines)


def test_the_lane_of_a_node_that_is_down_is_broken():
    down = [line for line in table(talk()) if 30 <= time_of(line) < 35]

    assert down
    assert all(line[15:26] == "│   │   ┊  " for line in down)


def time_of(line):
    """In ms; before all time for a line that has none."""
    word = line[1:12].strip()
    return float(word) if word.replace(".", "").isdecimal() else -1.0


def test_what_was_left_out_is_told():
    *_, last = table(talk(Scope(to_ns=5_000_000)))

    assert last.startswith("(shown: ")
    assert last.endswith("; others with --from, --to)")
