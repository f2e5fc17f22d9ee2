"""Clients move money between accounts and read them all: it neither appears nor is lost.

Jepsen's ``tests/bank``. The accounts are opened first, each by a cas from nothing, which does no
harm where it is tried again, until it shows that the money is there. A transfer of more than there is fails,
so that no balance is negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

from checker.history import FAIL, INFO, OK, History, Row
from checker.verdict import Outcome, Verdict
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
SURE = [OPENING, OPENING]
"""The cas that shows that an account is open."""
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
    nothing. That the first one failed would not do: so it does where a node refuses all. Each next
    one is asked of another of ``nodes``, since a node that is dead, cut off or no member may be so for long.
    """

    def __init__(self, account: str, node: int, nodes: int) -> None:
        self._account, self._node, self._nodes = account, node, nodes
        self._sure, self._open = True, False

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if self._open:
            return None
        if not idle:
            return WAIT
        self._sure = not self._sure
        asked = [OPENING if self._sure else None, OPENING]
        return Invoke(idle[0], "cas", self._account, asked, now_ns)._replace(node=self._node)

    def update(self, thread: int, row: Row) -> None:  # noqa: ARG002  the seam's signature
        self._open = self._open or (row.type == OK and row.value == SURE)
        if row.type in (FAIL, INFO):
            self._node = (self._node + 1) % self._nodes


def opening(threads: int, nodes: int) -> Generator:
    """Every account is opened, the threads side by side."""

    def of(thread: int) -> Generator:
        mine = ACCOUNTS[thread::threads]
        return Phases([Delay(PAUSE_NS, Opening(name, thread % nodes, nodes)) for name in mine])

    return EachThread(of, threads=threads)


def main(random: Random, options: Options) -> Generator:
    arrivals = Random(random.getrandbits(64))
    ops = Ops(generate, random, Context(threads=options.threads))
    load = Phases([opening(options.threads, options.nodes), at_rate(options.rate, ops, arrivals)])
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


def check(history: History) -> Verdict:
    """Nothing is known to be lost of an account that was never seen to be open.

    The accounts are those that anybody speaks of: ops that are given (``--ops``) may do with fewer.
    """
    from checker.transactional import bank  # noqa: PLC0415  only trials need it

    opened = {op.key for op in history.ops() if op.type == OK and op.result == SURE}
    accounts = [name for name in ACCOUNTS if name in _spoken_of(history)] or ACCOUNTS
    if missing := [name for name in accounts if name not in opened]:
        summary = f"never opened, so that no money was moved: {', '.join(missing)}"
        return Verdict(outcome=Outcome.VACUOUS, summary=summary)
    return bank.check(history, total=OPENING * len(accounts), accounts=accounts)


def _spoken_of(history: History) -> set[object]:
    """The accounts that ops open, move money between, or read."""
    names: set[object] = set()
    for op in history.ops():
        match op.f, op.argument:
            case "cas", _:
                names.add(op.key)
            case "transfer", {"from": source, "to": target}:
                names |= {source, target}
            case "balances", [*accounts]:
                names |= set(accounts)
    return names


def workload() -> Workload:
    return Workload(
        name="bank",
        main=main,
        final=final,
        checks={"bank": check},
        commands=("cas", "transfer", "balances"),
        multi_key=True,
    )
