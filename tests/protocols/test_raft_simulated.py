"""Raft in the simulator: it stays small however much it has done; a lease is as good as a heartbeat."""

from dataclasses import replace

import pytest

from checker.verdict import Outcome
from harness.simulated import play
from protocols.raft import Raft
from tests.mutants.trials import STORM
from tests.protocols.busy import replicas_after


def test_its_log_does_not_grow_with_the_number_of_ops():
    """Goal: compaction. Method: 6 s of 1000 op/s; the log is at most two snapshots' distance."""
    for replica in replicas_after(Raft, 6_000, snapshot_every=500, keep=100):
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
