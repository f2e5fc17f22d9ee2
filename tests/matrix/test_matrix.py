"""The matrix: in a shorter form than `harness matrix`, each cell's first trial; and that it can be red."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from checker.verdict import Outcome
from harness.commands.matrix import command
from harness.errors import UsageError
from harness.matrix import Cell, Tally, cells
from harness.matrix.cells import CHANGES, HANDING_MS, HANDOVERS, LOSSES, SMALL, Line, served
from harness.matrix.markdown import page
from harness.simulated import play_short
from protocols import PROTOCOLS

MIX = "partition,kill,pause,packet"
HERE = [c for c in cells(nemeses=("none", MIX)) if c.nemesis == MIX or not c.line.options]
OWN = [
    *(c for c in cells(workloads=["register"], nemeses=[LOSSES[-1]]) if c.line.nemeses),
    *cells(workloads=["append"], nemeses=[CHANGES[-1]]),
    *cells(workloads=["register"], nemeses=[HANDOVERS[-1]]),
]


@pytest.mark.parametrize(
    "cell", HERE + OWN, ids=lambda c: f"{c.line.name}-{c.workload}-{c.nemesis.partition(',')[0]}"
)
def test_a_cell_ends_as_the_protocol_claims(cell: Cell) -> None:
    tally = Tally(cell)
    for number in range(1 if cell.expected is Outcome.VALID or cell.seldom else 20):
        short = play_short(cell.trial(f"matrix/{number}"))
        tally.add(short.trial, short.outcome, short.summary, short.cpu_s)
        if short.outcome is cell.expected:
            break
    assert tally.good, tally.example


def test_every_protocol_has_a_line_and_only_workloads_that_it_serves() -> None:
    assert {cell.line.protocol for cell in HERE} == set(PROTOCOLS)
    assert {c.workload for c in cells(["abd"])} == {"register"}
    assert {"bank", "list-append", "cas"} <= {c.workload for c in cells(["multipaxos"])}
    assert not served(Line("abd"), "cas")


def test_a_line_that_is_there_for_some_faults_has_no_cells_of_others() -> None:
    lost = [cell for cell in cells(["raft"]) if cell.line.options == {"rejoin": "passive"}]
    assert {cell.nemesis for cell in lost} == set(LOSSES)
    assert {cell.workload for cell in lost} == {"register", "append"}
    assert {c.nemesis for c in cells(["abd"], nemeses=["disk"])} == {"disk"}
    assert all(c.line.options != {"rejoin": "passive"} for c in cells(["raft"], nemeses=["disk"]))
    changing = list(cells(["raft", "abd"], ["append", "register"], CHANGES))
    assert {c.line.name for c in changing} == {"raft members=3"}
    handing = list(cells(["raft", "abd"], ["append", "register"], HANDOVERS))
    assert {c.line.name for c in handing} == {"raft read=lease", "raft read=log"}
    assert {c.trial("a").time_ms for c in handing} == {HANDING_MS}


def test_trials_of_a_cell_differ_in_their_seed_only() -> None:
    cell = Cell(Line("abd", {"pending": "9"}), "register", "kill")
    assert replace(cell.trial("a"), seed="b") == cell.trial("b")
    assert cell.trial("a").options == {"pending": "9"}
    assert cell.trial("a").time_ms == SMALL.time_ms
    assert cell.real("a", 30_000).rtt_ms > SMALL.rtt_ms


def tally_of(*outcomes: Outcome, breaks: tuple[str, ...] = ()) -> Tally:
    tally = Tally(Cell(Line("abd", breaks=breaks, why="so it is made"), "register", "kill"))
    for number, outcome in enumerate(outcomes):
        tally.add(tally.cell.trial(str(number)), outcome, "what it said", 0.1)
    return tally


def test_what_is_claimed_must_hold_each_time() -> None:
    assert tally_of(Outcome.VALID, Outcome.VALID).good
    for other in (Outcome.INVALID, Outcome.UNKNOWN, Outcome.VACUOUS):
        tally = tally_of(Outcome.VALID, other)
        assert not tally.good
        assert f"1 {other.value}" in tally.text
    assert not tally_of().good


def test_what_is_not_claimed_must_be_seen_to_break() -> None:
    assert tally_of(Outcome.VALID, Outcome.INVALID, breaks=("register",)).good
    assert not tally_of(Outcome.VALID, breaks=("register",)).good
    assert not tally_of(Outcome.INVALID, Outcome.VACUOUS, breaks=("register",)).good


def test_a_break_that_seldom_shows_is_not_demanded_but_nothing_else_is_allowed() -> None:
    line = Line("abd", breaks=("register",), seldom=("none",))
    for nemesis, outcome, good in (
        ("none", Outcome.VALID, True),
        ("none", Outcome.UNKNOWN, False),
        ("kill", Outcome.VALID, False),
    ):
        tally = Tally(Cell(line, "register", nemesis))
        tally.add(tally.cell.trial("1"), outcome, "what it said", 0.1)
        assert tally.good is good


def test_the_page_has_a_row_a_protocol_and_the_command_that_shows_what_is_wrong() -> None:
    text = page(
        [tally_of(Outcome.INVALID), tally_of(Outcome.INVALID, breaks=("register",))], about="Now."
    )
    assert "| abd |" in text
    assert "1 of 2 cells" in text
    assert "so it is made" in text
    assert "invalid: what it said (`harness sim --protocol abd --nemesis kill" in text


def test_lines_for_some_faults_have_a_table_of_their_own() -> None:
    text = page([Tally(cell) for cell in cells(["raft"], ["append"])], about="Now.")
    usual, _, changing = text.partition("## While members change")
    assert "| raft |" in usual
    assert "members=3" not in usual
    assert "| raft members=3 | append | - | - | - | - |" in changing


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["--jobs", "1", *words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_a_broken_protocol_is_a_red_cell_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("abd", "--nemesis", "none", "--seeds", "3")
    assert run(*asked)[0] == 0
    monkeypatch.setitem(PROTOCOLS, "abd", "tests.mutants.abd:ReadOne")
    code, output = run(*asked)
    assert code == 1
    assert "abd, register, none: invalid: not linearizable" in output
    assert "harness sim --protocol abd" in output


def test_what_is_kept_is_not_played_again_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kept.jsonl"
    asked = ("abd", "--nemesis", "none", "--kept", str(file))
    assert run(*asked, "--seeds", "2")[0] == 0
    assert len(file.read_text().splitlines()) == 2

    # Were they played again they would be seen to be wrong.
    monkeypatch.setitem(PROTOCOLS, "abd", "tests.mutants.abd:ReadOne")
    code, output = run(*asked, "--seeds", "2")
    assert code == 0
    assert "2 valid" in output
    assert "2 valid" in run(*asked, "--seeds", "0")[1]
    assert run(*asked, "--seeds", "20")[0] == 1
    assert len(file.read_text().splitlines()) == 20


def test_a_line_that_was_being_written_is_dropped_and_one_that_is_none_is_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "kept.jsonl"
    asked = ("abd", "--nemesis", "none", "--kept", str(file), "--seeds", "1")
    run(*asked)
    whole = file.read_text()
    file.write_text(whole + whole[:40])
    assert run(*asked)[0] == 0
    assert file.read_text() == whole

    file.write_text(whole + '{"name": 1}\n')
    with pytest.raises(UsageError, match="line 2 is no trial"):
        run(*asked)


@pytest.mark.parametrize(
    "words",
    [
        ("abdd",),
        ("-w", "regster"),
        ("--markdown", "/no/where.md"),
        ("--kept", "/no/where"),
        ("--on", "a.toml"),
    ],
)
def test_what_there_is_not_is_a_sentence(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run(*words)
