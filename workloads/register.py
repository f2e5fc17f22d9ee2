"""Clients read and write a few registers, and each register must be linearizable.

Every write is of a value never written before, so that a read tells which write it saw: deciding
linearizability is then a matter of n log n (Gibbons, Korach, "Testing Shared Memories", SIAM
J. Comput. 1997). Half of the ops go to one hot key, where they meet; the others to cold ones.
"""

from __future__ import annotations

from random import Random

from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import Ops, TimeLimit, at_rate, below
from workloads.kernel import Generator, Options, Workload


def names(keys: int) -> list[str]:
    """The registers' names; the first is the hot one.

    >>> names(3)
    ['r0', 'r1', 'r2']
    """
    return [f"r{i}" for i in range(keys)]


def hot_or_cold(random: Random, keys: list[str]) -> str:
    """The first key half of the time, else one of the others."""
    if len(keys) == 1 or random.getrandbits(1):
        return keys[0]
    return keys[1 + below(random, len(keys) - 1)]


def generate(random: Random, context: Context, keys: list[str]) -> tuple[str, str, object]:
    """A read or a write of a fresh value, as likely.

    >>> context = Context(threads=1)
    >>> context.turn(0)
    >>> generate(Random(1), context, ["r0"])
    ('write', 'r0', 1)
    """
    key = hot_or_cold(random, keys)
    if random.getrandbits(1):
        return "read", key, None
    return "write", key, context.serial


def main(random: Random, options: Options) -> Generator:
    keys, arrivals = names(options.keys), Random(random.getrandbits(64))
    ops = Ops(lambda r, c: generate(r, c, keys), random, Context(threads=options.threads))
    return TimeLimit(options.time_ms * 1_000_000, at_rate(options.rate, ops, arrivals))


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what does each node say of each key?"""
    return reads_at_every_node(names(options.keys), threads=options.threads, nodes=options.serving)


def workload() -> Workload:
    from checker.linearizable import check  # noqa: PLC0415  only trials need SciPy

    return Workload(
        name="register",
        main=main,
        final=final,
        checks={"linearizable": check},
        commands=("read", "write"),
    )
