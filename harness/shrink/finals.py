"""What is asked after all is healed, as ops like all others, of which most can go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from checker.history import NEMESIS
from checker.liveness import LEAST_NS, PROGRESS_RTT
from harness.shrink.freeze import asked, with_faults, with_script
from harness.shrink.search import Search
from workloads.script import MS, ScriptedOp

LIVENESS = "liveness"
"""Its evidence is what was asked first, and that nothing was answered until the end."""


def final_as_ops(search: Search) -> None:
    """Where what fails is seen at the end: the trial goes on, healed by the ends of its windows alone.

    A node that does not come back is asked a hundred times. Two of these tell as much: the first, and the
    one by which it should have been back.
    """
    trial = search.best
    if not trial.final:
        return
    played = search.look()
    rows = played.run.rows
    heal_ns = next(row.time_ns for row in rows if row.process == NEMESIS and row.f == "heal")
    evidence = [rows[i] for i in played.results.checks[search.check].evidence]
    seen_before = evidence and max(row.time_ns for row in evidence) <= heal_ns
    if seen_before and search.check != LIVENESS:
        return
    ops = asked(trial, played.run, after_heal=True)
    before = [op for op in ops if op.at_ns < heal_ns]
    plan = [
        replace(w, for_ms=max(1, min(w.for_ms, heal_ns // MS - w.at_ms))) for w in trial.windows()
    ]
    goes_on = replace(with_faults(trial, plan), final=False)
    bound_ns = max(LEAST_NS, PROGRESS_RTT * trial.rtt_ms * MS)
    few, few_all = (_two_a_node(ops[len(before) :], ns) for ns in (bound_ns, None))
    end_ns = max(row.time_ns for row in rows)
    soon_ns = max((op.at_ns for op in few), default=0) + 2 * trial.client_timeout_ms * MS
    search.attempt(
        [
            with_script(replace(goes_on, time_ms=until_ns // MS + 1), some)
            for some, until_ns in (
                (few, min(soon_ns, end_ns)),
                ([*before, *few], min(soon_ns, end_ns)),
                ([*before, *few_all], end_ns),
                (ops, end_ns),
            )
        ]
    )


def _two_a_node(ops: Sequence[ScriptedOp], after_ns: int | None) -> list[ScriptedOp]:
    """Of each node the first, and the first that comes so long after that; or the last."""
    of: dict[int | None, list[ScriptedOp]] = {}
    for op in ops:
        of.setdefault(op.node, []).append(op)
    two = []
    for some in of.values():
        late = [op for op in some if after_ns is not None and op.at_ns > some[0].at_ns + after_ns]
        last = (late or some[-1:])[0]
        two += some[:1] if last is some[0] else [some[0], last]
    return sorted(two, key=lambda op: op.at_ns)
