"""The third interpreter, and the smallest: a generator's ops in virtual time, without any system.

For doctests, for tests of generators and for looking at what a workload would do.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TypeAlias

from checker.history import INFO, INVOKE, OK, Row
from workloads.kernel import At, Generator, Invoke, next_process

Answer: TypeAlias = Callable[[Invoke], tuple[int, int, object]]
"""How an op ends: after how many ns (at least 1), with which type (OK, FAIL, INFO), which value."""


def at_once(invoke: Invoke) -> tuple[int, int, object]:
    """Every op is ok after a millisecond, with the value that it was given."""
    return 1_000_000, OK, invoke.value


def rehearse(
    generator: Generator, *, threads: int, answer: Answer = at_once, ops: int = 100_000
) -> list[Row]:
    """Run a generator to its end, or up to ``ops`` ops; every invocation is completed.

    Raises AssertionError where the generator breaks its side: an op for a thread that is not idle,
    or waiting for what can never happen.
    """
    rows: list[Row] = []
    idle, process = list(range(threads)), list(range(threads))
    pending: list[tuple[int, int, int, Row]] = []
    now_ns = serial = 0
    while True:
        poll = generator.poll(now_ns, tuple(idle)) if serial < ops else None
        if isinstance(poll, Invoke):
            assert poll.thread in idle, f"{poll} is for a thread that is busy"
            idle.remove(poll.thread)
            who = process[poll.thread]
            intended_ns = poll.intended_ns if poll.intended_ns < now_ns else None
            row = Row(
                now_ns, who, INVOKE, poll.f, poll.key, poll.value, None, poll.node, intended_ns
            )
            rows.append(row)
            generator.update(poll.thread, row)
            after_ns, ended, value = answer(poll)
            serial += 1
            done = Row(now_ns + after_ns, who, ended, poll.f, poll.key, value, None, poll.node)
            heappush(pending, (done.time_ns, serial, poll.thread, done))
        elif isinstance(poll, At) and (not pending or poll.time_ns < pending[0][0]):
            assert poll.time_ns > now_ns, f"{poll} at {now_ns} would stand still"
            now_ns = poll.time_ns
        elif pending:
            now_ns, _, thread, row = heappop(pending)
            rows.append(row)
            if row.type == INFO:
                process[thread] = next_process(row.process, threads)
            insort(idle, thread)
            generator.update(thread, row)
        else:
            assert poll is None, "waits, though nothing is in flight"
            return rows
