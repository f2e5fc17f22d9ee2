"""``harness zoo``: what it says of what is found, of what is not, and of a twin that is broken too."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.commands.zoo import command
from harness.errors import StoreError, UsageError
from harness.shrink import Size
from harness.trial import Trial
from harness.zoo import Mutant, Record, load, select
from harness.zoo.diary import Diary
from harness.zoo.hunt import Hunt, Judged, judged, stretch
from harness.zoo.markdown import page
from harness.zoo.smallest import Smallest
from protocols.abd import ABD
from tests.mutants.abd import MUTANTS, ReadOne

ROOT = Path(__file__).parents[1]
SHORT = Trial(
    protocol="tests.mutants.abd:ReadOne",
    nodes=3,
    threads=6,
    time_ms=500,
    rate=400,
    keys=1,
    rtt_ms=5,
)
FOUND = Mutant(name="abd/read-one", trial=SHORT, twin="abd", check="linearizable", trials=10)
HARMLESS = replace(FOUND, name="abd/harmless", trial=replace(SHORT, protocol="abd"), trials=3)
BROKEN_TWIN = replace(FOUND, name="abd/broken-twin", twin="tests.mutants.abd:ReadOne")
BLIND = replace(FOUND, name="abd/blind", check="agreement", trials=3)


class Stumbles(ABD):
    """Raises an error at the first request."""

    def on_request(self, request, command):
        raise AssertionError("a hole")


GOOD = (FOUND,)
NOT_FOUND = (FOUND, HARMLESS)
BAD_TWIN = (BROKEN_TWIN,)
UNSEEN = (BLIND,)


def zoo(place: str, *more: str) -> tuple[int, str]:
    """The command in this process: its exit code and what it wrote."""
    runner = CliRunner()
    arguments = ["--of", f"tests.test_zoo:{place}", "--seeds-per", "2", "--jobs", "1", *more]
    result = runner.invoke(command, arguments, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, result.output


def test_what_is_found_is_a_line_and_exit_code_0():
    code, output = zoo("GOOD")
    assert code == 0
    assert "abd/read-one" in output
    assert "linearizable" in output


@pytest.mark.parametrize(("cpu_s", "small"), [("20", 1), ("0.001", 0)])
def test_what_is_found_can_be_shrunk_and_the_page_says_what_became_small(tmp_path, cpu_s, small):
    """Who has no time to shrink leaves hundreds of ops."""
    path = tmp_path / "zoo.md"
    code, output = zoo("GOOD", "--shrink", "--shrink-s", cpu_s, "--markdown", str(path))
    assert code == 0
    assert bool(re.search(r"abd/read-one .* 0 windows, \d ops ", output)) is (small == 1)
    text = path.read_text()
    assert f"{small} of 1 first findings were shrunk to at most 3 windows and 12 ops" in text
    assert bool(re.search(r"\*\*\d+ windows?, \d+ ops\*\*", text)) is (small == 0)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("NOT_FOUND", "abd/harmless: not found by linearizable in 2 of 2 hunts (6 trials"),
        ("BAD_TWIN", "abd/broken-twin: its twin fails: linearizable:"),
        ("UNSEEN", "abd/blind: not found by agreement"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_exit_code_1(place, words):
    """Red: a mutant that is none, a twin that has the bug, a check that another hides behind."""
    code, output = zoo(place)
    assert code == 1
    assert words in output


def test_a_hunt_depends_on_no_timing():
    """Cut into stretches of one trial each, it is the same hunt as in one."""
    whole, cut = (Hunt(mutant=FOUND, base="zoo", index=1) for _ in range(2))
    for seen in stretch(whole, most_s=inf):
        whole.take(seen)
    while not cut.over(inf):
        for seen in stretch(cut, most_s=0):
            cut.take(seen)
    assert whole.command == cut.command
    assert whole.found is not None
    assert cut.found is not None
    assert whole.found.objections == cut.found.objections


def test_a_hunt_ends_with_its_trials_or_its_seconds():
    hunt = Hunt(mutant=HARMLESS, base="zoo", index=0)
    for _ in range(3):
        assert not hunt.over(1.0)
        hunt.take(Judged(objections=(), cpu_s=0.3))
    assert hunt.over(1.0)
    assert Hunt(mutant=HARMLESS, base="zoo", index=0, trials=1, cpu_s=1.1).over(1.0)


def test_an_error_of_the_replica_is_an_objection_of_its_own():
    seen = judged(replace(SHORT, protocol="tests.test_zoo:Stumbles"))
    assert seen.by("crashes")
    assert not seen.by("linearizable")


def test_a_twin_plays_the_same_trial():
    hunt = Hunt(mutant=FOUND, base="b", index=2)
    assert hunt.nth(7).seed == "b.2.7"
    assert hunt.twins_nth(7) == replace(hunt.nth(7), protocol="abd")


def costing(*costs: float | None) -> Record:
    """A record of hunts that found it after so many trials, or not."""
    hunts = [
        Hunt(
            mutant=FOUND,
            base="zoo",
            index=i,
            trials=10 if cost is None else int(cost),
            cpu_s=1.0,
            found=None if cost is None else Judged(objections=(("linearizable", "x"),), cpu_s=0.1),
        )
        for i, cost in enumerate(costs)
    ]
    return Record(mutant=FOUND, hunts=hunts, twin_trials=1, twin_complaints=())


@pytest.mark.parametrize(
    ("complaints", "vacuous", "text", "problem"),
    [
        ((), 0, "300 valid", ""),
        ((), 3, "297 valid, 3 vacuous", ""),
        ((), 4, "296 valid, 4 vacuous", "too little happens to its twin: 296 valid, 4 vacuous"),
        (("linearizable: no",), 1, "FAILS", "its twin fails: linearizable: no"),
    ],
)
def test_a_twin_passes_where_little_is_vacuous_and_nothing_invalid(
    complaints, vacuous, text, problem
) -> None:
    found = costing(1)
    record = replace(found, twin_trials=300, twin_complaints=complaints, twin_vacuous=vacuous)
    assert (record.twin_text, record.problem, record.good) == (text, problem, not problem)


def test_a_hunt_without_a_finding_is_longer_than_any():
    assert costing(1, 2, 9).median_trials == 2
    assert costing(1, None, 9).median_trials == 9
    assert costing(1, 2, None, None).median_trials == inf
    assert not costing(None).good
    assert not costing().good


def test_the_page_has_a_row_a_command_and_what_is_wrong():
    good, bad = costing(1, 2), replace(costing(None), mutant=HARMLESS)
    text = page([good, bad], about="Commit c.")
    assert (
        "| abd/read-one | 2 of 2 | 2 | 1.0 | linearizable | - | 1 | B6: a read asks nobody" in text
    )
    assert "- **abd/harmless**: not found by linearizable in 1 of 1 hunts" in text
    assert "harness sim --protocol tests.mutants.abd:ReadOne --time 0.5" in text
    assert "1 of 2 mutants were found" in text


def test_the_page_names_what_it_does_not_have():
    """Whose hunts are not over is in no table; nor is what was not asked for, or is not found at all."""
    going_on = replace(costing(2, None), mutant=HARMLESS, complete=False)
    text = page(
        [costing(1), going_on],
        about="Commit c.",
        others=["abd/other"],
        elusive={"abd/rare": "it is; tests/protocols/test_abd_paper.py plays it"},
    )
    assert "1 of 1 mutants were found" in text
    assert "| abd/harmless" not in text
    _, _, end = text.partition("## What this page does not have\n")
    assert "hunts of 1 mutants" in end
    assert "`abd/harmless` (1 of 2)" in end
    assert "1 were not asked for: `abd/other`." in end
    assert "- `abd/rare`: it is; tests/protocols/test_abd_paper.py plays it.\n" in end
    assert "does not have" not in page([costing(1)], about="Commit c.")


@pytest.mark.parametrize(
    ("windows", "why", "words"),
    [
        (4, "it needs four.", "- abd/read-one stays large: it needs four.\n\nTo see one:"),
        (4, "", "- abd/read-one stays large: its time was over first.\n"),
        (3, "it needs four.", None),
    ],
)
def test_the_page_says_why_what_is_large_is(windows, why, words):
    size = Size(windows, 4, 9, 2, 1, 3, 0, 50)
    record = replace(
        costing(1),
        mutant=replace(FOUND, large=why),
        smallest=Smallest(size=size, command="harness sim"),
    )
    text = page([record], about="Commit c.")
    assert (words in text) if words else ("stays large" not in text)


def test_mutants_are_chosen_by_name_or_by_protocol():
    mutants = (FOUND, replace(HARMLESS, name="epaxos/harmless"))
    assert select(mutants, ()) == mutants
    assert select(mutants, ("abd",)) == (FOUND,)
    assert select(mutants, ("epaxos/harmless",)) == mutants[1:]
    with pytest.raises(
        UsageError, match=r"no mutant is called 'abd/reed-one': did you mean abd/read"
    ):
        select(mutants, ("abd/reed-one",))


def test_elsewhere_it_says_that_mutants_are_in_the_checkout(tmp_path):
    """The mutants are not installed: in another directory there is a sentence, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "harness", "zoo"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(installed(tmp_path))},
    )  # fmt: skip
    assert done.returncode == 254, done.stderr
    assert "type this in a checkout" in done.stderr
    assert "Traceback" not in done.stderr


def installed(tmp_path: Path) -> Path:
    """The packages as an installation has them: without the tests."""
    site = tmp_path / "site"
    site.mkdir()
    for package in ("harness", "checker", "nemesis", "protocols", "workloads"):
        (site / package).symlink_to(ROOT / package)
    return site


def test_what_is_no_zoo_is_refused():
    with pytest.raises(UsageError, match="is not a tuple of"):
        load("tests.mutants.abd:MUTANTS")
    assert MUTANTS["read-one"] is ReadOne


def test_ctrl_c_ends_it_with_what_is_known(tmp_path):
    """The signal goes to the whole group, as a terminal sends it. The page is written, too."""
    path = tmp_path / "zoo.md"
    words = ["--of", "tests.test_zoo:LONG", "--jobs", "2", "--markdown", str(path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "zoo", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    first = next(line for line in process.stderr if ": found" in line or "Error" in line)
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    output, rest = process.communicate(timeout=60)
    assert "abd/read-one: found" in first, first + rest
    assert process.returncode == 130, rest
    assert "interrupted" in output
    assert "abd/read-one" in output
    assert "Traceback" not in rest
    assert time.monotonic() - began < 30
    table, _, end = path.read_text().partition("## What this page does not have\n")
    assert "| abd/read-one | 3 of 3 |" in table
    assert "`abd/harmless` (0 of " in end
    assert "- `abd/nowhere`: nobody plays it." in end


def test_what_is_in_the_diary_is_not_done_again(tmp_path):
    """The second time nothing is found out that would be written down, and the table is the same."""
    path = tmp_path / "zoo.jsonl"
    _, first = zoo("GOOD", "--shrink", "--resume", str(path))
    lines = path.read_text()
    assert lines.count('"of": "hunt"') == 2
    assert lines.count('"of": "size"') == 1
    path.write_text(lines + '{"of": "hunt", "key": "cut o')

    code, again = zoo("GOOD", "--shrink", "--resume", str(path))
    assert code == 0
    assert path.read_text() == lines
    assert " 0 windows, " in zoo("GOOD", "--resume", str(path))[1]
    table = re.compile(r"^mutant.*?CPU seconds of hunting", re.DOTALL | re.MULTILINE)
    assert table.findall(first) == table.findall(again) != []


def test_what_was_hunted_otherwise_is_hunted_again(tmp_path):
    path = tmp_path / "zoo.jsonl"
    hunt = Hunt(mutant=FOUND, base="zoo", index=0)
    for seen in stretch(hunt, most_s=inf):
        hunt.take(seen)
    Diary(path, budget_s=5).keep(hunt)
    others = (
        replace(FOUND, check="agreement"),
        replace(FOUND, trial=replace(SHORT, rate=401)),
        replace(FOUND, trials=11),
    )

    def recalled(mutant, *, base="zoo", index=0, budget_s=5.0):
        found = Hunt(mutant=mutant, base=base, index=index)
        Diary(path, budget_s=budget_s).recall(found)
        return found

    assert recalled(FOUND) == hunt
    assert [recalled(mutant).trials for mutant in others] == [0, 0, 0]
    assert recalled(FOUND, base="zo").trials == 0
    assert recalled(FOUND, index=1).trials == 0
    assert recalled(FOUND, budget_s=6.0).trials == 0


def test_what_is_no_diary_is_refused(tmp_path):
    path = tmp_path / "zoo.jsonl"
    path.write_text('{"mutant": 1}\n')
    with pytest.raises(StoreError, match="is no diary of a zoo"):
        Diary(path)


ELUSIVE = {"abd/nowhere": "nobody plays it"}
LONG = (FOUND, replace(HARMLESS, trials=100_000))
