"""The engine keeps the contract of protocols.kernel: persisted first, in order, never twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.node.engine import EVENTS_PER_TURN, Engine, IdentityError
from harness.node.journal import Journal
from protocols.amnesia import Amnesiac
from protocols.kernel import Cluster, Command, Json, NodeId, Replica, RequestId, record
from protocols.wire import WireError


@record
class Say:
    words: tuple[Json, ...]


class Scripted(Replica[Say]):
    """Does what the command's value says: a list of [method, arguments ...] of the replica."""

    messages = (Say,)

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.heard: list[Any] = [("start", dict(durable))]

    def on_request(self, request: RequestId, command: Command) -> None:
        self.heard.append(("request", request))
        for method, *arguments in command.value:  # type: ignore[attr-defined]
            if method == "say":
                dst, *words = arguments
                self.send(dst, Say(tuple(words)))
            elif method == "answer":
                self.reply(request, *arguments)
            else:
                getattr(self, method)(*arguments)

    def on_message(self, src: NodeId, msg: Say) -> None:
        self.heard.append(("message", src, msg))

    def on_timer(self, timer: str) -> None:
        self.heard.append(("timer", timer))


class Recorder:
    """A world that writes down what is done to it, and what is durable at that moment."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.done: list[tuple[Any, ...]] = []
        self.durable: list[dict[str, Json]] = []
        self.timers: dict[str, int] = {}

    def add(self, *what: Any) -> None:
        self.done.append(what)
        self.durable.append({k: v for k, v in self.journal.durable().items() if k[0] != "@"})

    def send(self, dst: NodeId, text: str) -> None:
        self.add("send", dst, text)

    def set_timer(self, timer: str, generation: int, ms_min: int, ms_max: int) -> None:
        self.timers[timer] = generation
        self.add("set_timer", timer, ms_min, ms_max)

    def cancel_timer(self, timer: str) -> None:
        self.add("cancel_timer", timer)

    def reply(self, request: RequestId, value: str, ok: bool) -> None:
        self.add("reply", request, value, ok)

    def note(self, kind: str, value: str) -> None:
        self.add("note", kind, value)


class Stage:
    def __init__(self, directory: Path, build: type[Replica[Any]] = Scripted) -> None:
        self.directory, self.build = directory, build
        self.now_ms, self.disk_lost = 5, False
        self.open()

    def open(self, identity: str = "scripted 1") -> None:
        self.journal = Journal(self.directory, pytest.fail)
        self.world = Recorder(self.journal)
        try:
            self.engine = Engine(
                self.build,
                1,
                Cluster((0, 1, 2)),
                identity=identity,
                journal=self.journal,
                world=self.world,
                now_ms=lambda: self.now_ms,
                disk_lost=self.disk_lost,
            )
        except IdentityError:
            self.journal.close()
            raise
        self.engine.turn()

    def reopen(self) -> None:
        self.journal.close()
        self.open()

    @property
    def heard(self) -> list[Any]:
        return self.engine.replica.heard  # type: ignore[attr-defined,no-any-return]

    def ask(self, *script: list[Any]) -> RequestId:
        return self.engine.request(Command("do", "", list(script)))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.journal.close()


def test_what_a_step_persists_is_durable_before_anything_leaves_and_the_order_is_kept(
    stage: Stage,
) -> None:
    request = stage.ask(
        ["say", 0, "a"],
        ["note", "kind", [1]],
        ["answer", "v"],
        ["set_timer", "t", 10, 20],
        ["say", 2, "b"],
        ["persist", "k", {"x": 1}],
    )
    stage.engine.turn()

    assert stage.world.done == [
        ("send", 0, '["Say",["a"]]'),
        ("note", "kind", "[1]"),
        ("reply", request, '"v"', True),
        ("set_timer", "t", 10, 20),
        ("send", 2, '["Say",["b"]]'),
    ]
    assert stage.world.durable == [{"k": {"x": 1}}] * 5


def test_events_that_came_in_together_share_one_commit(stage: Stage) -> None:
    for i in range(5):
        stage.ask(["persist", f"k{i}", i], ["say", 0, i])
    stage.engine.turn()

    assert stage.engine.commits == 1
    assert [dst for _, dst, _ in stage.world.done] == [0] * 5
    assert stage.world.durable[0] == {f"k{i}": i for i in range(5)}


def test_steps_that_persist_nothing_cost_no_commit(stage: Stage) -> None:
    stage.ask(["say", 0, 1])
    stage.engine.turn()

    assert stage.engine.commits == 0


def test_a_turn_is_bounded(stage: Stage) -> None:
    for _ in range(EVENTS_PER_TURN + 1):
        stage.ask()
    stage.engine.turn()
    assert len(stage.engine.inbox) == 1


def test_a_message_to_oneself_is_an_event_of_the_next_turn_and_a_copy(stage: Stage) -> None:
    words = [1, [2]]
    stage.ask(["say", 1, *words])
    stage.engine.turn()
    assert stage.heard[-1][0] == "request"
    stage.engine.turn()

    assert stage.heard[-1] == ("message", 1, Say((1, [2])))
    assert stage.heard[-1][2].words[1] is not words[1]
    assert stage.world.done == []


def test_a_value_is_what_it_was_at_the_end_of_its_step(tmp_path: Path) -> None:
    """A replica may change its own lists later: in the same turn nothing may show of it."""

    class Growing(Scripted):
        def on_start(self, durable: Mapping[str, Json]) -> None:
            super().on_start(durable)
            self.log: list[int] = []

        def on_request(self, request: RequestId, command: Command) -> None:
            self.log.append(len(self.log))
            self.send(0, Say((self.log,)))
            self.reply(request, self.log)
            self.note("log", self.log)
            self.persist(f"log{len(self.log)}", self.log)

    stage = Stage(tmp_path, Growing)
    stage.ask()
    stage.ask()
    stage.engine.turn()

    assert [d[-1] for d in stage.world.done if d[0] == "send"] == [
        '["Say",[[0]]]',
        '["Say",[[0,1]]]',
    ]
    assert [d[2] for d in stage.world.done if d[0] in ("reply", "note")] == ["[0]"] * 2 + [
        "[0,1]"
    ] * 2
    assert stage.journal.get("log1") == [0]
    stage.journal.close()


def test_request_ids_and_incarnations_never_come_twice(stage: Stage) -> None:
    seen: set[RequestId] = set()
    for incarnation in range(1, 5):
        assert stage.engine.incarnation == incarnation
        requests = [stage.ask() for _ in range(10)]
        assert not seen & set(requests)
        seen |= set(requests)
        stage.reopen()


def test_start_gets_what_was_persisted_through_json_and_nothing_of_the_engine(stage: Stage) -> None:
    stage.ask(["persist", "k", (1, ("x",))], ["persist", "gone", 1])
    stage.ask(["forget", "gone"])
    stage.engine.turn()
    stage.reopen()

    assert stage.heard == [("start", {"k": [1, ["x"]]})]


def test_a_timer_that_ran_down_is_heard_before_what_was_not_taken_yet(stage: Stage) -> None:
    """As after a stop: a lease that ran out in the meantime must not answer what came since."""
    stage.ask(["set_timer", "lease", 1])
    stage.engine.turn()
    stage.ask(["set_timer", "other", 1])
    stage.engine.fire("lease", stage.world.timers["lease"])
    stage.engine.turn()
    assert stage.heard[-2] == ("timer", "lease")


def test_a_timer_that_ran_down_is_not_heard_if_it_was_cancelled_or_set_again_before(
    stage: Stage,
) -> None:
    stage.ask(["set_timer", "a", 1], ["set_timer", "b", 1], ["set_timer", "c", 1])
    stage.engine.turn()
    old = dict(stage.world.timers)
    stage.ask(["cancel_timer", "a"], ["set_timer", "b", 2])
    stage.engine.turn()
    for timer in "abc":
        stage.engine.fire(timer, old[timer])
    stage.engine.turn()
    assert stage.heard[-1] == ("timer", "c")
    assert sum(what == "timer" for what, _ in stage.heard) == 1

    stage.engine.fire("b", stage.world.timers["b"])
    stage.engine.fire("b", stage.world.timers["b"])
    stage.engine.turn()
    assert stage.heard[-1] == ("timer", "b")
    assert sum(what == "timer" for what, _ in stage.heard) == 2


def test_the_last_word_on_a_timer_counts_within_a_turn(stage: Stage) -> None:
    stage.ask(["set_timer", "a", 1], ["cancel_timer", "a"])
    stage.ask(["cancel_timer", "b"], ["set_timer", "b", 3])
    stage.engine.turn()

    assert stage.world.done == [("cancel_timer", "a"), ("set_timer", "b", 3, 3)]


def test_the_clock_is_set_before_each_step(stage: Stage) -> None:
    stage.now_ms = 77
    stage.ask()
    stage.engine.turn()
    assert stage.engine.replica.now_ms == 77


def test_what_is_no_message_is_refused_before_it_reaches_a_step(stage: Stage) -> None:
    for text in (
        "",
        "[]",
        '["Say"]',
        '["Shout",[]]',
        "[[1],2]",
        '{"a":1}',
        '["Say",5]',
        "[" * 9999,
    ):
        with pytest.raises(WireError):
            stage.engine.receive(0, text)
    assert not stage.engine.inbox


def test_an_exception_of_a_step_passes_and_nothing_of_the_turn_leaves(stage: Stage) -> None:
    stage.ask(["persist", "k", 1], ["say", 0, 1])
    stage.ask(["no such method"])
    with pytest.raises(AttributeError):
        stage.engine.turn()
    assert stage.world.done == []


def test_the_engines_own_keys_are_not_the_replicas(stage: Stage) -> None:
    stage.ask(["persist", "@incarnation", 1])
    with pytest.raises(AssertionError):
        stage.engine.turn()


def test_a_journal_of_another_node_is_refused(stage: Stage) -> None:
    stage.journal.close()
    with pytest.raises(IdentityError, match="belongs to scripted 1, not to scripted 2"):
        stage.open("scripted 2")
    stage.open()


# --- a disk that is gone ------------------------------------------------------------------------------


def emptied(directory: Path) -> None:
    (directory / "journal").unlink()


def test_an_empty_journal_is_that_of_a_new_node_unless_it_is_said_that_the_disk_is_gone(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    assert stage.heard == [("start", {})]
    first = stage.engine.incarnation
    stage.journal.close()
    emptied(tmp_path)
    stage.now_ms, stage.disk_lost = 1_800_000_000_000, True
    stage.open()
    assert isinstance(stage.engine.replica, Amnesiac)
    assert stage.engine.incarnation > max(first, stage.now_ms), "above what was ever counted"
    assert [what[:2] for what in stage.world.done] == [("note", "amnesia")]
    request = stage.engine.request(Command("read", "x"))
    stage.engine.receive(0, stage.engine.codec.encode(Say((1,))))
    stage.engine.turn()
    assert stage.world.done[1:] == [
        ("reply", request, '"this node has lost its disk, and does not serve"', False)
    ]
    stage.disk_lost = False
    stage.reopen()
    assert isinstance(stage.engine.replica, Amnesiac), "it is written down that the disk was lost"
    stage.journal.close()


def test_a_disk_that_is_said_to_be_gone_and_is_not_is_used(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.ask(["persist", "a", 1])
    stage.engine.turn()
    stage.disk_lost = True
    stage.reopen()
    assert stage.heard == [("start", {"a": 1})]
    stage.journal.close()


class Rejoining(Scripted):
    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return len(cluster.nodes) > 1

    def on_lost(self) -> None:
        self.heard = [("lost",)]


def test_a_way_back_is_taken_until_something_was_persisted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Rejoining)
    stage.journal.close()
    emptied(tmp_path)
    stage.disk_lost = True
    stage.open()
    assert stage.heard == [("lost",)]
    stage.reopen()
    assert stage.heard == [("lost",)]
    stage.ask(["persist", "a", 1])
    stage.engine.turn()
    stage.reopen()
    assert stage.heard == [("start", {"a": 1})]
    stage.journal.close()
