"""Dynamo under chance: no schedule loses an answered addition, or leaves two homes apart."""

from __future__ import annotations

from random import Random

import pytest

from harness.simulated import play
from harness.trial import Trial
from protocols.dynamo import Dynamo
from protocols.kernel import Command
from tests.transcript import Stage

NODES = 4


def storm(seed: int, options: dict[str, object], steps: int = 400) -> None:
    """Deliveries in any order, losses, timers, kills; then a heal, and time enough."""
    random, made = Random(f"dynamo/{seed}"), Stage(Dynamo, NODES, options)
    made.start()
    asked: dict[int, int] = {}
    for step in range(steps):
        roll, up = random.randrange(100), list(made.replicas)
        links = [link for link, wire in made.wires.items() if wire]
        if roll < 12 and up:
            request = made.request(random.choice(up), Command("add", "x", step))
            asked[request] = step
        elif roll < 72 and links:
            link = random.choice(links)
            made.deliver(*link, random.randrange(len(made.wires[link])))
        elif roll < 80 and links:
            made.drop(*random.choice(links))
        elif roll < 94 and up:
            node = random.choice(up)
            made.fire(node, random.choice(list(made.timers[node])))
        elif roll < 97 and len(up) > 1:
            made.kill(random.choice(up))
        elif len(up) < NODES:
            made.start(random.choice([n for n in range(NODES) if n not in up]))
    acked = {asked[request] for request in made.replies if request in asked}
    heal(made)
    replicas = [r for r in made.replicas.values() if isinstance(r, Dynamo)]
    copies = [replica.have("x") for replica in replicas if replica.id in replica.homes("x")]
    there = {e for version in copies[0].versions for e in list_of(version.value)}
    assert all(copy == copies[0] for copy in copies), f"seed {seed}: homes differ"
    assert acked <= there <= set(asked.values()), f"seed {seed}: {sorted(acked - there)} lost"


def list_of(value: object) -> list[int]:
    assert isinstance(value, list)
    return value


def heal(made: Stage) -> None:
    down = [node for node in range(NODES) if node not in made.replicas]
    if down:
        made.start(*down)
    made.settle()
    for _ in range(2 * NODES):
        for node in range(NODES):
            for timer in list(made.timers[node]):
                made.fire(node, timer)
            made.settle()


OPTIONS: list[dict[str, object]] = [{}, {"N": 2, "R": 1, "W": 1}, {"sloppy": "false"}, {"hints": 1}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_no_schedule_loses_what_was_answered(options: dict[str, object]) -> None:
    for seed in range(20):
        storm(seed, options)


def strict(seed: int, nemesis: str, **options: str) -> Trial:
    return Trial(
        protocol="dynamo", workload="eventual", nemesis=nemesis, nodes=5, threads=10, keys=1,
        time_ms=4_000, rate=150, rtt_ms=5, interval_ms=500, client_timeout_ms=300,
        options=options, seed=str(seed),
    )  # fmt: skip


def test_strict_quorums_are_not_stale_and_sloppy_ones_are() -> None:
    """R+W>N: but for writes of unknown fate (none under partitions here), no read is stale."""
    found = {"true": 0, "false": 0}
    for sloppy in found:
        for seed in range(4):
            checks = play(strict(seed, "partition", sloppy=sloppy)).results.checks
            assert checks["eventual"].valid
            stale = checks["staleness"].details["stale"]
            assert isinstance(stale, int)
            found[sloppy] += stale
    assert found["false"] == 0 < found["true"]
