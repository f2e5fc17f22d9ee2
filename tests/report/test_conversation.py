"""Which events are shown: in a time, of some keys, at some nodes, around the evidence."""

from __future__ import annotations

from dataclasses import replace

from checker.verdict import Outcome
from harness.report.conversation import MARGIN_NS, SHORT_RUN, Scope
from harness.trial import Trial
from tests.report.conversations import STALE, TRIAL, talk


def test_a_short_run_is_shown_whole():
    shown = talk()

    assert shown.omitted is None
    assert {"message", "request", "reply", "invoke", "ok", "nemesis", "cut"} <= {
        m.kind for m in shown.moments
    }
    assert [m.time_ns for m in shown.moments] == sorted(m.time_ns for m in shown.moments)


def test_a_message_says_when_it_was_sent():
    messages = [m for m in talk().moments if m.kind == "message"]

    assert messages
    assert all(1_000_000 <= m.time_ns - m.sent_ns <= 5_000_000 for m in messages)


def test_of_a_long_run_what_is_around_the_evidence_is_shown():
    trial = Trial(
        protocol="tests.mutants.multipaxos:ReadsLocally",
        nemesis="partition", nodes=3, threads=6, time_ms=3000, seed="1",
    )  # fmt: skip
    shown = talk(trial=trial)
    evident = [m.time_ns for m in shown.moments if m.evident]

    assert shown.outcome is Outcome.INVALID
    assert shown.omitted is not None
    assert len(evident) >= 3
    assert min(evident) - shown.moments[0].time_ns <= MARGIN_NS
    assert shown.moments[-1].time_ns - max(evident) <= MARGIN_NS
    assert "of 1" in shown.omitted or "events" in shown.omitted
    assert SHORT_RUN < 1000


def test_keys_and_nodes_choose_but_faults_and_evidence_stay():
    only = talk(Scope(keys=frozenset({"r1"}), nodes=frozenset({1})))
    others = [m for m in only.moments if m.kind != "nemesis"]

    assert others
    assert all('"r1"' in m.text for m in others)
    assert all(1 in (m.node, m.src) for m in others)
    assert any(m.kind == "nemesis" for m in only.moments)


def test_bands_are_the_faults_with_what_they_hit():
    cut, kill = talk().bands

    assert (cut.name, cut.from_ns, cut.to_ns) == ("cut-one", 10_000_000, 22_000_000)
    assert cut.links == ((0, 1), (1, 0))
    assert (kill.name, kill.nodes) == ("kill-one", (2,))


def test_the_evidence_is_marked():
    shown = talk(trial=replace(STALE, nodes=1, threads=1))

    assert shown.outcome is Outcome.INVALID
    assert {m.kind for m in shown.moments if m.evident} == {"invoke", "ok"}
    assert TRIAL != STALE
