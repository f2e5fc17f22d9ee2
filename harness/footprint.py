"""What a replica holds, in memory and on disk: does it grow with what was done?

A log-based protocol must compact. A trial is played in the simulator up to the moment when its ops are
over and all is quiet, and then everything that is reachable from each replica is counted. The most that
some replica holds counts, since one that lags or leads may hold more.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, ModuleType

from harness.sim import Setup
from harness.sim.simulator import Simulator

_NOT_STATE = (type, ModuleType, FunctionType, BuiltinFunctionType)


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """The most of each that any node has; ``answered`` are the ops that were."""

    answered: int
    objects: int
    kilobytes: int
    durable_keys: int
    durable_kilobytes: int


def footprint(setup: Setup) -> Footprint:
    """Play the main phase and let it settle, with all faults healed; no final reads."""
    simulator = Simulator(setup)
    phases = simulator.phases()
    for _ in range(2):
        next(phases)
        simulator._loop()  # noqa: SLF001  what a run does, but for its last phase
    nodes = simulator.nodes
    memory = [reachable((node.replica,)) for node in nodes]
    disks = [reachable((node.disk,)) for node in nodes]
    return Footprint(
        answered=sum(row.type == 1 and row.process >= 0 for row in simulator.rows),
        objects=max(count for count, _ in memory),
        kilobytes=max(size for _, size in memory) // 1024,
        durable_keys=max(len(node.disk) for node in nodes),
        durable_kilobytes=max(size for _, size in disks) // 1024,
    )


def reachable(roots: Iterable[object]) -> tuple[int, int]:
    """How many objects can be reached from these, and their bytes; code is not state.

    >>> reachable(([1000, [1000 + 1]],))[0]
    4
    """
    seen: set[int] = set()
    stack = list(roots)
    count = size = 0
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, _NOT_STATE):
            continue
        seen.add(id(item))
        count += 1
        size += sys.getsizeof(item)
        stack += gc.get_referents(item)
    return count, size
