"""A replica that raises ends its node, and only that: as on a host, where its process ends."""

from __future__ import annotations

from checker.history import OK, node_process
from harness.sim import Setup, simulate
from protocols.abd import ABD
from workloads.kernel import Options
from workloads.register import workload


class Fragile(ABD):
    """Fails at node 0, when the clock has gone on for half a second."""

    def on_message(self, src, msg):
        assert not (self.id == 0 and self.now_ms > 500), "too late"
        super().on_message(src, msg)


def test_a_replica_that_raises_ends_its_node_and_the_others_go_on():
    options = Options(threads=3, nodes=3, time_ms=2000, rate=100, keys=2)
    run = simulate(Setup(protocol=Fragile, workload=workload(), options=options, seed=1, skew_ms=0))
    noted = [r for r in run.rows if r.f == "crashed"]

    assert {r.process for r in noted} == {node_process(0)}
    assert "too late" in str(noted[0].value)
    assert run.counters["crashed"] == len(noted)
    assert any(r.type == OK and r.time_ns > noted[0].time_ns for r in run.rows)
