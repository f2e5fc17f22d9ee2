"""Shrinking: known bugs get small, the same way each time, within bounds; what is printed replays."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.verdict import Outcome
from harness.commands.shrink import parsed
from harness.errors import UsageError
from harness.shrink import Bounds, Search, fails_in, first_invalid, freeze, shrink, size_of
from harness.shrink import search as search_module
from harness.shrink.draws import draws
from harness.shrink.drift import neighbour
from harness.shrink.finals import final_as_ops
from harness.shrink.leaving import leave_out
from harness.shrink.merging import compound
from harness.shrink.reductions import merged_windows
from harness.shrink.size import MOST_OPS, MOST_WINDOWS
from harness.shrink.targets import only, renumbered, targets_of
from harness.simulated import play
from harness.trial import Trial
from nemesis.actions import Cut, Fault, Kill, Mend, Pause, Resume, SlowDisk, Start, Window
from tests.test_cli import run
from workloads.script import ScriptedOp

READS_LOCALLY = Trial(
    protocol="tests.mutants.multipaxos:ReadsLocally",
    nemesis="partition,kill", nodes=3, threads=6, time_ms=4_000, seed="1",
)  # fmt: skip


def shrunk(trial, *, check=None, **bounds):
    played = play(trial)
    check = check or first_invalid(played.results)
    return shrink(trial, played, check, bounds=Bounds(**bounds))


# --- trials as data -------------------------------------------------------------------------------

trials = st.builds(
    Trial,
    protocol=st.sampled_from(["multipaxos", "raft"]),
    workload=st.sampled_from(["register", "cas"]),
    nemesis=st.sampled_from(["none", "partition,kill", "packet-delay"]),
    nodes=st.integers(1, 9),
    threads=st.integers(1, 30),
    time_ms=st.integers(1, 100_000),
    rate=st.integers(0, 1000),
    keys=st.integers(1, 9),
    seed=st.sampled_from(["0", "4c95899/7", "a b 'c'"]),
    interval_ms=st.none() | st.integers(1, 9999),
    calm_ms=st.integers(0, 9999),
    rtt_ms=st.integers(1, 99),
    client_timeout_ms=st.integers(1, 9999),
    options=st.dictionaries(st.sampled_from(["batch", "keep"]), st.sampled_from(["1", "7"])),
    plan=st.none() | st.just('[{"at_ms":1,"for_ms":2,"fault":"kill-one"}]'),
    ops=st.none() | st.just('[[0.5,0,"write","it\'s",1],[2,0,"read","r0",null,0]]'),
    final=st.booleans(),
    network=st.sampled_from(["hostile", "perfect", "steady"]),
).filter(lambda trial: trial.calm_ms < trial.time_ms)


@given(trials)
@settings(max_examples=60)
def test_the_printed_command_means_the_same_trial(trial):
    assert parsed(trial.command("sim")) == trial


def test_a_frozen_trial_plays_the_very_same_events():
    played = play(READS_LOCALLY)
    frozen = freeze(READS_LOCALLY, played.run)

    assert play(frozen).run.digest == played.run.digest
    assert frozen.script() is not None
    assert not frozen.faults
    assert len(frozen.windows()) == len(played.run.plan)


RING = Window(
    5, 10,
    Fault("f", (Cut(((0, 1), (1, 0), (2, 1))), Kill(2)), (Mend(((0, 1), (1, 0), (2, 1))), Start(2))),
)  # fmt: skip


def test_a_window_with_fewer_targets_still_cures_what_it_does():
    assert targets_of(RING.fault) == ((0, 1), (1, 0), (2, 1), 2)
    assert only(RING, [(1, 0)]) == Window(
        5, 10, Fault("f", (Cut(((1, 0),)),), (Mend(((1, 0),)),))
    )  # fmt: skip
    assert only(RING, []) is None


def test_a_window_among_fewer_nodes_loses_what_is_gone_and_renumbers_the_rest():
    assert renumbered(RING, {1: 0, 2: 1}) == Window(
        5, 10, Fault("f", (Cut(((1, 0),)), Kill(1)), (Mend(((1, 0),)), Start(1)))
    )  # fmt: skip
    assert renumbered(RING, {7: 0}) is None


# --- the algorithm --------------------------------------------------------------------------------


class Fails:
    """A search over plain sets of numbers: a candidate fails if it has all of ``needed``."""

    def __init__(self, items, needed, jobs=1):
        self.best, self.needed, self.jobs, self.trials = items, set(needed), jobs, 0

    def attempt(self, candidates):
        for place, candidate in enumerate(candidates):
            self.trials += 1
            if self.needed <= set(candidate):
                self.best = candidate
                return place
        return None


@given(
    st.integers(0, 40).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(0, n - 1)), max_size=n))
    ),
    st.integers(1, 4),
)
def test_leaving_out_ends_with_what_is_needed_and_nothing_else(case, jobs):
    n, needed = case
    search = Fails(list(range(n)), needed, jobs)
    leave_out(search, lambda: search.best, lambda kept: kept)

    assert search.best == sorted(needed)


def test_leaving_out_takes_few_trials():
    search = Fails(list(range(1000)), {17, 803})
    leave_out(search, lambda: search.best, lambda kept: kept)

    assert search.trials < 100


def test_leaving_out_large_parts_takes_few_trials_and_leaves_few_of_them():
    search = Fails(list(range(1000)), {17, 803})
    leave_out(search, lambda: search.best, lambda kept: kept, parts=8)

    assert search.trials < 20
    assert len(search.best) <= 2 * 125


# --- by chance ------------------------------------------------------------------------------------

MANY = replace(
    READS_LOCALLY, nemesis="partition-leader,kill-leader,clock-bump", interval_ms=100, time_ms=500
)


def frozen(trial):
    return freeze(trial, play(trial).run)


def playable(candidates):
    """Those whose windows can be meant: the others are refused as they are played."""
    for candidate in candidates:
        with suppress(UsageError):
            yield candidate.windows(), candidate.script()


def test_drawn_trials_are_small_and_of_the_parts_that_there_are():
    whole = frozen(MANY)
    known = {(op.f, op.key, op.value) for op in whole.script()}
    names = {window.fault.name for window in whole.windows()}
    drawn = list(playable(islice(draws(whole, whole.script()), 200)))

    assert len(drawn) > 50
    assert {len(windows) for windows, _ in drawn} == {1, 2, 3}
    assert {len(ops) for _, ops in drawn} == set(range(1, MOST_OPS + 1))
    for windows, ops in drawn:
        assert {(op.f, op.key, op.value) for op in ops} <= known
        assert {w.fault if isinstance(w.fault, str) else w.fault.name for w in windows} <= names


def test_neighbours_are_no_trial_with_more_windows_nor_write_a_value_twice():
    whole = frozen(MANY)
    few = whole.with_ops(whole.script()[:6])
    found = [neighbour(Random(n), few, few.script(), whole.script()) for n in range(100)]
    both = list(playable(found))

    assert len(both) > 30
    for windows, ops in both:
        written = [op.value for op in ops if op.value is not None]
        assert len(windows) <= len(whole.windows())
        assert len(ops) <= MOST_OPS
        assert len(written) == len(set(written))
    assert {len(few.windows()) - len(windows) for windows, _ in both} == {0, 1}
    assert any(len(ops) > 6 for _, ops in both)


CUT = Fault("cut", (Cut(((0, 1), (1, 0))),), (Mend(((0, 1), (1, 0))),))
KILL = Fault("kill", (Kill(2),), (Start(2),))
PAUSE = Fault("pause", (Pause(0),), (Resume(0),))
SLOW = Fault("slow", (SlowDisk(1, 9),), (SlowDisk(1, 0),))


class TakesAll:
    """A search in which every candidate fails."""

    def __init__(self, best):
        self.best = best

    def attempt(self, candidates):
        if not candidates:
            return None
        self.best = candidates[0]
        return 0


def test_different_faults_are_one_only_where_there_are_too_many_windows():
    windows = [Window(10 * n, 15, fault) for n, fault in enumerate((CUT, KILL, PAUSE, SLOW))]
    search = TakesAll(Trial(protocol="raft", nodes=3).with_plan(windows))
    merged_windows(search)

    found = search.best.windows()
    assert len(found) == MOST_WINDOWS
    assert {a for w in found for a in w.fault.begin} == {a for w in windows for a in w.fault.begin}
    assert {a for w in found for a in w.fault.end} == {a for w in windows for a in w.fault.end}

    few = search.best
    merged_windows(search)
    assert search.best == few


def test_what_does_two_things_to_one_node_stays_two_faults():
    first, second = Window(0, 9, KILL), Window(20, 9, Fault("pause", (Pause(2),), (Resume(2),)))
    assert compound(first, second) is None
    assert compound(first, Window(20, 9, "pause-one")) is None
    assert compound(first, Window(20, 9, PAUSE)).for_ms == 29


@pytest.mark.parametrize("workload", ["register", "bank"])
def test_what_is_asked_at_the_end_may_be_asked_less_often(workload):
    """A node that never comes back is asked for 20 s, ten times a second: for a register, or a list of accounts."""
    trial = replace(
        READS_LOCALLY, protocol="tests.mutants.stopping:NeverReelects", workload=workload
    )
    with Search(frozen(trial), "liveness", bounds=Bounds()) as search:
        before = size_of(search.best, search.look().run).ops
        final_as_ops(search)

        assert search.taken == 1
        assert size_of(search.best, search.look().run).ops < before - 50
        assert fails_in(search.best, "liveness")


def test_a_trial_that_the_right_protocol_fails_too_is_none_of_the_bugs():
    assert fails_in(READS_LOCALLY, "linearizable", "multipaxos")
    assert not fails_in(READS_LOCALLY, "linearizable", READS_LOCALLY.protocol)


# --- known bugs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "nemesis", "seed", "limits"),
    [
        ("multipaxos:ReadsLocally", "partition,kill", "1", (1, 2, 4)),
        ("multipaxos:IgnoresVotes", "partition,kill", "1", (1, 2, 4)),
        ("epaxos:NoComponents", "partition,kill", "1", (1, 2, 4)),
        ("abd:AcksBeforePersist", "kill", "2", (1, 1, 2)),
        ("abd:OwnCounter", "none", "1", (0, 1, 3)),
    ],
)
def test_a_known_bug_gets_small(protocol, nemesis, seed, limits):
    windows, clients, ops = limits
    trial = replace(READS_LOCALLY, protocol=f"tests.mutants.{protocol}", nemesis=nemesis, seed=seed)
    found = shrunk(trial, trials=1200)

    assert found.before.ops > 100
    assert found.after.windows <= windows
    assert found.after.clients <= clients
    assert found.after.ops <= ops
    assert found.after.time_ms < trial.time_ms
    assert found.played.results.outcome is Outcome.INVALID


def test_what_comes_after_the_evidence_is_the_first_to_go():
    """With the second trial, since nothing before it changes."""
    trial = replace(READS_LOCALLY, seed="1")
    found = shrunk(trial, trials=2)
    rows = play(trial).run.rows
    last_ns = max(rows[i].time_ns for i in found.played.results.checks["linearizable"].evidence)

    assert found.after.time_ms == last_ns // 10**6 + 1 < trial.time_ms
    assert found.after.windows < found.before.windows


def test_shrinking_is_deterministic_with_any_number_of_processes(monkeypatch):
    """Goal: the result says nothing about the machine. Method: with a pool forced to be used."""
    played = play(READS_LOCALLY)
    results = []
    for jobs, pays_s in ((1, 99.0), (1, 99.0), (2, 0.0)):
        monkeypatch.setattr(search_module, "PROCESSES_PAY_S", pays_s)
        done = shrink(READS_LOCALLY, played, "linearizable", bounds=Bounds(trials=150), jobs=jobs)
        results.append((done.trial, done.trials, done.played.run.digest))

    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("check", ["linearizable", "agreement"])
def test_the_same_check_goes_on_failing(check):
    trial = replace(READS_LOCALLY, protocol="tests.mutants.epaxos:NoComponents", seed="1")
    done = shrunk(trial, check=check, trials=300)

    assert done.played.results.checks[check].outcome is Outcome.INVALID


@pytest.mark.parametrize("most", [1, 2, 30])
def test_the_bound_on_trials_is_kept_and_the_best_so_far_still_fails(most):
    done = shrunk(READS_LOCALLY, trials=most)

    assert done.trials <= most
    assert fails_in(done.trial, "linearizable")


def test_no_time_means_no_trial_and_the_first_trial_is_kept():
    played = play(READS_LOCALLY)
    frozen = freeze(READS_LOCALLY, played.run)
    with (
        Search(frozen, "linearizable", bounds=Bounds(seconds=-1)) as search,
        pytest.raises(search_module.Spent),
    ):
        search.attempt([frozen])
    assert search.best == frozen


def test_an_interrupt_keeps_the_best_so_far():
    played = play(READS_LOCALLY)

    def interrupt(search):
        if search.taken == 4:
            raise KeyboardInterrupt

    done = shrink(READS_LOCALLY, played, "linearizable", bounds=Bounds(), heard=interrupt)

    assert done.interrupted
    assert "interrupted" in done.sentence()
    assert done.after < done.before
    assert fails_in(done.trial, "linearizable")


def test_a_replica_that_raises_fails_in_another_way():
    assert not fails_in(replace(READS_LOCALLY, protocol="tests.test_shrink:Raises"), "linearizable")


class Raises(READS_LOCALLY.replica()):
    def on_request(self, request, command):
        raise AssertionError("no")


def test_sizes_count_what_people_count():
    trial = replace(READS_LOCALLY, nemesis="none", threads=1).with_plan([RING])
    trial = trial.with_ops([ScriptedOp(0, 0, "read", "r0")])

    assert str(size_of(trial)) == "1 window, 3 nodes, 1 client, 1 op, 4000 ms"
    assert size_of(trial).targets == 4


# --- the command line -----------------------------------------------------------------------------


def test_a_failure_is_shrunk_and_the_last_line_reproduces_it(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(READS_LOCALLY.command("sim", "--jobs", "1"))[1:]
    code, out, _ = run(capsys, *words)
    last = out.splitlines()[-1]

    assert code == 1
    assert re.search(r"shrunk from \d+ windows, 3 nodes, 6 clients, \d+ ops, 4000 ms to ", out)
    assert last.startswith("reproduce:  harness sim")
    stored = (tmp_path / "store/latest").resolve()
    trial = json.loads((stored / "trial.json").read_text())
    assert Path(trial["shrunk_from"]).name != stored.name

    code, out, _ = run(capsys, *shlex.split(last)[2:], "--no-shrink")
    assert code == 1
    assert "shrunk from" not in out
    again = (tmp_path / "store/latest").resolve()
    assert again != stored
    assert (again / "history.jsonl").read_bytes() == (stored / "history.jsonl").read_bytes()


def test_a_stored_run_is_shrunk_further(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(READS_LOCALLY.command("sim", "--no-shrink"))[1:]
    run(capsys, *words)
    code, out, _ = run(capsys, "shrink", "latest", "--trials", "40", "--jobs", "1")
    assert code == 1
    first = re.search(r"to (.*) in 40 trials", out)
    assert first

    code, out, _ = run(capsys, "shrink", "latest", "--trials", "200", "--jobs", "1")
    assert code == 1
    assert f"shrunk from {first[1]} to " in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("shrink latest", "is valid: nothing to shrink"),
        ("shrink latest --check availability", "--check availability: there is none"),
        ("shrink latest --check stats", "--check stats: it is valid"),
        ("shrink nowhere", "no run or file"),
    ],
)
def test_what_cannot_be_shrunk_is_told(capsys, monkeypatch, tmp_path, words, sentence):
    monkeypatch.chdir(tmp_path)
    run(capsys, "sim", "-p", "abd", "-n", "3", "--time", "0.2", "--seed", "1")
    code, _, err = run(capsys, *words.split())

    assert code == 254
    assert sentence in re.sub(r"\s+", " ", err)


@pytest.mark.parametrize(
    ("ops", "sentence"),
    [
        ("[[0,9,'read','r0',null]]", "--ops: "),
        ('[[0,9,"read","r0",null]]', "op 0: there is no client 9: there are 0 to 5"),
        ('[[0,0,"read","r0",null,3]]', "op 0: there is no node 3"),
        ('[[-1,0,"read","r0",null]]', "op 0: at_ms is -1"),
        ("{}", "ops are a list"),
        ("@/no/such", "--ops @/no/such: No such file"),
    ],
)
def test_ops_that_cannot_be_meant_are_told(capsys, monkeypatch, tmp_path, ops, sentence):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "sim", "-p", "abd", "-n", "3", "--ops", ops)

    assert code == 254
    assert sentence in re.sub(r"\s+", " ", err)
