"""From histories made by hand to numbers: what is measured, what is counted as what, and by whom."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, History, Row
from harness.bench.measure import measure, times
from harness.bench.result import ALL, Measured
from harness.errors import NothingMeasured
from workloads.bench import Load

MS = 1_000_000
LOAD = Load(keys=2, rate=100, threads=2, nodes=2, time_ms=1_000, load=False)


class Script:
    """Ops, each by a process of its own thread: (due, begun, ended in ms, how, f, thread)."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.serial = count(1)

    def op(
        self, due: float, begun: float, ended: float, *, type: int = OK, f: str = "read",
        thread: int = 0, value: int | None = None, node: int | None = None,
    ) -> Script:  # fmt: skip
        process = thread + 2 * next(self.serial)
        late = round(due * MS) if due < begun else None
        at, end = round(begun * MS), round(ended * MS)
        self.rows.append(Row(at, process, INVOKE, f, "k0", value, None, node, late))
        self.rows.append(Row(end, process, type, f, "k0", value, None, node))
        return self

    def measured(self, load: Load = LOAD, time_ms: int = 60_000) -> Measured:
        rows = sorted(self.rows, key=lambda row: (row.time_ns, row.type != INVOKE))
        return measure(History.of(rows), load, time_ms=time_ms, sites=("n1", "n2"))


def test_latency_counts_from_when_an_op_was_due_and_service_time_from_when_it_was_asked() -> None:
    whole = Script().op(100, 400, 402).op(500, 500, 504).measured().of(ALL, ALL)
    assert whole.latency is not None
    assert whole.service is not None
    assert (whole.latency.min, whole.latency.max, whole.latency.mean) == (4.0, 302.0, 153.0)
    assert (whole.service.min, whole.service.max, whole.service.mean) == (2.0, 4.0, 3.0)


def test_what_failed_or_is_unknown_is_no_success_and_has_no_latency() -> None:
    """Paxi's benchmark counts a read that failed as one that succeeded, and quickly."""
    script = Script().op(1, 1, 5).op(2, 2, 2.1, type=FAIL).op(3, 3, 900, type=INFO)
    measured = script.measured()
    whole = measured.of(ALL, ALL)
    assert (whole.ops, whole.ok, whole.fail, whole.info) == (3, 1, 1, 1)
    assert whole.latency is not None
    assert (whole.latency.count, whole.latency.min, whole.latency.max) == (1, 4.0, 4.0)
    assert measured.throughput == 1.0
    assert [share for _, share in measured.cdf] == [1.0]


def test_an_op_that_never_ended_is_unknown() -> None:
    script = Script().op(1, 1, 5).op(2, 2, 3)
    del script.rows[-1]
    assert script.measured().of().info == 1


def test_numbers_are_by_site_and_by_kind() -> None:
    script = Script().op(1, 1, 2).op(2, 2, 4, thread=1).op(3, 3, 6, f="write", value=1)
    measured = script.measured()
    assert measured.sites == ("n1", "n2")
    found = {(g.site, g.f): g.latency.mean for g in measured.groups if g.latency is not None}
    assert found == {
        (ALL, ALL): 2.0, (ALL, "read"): 1.5, (ALL, "write"): 3.0,
        ("n1", ALL): 2.0, ("n1", "read"): 1.0, ("n1", "write"): 3.0,
        ("n2", ALL): 2.0, ("n2", "read"): 2.0,
    }  # fmt: skip


def test_nodes_of_one_zone_are_one_site() -> None:
    load = replace(LOAD, nodes=3, threads=3, sites=(0, 1, 0))
    script = Script()
    for node in range(3):
        script.op(node, node, node + 1, node=node)
    assert script.measured(load).of("n1").ops == 2


def test_loading_and_warming_up_are_not_measured_nor_is_what_began_later() -> None:
    load = replace(LOAD, load=True, warmup_ms=100, time_ms=200)
    script = Script()
    script.op(0, 0, 40, f="write", value=-1).op(1, 1, 50, f="write", value=-2, thread=1)
    script.op(149, 149, 160).op(140, 150, 151).op(349, 349, 500).op(350, 350, 352)
    measured = script.measured(load)
    assert (measured.loaded, measured.of().ops, measured.measured_s) == (2, 2, 0.2)
    assert measured.throughput == pytest.approx(2 / 0.2)  # the two that ended from 150 to 350 ms
    assert measured.timeline.measured_s == (0.1, 0.3)


def test_what_began_within_and_ended_later_has_a_latency_but_is_no_throughput() -> None:
    measured = Script().op(1, 1, 2).op(900, 900, 1_700).measured()
    assert measured.of().ok == 2
    assert measured.throughput == 1.0


def test_the_first_so_many_ops_are_measured_where_ops_are_given() -> None:
    script = Script()
    for i in range(6):
        script.op(100 * i, 100 * i, 100 * i + 50)
    measured = script.measured(replace(LOAD, time_ms=0, ops=3, warmup_ms=100))
    assert measured.of().ops == 3
    assert measured.measured_s == 0.25
    assert measured.throughput == pytest.approx(12.0)


def test_final_reads_are_not_measured() -> None:
    script = Script().op(1, 1, 2).op(300, 300, 301)
    script.rows.append(Row(200 * MS, NEMESIS, INFO, "heal"))
    assert script.measured().of().ops == 1
    assert Script().op(1, 1, 2).op(300, 300, 301).measured(time_ms=250).of().ops == 1


def test_how_late_ops_began_and_how_far_behind_the_clients_were_at_the_end() -> None:
    slow = Script()
    for i in range(10):
        slow.op(10 * i, 100 * i, 100 * i + 90)
    measured = slow.measured()
    assert measured.late is not None
    assert (measured.late.min, measured.late.max) == (0.0, 810.0)
    assert measured.behind_ms == 910.0  # what was due at 90 ms began last, and 1000 ms was the end
    later = slow.op(5_000, 5_000, 5_001).measured()  # a final read
    assert later.behind_ms == 910.0
    closed = slow.measured(replace(LOAD, rate=0))
    assert (closed.late, closed.behind_ms) == (None, 0.0)


def test_the_clients_of_one_slow_node_are_behind_however_fast_the_others_are() -> None:
    script = Script()
    for i in range(100):
        script.op(10 * i, 10 * i, 10 * i + 5, thread=1)
    for i in range(10):
        script.op(10 * i, 100 * i, 100 * i + 90, thread=0)
    assert script.measured().behind_ms == 910.0


def test_a_load_that_is_kept_up_with_is_not_behind() -> None:
    script = Script()
    for i in range(100):
        script.op(10 * i, 10 * i, 10 * i + 5, thread=i % 2)
    assert script.measured().behind_ms == 0.0


def test_the_timeline_counts_each_end_where_it_was() -> None:
    script = Script()
    for i in range(20):
        script.op(50 * i, 50 * i, 50 * i + 1, type=FAIL if i == 7 else OK)
    line = script.measured().timeline
    assert sum(line.ok) * line.width_s == pytest.approx(19)
    assert sum(line.not_ok) * line.width_s == pytest.approx(1)
    assert line.not_ok.index(max(line.not_ok)) == int(0.351 / line.width_s)


def test_the_distribution_rises_to_one() -> None:
    script = Script()
    for i in range(500):
        script.op(i, i, i + 1 + i % 50, thread=i % 2)
    cdf = script.measured().cdf
    assert list(cdf) == sorted(cdf)
    assert cdf[-1] == (50.0, 1.0)
    assert all(abs(share - np.ceil(ms) / 50) < 0.02 for ms, share in cdf if share > 0.02)


def test_nothing_measured_says_what_was_loaded() -> None:
    script = Script().op(0, 0, 40, f="write", value=-1)
    with pytest.raises(NothingMeasured, match="1 of 2 keys were loaded"):
        script.measured(replace(LOAD, load=True))


def test_quantiles_are_by_nearest_rank() -> None:
    found = times(np.arange(1, 2001) * MS)
    assert found is not None
    assert (found.p50, found.p95, found.p99, found.p999) == (1000.0, 1900.0, 1980.0, 1998.0)
