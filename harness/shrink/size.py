"""How large a trial is, for people and for seeing whether shrinking still gets anywhere."""

from __future__ import annotations

from typing import NamedTuple

from checker.history import INVOKE
from harness.shrink.targets import targets_of
from harness.sim import NETWORKS, Run
from harness.trial import Trial

MOST_WINDOWS, MOST_OPS = 3, 12
"""What a person can take in."""


class Size(NamedTuple):
    """``targets`` are the nodes and links that faults hit; ``network`` counts from the kindest."""

    windows: int
    targets: int
    ops: int
    clients: int
    keys: int
    nodes: int
    network: int
    time_ms: int

    def small(self) -> bool:
        """Whether a person can take in the whole trial."""
        return self.windows <= MOST_WINDOWS and self.ops <= MOST_OPS

    def __str__(self) -> str:
        return (
            f"{counted(self.windows, 'window')}, {counted(self.nodes, 'node')}, "
            f"{counted(self.clients, 'client')}, {counted(self.ops, 'op')}, {self.time_ms} ms"
        )


def counted(n: int, noun: str) -> str:
    """As in ``1 window``, ``0 windows``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def size_of(trial: Trial, run: Run | None = None) -> Size:
    """The size of a trial. With the ``run`` that it made, ``ops`` are those that were asked for."""
    plan, script = trial.windows(), trial.script()
    ops = 0 if script is None else len(script)
    if run is not None:
        ops = sum(1 for row in run.rows if row.process >= 0 and row.type == INVOKE)
    return Size(
        windows=len(plan) if run is None else len(run.plan),
        targets=sum(len(targets_of(window.fault)) for window in plan),
        ops=ops,
        clients=trial.threads,
        keys=trial.keys,
        nodes=trial.nodes,
        network=len(NETWORKS) - 1 - list(NETWORKS).index(trial.network),
        time_ms=trial.time_ms,
    )
