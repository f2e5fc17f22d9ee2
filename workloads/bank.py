"""Clients move money between accounts and read them all: it neither appears nor is lost.

Jepsen's ``tests/bank``. The accounts are opened first, each by a cas from nothing, which does no
harm where it is tried again. A transfer of more than there is fails, so that no balance is negative.
"""

from __future__ import annotations

from functools import partial
from random import Random

from workloads.context import Context
from workloads.generators import (
    SECOND,
    Ask,
    Delay,
    EachThread,
    OnNode,
    Ops,
    Phases,
    TimeLimit,
    UntilCertain,
    UntilOk,
    at_rate,
)
from workloads.kernel import Generator, Options, Workload

ACCOUNTS = tuple(f"b{i}" for i in range(8))
OPENING = 10
TOTAL = OPENING * len(ACCOUNTS)
PAUSE_NS = SECOND // 20


def generate(random: Random, context: Context) -> tuple[str, str, object]:  # noqa: ARG001  the seam
    """A read of all accounts, or a transfer of up to 5 between two, as likely.

    >>> generate(Random(1), Context(threads=1))
    ('transfer', '', {'from': 'b1', 'to': 'b2', 'amount': 1})
    """
    if random.getrandbits(1):
        return "balances", "", list(ACCOUNTS)
    source, target = random.sample(ACCOUNTS, 2)
    return "transfer", "", {"from": source, "to": target, "amount": 1 + random.randrange(5)}


def opening() -> Generator:
    """Each account gets its money, once: until a node says so, or that it has it."""
    return Phases(
        [UntilCertain(Delay(PAUSE_NS, Ask("cas", name, [None, OPENING]))) for name in ACCOUNTS]
    )


def main(random: Random, options: Options) -> Generator:
    arrivals = Random(random.getrandbits(64))
    ops = Ops(generate, random, Context(threads=options.threads))
    load = Phases([opening(), at_rate(options.rate, ops, arrivals)])
    return TimeLimit(options.time_ms * 1_000_000, load)


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what does each node say of the accounts?"""
    threads, nodes = options.threads, options.nodes
    read = partial(Ask, "balances", "", list(ACCOUNTS))

    def at(node: int) -> Generator:
        return TimeLimit(20 * SECOND, UntilOk(Delay(PAUSE_NS, OnNode(node, read()))))

    def of(thread: int) -> Generator:
        return Phases([at(node) for node in range(thread, nodes, threads)])

    return EachThread(of, threads=threads)


def workload() -> Workload:
    from checker.transactional.bank import check  # noqa: PLC0415  only trials need it

    return Workload(
        name="bank",
        main=main,
        final=final,
        checks={"bank": partial(check, total=TOTAL)},
        commands=("cas", "transfer", "balances"),
        multi_key=True,
    )
