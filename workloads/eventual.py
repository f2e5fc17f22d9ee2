"""Clients of a store that is only eventually consistent: what it has answered, it must have in the end.

Three kinds of keys: registers ``r0, r1 ...`` are read and written, and how stale the reads are is
measured; carts ``s0.0 ...`` are added to and read whole, as in the Dynamo paper's shopping cart, of
which nothing may be lost; ``d0.0 ...`` are written and deleted, and what was deleted stays so. When
all is healed, every node is asked for its own copy of each key, until all agree or it has been long.

Judged by :mod:`checker.eventual`. It is for protocols that serve ``delete`` and ``replica``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from checker.history import INVOKE, OK, Row
from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import SECOND, Ops, TimeLimit, at_rate
from workloads.kernel import At, Generator, Invoke, Options, Poll, Workload
from workloads.register import hot_or_cold
from workloads.rotation import Rotation, last_of_each

CART, DELETED = 50, 4
"""Updates of a cart, and of a key that is deleted, before a new one takes its place: in the end of a
key one sees what became of its last updates only, so there are many keys."""
ROUNDS = 40
PAUSE_NS = SECOND // 4


def names(prefix: str, keys: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(keys)]


def generate(
    random: Random, context: Context, *, keys: int, carts: Rotation, deleted: Rotation
) -> tuple[str, str, object]:
    """Of registers and of carts two in five each, half of them reads; one in five writes what may
    be deleted, or deletes.

    >>> context = Context(threads=1)
    >>> context.turn(0)
    >>> rotations = {"carts": Rotation("s", places=1, writes=9), "deleted": Rotation("d", places=1, writes=9)}
    >>> [generate(Random(i), context, keys=1, **rotations)[:2] for i in range(4)]
    [('add', 's0.0'), ('write', 'r0'), ('read', 'r0'), ('write', 'r0')]
    """
    kind, second = random.randrange(5), random.getrandbits(1)
    if kind < 2:
        key = hot_or_cold(random, names("r", keys))
        return ("write", key, context.serial) if second else ("read", key, None)
    if kind < 4:
        key = carts.pick(random)
        if not second:
            return "read", key, None
        carts.wrote(key)
        return "add", key, context.serial
    key = deleted.pick(random)
    deleted.wrote(key)
    return ("write", key, context.serial) if second else ("delete", key, None)


def main(random: Random, options: Options) -> Generator:
    arrivals = Random(random.getrandbits(64))
    carts = Rotation("s", places=options.keys, writes=CART)
    deleted = Rotation("d", places=options.keys, writes=DELETED)
    make = partial(generate, keys=options.keys, carts=carts, deleted=deleted)
    ops = Ops(make, random, Context(threads=options.threads))
    return TimeLimit(options.time_ms * 1_000_000, at_rate(options.rate, ops, arrivals))


class UntilAgreed:
    """Rounds of ops, until in one of them all answers about a key are the same (but for None).

    >>> from workloads.rehearsal import rehearse
    >>> answers = iter([[1], [2], None, [2], [2], [2]])
    >>> rounds = UntilAgreed(lambda: reads_at_every_node(["x"], threads=1, nodes=range(3)), rounds=9)
    >>> len(rehearse(rounds, threads=1, answer=lambda _: (1, OK, next(answers))))
    12
    """

    def __init__(self, make: Callable[[], Generator], *, rounds: int, pause_ns: int = 1) -> None:
        self._make, self._left, self._pause_ns = make, rounds, pause_ns
        self._child, self._flying, self._not_before_ns = make(), 0, 0
        self._answers: dict[str, object] = {}
        self._agreed = True

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if now_ns < self._not_before_ns:
            return At(self._not_before_ns)
        poll = self._child.poll(now_ns, idle)
        if isinstance(poll, Invoke):
            self._flying += 1
        if poll is not None or self._flying:
            return poll
        self._left -= 1
        if self._agreed or self._left <= 0:
            return None
        self._child, self._agreed, self._answers = self._make(), True, {}
        self._not_before_ns = now_ns + self._pause_ns
        return At(self._not_before_ns)

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)
        if row.type == INVOKE:
            return
        self._flying -= 1
        if row.type == OK and row.value is not None:
            first = self._answers.setdefault(str(row.key), row.value)
            self._agreed = self._agreed and first == row.value


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """After all is healed: what has each node itself of each key that was last in use?"""
    keys = last_of_each(options.touched)
    ask = partial(
        reads_at_every_node,
        keys,
        threads=options.threads,
        nodes=options.serving,
        ask=lambda key: ("replica", key, None),
    )
    return UntilAgreed(ask, rounds=ROUNDS, pause_ns=PAUSE_NS)


def workload() -> Workload:
    from checker import eventual, measured  # noqa: PLC0415  only trials need NumPy

    return Workload(
        name="eventual",
        main=main,
        final=final,
        checks={
            "eventual": eventual.check,
            "sessions": measured.session_guarantees,
            "staleness": measured.staleness,
        },
        commands=("read", "write", "add", "delete", "replica"),
    )
