"""Who handles how many messages for an operation: counted in the simulator, beside the formula."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from checker.sometimes import happened
from harness.sim import Seen, simulate
from harness.simulated import setup_of
from harness.trial import Trial
from harness.wan import forms, scripts
from harness.wan.scripts import Script
from protocols.epaxos.sometimes import SLOW

WARM_MS, GAP_MS, OPS = 2_000, 20, 180
RTT_MS = 200
"""Far more than it is: signs of life are seldom then, and hardly in what is counted."""
NODES = 9
MS = 1_000_000
ZONES = ("a", "b", "c")
VOTES = re.compile(r'\["(Object)?(Pre)?Accept(ed|Ok)?"')
"""Proposals and votes: what the formula counts. Who learns of a decision, and how, it leaves out."""
NONE = ",0]"
"""How an ``Accepted`` of no command ends: the answer to a sign of life."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A node's messages are those that it is sent. ``votes`` and ``all`` are of the busiest, for an op.

    ``conflict`` is the share of ops that took a second round.
    """

    name: str
    predicted: float
    votes: float
    all: float
    conflict: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Shared:
    """How a protocol shares its work: ``leaders`` of ops, each of which asks ``asked`` nodes, itself one."""

    name: str
    protocol: str
    leaders: int
    asked: int
    options: Mapping[str, str] = field(default_factory=dict)
    meet: bool = False
    """Whether all write one key at the same time."""


def kinds() -> list[Shared]:
    """Nine nodes in three zones. All ask all for their votes, but the thrifty."""
    most = forms.majority(NODES)
    return [
        Shared(name="Multi-Paxos", protocol="multipaxos", leaders=1, asked=NODES, options={"leader": "n1"}),
        Shared(
            name="Multi-Paxos, thrifty", protocol="multipaxos", leaders=1, asked=most,
            options={"leader": "n1", "thrifty": "true"},
        ),
        Shared(
            name="FPaxos |Q2|=2, thrifty", protocol="fpaxos", leaders=1, asked=2,
            options={"leader": "n1", "thrifty": "true", "quorum": f"count:{NODES - 1},2"},
        ),
        Shared(name="EPaxos", protocol="epaxos", leaders=NODES, asked=NODES),
        Shared(
            name="EPaxos, all on one key", protocol="epaxos", leaders=NODES, asked=NODES, meet=True,
            options={"patient": "false"},
        ),
        Shared(
            name="WPaxos, an owner a zone", protocol="wpaxos", leaders=len(ZONES), asked=NODES,
            options={"fz": "0", "policy": "none"},
        ),
    ]  # fmt: skip


def script_of(kind: Shared) -> Script:
    """Writes: of own keys; of the leader's alone, who is never asked by others then; or all of one."""
    if kind.meet:
        turns = [
            (WARM_MS + number * NODES * GAP_MS, number, site)
            for number in range(OPS // NODES)
            for site in range(NODES)
        ]
        return scripts.script(turns, NODES, scripts.handed_on, reads=False)
    rounds = OPS // kind.leaders
    turns = scripts.together(kind.leaders, rounds, GAP_MS * kind.leaders, WARM_MS)
    return scripts.script(turns, NODES, reads=False, first=kind.protocol == "wpaxos")


def count(kind: Shared, seed: str = "0") -> Counted:
    """Play it, and count what nodes are sent from the first measured op on."""
    script = script_of(kind)
    trial = Trial(
        protocol=kind.protocol, nodes=NODES, threads=script.threads, time_ms=script.time_ms, seed=seed,
        options=dict(kind.options), final=False, network="steady", zones=",".join(ZONES),
        rtt_ms=RTT_MS,
    ).with_ops(script.ops)  # fmt: skip
    meter = Meter(WARM_MS)
    run = simulate(setup_of(trial), watch=meter.watch)
    ops = sum(op.at_ns >= WARM_MS * MS for op in script.ops)
    conflict = happened(run.rows).get(SLOW, 0) / ops
    return Counted(
        name=kind.name,
        predicted=forms.load(kind.leaders, kind.asked, conflict),
        votes=max(meter.votes.values()) / ops,
        all=max(meter.all.values()) / ops,
        conflict=conflict,
    )


class Meter:
    """Counts what each node is sent from ``from_ms`` on."""

    def __init__(self, from_ms: int) -> None:
        self.from_ns = from_ms * MS
        self.all: Counter[int] = Counter()
        self.votes: Counter[int] = Counter()

    def watch(self, seen: Seen) -> None:
        """One event of the simulator."""
        if seen.kind == "message" and seen.time_ns >= self.from_ns:
            self.all[seen.node] += 1
            if VOTES.match(seen.text) and not seen.text.endswith(NONE):
                self.votes[seen.node] += 1
