"""A small conversation with something of every kind in it: a shrunk failure of ABD under a cut and a kill."""

from __future__ import annotations

from harness.report.conversation import Conversation, Scope, conversation
from harness.simulated import play
from harness.trial import Trial
from nemesis.actions import Cut, Fault, Kill, Mend, Start, Window
from workloads.script import MS, ScriptedOp

PLAN = [
    Window(10, 12, Fault("cut-one", (Cut(((0, 1), (1, 0))),), (Mend(((0, 1), (1, 0))),))),
    Window(30, 5, Fault("kill-one", (Kill(2),), (Start(2),))),
]
OPS = [
    ScriptedOp(0, 0, "write", "r0", 1),
    ScriptedOp(11 * MS, 0, "write", "r0", 2),
    ScriptedOp(11 * MS, 1, "write", "r1", 3),
    ScriptedOp(40 * MS, 2, "read", "r0"),
]
FAILING = Trial(
    protocol="tests.mutants.abd:AcksBeforePersist",
    nodes=3, threads=3, keys=2, time_ms=60, seed="5", network="perfect", final=False,
)  # fmt: skip
TRIAL = FAILING.with_plan(PLAN).with_ops(OPS)


def talk(scope: Scope | None = None, trial: Trial = TRIAL) -> Conversation:
    seen: list = []
    played = play(trial, watch=seen.append)
    return conversation(trial, played, seen, scope or Scope())


STALE = (
    FAILING.with_plan([Window(1, 1, Fault("kill-all", (Kill(0),), (Start(0),)))])
    .with_ops([ScriptedOp(0, 0, "write", "r0", 1), ScriptedOp(3 * MS, 0, "read", "r0", None)])
)  # fmt: skip
"""On one node, an acknowledged write is forgotten."""
