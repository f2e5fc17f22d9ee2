"""A node whose disk is gone: what it is told, who has a way back, and what becomes of a cluster without.

That a replica which starts as if it were new is found out is in the zoo (tests.mutants.amnesia).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from checker.history import OK, History
from checker.verdict import Outcome
from checker.windows import left_dead
from harness.sim import simulate
from harness.simulated import play as play_trial
from harness.trial import Trial
from nemesis.actions import Kill, Start, Window, Wipe
from nemesis.disk import wipe_node
from nemesis.encoding import plan_to_json
from protocols import PROTOCOLS
from protocols.kernel import Cluster, Json
from tests.sim.probe import MS, Probe, play, setup, window

AMNESIA = "the disk is gone, and with it what this node has promised"


def wiped(at_ms: int, for_ms: int, node: int = 0) -> Window:
    return window(at_ms, for_ms, [Kill(node), Wipe(node)], [Start(node)])


def notes(run, kind: str) -> list[Json]:
    return [row.value for row in run.rows if row.f == kind and row.process < 0]


def answers(run) -> list[tuple[str, Json]]:
    return [
        (r.f, r.value if r.type == OK else r.error)
        for r in run.rows
        if r.process >= 0 and r.type != 0
    ]


class Rejoining(Probe):
    """Notes that it has lost its disk, and persists something in its second life after that only."""

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return cluster.options.get("rejoins") is not False

    def on_lost(self) -> None:
        self.disk: Mapping[str, Json] = {}
        self.memory = None
        self.boots, self.got = -1, []
        self.note("lost", True)
        if self.cluster.options.get("settles"):
            self.persist("memory", "settled")


def play_rejoining(lines, *windows: Window, **options: bool):
    return simulate(replace(setup(lines, *windows), protocol=Rejoining, protocol_options=options))


def test_a_wiped_node_is_silent_for_good_and_refuses_its_clients() -> None:
    lines = [(100, 0, "set", 5), (400, 0, "get", None), (500, 1, "ping", 0), (800, 0, "get", None)]
    run = play(lines, wiped(200, 100), wiped(600, 100))
    refused = "this node has lost its disk, and does not serve"
    assert answers(run) == [
        ("set", None), ("get", refused), ("get", refused), ("ping", "no answer in time")
    ]  # fmt: skip
    assert notes(run, "amnesia") == [AMNESIA] * 2
    assert notes(run, "booted") == [1] * 2, "each node once: never again where nothing was left"


def test_one_that_has_a_way_back_is_told_until_it_has_persisted_something() -> None:
    again = window(500, 100, [Kill(0)], [Start(0)])
    for settles, told in ((False, [True, True]), (True, [True])):
        run = play_rejoining([(900, 0, "get", None)], wiped(200, 100), again, settles=settles)
        assert notes(run, "lost") == told
        (got,) = answers(run)
        assert got == ("get", [None, "settled", 1] if settles else [None, None, -1])


def test_whether_it_has_one_may_hang_on_the_options() -> None:
    run = play_rejoining([(900, 0, "get", None)], wiped(200, 100), rejoins=False)
    assert notes(run, "lost") == []
    assert notes(run, "amnesia") == [AMNESIA]


NEEDS_ALL = ("hpaxos",)
"""Its quorum to accept is all nodes: who stays away for good stops it."""
PLAN = json.dumps(plan_to_json([Window(1_000, 300, wipe_node("wipe", 4))]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_others_go_on_without_one_that_has_lost_its_disk(protocol: str) -> None:
    """A node of five is wiped: what it served is right, and the others serve within 5 s (liveness)."""
    trial = Trial(
        protocol=protocol, nodes=5, threads=5, time_ms=3_000, rate=60, seed="wiped",
        plan=PLAN,
    )  # fmt: skip
    played = play_trial(trial)
    checks = played.results.checks
    assert checks["agreement"].outcome is Outcome.VALID
    if protocol in NEEDS_ALL:
        red = {name for name, verdict in checks.items() if verdict.outcome is Outcome.INVALID}
        assert red == {"availability", "liveness"}
        return
    assert played.results.outcome is Outcome.VALID, checks
    history = History.of(played.run.rows)
    assert left_dead(history) == ([4] if not rejoins(trial) else [])
    later = [
        r for r in played.run.rows if r.type == OK and r.process >= 0 and r.time_ns > 1_300 * MS
    ]
    assert later
    assert rejoins(trial) or all(row.node != 4 for row in later)


def rejoins(trial: Trial) -> bool:
    return trial.replica().rejoins(Cluster(tuple(range(trial.nodes)), options=trial.options))
