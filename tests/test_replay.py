"""Replaying stored runs: byte for byte, what differs if not, the nodes' states, the conversation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.replay import difference, load_simulated, replay, states_of
from harness.report.conversation import bands_of
from tests.test_cli import run

WORDS = ["sim", "-p", "abd", "-n", "3", "--nemesis", "partition,kill", "--time", "2", "--seed", "7"]


@pytest.fixture
def stored(capsys, monkeypatch, tmp_path) -> Path:
    """The directory of a simulated run, in the store of the present folder."""
    monkeypatch.chdir(tmp_path)
    run(capsys, *WORDS)
    return (tmp_path / "store/latest").resolve()


def test_a_run_is_played_again_byte_for_byte(capsys, stored):
    code, out, _ = run(capsys, "replay", "latest")

    assert code == 0
    assert re.match(r"the same, byte for byte: \d+ rows, \d+ events, digest [0-9a-f]{32}\n", out)
    assert out.endswith("verdict: valid\n")


def test_the_first_row_that_differs_is_named_and_the_commits(capsys, stored):
    lines = (stored / "history.jsonl").read_text().splitlines(keepends=True)
    lines[7] = lines[7].replace('"time":', '"time":1')
    (stored / "history.jsonl").write_text("".join(lines))
    trial = json.loads((stored / "trial.json").read_text())
    (stored / "trial.json").write_text(json.dumps({**trial, "commit": "4c95899"}))

    code, out, _ = run(capsys, "replay", "latest")

    assert code == 1
    assert f"not the same: row 7 of {len(lines)} differs" in out
    assert f"stored  {lines[7].rstrip()}" in out
    assert "the code is another: 4c95899 then, " in out


def test_a_shorter_history_differs_where_it_ends(stored):
    lines = (stored / "history.jsonl").read_text().splitlines(keepends=True)
    (stored / "history.jsonl").write_text("".join(lines[:-1]))
    source = load_simulated(stored)

    said = replay(source).differs
    assert said is not None
    assert said.startswith(f"row {len(lines) - 1} of {len(lines) - 1} differs\n  stored  (over)")


def test_messages_that_differ_are_told_though_the_rows_are_the_same(stored):
    results = json.loads((stored / "results.json").read_text())
    (stored / "results.json").write_text(json.dumps({**results, "digest": "00"}))
    source = load_simulated(stored)

    again = replay(source)
    assert again.differs is not None
    assert "rows are the same, but messages differ" in again.differs
    assert difference(source, again.played.run) == again.differs


def test_a_run_on_real_hosts_is_refused_with_the_command_that_plays_its_faults(capsys, stored):
    trial = json.loads((stored / "trial.json").read_text())
    (stored / "trial.json").write_text(json.dumps({**trial, "on": "lab.toml"}))
    code, _, err = run(capsys, "replay", "latest")

    assert code == 254
    assert "its faults can be played again, its schedule cannot" in err
    assert re.search(
        r"harness test --protocol abd .* --on lab.toml --plan @store/\S*plan.json", err
    )


def test_the_state_of_each_node_at_a_time_is_shown(stored):
    source = load_simulated(stored)
    kills = [band for band in bands_of(replay(source).played.run.rows) if band.nodes]
    killed = next(band for band in kills if band.name.startswith("kill"))
    middle_ms = (killed.from_ns + killed.to_ns) // 2_000_000

    before, during = states_of(source, 0), states_of(source, middle_ms)

    assert {state["is"] for state in before.values()} == {"up"}
    down = {name for name, state in during.items() if state["is"] == "down"}
    assert {f"n{node + 1}" for node in killed.nodes} == down
    assert all(during[name]["disk"] for name in down)
    up = next(state for name, state in during.items() if name not in down)
    assert "registers" in up["state"]


def test_the_state_at_the_command_line_is_json(capsys, stored):
    code, out, _ = run(capsys, "replay", "latest", "--until", "500", "--state")

    assert code == 0
    assert list(json.loads(out)) == ["n1", "n2", "n3"]


def test_a_shell_has_the_replicas_as_they_are_then(stored):
    asked = "print(type(n2).__name__, len(nodes), sorted(n2.registers))\n"
    done = subprocess.run(
        [sys.executable, "-m", "harness", "replay", "latest", "--until", "500", "--shell"],
        input=asked, capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert re.search(r"ABD 3 \['r0'", done.stdout)
    assert "500 ms" in done.stderr


def test_the_trace_is_what_happened_in_the_time_and_at_the_nodes_asked_for(capsys, stored):
    args = ["replay", "latest", "--trace", "--from", "100", "--to", "140", "--nodes", "n2"]
    code, out, err = run(capsys, *args)
    lines = [line for line in out.splitlines() if re.match(r".\s*[\d.]+   ", line)]

    assert code == 0
    assert lines
    assert all(100 <= float(line[1:13]) <= 140 for line in lines)
    assert all(re.search(r"\bn2\b", line) for line in lines)
    assert "the same, byte for byte" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("replay nowhere", "no run or file"),
        ("replay latest --state", "--until MS goes with --state or --shell"),
        ("replay latest --until 5", "--until MS goes with --state or --shell"),
        ("replay latest --trace --nodes n9", "there is no node 'n9': there are n1, n2, n3"),
    ],
)
def test_what_cannot_be_replayed_is_told(capsys, stored, words, sentence):
    code, _, err = run(capsys, *words.split())

    assert code == 254
    assert sentence in re.sub(r"\s+", " ", err)


def test_a_diagram_that_cannot_be_written_is_told(capsys, stored):
    code, _, err = run(capsys, "replay", "latest", "--svg", "no/such/folder.svg")

    assert code == 255
    assert "cannot write no/such/folder.svg: No such file" in err


def test_the_diagram_is_written(capsys, stored):
    code, _, err = run(capsys, "replay", "latest", "--svg", "run.svg")

    assert code == 0
    assert "drawn: run.svg" in err
    root = ET.fromstring(Path("run.svg").read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
