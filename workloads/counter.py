"""Clients add to counters, are told the sum, and read it: an addition that ran twice shows at once.

An addition is not idempotent, and its answer says how many there were before it. So a command that
a retry has run twice, or that was lost after its answer, has no place in any order.
"""

from __future__ import annotations

from functools import partial
from random import Random

from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import Ops, TimeLimit, at_rate
from workloads.kernel import Generator, Options, Workload
from workloads.register import hot_or_cold


def names(keys: int) -> list[str]:
    """The counters' names; the first is the hot one."""
    return [f"c{i}" for i in range(keys)]


def generate(random: Random, context: Context, keys: list[str]) -> tuple[str, str, object]:  # noqa: ARG001
    """A read (1 in 3), or an addition of 1.

    >>> generate(Random(1), Context(threads=1), ["c0"])
    ('read', 'c0', None)
    """
    key = hot_or_cold(random, keys)
    return ("read", key, None) if random.randrange(3) == 0 else ("add-and-get", key, 1)


def main(random: Random, options: Options) -> Generator:
    keys, arrivals = names(options.keys), Random(random.getrandbits(64))
    ops = Ops(partial(generate, keys=keys), random, Context(threads=options.threads))
    return TimeLimit(options.time_ms * 1_000_000, at_rate(options.rate, ops, arrivals))


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what does each node say of each counter?"""
    return reads_at_every_node(names(options.keys), threads=options.threads, nodes=options.serving)


def workload() -> Workload:
    from checker.linearizable.search import search  # noqa: PLC0415  only trials need NumPy
    from checker.models import COUNTER  # noqa: PLC0415

    return Workload(
        name="counter",
        main=main,
        final=final,
        checks={"linearizable": partial(search, model=COUNTER)},
        commands=("read", "add-and-get"),
    )
