"""The shapes of performance that the literature claims, measured in the simulator, as plots with what theory says.

Moraru 2013 and Tollman 2021 on EPaxos and conflicts, Ailijiang 2020 on locality, Howard 2016 on quorums,
van Renesse 2004 on chains, Ailijiang 2019 on load. Each shape is one function from a :class:`Scene` to
its :class:`Shape`, whose ``claims`` are what must be seen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from checker.history import History
from checker.sometimes import happened
from checker.verdict import Outcome
from harness.bench.asked import Asked
from harness.bench.measure import measure, site_names
from harness.bench.result import Times
from harness.judge import judge
from harness.report.plot import Axis, Bars, Point, Series, bars, lines, stack
from harness.sim import simulate
from harness.simulated import play, setup_of
from harness.wan import forms, load, scripts
from harness.wan.measured import means, simulated, trial_of
from harness.wan.rows import ELECTED_MS, Maker, Row, chosen
from protocols.epaxos.sometimes import SLOW
from workloads.bench import Load

Claims = Mapping[str, bool]
LATENCY = Axis("mean latency, ms")
ROUNDS = 20
"""How often each site asks: each step of a tenth is two rounds."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where it is measured, how finely, and for how long."""

    maker: Maker
    seed: str = "0"
    steps: int = 5
    """Parts of the range from 0 to 100 %."""
    bench_ms: int = 20_000
    rate: int = 50
    """Ops a second of all clients, where there is a load."""

    def percents(self) -> list[int]:
        return [100 * step // self.steps for step in range(self.steps + 1)]

    def mean(self, row: Row) -> float:
        """Over all sites, measured."""
        result = simulated(row, self.maker.wan, self.maker.zones, self.seed)
        known = [ms for ms in result.measured if ms is not None]
        assert len(known) == len(result.measured), f"{row.name}: {result.why}"
        return forms.mean(known)

    def loaded(self, protocol: str, percent: int, options: Mapping[str, str]) -> Loaded:
        """A load of which so many of the ops are on one key, and all others on others."""
        trial = Asked(
            nodes=len(self.maker.places), clients=20 * len(self.maker.places), rate=self.rate,
            keys=1_000, time_ms=self.bench_ms, seed=self.seed, wan=self.maker.wan,
            load={"distribution": f"conflict:{percent}", "load": "false"}, client_timeout_ms=20_000,
        ).trial(protocol, options)  # fmt: skip
        run = simulate(replace(setup_of(trial), skew_ms=SKEW_MS))
        history = History.of(run.rows)
        checks = trial.made_workload().checks
        whole = measure(
            history, Load.of(trial.load()), time_ms=trial.time_ms,
            sites=site_names(trial.places(), trial.nodes),
        ).of()  # fmt: skip
        assert whole.latency is not None, f"{protocol}: no op was answered"
        return Loaded(
            times=whole.latency,
            slow=happened(run.rows).get(SLOW, 0) / whole.ops,
            valid=judge(history, checks, faults=False).outcome is Outcome.VALID,
        )


SKEW_MS = 2
"""How far the nodes' clocks are apart at most: as far as those are that NTP keeps."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """``slow`` is the share of ops that took EPaxos' slow path."""

    times: Times
    slow: float
    valid: bool


@dataclass(frozen=True, kw_only=True)
class Shape:
    """``name`` is that of its file."""

    name: str
    picture: str
    claims: Claims


def by_conflict(scene: Scene) -> Shape:
    """EPaxos against Multi-Paxos by conflict, and its tail with and without Timestamp-Ordered Queuing."""
    best = scene.maker.led()[0]
    leader = best.options["leader"]
    percents = scene.percents()
    rows = [scene.maker.conflicting(10 * percent) for percent in percents]
    epaxos = [scene.mean(row) for row in rows]
    predicted = [forms.mean(row.predicted) for row in rows]
    paxos = scene.mean(best)
    runs = {
        name: [scene.loaded(protocol, percent, options) for percent in percents]
        for name, protocol, options in loads(leader)
    }
    ends = [0.0, 100.0]
    means = lines(
        "Mean latency by conflict: the lines are what the round trips predict",
        [
            Series(name="EPaxos, ops alone", points=points(percents, epaxos), dots=True),
            Series(name="EPaxos, predicted", points=points(percents, predicted), dashed=True, colour=0),
            Series(name=f"Multi-Paxos, leader {leader}", points=points(ends, [paxos] * 2), colour=1),
            Series(
                name="Multi-Paxos, predicted",
                points=points(ends, [forms.mean(best.predicted)] * 2), dashed=True, colour=1,
            ),
        ],
        x=Axis("ops that conflict, %"), y=LATENCY,
    )  # fmt: skip
    tails = {name: [one.times.p99 for one in ran] for name, ran in runs.items()}
    slow = {name: [100 * one.slow for one in ran] for name, ran in runs.items() if "EPaxos" in name}
    medians = {name: [one.times.p50 for one in ran] for name, ran in runs.items()}
    key = Axis("ops on one key, %")
    loaded = [
        lines(
            f"{title} under a load of {scene.rate} op/s",
            [Series(name=name, points=points(percents, ys), dots=True) for name, ys in by_name.items()],
            x=key, y=Axis(label),
        )
        for title, label, by_name in (
            ("Median latency", "p50, ms", medians),
            ("99th percentile of the latency", "p99, ms", tails),
            ("Ops that took the slow path", "% of all", slow),
        )
    ]  # fmt: skip
    last = {name: ys[-1] for name, ys in tails.items()}
    claims = {
        "without conflicts EPaxos is faster than Multi-Paxos wherever it is led": all(
            epaxos[0] < forms.mean(row.predicted) for row in scene.maker.led()
        ),
        "if all conflict it is slower than Multi-Paxos at its best": epaxos[-1] > paxos,
        "each tenth of conflicts costs the same": near(epaxos, predicted, 0.10),
        "the tail of EPaxos grows with conflicts": last["EPaxos"] > 2 * tails["EPaxos"][0],
        "and is then longer than that of Multi-Paxos": last["EPaxos"] > last[f"Multi-Paxos, leader {leader}"],
        "timestamp-ordered queuing saves half of the slow paths, at least": (
            slow["EPaxos, TOQ"][-1] <= slow["EPaxos"][-1] / 2
        ),
        "what was measured was linearizable": all(one.valid for ran in runs.values() for one in ran),
    }  # fmt: skip
    return Shape(name="conflict", picture=stack([means, *loaded]), claims=claims)


def loads(leader: str) -> list[tuple[str, str, Mapping[str, str]]]:
    """What is compared under a load: name, protocol, options."""
    return [
        ("EPaxos", "epaxos", {}),
        ("EPaxos, TOQ", "epaxos", {"toq": "true"}),
        (f"Multi-Paxos, leader {leader}", "multipaxos", {"leader": leader}),
    ]


def by_locality(scene: Scene) -> Shape:
    """WPaxos where objects are owned by the zone that uses them, for more and more of the requests."""
    percents = scene.percents()
    rows = [scene.maker.local(10 * percent) for percent in percents]
    measured = [scene.mean(row) for row in rows]
    predicted = [forms.mean(row.predicted) for row in rows]
    (fast,) = chosen(scene.maker.egalitarian(), ["fast path"])
    epaxos = scene.mean(fast)
    whole = forms.mean(fast.predicted)
    ratios = [
        (scene.mean(row) / epaxos, forms.mean(row.predicted) / whole)
        for row in map(scene.maker.local, (700, 900))
    ]
    picture = lines(
        "Mean latency of WPaxos, fz = 0, by locality",
        [
            Series(name="WPaxos", points=points(percents, measured), dots=True),
            Series(name="WPaxos, predicted", points=points(percents, predicted), dashed=True, colour=0),
            Series(name="EPaxos without conflicts", points=points([0, 100], [epaxos] * 2)),
        ],
        x=Axis("requests for objects of one's own zone, %"), y=LATENCY,
    )  # fmt: skip
    claims = {
        "latency falls with locality as predicted": near(measured, predicted, 0.10),
        "and is the predicted share of EPaxos' at 70 % and at 90 %": all(
            abs(m - p) <= 0.10 * p for m, p in ratios
        ),
    }
    return Shape(name="locality", picture=picture, claims=claims)


def by_quorum(scene: Scene) -> Shape:
    """Flexible Paxos: the fewer must vote, the sooner, and the more must be there for an election."""
    n = len(scene.maker.places)
    rows = [scene.maker.flexible(size) for size in range(1, n + 1)]
    measured = [scene.mean(row) for row in rows]
    predicted = [forms.mean(row.predicted) for row in rows]
    groups = [f"|Q2|={i}, |Q1|={n + 1 - i}: {r.options['leader']}" for i, r in enumerate(rows, start=1)]  # fmt: skip
    picture = bars(
        "Mean latency of FPaxos by the quorum of phase 2, led from the best zone for it",
        groups, [Bars(name="FPaxos", values=measured, predicted=predicted)], y=LATENCY,
    )  # fmt: skip
    claims = {
        "latencies are as predicted": near(measured, predicted, 0.10),
        "each vote more costs something": all(a < b for a, b in pairwise(measured)),
    }  # fmt: skip
    return Shape(name="quorums", picture=picture, claims=claims)


SIZES = (3, 5, 7, 9)
NEAR_MS = 4
"""A round trip of the simulator's steady network."""


def by_length(scene: Scene) -> Shape:
    """A chain against a leader, by the number of nodes in one room: latency, and messages of the busiest."""
    measured: dict[str, list[float]] = {"Chain": [], "Multi-Paxos": []}
    predicted: dict[str, list[float]] = {"Chain": [], "Multi-Paxos": []}
    handled: dict[str, list[float]] = {"Chain": [], "Multi-Paxos": []}
    for n in SIZES:
        room = [[0 if a == b else NEAR_MS for b in range(n)] for a in range(n)]
        for name, protocol, form in (
            ("Chain", "chain", forms.chain(room, range(n))),
            ("Multi-Paxos", "multipaxos", forms.leader(room, 0)),
        ):
            options = {"leader": "n1"} if protocol == "multipaxos" else {}
            script = scripts.script(scripts.together(n, 10, 20 * n, ELECTED_MS), n, reads=False)
            row = Row(
                name=name, protocol=protocol, predicted=form, script=script,
                places=("room",) * n, options=options,
            )  # fmt: skip
            trial = replace(trial_of(row, None, scene.seed), rtt_ms=load.RTT_MS)
            meter = load.Meter(ELECTED_MS)
            played = play(trial, watch=meter.watch)
            sites = [ms or 0.0 for ms in means(row, played.history)]
            measured[name].append(forms.mean(sites))
            predicted[name].append(forms.mean(form))
            handled[name].append(max(meter.all.values()) / len(script.ops))
    latency = lines(
        "Mean latency of a write by the number of nodes, all in one room",
        [
            one
            for i, name in enumerate(measured)
            for one in (
                Series(name=name, points=points(SIZES, measured[name]), dots=True, colour=i),
                Series(name=f"{name}, predicted", points=points(SIZES, predicted[name]), dashed=True, colour=i),
            )
        ],
        x=Axis("nodes", least=3), y=LATENCY,
    )  # fmt: skip
    load_by_n = lines(
        "Messages that the busiest node is sent for an operation: its inverse bounds throughput",
        [Series(name=name, points=points(SIZES, handled[name]), dots=True) for name in handled],
        x=Axis("nodes", least=3), y=Axis("messages per op"),
    )  # fmt: skip
    chain, paxos = handled["Chain"], handled["Multi-Paxos"]
    claims = {
        "latencies are as predicted": all(near(measured[k], predicted[k], 0.10) for k in measured),
        "a chain's latency grows with it": measured["Chain"] == sorted(measured["Chain"]),
        "and is longer than a leader's": measured["Chain"][-1] > 2 * measured["Multi-Paxos"][-1],
        "its busiest node handles as many messages however long it is": max(chain) < 1.5 * min(chain),
        "a leader's handles more, the more there are": all(a < b for a, b in pairwise(paxos)),
        "so that the chain has the higher throughput": chain[-1] < paxos[-1] / 2,
    }  # fmt: skip
    return Shape(name="chain", picture=stack([latency, load_by_n]), claims=claims)


def by_load(scene: Scene) -> Shape:
    """Messages of the busiest of nine nodes for an operation, against L = (1+c)(Q+l-2)/l."""
    counted = [load.count(kind, scene.seed) for kind in load.kinds()]
    picture = bars(
        "Messages that the busiest of nine nodes is sent for an op, and (1+c)(Q+l-2)/l",
        [one.name for one in counted],
        [
            Bars(
                name="proposals and votes", values=[one.votes for one in counted],
                predicted=[one.predicted for one in counted],
            ),
            Bars(name="all messages", values=[one.all for one in counted]),
        ],
        y=Axis("messages per op"),
    )  # fmt: skip
    votes = {one.name: one.votes for one in counted}
    claims = {
        "proposals and votes are as predicted": near(
            [one.votes for one in counted], [one.predicted for one in counted], 0.10
        ),
        "conflicts double the load of EPaxos": (
            1.8 < votes["EPaxos, all on one key"] / votes["EPaxos"] < 2.2
        ),
        "who shares the work has less of it": votes["EPaxos"] < votes["Multi-Paxos, thrifty"],
    }
    return Shape(name="load", picture=picture, claims=claims)


ALL: Sequence[Callable[[Scene], Shape]] = (by_conflict, by_locality, by_quorum, by_length, by_load)


def points(x: Sequence[float], y: Sequence[float]) -> list[Point]:
    return list(zip(map(float, x), y, strict=True))


def near(measured: Sequence[float], predicted: Sequence[float], share: float) -> bool:
    """Whether each is within a share of what was predicted, or 2 (ms, or messages are few)."""
    pairs = zip(measured, predicted, strict=True)
    return all(abs(m - p) <= max(share * p, 2 if p > 20 else 0.25) for m, p in pairs)
