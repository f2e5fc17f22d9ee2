"""Who used the processor: shares of it between two moments, from what was seen around them."""

from __future__ import annotations

import time
from pathlib import Path

from harness.bench.usage import NodeTime, Sample, Sampler, cpu_of, node_seconds, used

S = 1_000_000_000


def test_a_share_is_of_the_time_that_was_asked_for_alone() -> None:
    """Half a second of work before and after are no part of it."""
    seen = [Sample(i * S // 10, min(0.5, i / 10) + 0.1 * max(0, i - 5), 0.2 * i) for i in range(31)]
    between = used(seen, 1 * S, 2 * S, cores=4)
    assert abs(between.client - 1.0) < 1e-6
    assert between.machine is not None
    assert abs(between.machine - 2.0) < 1e-6
    assert between.cores == 4


def test_a_time_beyond_what_was_seen_ends_where_that_ends() -> None:
    seen = [Sample(0, 0.0, None), Sample(S, 0.5, None)]
    told = used(seen, -S, 5 * S)
    assert (told.elapsed_s, told.client, told.machine) == (1.0, 0.5, None)


def test_what_this_process_uses_is_seen() -> None:
    with Sampler(time.monotonic_ns) as sampler:
        until = time.process_time() + 0.15
        while time.process_time() < until:
            sum(range(1000))
    first, last = sampler.samples[0], sampler.samples[-1]
    assert last.client_s - first.client_s >= 0.15
    assert last.machine_s is not None
    assert first.machine_s is not None
    assert last.machine_s - first.machine_s >= 0.1  # it counts in ticks of 10 ms
    assert [s.at_ns for s in sampler.samples] == sorted(s.at_ns for s in sampler.samples)


def test_of_a_node_that_was_restarted_nothing_is_known() -> None:
    before = {0: NodeTime(10, 1.0), 1: NodeTime(11, 1.0)}
    after = {0: NodeTime(10, 3.0), 1: NodeTime(12, 0.5), 2: NodeTime(13, 9.0)}
    assert node_seconds(before, after) == {0: 2.0}


def test_cpu_time_is_read_from_proc() -> None:
    told = cpu_of(Path("/proc/self/stat").read_text(encoding="ascii"))
    assert abs(told - time.process_time()) < 0.5
