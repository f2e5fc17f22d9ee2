"""Clients append to lists and read them, in transactions; their order must be a strict serial one.

Every append is of a value never appended before, so that a read shows in which order all appends
before it took effect, and the dependencies between transactions follow (Kingsbury, Alvaro, "Elle:
Inferring Isolation Anomalies from Experimental Observations", VLDB 2020). ``append`` keeps each
transaction to one list, which every protocol with a log can serve; ``list-append`` goes across.
"""

from __future__ import annotations

from functools import partial
from random import Random

from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import Ops, TimeLimit, at_rate
from workloads.kernel import Generator, Options, Workload
from workloads.rotation import Rotation, last_of_each

WRITES = 64
"""Appends to a list before a new one takes its place."""

MOST = 4
"""Micro-operations of a transaction, at most."""


def micro_ops(random: Random, serial: int, keys: list[str]) -> list[list[object]]:
    """A read or an append, as likely, of each of these keys; appended values are never the same.

    >>> micro_ops(Random(3), 7, ["a0.0", "a1.0"])
    [['append', 'a0.0', 28], ['r', 'a1.0', None]]
    """
    return [
        ["r", key, None] if random.getrandbits(1) else ["append", key, MOST * serial + i]
        for i, key in enumerate(keys)
    ]


def generate(
    random: Random, context: Context, rotation: Rotation, *, across: bool
) -> tuple[str, str, object]:
    """A transaction of one to ``MOST`` micro-operations; ``across``: each on a key drawn anew.

    >>> rotation, context = Rotation("a", places=2, writes=9), Context(threads=1)
    >>> context.turn(0)
    >>> generate(Random(3), context, rotation, across=False)
    ('txn', 'a0.0', [['r', 'a0.0', None], ['append', 'a0.0', 5]])
    """
    count = 1 + random.randrange(MOST)
    first = rotation.pick(random)
    keys = [first, *(rotation.pick(random) if across else first for _ in range(count - 1))]
    txn = micro_ops(random, context.serial, keys)
    for f, key, _ in txn:
        if f == "append":
            rotation.wrote(str(key))
    return "txn", "" if across else first, txn


def main(random: Random, options: Options, *, across: bool) -> Generator:
    arrivals = Random(random.getrandbits(64))
    rotation = Rotation("a", places=options.keys, writes=WRITES)
    make = partial(generate, rotation=rotation, across=across)
    ops = Ops(make, random, Context(threads=options.threads))
    return TimeLimit(options.time_ms * 1_000_000, at_rate(options.rate, ops, arrivals))


def final(random: Random, options: Options, *, across: bool) -> Generator:  # noqa: ARG001
    """After all is healed: what does each node say of the lists that were last written to?"""
    return reads_at_every_node(
        last_of_each(options.touched),
        threads=options.threads,
        nodes=options.serving,
        ask=lambda key: ("txn", "" if across else key, [["r", key, None]]),
    )


def workload(name: str = "append", *, across: bool = False) -> Workload:
    from checker.transactional.list_append import check  # noqa: PLC0415  only trials need SciPy

    return Workload(
        name=name,
        main=partial(main, across=across),
        final=partial(final, across=across),
        checks={"list-append": check},
        commands=("txn",),
        multi_key=across,
    )


def list_append() -> Workload:
    return workload("list-append", across=True)
