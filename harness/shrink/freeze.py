"""A trial as data: the faults as they were, every op that a client asked for, nothing drawn."""

from __future__ import annotations

from dataclasses import replace

from checker.history import INVOKE, NEMESIS
from harness.sim import Run
from harness.trial import NO_FAULTS, Trial
from nemesis.actions import Plan
from workloads.script import ScriptedOp


def with_faults(trial: Trial, plan: Plan) -> Trial:
    """The trial with these windows; with none at all, as if there had never been any."""
    calm = replace(trial, nemesis=NO_FAULTS, interval_ms=None, calm_ms=0, plan=None)
    return calm.with_plan(plan) if plan else calm


def with_script(trial: Trial, ops: list[ScriptedOp]) -> Trial:
    """The trial with these ops, at their times. An op asks its thread's own node unless it must not."""
    told = [
        op._replace(node=None) if op.node == op.thread % trial.nodes else op
        for op in sorted(ops, key=lambda op: op.at_ns)
    ]
    return replace(trial, rate=Trial.rate).with_ops(told)


def freeze(trial: Trial, run: Run) -> Trial:
    """The trial that plays ``run`` again without drawing an op or a target."""
    return with_script(with_faults(trial, run.plan), asked(trial, run))


def asked(trial: Trial, run: Run, *, after_heal: bool = False) -> list[ScriptedOp]:
    """The ops that clients asked for before all was healed; or those after that as well."""
    ops = []
    for row in run.rows:
        if row.process == NEMESIS and row.f == "heal" and not after_heal:
            break
        if row.process >= 0 and row.type == INVOKE:
            thread = row.process % trial.threads
            ops.append(ScriptedOp(row.time_ns, thread, row.f, str(row.key), row.value, row.node))
    return ops


def script_of(trial: Trial) -> list[ScriptedOp]:
    """The ops of a trial that has them as data, each with the node that it asks."""
    return [
        op if op.node is not None else op._replace(node=op.thread % trial.nodes)
        for op in trial.script() or ()
    ]
