"""A session: going on, going back, and what is done by hand, each the same whenever it is played."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from checker.verdict import Outcome
from harness.errors import UsageError
from harness.play import answers
from harness.play.acts import fault_of, perform
from harness.play.session import Session
from harness.play.timeline import Timeline
from harness.replay import load_simulated, replay
from harness.sim import simulate
from harness.simulated import keep, play, setup_of
from harness.trial import Trial
from nemesis.actions import Fault, FillDisk, FreeDisk, Start
from protocols import PROTOCOLS

BY_HAND = Trial(protocol="multipaxos", workload="cas", nodes=3, threads=6, seed="7", ops="[]")
STORED = Trial(
    protocol="raft", workload="register", nodes=3, threads=6, seed="4", time_ms=2_500, rate=120,
    nemesis="kill,partition",
)  # fmt: skip
WRITE = {"do": "ask", "f": "write", "key": "r0", "value": 5, "node": 0}
READ = {"do": "ask", "f": "read", "key": "r0", "value": None, "node": 2}
CUT = {"do": "cut", "links": [[0, 1], [1, 0]]}


def step_of(session: Session, kind: str, after: int = 0) -> int:
    """The first step after one in which something of this kind happens."""
    for moment in session.timeline.moments(after + 1, 2_000):
        if any(event["kind"] == kind for event in moment.shown["events"]):
            return moment.step
    raise AssertionError(f"no {kind} after event {after}")


def to_leader(session: Session) -> tuple[int, int]:
    """The first moment at which some node leads, and that node."""
    for moment in session.timeline.moments(0, 2_000):
        for node in moment.shown["nodes"]:
            if node["role"] == "leader":
                return moment.step, node["id"]
    raise AssertionError("nobody leads")


# --- going on and back ----------------------------------------------------------------------------


def test_the_timeline_is_the_run() -> None:
    trial = replace(STORED, time_ms=400)
    whole = simulate(setup_of(trial))
    timeline = Timeline(trial)
    last = timeline.moment(10**9)
    assert last.shown["over"]
    assert (last.rows, last.step) == (len(whole.rows), timeline.last)
    assert timeline.rows(last.rows) == whole.rows
    assert last.time_ns == whole.end_ns


@pytest.mark.parametrize("trial", [BY_HAND, STORED], ids=["by hand", "stored"])
def test_going_back_gives_what_was_there(trial: Trial) -> None:
    forward = Timeline(trial).moments(0, 400)
    jumping = Timeline(trial)
    for step in (390, 12, 388, 200, 0, 399, 1):
        assert jumping.moment(step) == forward[step]
    jumping.moment(10**9)
    assert jumping.moment(150) == forward[150]
    assert jumping.moments(395, 3) == forward[395:398]


def test_an_event_at_a_time() -> None:
    timeline = Timeline(STORED)
    moments = timeline.moments(0, 200)
    for moment in moments[1::20]:
        latest = max(m.step for m in moments if m.time_ns <= moment.time_ns)
        assert Timeline(STORED).at(moment.time_ns).step == latest
    assert timeline.at(10**15).step == timeline.last


def test_a_message_flies_until_it_arrives() -> None:
    moments = Timeline(STORED).moments(0, 600)
    arrived = 0
    for before, after in pairwise(moments):
        for event in after.shown["events"]:
            if event["kind"] != "message":
                continue
            flying = [
                f for f in before.shown["flights"]
                if (f["src"], f["dst"], f["sent_ns"], f["due_ns"], f["name"])
                == (event["src"], event["node"], event["sent_ns"], after.time_ns, event["name"])
            ]  # fmt: skip
            arrived += 1
            assert flying or before.shown["nodes"][event["node"]]["waiting"], event
    assert arrived > 100


def test_losses_and_doubles_are_seen() -> None:
    moments = Timeline(replace(STORED, nemesis="packet", time_ms=3_000)).moments(0, 4_000)
    kinds = {event["kind"] for moment in moments for event in moment.shown["events"]}
    assert {"message", "lost", "timer", "request", "reply", "nemesis"} <= kinds
    assert any(flight["double"] for moment in moments for flight in moment.shown["flights"])
    assert any(link["weather"] for moment in moments for link in moment.shown["links"])


# --- what is done by hand -------------------------------------------------------------------------


def test_an_op_by_hand_is_answered() -> None:
    session = Session(BY_HAND)
    step, _ = to_leader(session)
    perform(session, step, WRITE)
    answered = step_of(session, "reply", step)
    perform(session, answered, READ)
    again = step_of(session, "reply", answered)
    rows = [r for r in session.timeline.rows(session.timeline.moment(again).rows) if r.process >= 0]
    assert [(r.f, r.value) for r in rows][-1] == ("read", 5)
    _, results = session.judged(again)
    assert results.checks["linearizable"].outcome is Outcome.VALID


def test_the_past_stays_the_past() -> None:
    """Whatever is done: all that was seen until then is the same."""
    session = Session(BY_HAND)
    before = session.timeline.moments(0, 140)
    for act in (
        WRITE,
        CUT,
        {"do": "kill", "node": 2},
        {"do": "pause", "node": 1},
        READ,
        {"do": "finish"},
    ):
        perform(session, 120, act)
        assert session.timeline.moments(0, 121) == before[:121]
    later = session.timeline.moments(121, 60)
    assert [m.digest for m in later][:19] != [m.digest for m in before][121:140]


def test_where_nothing_happens_by_itself_it_waits() -> None:
    """ABD is idle until it is asked; then what is done happens, and it waits again."""
    session = Session(replace(BY_HAND, protocol="abd"), by_hand=True)
    assert (session.timeline.moment(5).step, session.timeline.last) == (0, 0)
    perform(session, 0, WRITE)
    last = session.timeline.moment(10**9)
    assert (last.shown["phase"], last.shown["flights"], last.shown["over"]) == ("main", [], False)
    assert [row.type for row in session.timeline.rows(last.rows)] == [0, 1]
    assert session.timeline.moment(last.step - 3).step == last.step - 3
    perform(session, last.step, {"do": "finish"})
    assert session.timeline.moment(10**9).shown["over"]
    assert play(session.saved(10**9)).results.outcome is Outcome.VALID


def test_faults_by_hand_happen_and_end() -> None:
    session = Session(BY_HAND)
    step, leader = to_leader(session)
    perform(session, step, {"do": "kill", "node": leader})
    down = step_of(session, "nemesis", step)
    assert not session.timeline.moment(down).shown["nodes"][leader]["up"]
    assert session.timeline.moment(down).shown["faults"][0]["name"] == f"kill n{leader + 1}"
    fault = session.timeline.moment(down).shown["faults"][0]
    perform(session, down + 3, {"do": "cure", "at_ms": fault["at_ms"], "name": fault["name"]})
    up = step_of(session, "nemesis", down)
    assert session.timeline.moment(up).shown["nodes"][leader]["up"]
    assert session.timeline.moment(up).shown["nodes"][leader]["incarnation"] == 2
    assert session.timeline.moment(up).shown["faults"] == []


def test_leadership_is_handed_over_by_hand() -> None:
    """It breaks nothing, so that nothing is cured; a protocol that has none to hand over refuses."""
    session = Session(BY_HAND)
    step, leader = to_leader(session)
    heir = (leader + 1) % 3
    perform(session, step, {"do": "lead", "node": heir})
    later = session.timeline.moments(step + 1, 400)
    assert any(m.shown["nodes"][heir]["role"] == "leader" for m in later)
    assert fault_of({"do": "lead", "node": 1}).end == ()
    leaderless = Session(replace(STORED, protocol="abd", nemesis="none"))
    with pytest.raises(UsageError, match="no leader that could be asked to hand over"):
        perform(leaderless, 9, {"do": "lead", "node": 1})


def test_faults_of_several_nodes_overlap_and_one_takes_anothers_place() -> None:
    session = Session(BY_HAND)
    perform(session, 40, {"do": "pause", "node": 0})
    paused = step_of(session, "nemesis", 40)
    perform(session, paused, {"do": "kill", "node": 1})
    perform(session, paused, {"do": "kill", "node": 0})
    after = session.timeline.moments(paused + 1, 12)
    nodes = next(m.shown["nodes"] for m in after if not m.shown["nodes"][0]["up"])
    assert not nodes[0]["paused"]
    assert not any(m.shown["nodes"][1]["up"] for m in after[-3:])
    session.saved(after[-1].step).windows()  # a plan that can be meant


def test_a_cut_stops_messages_and_is_mended() -> None:
    session = Session(BY_HAND)
    step, leader = to_leader(session)
    others = [n for n in range(3) if n != leader]
    links = [list(pair) for n in others for pair in ((leader, n), (n, leader))]
    perform(session, step, {"do": "cut", "links": links})
    stopped = session.timeline.moment(step_of(session, "cut", step))
    assert {(link["src"], link["dst"]) for link in stopped.shown["links"]} == {
        tuple(k) for k in links
    }
    assert fault_of({"do": "cut", "links": links}).name.startswith("cut ")


def test_who_ended_for_lack_of_space_is_started_when_there_is_some() -> None:
    full = fault_of({"do": "fill-disk", "node": 1, "left_bytes": 0})
    assert full == Fault("fill-disk n2", (FillDisk(1, 0),), (FreeDisk(1), Start(1)))
    with pytest.raises(UsageError, match="the act for it is cure"):
        fault_of({"do": "free-disk", "node": 1})


def test_doing_something_else_forgets_what_came_after() -> None:
    session = Session(BY_HAND)
    perform(session, 50, WRITE)
    perform(session, 90, {"do": "kill", "node": 0})
    perform(session, 70, {"do": "pause", "node": 1})
    assert [made.made_at for made in session.inputs] == [50, 70]
    assert session.version == 3
    perform(session, 10, {"do": "forget"})
    assert session.inputs == []


def test_what_is_still_to_come_can_be_forgotten() -> None:
    session = Session(BY_HAND)
    perform(session, 50, {"do": "kill", "node": 0})
    (made,) = answers.inputs(session.inputs)
    perform(session, 50, {"do": "cure", "at_ms": made["at_ms"], "name": made["words"]})
    assert session.inputs == []


def test_a_run_with_chance_in_it_is_frozen_when_it_is_changed() -> None:
    """Its own clients and faults go on as they did; what is done by hand comes on top."""
    session = Session(STORED)
    assert session.trial.ops is None
    before = session.timeline.moments(0, 101)
    perform(session, 100, {"do": "bump-clock", "node": 1, "ms": 700})
    assert session.trial.ops is not None
    assert session.timeline.moments(0, 101) == before
    own = [w.fault.name for w in session.trial.windows()]
    assert own[-1] == "bump-clock n2"
    assert len(own) == len(play(STORED).run.plan) + 1


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        ({"do": "ask", "f": "pop", "key": "x", "value": 1, "node": 0}, "asks for read, write, cas, not 'pop'"),
        ({"do": "ask", "f": "read", "key": "x", "value": 1, "node": 9}, "there is no node n10"),
        ({"do": "ask", "f": "read"}, "ask lacks something"),
        ({"do": "explode"}, "no action is called 'explode'"),
        ({"do": "kill", "node": 7}, "there is no node 7"),
        ({"do": "cut", "links": [[0, 0]]}, "a link from node 0 to itself"),
        ({"do": "start", "node": 0}, "the act for it is cure"),
        ({"do": "cure", "at_ms": 3, "name": "kill n1"}, "no fault 'kill n1' of yours"),
        ({}, "an action is an object"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(act: dict[str, object], sentence: str) -> None:
    session = Session(BY_HAND)
    with pytest.raises(UsageError, match=sentence):
        perform(session, 30, act)
    assert (session.inputs, session.version) == ([], 0)


def test_after_its_end_nothing_is_done() -> None:
    session = Session(BY_HAND)
    perform(session, 30, {"do": "finish"})
    last = session.timeline.moment(10**9)
    assert last.shown["over"]
    with pytest.raises(UsageError, match="the clients' time is over"):
        perform(session, last.step, WRITE)


def test_every_client_may_be_busy() -> None:
    session = Session(replace(BY_HAND, threads=1))
    perform(session, 30, WRITE)
    with pytest.raises(UsageError, match="every client waits for an answer"):
        perform(session, 30, READ)


# --- what is kept ---------------------------------------------------------------------------------


def test_what_was_made_by_hand_is_a_run_that_replays(tmp_path: Path) -> None:
    session = Session(BY_HAND)
    step, leader = to_leader(session)
    perform(session, step, WRITE)
    perform(session, step + 8, {"do": "kill", "node": leader})
    perform(
        session,
        step + 12,
        {"do": "ask", "f": "cas", "key": "r0", "value": [5, 6], "node": (leader + 1) % 3},
    )
    end = step + 30
    now = session.timeline.moment(end)
    trial = session.saved(end)
    path, command = keep(tmp_path, trial, play(trial))
    source = load_simulated(path)
    again = replay(source)
    assert again.differs is None
    assert again.played.run.rows[: now.rows] == session.timeline.rows(now.rows)
    assert [w.fault.name for w in again.played.run.plan] == [f"kill n{leader + 1}"]
    assert command.startswith("harness sim --protocol multipaxos --workload cas")
    assert Session(source.trial).timeline.moment(end).digest == now.digest


def test_nothing_done_is_nothing_to_keep() -> None:
    with pytest.raises(UsageError, match="nothing to save"):
        Session(BY_HAND).saved(20)


def test_what_is_wrong_is_shown_as_edges() -> None:
    """A mutant's run: the verdict so far turns, and the anomaly names ops that the page has."""
    trial = Trial(
        protocol="tests.mutants.abd:NoTieBreak", nodes=3, threads=6, time_ms=2_000, rate=60, seed="339420"
    )  # fmt: skip
    session = Session(trial)
    last = session.timeline.moment(10**9).step
    told = json.loads(json.dumps(answers.verdict(session, last)))
    assert told["outcome"] == "invalid"
    (anomaly,) = told["anomalies"]
    rows = {row["row"] for row in answers.moments(session, last, 1, None)["rows"]["rows"]}
    assert set(anomaly["ops"]) <= rows
    assert any(edge["against"] for edge in anomaly["edges"])
    assert {e["tail"] for e in anomaly["edges"]} | {e["head"] for e in anomaly["edges"]} <= set(
        anomaly["ops"]
    )
    assert answers.verdict(session, last // 2)["outcome"] == "valid"


def test_rows_come_once() -> None:
    """A page that has some rows is told the others only; one that jumps is told those around."""
    session = Session(STORED)
    first = answers.moments(session, 0, 100, 0)["rows"]["rows"]
    have = session.timeline.moment(99).rows
    more = answers.moments(session, 100, 100, have)["rows"]
    assert more["from"] == have
    whole = answers.moments(session, 199, 1, None)["rows"]["rows"]
    assert [*first, *more["rows"]] == whole


def test_a_nodes_whole_state() -> None:
    session = Session(BY_HAND)
    step, leader = to_leader(session)
    state = answers.node(session, step, leader)["state"]
    assert state["following"] == leader
    assert session.timeline.moment(step + 1).step == step + 1
    with pytest.raises(UsageError, match="there is no node 3"):
        answers.node(session, step, 3)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_all_protocols_have_cards(protocol: str) -> None:
    """A card for each node of each protocol, within what a page shows."""
    zones = "a,b,c" if protocol in {"wpaxos", "wankeeper", "vpaxos", "hpaxos"} else ""
    trial = Trial(
        protocol=protocol, nodes=3, threads=6, seed="1", time_ms=300, rate=100, zones=zones
    )
    for node in Timeline(trial).moment(150).shown["nodes"]:
        assert node["up"]
        assert isinstance(node["fields"], dict)
        assert len(json.dumps(node)) < 12_000
