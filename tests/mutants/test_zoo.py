"""Every mutant is found by the check that must see it, and its twin passes the very same trials.

One hunt for each from a pinned seed, so that a run is the same everywhere. What costs too much for
that is marked so in the zoo, with what it costs, and hunted by ``harness zoo`` only.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from checker.verdict import Outcome
from harness.shrink import Bounds, Search, shrink, size_of
from harness.simulated import play
from harness.trial import Trial
from harness.zoo.hunt import Hunt, judged
from protocols import PROTOCOLS
from tests.known import Known
from tests.mutants.zoo import ELUSIVE, MODULES, ZOO

ROOT = Path(__file__).parents[2]
BASE = "zoo"
KNOWN = Known("zoo")
CHEAP = [mutant for mutant in ZOO if mutant.costly_s is None]


@pytest.mark.parametrize("mutant", CHEAP, ids=lambda mutant: mutant.name)
def test_a_mutant_is_found_and_its_twin_passes_the_same_trial(mutant):
    """The first hunt of ``harness zoo``; there the twin plays each trial of each hunt."""
    hunt = Hunt(mutant=mutant, base=BASE, index=0)

    def finds(number: int) -> bool:
        """Whether it is found there, and its twin does not pass for nothing having happened."""
        if not judged(hunt.nth(number)).by(mutant.check):
            return False
        twins = hunt.twins_nth(number)
        objections = judged(twins).objections
        assert all(name.endswith(Outcome.VACUOUS.value) for name, _ in objections), twins
        return not objections

    KNOWN.hunt(mutant.name, range(mutant.trials), finds)


SMALL = "multipaxos/closes-the-gap", "stopping/never-reelects", "appending/keeps-reservations"
"""Leaving out parts alone ends with 5 windows, 100 ops, and 150 ops."""


@pytest.mark.parametrize("mutant", [m for m in ZOO if m.name in SMALL], ids=lambda m: m.name)
def test_what_is_found_gets_small(mutant):
    """In as many trials whatever the machine: to what a person can take in, and the twin passes that."""

    def finds(number: int) -> bool:
        trial = Hunt(mutant=mutant, base=BASE, index=0).nth(number)
        played = play(trial)
        said = played.results.checks.get(mutant.check)
        if said is None or said.outcome is not Outcome.INVALID:
            return False
        found = shrink(
            trial, played, mutant.check, bounds=Bounds(trials=TRIALS, seconds=inf), sound=mutant.twin,
            heard=until_small,
        )  # fmt: skip
        assert found.after.small(), found.sentence()
        assert found.played.results.checks[mutant.check].outcome is Outcome.INVALID
        assert judged(replace(found.trial, protocol=mutant.twin)).by(mutant.check) is False
        return True

    KNOWN.hunt(mutant.name, range(mutant.trials), finds)


TRIALS = 3_000


def until_small(search: Search) -> None:
    if size_of(search.best, search.look().run).small():
        search.bounds = Bounds(trials=0)


def test_no_mutant_is_left_out():
    """Whatever is in a table of mutants is hunted, or it is said why it cannot be."""
    known = {f"{protocol}/{name}" for protocol, m in MODULES.items() for name in m.MUTANTS}
    assert {mutant.name for mutant in ZOO} | set(ELUSIVE) == known


@pytest.mark.parametrize("name", ELUSIVE)
def test_what_is_not_hunted_is_played_where_it_is_said(name):
    protocol, _, own = name.partition("/")
    played = re.findall(r"tests/protocols/test_\w+\.py", ELUSIVE[name])
    mutant = MODULES[protocol].MUTANTS[own].__name__
    assert any(mutant in (ROOT / path).read_text() for path in played), played


@pytest.mark.parametrize("mutant", ZOO, ids=lambda mutant: mutant.name)
def test_an_entry_says_what_is_wrong_with_which_protocol(mutant):
    assert mutant.twin in PROTOCOLS
    assert issubclass(mutant.trial.replica(), Trial(protocol=mutant.twin).replica())
    assert len(mutant.source.split()) > 5


def test_mutants_run_on_hosts_too() -> None:
    """A node has ``protocols`` and the mutants' modules, and nothing else of ours."""
    for path in Path(__file__).parent.glob("*.py"):
        if path.stem not in ("__init__", "zoo", "trials", "test_zoo"):
            text = path.read_text()
            found = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
            assert not {"harness", "workloads", "checker"} & found, path
            assert "tests.mutants.trials" not in text, path
