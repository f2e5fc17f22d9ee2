"""A replica that has done four times as much holds no more, in memory and on disk: every protocol.

In small, with a snapshot after every few ops; ``benchmarks/memory.py`` does it in large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.footprint import footprints
from harness.simulated import setup_of
from harness.trial import Trial
from nemesis.actions import Window
from nemesis.encoding import plan_to_json
from nemesis.process import kill_nodes
from protocols import PROTOCOLS, statemachine
from protocols.answers import Answer
from protocols.kernel import Command
from protocols.statemachine import KeyValue
from protocols.wankeeper.master import Table
from protocols.wire import dumps

RATE = 1_000
THREADS, KEYS = 12, 4
OFTEN = {"snapshot_every": "10", "keep": "5"}
OPTIONS = {"epaxos": {"checkpoint_every": "10", "retain": "5"}, "abd": {}, "dynamo": {}}
NEVER = {"multipaxos": {"snapshot_every": "1000000"}, "epaxos": {"checkpoint_every": "1000000"}}
FEW, MANY, SPAN_MS = 1_000, 4_000, 400
SLACK, ODD_OBJECTS, ODD_KEYS = 1.1, 20, 5
"""How full the logs are at the fullest of some looks, and what is in flight there: ABD holds 120 objects and no
log. Of one object that is kept for each op there would be 1,500 to 3,000 more, as many as most hold in all."""

LINES = {"wankeeper": 1.25}
"""Its keys stay in a log for seconds, or wander, and a key on its way is held twice: of other seeds the fullest
looks are 1.05 to 1.13 times as full later, the mean of all 1.01 to 1.10 (docs/memory.md)."""


@pytest.fixture(autouse=True)
def _full_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key remembers the last answers of as many sessions as there are clients: full by the first look."""
    monkeypatch.setattr(statemachine, "SESSIONS_PER_KEY", THREADS)


def grown(protocol: str, options: Mapping[str, str]) -> tuple[float, float]:
    """How many times as many objects, and durable keys, there are after four times as many ops, but for a few.

    Before each of the two spans that are looked at one of three nodes is away for a while.
    """
    away = [Window(before - 900, 150, kill_nodes("away", [2])) for before in (FEW, MANY)]
    trial = Trial(
        protocol=protocol,
        nodes=3,
        threads=THREADS,
        keys=KEYS,
        rate=RATE,
        rtt_ms=5,
        time_ms=MANY + SPAN_MS,
        seed="memory",
        network="steady",
        options=options,
        plan=dumps(plan_to_json(tuple(away))),
    )
    spans = [(FEW, FEW + SPAN_MS), (MANY, MANY + SPAN_MS)]
    few, many = footprints(setup_of(trial), spans)
    assert many.answered > 2 * few.answered
    return (
        (many.objects - ODD_OBJECTS) / few.objects,
        (many.durable_keys - ODD_KEYS) / few.durable_keys,
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_four_times_as_many_ops_leave_no_more_behind(protocol: str) -> None:
    objects, keys = grown(protocol, OPTIONS.get(protocol, OFTEN))
    assert objects < LINES.get(protocol, SLACK)
    assert keys < SLACK


@pytest.mark.parametrize("protocol", NEVER)
def test_who_never_takes_a_snapshot_is_seen_to_grow(protocol: str) -> None:
    """Red: the same trial, but that all is kept."""
    objects, keys = grown(protocol, NEVER[protocol])
    assert objects > 2 * SLACK
    assert keys > 2 * SLACK


@pytest.mark.parametrize(("protocol", "machine"), [("raft", KeyValue), ("wankeeper", Table)])
def test_who_keeps_one_small_number_of_each_command_is_seen_to_grow(
    monkeypatch: pytest.MonkeyPatch, protocol: str, machine: type[KeyValue | Table]
) -> None:
    """Red: a leak in memory alone, of numbers that Python has only once."""
    run = machine.run

    def leaky(store: Any, command: Command) -> Answer:
        vars(store).setdefault("leak", []).append(command.serial % 100)
        return run(store, command)

    monkeypatch.setattr(machine, "run", leaky)
    objects, keys = grown(protocol, OFTEN)
    assert objects > LINES.get(protocol, SLACK)
    assert keys < SLACK
