"""A replica that raises ends its node, and only that: as on a host, where its process ends."""

from __future__ import annotations

from dataclasses import dataclass

from checker.history import OK, node_process
from harness.sim import Setup, simulate
from protocols.abd import ABD
from workloads.kernel import Options
from workloads.register import workload


@dataclass(frozen=True)
class Rumour:
    n: int


class Gossips(ABD):
    """Node 1 spreads what it hears, twice to everybody; what node 0 is told by it once, it says again."""

    messages = (*ABD.messages, Rumour)

    def on_message(self, src, msg):
        if not isinstance(msg, Rumour):
            super().on_message(src, msg)
            if self.id == 1 and self.now_ms > 500:
                self.broadcast(Rumour(n=0))
        elif self.id == 1:
            self.broadcast(Rumour(n=1))
            self.broadcast(Rumour(n=2))
        elif self.id == 0:
            self.send(1, msg)


class Forgetful(ABD):
    """Node 2 sets a timer for each message, under a name of its own, and none of them is due in this trial."""

    def on_message(self, src, msg):
        super().on_message(src, msg)
        for each in range(100 * (self.id == 2)):
            self.set_timer(f"{self.now_ms}/{each}", 10**7)


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


def test_who_floods_the_network_fails_before_the_memory_is_full():
    options = Options(threads=3, nodes=3, time_ms=2000, rate=100, keys=2)
    setup = Setup(
        protocol=Gossips, workload=workload(), options=options, seed=1, skew_ms=0, room=10_000
    )
    run = simulate(setup)
    noted = [r for r in run.rows if r.f == "crashed"]

    assert {r.process for r in noted} == {node_process(1)}
    assert "messages were under way" in str(noted[0].value)
    assert "most of them Rumour" in str(noted[0].value)
    assert any(r.type == OK and r.time_ns > noted[0].time_ns for r in run.rows)
    assert simulate(setup).digest == run.digest


def test_who_has_more_timers_than_there_is_room_for_fails():
    options = Options(threads=3, nodes=3, time_ms=2000, rate=100, keys=2)
    setup = Setup(protocol=Forgetful, workload=workload(), options=options, seed=1, room=10_000)
    noted = [r for r in simulate(setup).rows if r.f == "crashed"]

    assert {r.process for r in noted} == {node_process(2)}
    assert "most of them timer " in str(noted[0].value)
