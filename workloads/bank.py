"""Clients move money between accounts and read them all: it neither appears nor is lost.

Jepsen's ``tests/bank``. The accounts are opened first, each by a cas from nothing, which does no
harm where it is tried again, until it shows that the money is there. A transfer of more than there is fails,
so that no balance is negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

from checker.history import OK, Row
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
    UntilOk,
    at_rate,
)
from workloads.kernel import WAIT, Generator, Invoke, Options, Poll, Workload

ACCOUNTS = tuple(f"b{i}" for i in range(8))
OPENING = 10
TOTAL = OPENING * len(ACCOUNTS)
PAUSE_NS = SECOND // 100


def generate(random: Random, context: Context) -> tuple[str, str, object]:  # noqa: ARG001  the seam
    """A read of all accounts, or a transfer of up to 5 between two, as likely.

    >>> generate(Random(1), Context(threads=1))
    ('transfer', '', {'from': 'b1', 'to': 'b2', 'amount': 1})
    """
    if random.getrandbits(1):
        return "balances", "", list(ACCOUNTS)
    source, target = random.sample(ACCOUNTS, 2)
    return "transfer", "", {"from": source, "to": target, "amount": 1 + random.randrange(5)}


class Opening:
    """Gives an account its money, and makes sure, in turns, until that is ok: a cas that changes
    nothing. That the first one failed would not do: so it does where a node refuses all.
    """

    def __init__(self, account: str) -> None:
        self._account, self._sure, self._open = account, True, False

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if self._open:
            return None
        if not idle:
            return WAIT
        self._sure = not self._sure
        return Invoke(
            idle[0], "cas", self._account, [OPENING if self._sure else None, OPENING], now_ns
        )

    def update(self, thread: int, row: Row) -> None:  # noqa: ARG002  the seam's signature
        self._open = self._open or (row.type == OK and row.value == [OPENING, OPENING])


def opening(threads: int) -> Generator:
    """Every account is opened, the threads side by side."""
    return EachThread(
        lambda thread: Phases(
            [Delay(PAUSE_NS, Opening(account)) for account in ACCOUNTS[thread::threads]]
        ),
        threads=threads,
    )


def main(random: Random, options: Options) -> Generator:
    arrivals = Random(random.getrandbits(64))
    ops = Ops(generate, random, Context(threads=options.threads))
    load = Phases([opening(options.threads), at_rate(options.rate, ops, arrivals)])
    return TimeLimit(options.time_ms * 1_000_000, load)


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what does each node say of the accounts?"""
    threads, nodes = options.threads, options.serving
    read = partial(Ask, "balances", "", list(ACCOUNTS))

    def at(node: int) -> Generator:
        return TimeLimit(20 * SECOND, UntilOk(Delay(PAUSE_NS, OnNode(node, read()))))

    def of(thread: int) -> Generator:
        return Phases([at(node) for node in nodes[thread::threads]])

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
