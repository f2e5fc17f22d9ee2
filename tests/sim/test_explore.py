"""Exhaustive exploration: golden numbers, thrift that leaves nothing out, mutants that are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.history import History
from checker.linearizable import check
from checker.verdict import Outcome
from harness.cli import main
from harness.sim.explore import Explored, explore
from harness.sim.explore_canonical import canonical
from harness.sim.explore_path import conversation, rows
from harness.sim.explore_scope import ANY, Scope, ops_from
from protocols import multipaxos
from protocols.abd import ABD
from protocols.kernel import Command
from protocols.paxos import Paxos
from tests.mutants.abd import AcksBeforePersist, CountsTwice, NoWriteBack, ReadOne
from tests.mutants.multipaxos import ReadsLocally
from tests.mutants.paxos import IgnoresVotes


def scope(protocol: type = ABD, ops: str = "write,read", **more: object) -> Scope:
    given: dict[str, object] = {"duplicates": ANY, **more}
    return Scope(protocol=protocol, ops=ops_from(ops, 3), checks={"linearizable": check}, **given)  # type: ignore[arg-type]


def stories(explored: Explored) -> set[object]:
    """The histories of all worlds, in their canonical form."""
    return set(explored.worlds.stories._stories)


@pytest.mark.parametrize(
    ("more", "states"),
    [
        ({"ops": "write"}, 38),
        ({"ops": "write", "symmetric": False}, 56),
        ({"ops": "write@0,read@0"}, 2_881),
        ({}, 3_434),
        ({"crashes": 1}, 7_587),
        ({"timers": 1}, 12_206),
        ({"duplicates": 0}, 28_797),
    ],
)
def test_abd_is_right_in_so_many_worlds(more: dict[str, object], states: int) -> None:
    explored = explore(scope(**more))  # type: ignore[arg-type]

    assert explored.exhausted
    assert explored.counterexample is None
    assert explored.answered
    assert explored.progress.states == states


@pytest.mark.parametrize(
    ("protocol", "more", "states"),
    [
        (Paxos, {"ops": "write"}, 29),
        (Paxos, {"ops": "write@0,read@0"}, 4_077),
        (multipaxos.MultiPaxos, {"ops": "write", "timers": 2}, 341),
    ],
)
def test_consensus_is_right_in_so_many_worlds(
    protocol: type, more: dict[str, object], states: int
) -> None:
    explored = explore(scope(protocol, **more))  # type: ignore[arg-type]

    assert explored.exhausted
    assert explored.counterexample is None
    assert explored.answered
    assert explored.progress.states == states


@pytest.mark.parametrize(
    ("protocol", "ops", "nodes", "equal"),
    [
        (ABD, "write", 3, (1, 2)),
        (ABD, "write", 5, (1, 2, 3, 4)),
        (ABD, "write@0,read@0", 3, (1, 2)),
        (Paxos, "write@0,read@0", 3, (1, 2)),
        (Paxos, "write", 4, (1, 2, 3)),
    ],
)
def test_symmetry_leaves_out_no_history_and_halves_the_worlds(
    protocol: type, ops: str, nodes: int, equal: tuple[int, ...]
) -> None:
    whole = replace(scope(protocol, ops), nodes=nodes, symmetric=False)
    folded, full = explore(replace(whole, symmetric=True)), explore(whole)

    assert folded.exhausted
    assert full.exhausted
    assert folded.equal == equal
    assert full.equal == ()
    assert stories(folded) == stories(full)
    assert folded.progress.states < 0.7 * full.progress.states
    assert folded.progress.node_states == full.progress.node_states


class Rank(ABD):
    """An id has a meaning: the last node answers no questions, so bystanders are not equal."""

    def on_message(self, src: int, msg: object) -> None:
        if self.id != 2 or type(msg).__name__ != "Query":
            super().on_message(src, msg)  # type: ignore[arg-type]


class Favours(ABD):
    """Who answers is known by number: what comes of an answer is not the same for two bystanders."""

    def on_message(self, src: int, msg: object) -> None:
        if src == 2 and type(msg).__name__ == "Value":
            msg = replace(msg, tag=(7, 2))  # type: ignore[type-var]
        super().on_message(src, msg)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", [Rank, Favours])
def test_nodes_that_are_not_equal_are_told_apart(protocol: type) -> None:
    folded = explore(scope(protocol, "write"))
    full = explore(scope(protocol, "write", symmetric=False))

    assert folded.equal == ()
    assert folded.passes > full.passes
    assert stories(folded) == stories(full)
    assert folded.progress.states == full.progress.states


def test_leaders_write_their_ids_into_messages_and_are_told_apart() -> None:
    explored = explore(scope(multipaxos.MultiPaxos, ops="write", timers=2))

    assert explored.equal == ()


def test_a_counterexample_is_told_with_all_nodes_apart() -> None:
    """The worlds on the way are twins of each other; the moves are those of one run."""
    explored = explore(scope(ReadOne, "write@0,read@0"))
    example = explored.counterexample

    assert explored.equal == (1, 2)
    assert example is not None
    assert check(History.of(rows(explored.worlds, example.moves))).outcome is Outcome.INVALID


@pytest.mark.parametrize("duplicates", [0, ANY])
@pytest.mark.parametrize("crashes", [0, 1])
def test_thrift_leaves_out_no_history(duplicates: int, crashes: int) -> None:
    """Two nodes, so that the whole is small: the same histories, from fewer worlds."""
    thrifty = replace(scope(duplicates=duplicates, crashes=crashes), nodes=2)
    few, full = explore(thrifty), explore(replace(thrifty, thrifty=False))

    assert few.exhausted
    assert full.exhausted
    assert stories(few) == stories(full)
    assert few.progress.states <= full.progress.states


def test_thrift_leaves_out_no_history_of_three_nodes() -> None:
    few = explore(scope(duplicates=0))
    full = explore(scope(duplicates=0, thrifty=False))

    assert stories(few) == stories(full)
    assert full.progress.states == 125_280
    assert few.progress.states < full.progress.states


@pytest.mark.parametrize(
    ("protocol", "more", "events"),
    [
        (ReadOne, {}, 10),
        (NoWriteBack, {"ops": "write,read,read"}, 16),
        (CountsTwice, {}, 14),
        (AcksBeforePersist, {"crashes": 1}, 19),
        (ReadsLocally, {"timers": 2}, 8),
    ],
)
def test_a_mutant_is_found_and_told_in_few_events(
    protocol: type, more: dict[str, object], events: int
) -> None:
    explored = explore(scope(protocol, **more))  # type: ignore[arg-type]
    example = explored.counterexample

    assert example is not None
    assert example.check == "linearizable"
    assert len(conversation(explored.worlds, example.moves)) == events
    assert check(History.of(rows(explored.worlds, example.moves))).outcome is Outcome.INVALID


def test_a_mutant_of_paxos_is_found_by_agreement() -> None:
    explored = explore(scope(IgnoresVotes, "write,write"))
    example = explored.counterexample

    assert example is not None
    assert example.check == "agreement"
    assert len(conversation(explored.worlds, example.moves)) == 10


def test_breadth_first_without_thrift_finds_nothing_shorter() -> None:
    explored = explore(replace(scope(ReadOne), thrifty=False))

    assert explored.counterexample is not None
    assert len(explored.counterexample.moves) == 10


class Breaks(ABD):
    """Raises once it has stored something."""

    def on_timer(self, timer: str) -> None:
        assert not self.registers, "stored already"
        super().on_timer(timer)


def test_a_replica_that_raises_is_a_counterexample() -> None:
    explored = explore(scope(Breaks, timers=1))

    assert explored.counterexample is not None
    assert explored.counterexample.check == "exception"
    assert "AssertionError: stored already" in explored.counterexample.broken


def test_a_bound_on_states_is_kept_and_admitted() -> None:
    explored = explore(scope(), most_states=100)

    assert not explored.exhausted
    assert explored.counterexample is None
    assert explored.progress.frontier > 0


def test_an_exploration_ends_when_it_is_told_to() -> None:
    assert not explore(scope(), tell=lambda _: True).exhausted


def test_a_leader_is_elected_by_two_firings_and_answers() -> None:
    explored = explore(scope(multipaxos.MultiPaxos, ops="write", timers=2))

    assert explored.exhausted
    assert explored.answered
    assert explored.counterexample is None


def test_states_are_told_apart_by_type_and_order() -> None:
    assert canonical([1]) != canonical([True])
    assert canonical((1,)) != canonical([1])
    assert canonical({1: 2, 3: 4}) != canonical({3: 4, 1: 2})
    assert canonical(Command("f", "k")) == canonical(Command("f", "k"))
    with pytest.raises(TypeError, match="must be data"):
        canonical(iter([1]))


@pytest.mark.parametrize("text", ["", "cas", "read@3", "read@n"])
def test_ops_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"op|nodes"):
        ops_from(text, 3)


def harness(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


def test_the_command_says_what_came_of_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("explore", "--store", tmp_path, "-p")

    code, out = harness(capsys, *words, "abd", "--ops", "write,read@*")
    assert (code, "exhausted: nothing else" in out) == (0, True)
    code, out = harness(capsys, *words, "abd", "--states", 100)
    assert (code, "not exhausted: 10" in out and "frontier" in out) == (2, True)
    code, out = harness(capsys, *words, "multipaxos")
    assert (code, "verdict: vacuous" in out) == (2, True)
    code, out = harness(capsys, *words, "tests.mutants.abd:ReadOne")
    assert (code, "answers client 1: null" in out) == (1, True)
    code, out = harness(capsys, "check", "latest", "--store", tmp_path)
    assert (code, "not linearizable: key x" in out) == (1, True)
