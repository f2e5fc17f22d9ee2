"""A replica that has done three times as much holds no more, in memory and on disk: every protocol.

In small, with a snapshot after every few ops; ``benchmarks/memory.py`` does it in large.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.footprint import Footprint, footprint
from harness.simulated import setup_of
from harness.trial import Trial
from nemesis.actions import Window
from nemesis.encoding import plan_to_json
from nemesis.process import kill_nodes
from protocols import PROTOCOLS
from protocols.wire import dumps

RATE = 1_000
OFTEN = {"snapshot_every": "10", "keep": "5"}
OPTIONS = {"epaxos": {"checkpoint_every": "10", "retain": "5"}, "abd": {}, "dynamo": {}}
FEW, MANY = 600, 1_800
SLACK = 1.5
"""Where in its round of snapshots a replica is when it is looked at. Of one object that is kept for
each op there would be 1,200 more, which is more than twice of what most hold."""


def held(protocol: str, ops: int, options: Mapping[str, str]) -> Footprint:
    """After ``ops``; on the way one of three nodes is away for two tenths of the time."""
    time_ms = ops * 1_000 // RATE
    away = Window(time_ms * 4 // 10, time_ms * 2 // 10, kill_nodes("away", [2]))
    trial = Trial(
        protocol=protocol,
        nodes=3,
        threads=12,
        keys=4,
        rate=RATE,
        rtt_ms=5,
        time_ms=time_ms,
        seed="memory",
        network="steady",
        options=options,
        plan=dumps(plan_to_json((away,))),
    )
    return footprint(setup_of(trial))


def grown(protocol: str, options: Mapping[str, str]) -> tuple[float, float]:
    """How many times as many objects, and durable keys, there are after three times as many ops."""
    few, many = held(protocol, FEW, options), held(protocol, MANY, options)
    assert many.answered > 2 * few.answered
    return many.objects / few.objects, many.durable_keys / max(10, few.durable_keys)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_three_times_as_many_ops_leave_no_more_behind(protocol: str) -> None:
    objects, keys = grown(protocol, OPTIONS.get(protocol, OFTEN))
    assert objects < SLACK
    assert keys < SLACK


@pytest.mark.parametrize("protocol", ["multipaxos", "epaxos"])
def test_who_never_takes_a_snapshot_is_seen_to_grow(protocol: str) -> None:
    """Red: the same trial with the defaults, by which the first snapshot would be later."""
    objects, keys = grown(protocol, {})
    assert objects > SLACK
    assert keys > SLACK
