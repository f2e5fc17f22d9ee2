"""Clients read, write and compare-and-set a few registers, and each must be linearizable.

A cas asks to replace the value that was last seen in the register by one never written before. So
values stay unique, and each cas that succeeded says which write it followed: chains of values.
"""

from __future__ import annotations

from random import Random

from workloads.context import Context
from workloads.generators import Ops, TimeLimit, at_rate
from workloads.kernel import Generator, Options, Workload
from workloads.register import final, hot_or_cold, names


def generate(random: Random, context: Context, keys: list[str]) -> tuple[str, str, object]:
    """A read (2 in 5), a write of a fresh value (1 in 5) or a cas from what was seen (2 in 5).

    Nothing seen yet: the register should be empty, which the cas asks for by an old value of None.

    >>> context = Context(threads=1)
    >>> context.seen["r0"] = 41
    >>> context.turn(0)
    >>> generate(Random(0), context, ["r0"])
    ('cas', 'r0', [41, 1])
    """
    key, draw = hot_or_cold(random, keys), random.randrange(5)
    if draw < 2:
        return "read", key, None
    if draw < 3:
        return "write", key, context.serial
    return "cas", key, [context.seen.get(key), context.serial]


def main(random: Random, options: Options) -> Generator:
    keys, arrivals = names(options.keys), Random(random.getrandbits(64))
    ops = Ops(lambda r, c: generate(r, c, keys), random, Context(threads=options.threads))
    return TimeLimit(options.time_ms * 1_000_000, at_rate(options.rate, ops, arrivals))


def workload() -> Workload:
    from checker.linearizable import check  # noqa: PLC0415  only trials need SciPy

    return Workload(
        name="cas",
        main=main,
        final=final,
        checks={"linearizable": check},
        commands=("read", "write", "cas"),
    )
