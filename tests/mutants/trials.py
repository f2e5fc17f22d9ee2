"""The trials that mutants are hunted in, and how a protocol's mutants become entries of the zoo.

Configurations are few, and all of small scope: few nodes, one register, seconds, and time-outs and
windows scaled to fit (``rtt``), since these find most for a CPU second (PERFORMANCE.md 1.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from json import dumps
from types import MappingProxyType

from harness.trial import Trial
from harness.zoo.mutant import Mutant
from nemesis.actions import Window
from nemesis.plan import plan_to_json

CALM = Trial(
    protocol="none yet",
    nodes=3,
    threads=6,
    time_ms=1_000,
    rate=400,
    keys=1,
    rtt_ms=5,
    client_timeout_ms=200,
)
"""No fault but what links do: messages overtake each other, and few are lost, late or sent twice."""

STORM = replace(CALM, time_ms=2_000, rate=200, nemesis="partition,kill", interval_ms=300)
"""Partitions and crashes, at the same time, each for about as long as an election takes."""

UNEVEN = replace(STORM, nemesis="partition,kill,pause,packet")
"""Everything at once; for what shows when some are slow."""
LEADERS = replace(
    STORM,
    time_ms=4_000,
    nemesis="partition,kill-leader,pause-leader",
    interval_ms=150,
    options={"snapshot_every": "5", "keep": "1", "batch": "8", "pipeline": "2"},
)
"""Leaders come and go faster than their followers catch up, and often only by a snapshot."""

CHURN = replace(
    STORM,
    rtt_ms=2,
    nemesis="partition-leader,kill-leader,packet-jitter",
    interval_ms=100,
    client_timeout_ms=50,
    options={"snapshot_every": "200", "keep": "100", "batch": "2", "pipeline": "4"},
)
"""Time-outs shorter than a message may take: every slot is proposed in several ballots."""

LIMP = replace(
    STORM,
    time_ms=3_000,
    rate=100,
    rtt_ms=3,
    nemesis="partition-leader,kill-minority,packet-slow-node",
    interval_ms=120,
    client_timeout_ms=50,
    options=CHURN.options,
)
"""An old leader is heard late, and by those who have restarted since they left it."""

RACES = replace(
    STORM,
    threads=12,
    time_ms=3_000,
    rate=100,
    rtt_ms=2,
    nemesis="partition,packet,kill",
    interval_ms=500,
    client_timeout_ms=500,
)
"""Several replicas recover what is slow or lost, of whom some do not live to tell the others."""

BRIDGE = replace(RACES, rate=50, nemesis="partition-bridge,packet-jitter", interval_ms=1_000)
"""Two replicas recover the same through a third, and hear of each other's decision from it, late.

Which is what Sutra's counterexample needs: the one with the older vote reaches the third between
its newer vote and the news that this was decisive.
"""

TWICE = replace(STORM, nodes=5, threads=10, nemesis="partition,packet-duplicate", interval_ms=300)
"""Up to half of the messages come twice. Of three nodes two are a majority with oneself."""


def planned(trial: Trial, *windows: Window) -> Trial:
    """The trial with these windows, whatever the seed: what varies is what happens in them."""
    plan = dumps(plan_to_json(windows))
    return replace(trial, nemesis="", interval_ms=None, plan=plan)


def one_after_another(trial: Trial, at_ms: int, *for_ms: int) -> Trial:
    """Whoever leads is cut off from all others, once after the other: each is back when the next one goes."""
    begins = [at_ms + sum(for_ms[:n]) for n in range(len(for_ms))]
    windows = [Window(b, ms, "partition-leader") for b, ms in zip(begins, for_ms, strict=True)]
    return planned(trial, *windows)


HURRIED = replace(
    STORM,
    time_ms=400,
    rtt_ms=2,
    client_timeout_ms=50,
    nemesis="",
    interval_ms=None,
    options={"batch": "1", "pipeline": "8"},
)
"""A leader is missed after 32 to 60 ms, while a message takes 1 to 5: much happens in few of them."""

NOTHING: Mapping[str, float] = MappingProxyType({})


def kin(
    twin: str,
    classes: Mapping[str, type],
    check: str,
    hunted: Mapping[str, tuple[Trial, int]],
    *,
    family: str | None = None,
    costly: Mapping[str, float] = NOTHING,
) -> list[Mutant]:
    """The mutants of one protocol: for each its trial, and how many a hunt may take.

    ``family`` is what they are called after where it is not the protocol. ``costly``: CPU seconds of those whose hunt is too long for every run of the tests.
    """
    return [
        Mutant(
            name=f"{family or twin}/{name}",
            trial=replace(trial, protocol=f"{classes[name].__module__}:{classes[name].__name__}"),
            twin=twin,
            check=check,
            trials=trials,
            costly_s=costly.get(name),
        )
        for name, (trial, trials) in hunted.items()
    ]
