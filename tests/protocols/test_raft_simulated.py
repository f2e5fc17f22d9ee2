"""Raft in the simulator: it stays small however much it has done; a lease is as good as a heartbeat."""

from dataclasses import replace
from pkgutil import resolve_name

import pytest

from checker.verdict import Outcome
from harness.sim import Setup, simulate
from harness.simulated import play
from protocols.raft import Raft
from tests.mutants.trials import STORM
from workloads.kernel import Options


def test_its_log_does_not_grow_with_the_number_of_ops():
    """Goal: compaction. Method: 6 s of 1000 op/s; the log is at most two snapshots' distance."""
    replicas = {}

    class Watched(Raft):
        def on_start(self, durable):
            super().on_start(durable)
            replicas[self.id] = self

    setup = Setup(
        protocol=Watched,
        workload=resolve_name("workloads.register:workload")(),
        options=Options(threads=20, nodes=3, time_ms=6_000, rate=1000),
        protocol_options={"snapshot_every": 500, "keep": 100},
    )
    assert simulate(setup).finished
    for replica in replicas.values():
        log = replica.log
        assert log.commit > 2000
        assert log.last - log.base <= replica.keep + replica.snapshot_every
        assert not replica.reads


@pytest.mark.parametrize("nemesis", ["partition-leader,clock", "partition,kill,pause"])
def test_lease_reads_are_linearizable_though_clocks_are_wrong_or_stand(nemesis):
    """Goal: the lease ends before others may vote. Method: six trials; drift is at most a fifth
    either way, and the lease has a margin of 8 to 5.
    """
    trial = replace(STORM, protocol="raft", options={"read": "lease"}, nemesis=nemesis)
    for seed in range(6):
        checks = play(replace(trial, seed=str(seed))).results.checks
        assert checks["linearizable"].outcome is Outcome.VALID
        assert checks["agreement"].outcome is Outcome.VALID
