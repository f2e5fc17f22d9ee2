"""Clients add elements to sets and read them whole: what was added stays, and is seen at once.

Jepsen's ``set-full``: every element is added once, so that each read says of each element whether
it was there. Checked twice: as a linearizable set, and by what became of each element.
"""

from __future__ import annotations

from functools import partial
from random import Random

from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import Ops, TimeLimit, at_rate
from workloads.kernel import Generator, Options, Workload
from workloads.rotation import Rotation, last_of_each

WRITES = 100
"""Elements of a set before a new one takes its place."""


def generate(random: Random, context: Context, rotation: Rotation) -> tuple[str, str, object]:
    """A read of a whole set or the addition of an element, as likely.

    >>> context = Context(threads=1)
    >>> context.turn(0)
    >>> generate(Random(1), context, Rotation("s", places=1, writes=9))
    ('add', 's0.0', 1)
    """
    key = rotation.pick(random)
    if random.getrandbits(1):
        return "read", key, None
    rotation.wrote(key)
    return "add", key, context.serial


def main(random: Random, options: Options) -> Generator:
    arrivals = Random(random.getrandbits(64))
    rotation = Rotation("s", places=options.keys, writes=WRITES)
    ops = Ops(partial(generate, rotation=rotation), random, Context(threads=options.threads))
    return TimeLimit(options.time_ms * 1_000_000, at_rate(options.rate, ops, arrivals))


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what does each node say of the sets that were last added to?"""
    return reads_at_every_node(
        last_of_each(options.touched), threads=options.threads, nodes=options.serving
    )


def workload() -> Workload:
    from checker.containers import set_full, sets  # noqa: PLC0415  only trials need NumPy

    return Workload(
        name="set",
        main=main,
        final=final,
        checks={"set": sets.check, "set-full": set_full.check},
        commands=("read", "add"),
    )
