"""Notes are whole lines, and a torn one costs itself alone."""

from __future__ import annotations

import json
from pathlib import Path

from harness.node.notes import Notes


def test_notes_after_a_torn_line_start_on_a_line_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"time":1,"node":0,"kind":"leader","value":1}\n{"time":2,"no')
    notes = Notes(path, 0)
    notes.add("decided", '[1,"x"]')
    assert len(path.read_text().splitlines()) == 2  # not before the turn's end
    notes.flush()
    notes.add("decided", "2")
    notes.close()

    lines = path.read_text().splitlines()
    assert [json.loads(line)["value"] for line in [lines[0], *lines[2:]]] == [1, [1, "x"], 2]
