"""Clocks that jump, jump to and fro, and drift: what replicas see of it, and which leases it breaks.

The lease (Gray and Cheriton, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache
Consistency", SOSP 1989) is right as long as its two clocks run at nearly one pace.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from harness.sim import simulate
from harness.sim.simulator import Simulator
from nemesis.actions import BumpClock, Kill, ResetClock, SetDrift, Start, StrobeClock, Window
from nemesis.resolution import resolve
from protocols.kernel import Command, NodeId, Replica, RequestId, record
from tests.sim.probe import MS, ends, play, setup, window


class Watching(Replica[object]):
    """Notes what its wall clock shows every 10 ms of its monotonic clock."""

    messages = ()

    def on_start(self, durable) -> None:
        self.set_timer("look", 10)

    def on_timer(self, timer: str) -> None:
        self.note("clock", self.now_ms)
        self.set_timer("look", 10)

    def on_request(self, request: RequestId, command: Command) -> None:
        self.reply(request, self.now_ms)

    def on_message(self, src: NodeId, msg: object) -> None: ...


def clock(*windows: Window, node: int = 0, **more: object) -> dict[int, int]:
    """What the clock of a node showed, by the true time, both in ms."""
    run = simulate(replace(setup([(990, 0, "x", 0)], *windows, **more), protocol=Watching))
    return {
        row.time_ns // MS: int(str(row.value))
        for row in run.rows
        if row.f == "clock" and row.node == node
    }


def test_a_jump_is_seen_and_undone_and_timers_know_nothing_of_it() -> None:
    jump = window(105, 200, [BumpClock(0, -5_000)], [ResetClock(0)])
    seen = clock(jump)

    assert [seen[at] - at for at in (100, 110, 300, 310)] == [0, -5_000, -5_000, 0]
    assert list(seen)[:50] == [*range(10, 510, 10)]
    assert clock(jump, node=1) == clock(node=1), "the clock of another node is as it was"


def test_a_strobe_jumps_to_and_fro() -> None:
    seen = clock(window(105, 200, [StrobeClock(0, 700, 20)], [ResetClock(0)]))

    off = [seen[at] - at for at in range(100, 200, 10)]
    assert off == [0, 700, 700, 0, 0, 700, 700, 0, 0, 700]
    assert {seen[at] - at for at in range(310, 500, 10)} == {0}


@pytest.mark.parametrize("ppm", [200_000, -200_000, 500_000])
def test_a_clock_that_drifts_gains_its_share_and_so_do_its_timers(ppm: int) -> None:
    seen = clock(window(100, 500, [SetDrift(0, ppm)], [ResetClock(0)]))
    during = {at: now for at, now in seen.items() if 120 < at < 590}
    (first, shown_first), *_, (last, shown_last) = during.items()

    assert shown_last - shown_first == pytest.approx((last - first) * (1 + ppm / 1e6), abs=2)
    assert len(during) == pytest.approx((last - first) * (1 + ppm / 1e6) / 10, abs=2)
    assert seen[max(seen)] == max(seen), "reset, it shows the true time"


def test_a_drift_ends_another_and_stops_at_zero() -> None:
    seen = clock(
        window(100, 100, [SetDrift(0, 400_000)], [SetDrift(0, 0)]),
        window(300, 100, [SetDrift(0, -400_000)], [SetDrift(0, 0)]),
    )
    off = {at: now - at for at, now in seen.items()}
    by_then = [max(at for at in off if at <= limit) for limit in (100, 220, 299, 420, 900)]

    assert [off[at] for at in by_then] == pytest.approx([0, 40, 40, 0, 0], abs=1)


def test_a_clock_goes_on_while_its_node_is_down_and_is_right_after_the_heal() -> None:
    drift = window(100, 5_000, [SetDrift(0, 500_000)], [ResetClock(0)])
    kill = window(150, 300, [Kill(0)], [Start(0)])
    seen = clock(drift, kill)
    after = min(at for at in seen if at > 450)

    assert seen[after] - after == pytest.approx((after - 100) / 2, abs=2)
    simulator = Simulator(setup([(990, 0, "echo", 0)], drift))
    simulator.run()
    assert not simulator.clocks.wrong(0)


def test_the_clocks_of_a_run_are_the_same_each_time() -> None:
    strobe = window(
        105, 200, [StrobeClock(0, 700, 3), SetDrift(1, 777)], [ResetClock(0), ResetClock(1)]
    )
    lines = [(at, 0, "ping", 1) for at in range(0, 900, 10)]

    assert play(lines, strobe).digest == play(lines, strobe).digest
    assert ends(play(lines, strobe)) != ends(play(lines))


# --- a lease ----------------------------------------------------------------------------------------

TERM_MS = 100


@record
class Ask:
    n: int


@record
class Grant:
    n: int


class Lease(Replica[Ask | Grant]):
    """Node 0 grants a lease of 100 ms to one node at a time; whoever holds it notes when that ends.

    Option ``wall``: node 0 reads the wall clock, instead of setting a timer. ``margin``: by how much
    per cent a holder gives it up before its time.
    """

    messages = (Ask, Grant)

    def on_start(self, durable) -> None:
        self.taken, self.until_ms, self.n, self.holds = False, -(10**9), 0, False
        self.set_timer("ask", 10, 60)

    def on_timer(self, timer: str) -> None:
        match timer:
            case "ask":
                self.n += 1
                percent = 100 - int(str(self.cluster.options.get("margin", 0)))
                self.set_timer("over", TERM_MS * percent // 100)  # from before it was granted
                self.set_timer("ask", 12, 20)
                self.send(0, Ask(self.n))
            case "over":
                self.note("over", self.n)
                self.holds = False
                self.set_timer("ask", 12, 20)
            case "expired":
                self.taken = False

    def on_message(self, src: NodeId, msg: Ask | Grant) -> None:
        match msg:
            case Ask(n):
                wall = self.cluster.options.get("wall")
                if not (self.now_ms < self.until_ms if wall else self.taken):
                    self.taken, self.until_ms = True, self.now_ms + TERM_MS
                    self.set_timer("expired", TERM_MS)
                    self.send(src, Grant(n))
            case Grant(n) if n == self.n and not self.holds:
                self.note("holds", n)
                self.holds = True
                self.cancel_timer("ask")

    def on_request(self, request: RequestId, command: Command) -> None:
        self.reply(request, None)


def two_holders(faults: str | Window, seed: int, **options: object) -> bool:
    """Whether two nodes ever held the lease at once, in a second of this fault."""
    plan = (faults,) if isinstance(faults, Window) else tuple(
        Window(at, 80, resolve(faults, Random(f"{seed}/{at}"), range(3)))
        for at in range(50, 900, 100)
    )  # fmt: skip
    lines = [(at, 0, "x", 0) for at in (0, 950)]
    base = replace(setup(lines, nodes=3, seed=seed, protocol_options=options), plan=plan)
    holders: dict[object, int] = {}
    for row in simulate(replace(base, protocol=Lease)).rows:
        if row.f == "holds":
            if any(holder != row.node for holder in holders):
                return True
            holders[row.node] = 1
        elif row.f == "over":
            holders.pop(row.node, None)
    return False


SEEDS = range(10)


@pytest.mark.parametrize("fault", ["clock-bump", "clock-strobe"])
def test_a_lease_by_the_wall_clock_breaks_where_one_by_a_timer_does_not(fault) -> None:
    assert not any(two_holders(fault, seed) for seed in SEEDS)
    assert any(two_holders(fault, seed, wall=1) for seed in SEEDS)


def test_without_a_clock_fault_a_lease_by_the_wall_clock_holds() -> None:
    assert not any(two_holders("packet-delay", seed, wall=1) for seed in SEEDS)


def test_a_lease_holds_as_long_as_its_margin_is_more_than_the_drift() -> None:
    def drifting(ppm: int) -> Window:
        return window(1, 990, [SetDrift(0, ppm)], [ResetClock(0)])

    assert any(two_holders(drifting(200_000), seed) for seed in SEEDS)
    assert any(two_holders(drifting(200_000), seed, margin=10) for seed in SEEDS)
    assert not any(two_holders(drifting(200_000), seed, margin=20) for seed in SEEDS)
    assert not any(two_holders(drifting(-200_000), seed) for seed in SEEDS)
    assert not any(two_holders("clock-drift", seed, margin=40) for seed in SEEDS)
    assert any(two_holders("clock-drift", seed) for seed in range(40))
