"""Both interpreters make of the same script the same effects, states and disks, step by step.

If they differed, a simulation would prove nothing about the node. (In the prototype the node reused
request ids after a restart and the simulator did not, so that no simulation could show the bug.)

A script is drawn by chance from what can happen next: requests, deliveries in any order, some twice
and some never, timers, kills and starts. The simulator plays events one at a time. The node plays
the events that a burst has for it as *one* turn with one commit, as it does under load.
"""

from __future__ import annotations

import importlib.util
import pkgutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from protocols import PROTOCOLS
from protocols.kernel import Command, NodeId, Replica, RequestId
from tests.contract.interpreters import NODES, Real, Seen, Simulated
from tests.node.replicas import Ledger

EVENTS = 400
COMMANDS = (
    ("write", "x", [1, {"a": None}]),
    ("read", "x", None),
    ("cas", "y", [1, 2]),
    ("write", "y", 1),
    ("append", "z", "é"),
    ("read", "z", None),
)


def protocols() -> list[Any]:
    found = [pytest.param("tests.node.replicas:Ledger", id="ledger")]
    for name, path in PROTOCOLS.items():
        exists = importlib.util.find_spec(path.partition(":")[0]) is not None
        missing = pytest.mark.skip(reason=f"{path} does not exist yet")
        found.append(pytest.param(path, id=name, marks=[] if exists else [missing]))
    return found


class Script:
    """Plays events on both interpreters and compares after each burst."""

    def __init__(self, protocol: type[Replica[Any]], seed: int, directory: Path) -> None:
        self.random = Random(f"parity/{seed}")
        self.simulated, self.real = Simulated(protocol), Real(protocol, directory)
        self.up = [True] * NODES
        self.flying: list[tuple[NodeId, NodeId, str]] = []
        self.timers: list[list[str]] = [[] for _ in range(NODES)]
        self.requests: list[RequestId] = []
        self.counts: Counter[str] = Counter()
        for node in range(NODES):
            self.start(node)

    def play(self, events: int) -> None:
        while sum(self.counts[k] for k in ("request", "deliver", "fire", "kill")) < events:
            self.simulated.now_ms += 1
            self.real.now_ms += 1
            node = self.random.randrange(NODES)
            if not self.up[node]:
                self.start(node)
            elif self.random.randrange(25) == 0:
                self.kill(node)
            else:
                if self.timers[node] and self.random.randrange(5) == 0:
                    self.fire(node)  # a turn begins with timers: see Engine.fire
                for _ in range(self.random.randint(1, 4)):
                    self.event(node)
                self.real.turn(node)
                self.compare(node)

    def event(self, node: NodeId) -> None:
        """One event of a burst at a node; chosen from what was possible when the burst began."""
        here = [flight for flight in self.flying if flight[1] == node]
        choice = self.random.randrange(20)
        if here and choice < 15:
            flight = self.random.choice(here)
            if self.random.randrange(20):
                self.flying.remove(flight)  # else it will come a second time
            if self.random.randrange(20):
                self.counts["deliver"] += 1
                for interpreter in (self.simulated, self.real):
                    interpreter.deliver(*flight)
        elif choice >= 17:
            self.request(node)

    def fire(self, node: NodeId) -> None:
        self.counts["fire"] += 1
        timer = self.random.choice(self.timers[node])
        for interpreter in (self.simulated, self.real):
            interpreter.fire(node, timer)

    def request(self, node: NodeId) -> None:
        self.counts["request"] += 1
        serial = self.counts["request"]
        f, key, value = self.random.choice(COMMANDS)
        session = self.random.choice(["", f"c{serial}"])
        command = Command(f, key, value, session, serial)
        expected = self.simulated.request(node, command)
        assert self.real.request(node, command) == expected
        assert expected not in self.requests
        self.requests.append(expected)

    def start(self, node: NodeId) -> None:
        for interpreter in (self.simulated, self.real):
            interpreter.start(node)
        self.up[node] = True
        self.compare(node)

    def kill(self, node: NodeId) -> None:
        self.counts["kill"] += 1
        for interpreter in (self.simulated, self.real):
            interpreter.kill(node)
        self.up[node] = False
        self.flying = [f for f in self.flying if f[:2] != (node, node)]
        self.compare(node)

    def compare(self, node: NodeId) -> None:
        seen = self.simulated.look(node)
        assert_same(seen, self.real.look(node))
        self.flying += seen.sent
        self.flying += [(node, node, text) for text in seen.to_itself]
        self.timers[node] = seen.timers
        self.counts["reply"] += len(seen.replies)
        self.counts["note"] += len(seen.notes)


def assert_same(simulated: Seen, real: Seen) -> None:
    for name in Seen.__dataclass_fields__:
        ours, theirs = getattr(simulated, name), getattr(real, name)
        if ours != theirs:  # pytest's own comparison of long states takes minutes
            raise AssertionError(f"{name}: simulated {ours!r:.2000}\nreal {theirs!r:.2000}")


@pytest.mark.parametrize("path", protocols())
def test_the_same_script_gives_the_same_on_both(path: str, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(3):
        script = Script(pkgutil.resolve_name(path), seed, tmp_path / str(seed))
        try:
            script.play(EVENTS)
        finally:
            script.real.close()
        counts += script.counts

    assert set(counts) >= {"request", "deliver", "fire", "kill", "reply"}, f"vacuous: {counts}"


class Clockwise(Ledger):
    """Differs by what an interpreter does besides: it counts how often the class was made."""

    made = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        Clockwise.made += 1
        self.made_as = Clockwise.made


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="state"):
        Script(Clockwise, 0, tmp_path)


def test_the_comparison_sees_a_request_id_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prototype's bug: an interpreter that does not count its incarnations durably."""
    script = Script(Ledger, 0, tmp_path)
    monkeypatch.setattr("harness.node.journal.Journal.get", lambda *_: None)
    try:
        with pytest.raises(AssertionError):
            script.play(EVENTS)
    finally:
        script.real.close()
