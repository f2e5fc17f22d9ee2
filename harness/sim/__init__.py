"""The seeded simulator: the same protocols, workloads and fault plans, in virtual time.

    run = simulate(Setup(protocol=ABD, workload=register, options=options, seed=7))
    history = History.of(run.rows)

Virtual time, one heap, one thread, no I/O. The same :class:`Setup` gives the same rows and the
same digest, in any process.
"""

from harness.sim.seen import Seen, Watch
from harness.sim.setup import NETWORKS, PERFECT, Network, Observer, Resolve, Run, Setup
from harness.sim.simulator import simulate, states_at
from harness.sim.trace import divergence

__all__ = [
    "NETWORKS", "PERFECT", "Network", "Observer", "Resolve", "Run", "Seen", "Setup", "Watch",
    "divergence", "simulate", "states_at",
]  # fmt: skip
