"""Generators: leaves that make ops, and combinators that say when, by whom and how often.

Each is a small state machine that is told the time and draws from the random stream it was given,
so that the same seed and the same answers make the same ops. A generator hears only of ops that it
made itself; a combinator of several passes each row to the child that made the op. The words
follow Jepsen's (jepsen-io/generator), the open loop follows Schroeder, Wierman, Harchol-Balter,
"Open Versus Closed: A Cautionary Tale", NSDI 2006.

>>> from workloads.rehearsal import rehearse
>>> rows = rehearse(Limit(2, Ask("read", "x")), threads=1)
>>> [(row.time_ns, row.process, row.f, row.key) for row in rows]
[(0, 0, 'read', 'x'), (1000000, 0, 'read', 'x'), (1000000, 0, 'read', 'x'), (2000000, 0, 'read', 'x')]
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from random import Random
from typing import TypeAlias

from checker.history import INVOKE, OK, Row
from workloads.context import Context
from workloads.kernel import WAIT, At, Generator, Invoke, Poll

SECOND = 1_000_000_000

Make: TypeAlias = Callable[[Random, Context], tuple[str, str, object]]
"""Makes the next op: f, key and value (the value to write, or ``[old, new]`` of a cas, or None)."""


new_invoke = tuple.__new__
"""Makes an Invoke of its fields; the class's own constructor takes twice as long."""


def below(random: Random, bound: int) -> int:
    """What ``random.randrange(bound)`` draws, in less than half of its time.

    >>> [below(Random(7), 10), Random(7).randrange(10)]
    [5, 5]
    """
    bits = bound.bit_length()
    drawn = random.getrandbits(bits)
    while drawn >= bound:
        drawn = random.getrandbits(bits)
    return drawn


# --- leaves ---------------------------------------------------------------------------------------


class Ops:
    """Ops without end from ``make``, each for an idle thread drawn at random.

    >>> from workloads.rehearsal import rehearse
    >>> make = lambda random, context: ("write", "x", context.serial)
    >>> ops = Ops(make, Random(1), Context(threads=2))
    >>> [row.value for row in rehearse(Limit(3, ops), threads=2) if row.type == INVOKE]
    [1, 2, 3]
    """

    def __init__(self, make: Make, random: Random, context: Context) -> None:
        self._make, self._random, self._context = make, random, context

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if not idle:
            return WAIT
        thread = idle[0] if len(idle) == 1 else idle[below(self._random, len(idle))]
        self._context.turn(thread)
        f, key, value = self._make(self._random, self._context)
        return new_invoke(Invoke, (thread, f, key, value, now_ns, None))

    def update(self, thread: int, row: Row) -> None:
        self._context.hear(thread, row)


class Ask:
    """The same op again and again, for the first idle thread.

    >>> Ask("read", "x").poll(5, (2, 3))
    Invoke(thread=2, f='read', key='x', value=None, intended_ns=5, node=None)
    """

    def __init__(self, f: str, key: str, value: object = None) -> None:
        self._f, self._key, self._value = f, key, value

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        return Invoke(idle[0], self._f, self._key, self._value, now_ns) if idle else WAIT

    def update(self, thread: int, row: Row) -> None:
        """Nothing that happens changes what is asked."""


# --- how many, and when ---------------------------------------------------------------------------


class Limit:
    """The first ``ops`` ops of a generator.

    >>> limited = Limit(1, Ask("read", "x"))
    >>> limited.poll(0, (0,)) is None, limited.poll(0, (0,)) is None
    (False, True)
    """

    def __init__(self, ops: int, child: Generator) -> None:
        self._left, self._child = ops, child

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if self._left <= 0:
            return None
        poll = self._child.poll(now_ns, idle)
        if type(poll) is Invoke:
            self._left -= 1
        return poll

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)


class TimeLimit:
    """A generator during ``for_ns`` from its first poll on. Ops in flight then still complete.

    >>> limited = TimeLimit(10, Ask("read", "x"))
    >>> [limited.poll(now, (0,)) is None for now in (100, 109, 110)]
    [False, False, True]
    """

    def __init__(self, for_ns: int, child: Generator) -> None:
        self._for_ns, self._child = for_ns, child
        self._end_ns: int | None = None

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if self._end_ns is None:
            self._end_ns = now_ns + self._for_ns
        if now_ns >= self._end_ns:
            return None
        poll = self._child.poll(now_ns, idle)
        if poll is WAIT or (type(poll) is At and poll.time_ns > self._end_ns):
            return At(self._end_ns)
        return poll

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)


class Rate:
    """Open loop: ops arrive at ``per_s`` a second on average, whether or not a client is free.

    Arrivals are drawn from the stream: gaps uniform in [0, 2/rate], or exponential if ``poisson``
    (a Poisson process, but its logarithm is the platform's, so its last digit may be, too).
    An arrival that finds no client free waits, and keeps its intended time: latencies that count
    from there have no coordinated omission. Of more than ``backlog`` that wait the oldest are
    ``shed``, and counted. ``shared_by``: so many of these make the rate together.

    >>> rate = Rate(1000, Ask("read", "x"), Random(0))
    >>> rate.poll(0, (0,))
    At(time_ns=1770880)
    >>> rate.poll(5_000_000, ())
    Wait()
    >>> rate.poll(9_000_000, (0,)).intended_ns
    1770880
    """

    def __init__(
        self,
        per_s: int,
        child: Generator,
        random: Random,
        *,
        poisson: bool = False,
        backlog: int = 100_000,
        shared_by: int = 1,
    ) -> None:
        if per_s <= 0 or backlog <= 0:
            raise ValueError(f"a rate and its backlog are positive, not {per_s} and {backlog}")
        self._gap_ns = max(1, SECOND * shared_by // per_s)
        self._child, self._random = child, random
        self._poisson, self._backlog = poisson, backlog
        self._due: deque[int] = deque()
        self._next_ns: int | None = None
        self.shed = 0

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        due = self._due
        next_ns = now_ns + self._gap() if self._next_ns is None else self._next_ns
        while next_ns <= now_ns:
            due.append(next_ns)
            next_ns += self._gap()
            if len(due) > self._backlog:
                due.popleft()
                self.shed += 1
        self._next_ns = next_ns
        if not due:
            return At(next_ns)
        poll = self._child.poll(now_ns, idle)
        if type(poll) is Invoke:
            thread, f, key, value, _, node = poll
            return new_invoke(Invoke, (thread, f, key, value, due.popleft(), node))
        return poll

    def _gap(self) -> int:
        if self._poisson:
            return int(self._random.expovariate(1.0) * self._gap_ns)
        return below(self._random, 2 * self._gap_ns + 1)

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)


def at_rate(per_s: int, child: Generator, random: Random) -> Generator:
    """Open loop at ``per_s`` ops a second; closed loop, each client as fast as it can, at 0.

    >>> ask = Ask("read", "x")
    >>> at_rate(0, ask, Random(0)) is ask
    True
    """
    return Rate(per_s, child, random) if per_s else child


class Delay:
    """At least ``ns`` from one op to the next.

    >>> delayed = Delay(10, Ask("read", "x"))
    >>> delayed.poll(0, (0,)).f, delayed.poll(4, (0,))
    ('read', At(time_ns=10))
    """

    def __init__(self, ns: int, child: Generator) -> None:
        self._ns, self._child, self._next_ns = ns, child, 0

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if now_ns < self._next_ns:
            return At(self._next_ns)
        poll = self._child.poll(now_ns, idle)
        if type(poll) is Invoke:
            self._next_ns = now_ns + self._ns
        return poll

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)


class UntilOk:
    """A generator until one of its ops is ok.

    >>> from workloads.rehearsal import rehearse
    >>> from checker.history import FAIL
    >>> types = iter((FAIL, FAIL, OK))
    >>> rows = rehearse(UntilOk(Ask("read", "x")), threads=1, answer=lambda _: (1, next(types), 7))
    >>> [row.value for row in rows if row.type == OK], len(rows)
    ([7], 6)
    """

    def __init__(self, child: Generator) -> None:
        self._child, self._done = child, False

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        return None if self._done else self._child.poll(now_ns, idle)

    def update(self, thread: int, row: Row) -> None:
        self._done = self._done or row.type == OK
        self._child.update(thread, row)


# --- several --------------------------------------------------------------------------------------


class Phases:
    """One generator after another; each begins when all ops of the one before are complete.

    >>> phases = Phases([Limit(1, Ask("write", "x", 1)), Limit(1, Ask("read", "x"))])
    >>> first = phases.poll(0, (0, 1))
    >>> phases.poll(0, (1,))
    Wait()
    >>> phases.update(first.thread, Row(1, 0, OK, "write", "x", 1))
    >>> phases.poll(1, (0, 1)).f
    'read'
    """

    def __init__(self, children: Sequence[Generator]) -> None:
        self._children, self._in_flight = deque(children), 0

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        while self._children:
            poll = self._children[0].poll(now_ns, idle)
            if poll is not None:
                self._in_flight += type(poll) is Invoke
                return poll
            if self._in_flight:
                return WAIT
            self._children.popleft()
        return None

    def update(self, thread: int, row: Row) -> None:
        self._in_flight -= row.type != INVOKE
        self._children[0].update(thread, row)


class Mix:
    """Each op from one of several generators, drawn by weight.

    The one drawn is waited for if it has nothing yet; one that has ended is drawn no more.

    >>> mix = Mix([(3, Limit(1, Ask("read", "x"))), (1, Limit(1, Ask("write", "x", 1)))], Random(0))
    >>> sorted(mix.poll(0, (thread,)).f for thread in (0, 1)), mix.poll(0, (2,))
    (['read', 'write'], None)
    """

    def __init__(self, children: Sequence[tuple[int, Generator]], random: Random) -> None:
        self._children, self._random = list(children), random
        self._drawn: int | None = None
        self._made_by: dict[int, Generator] = {}

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        while self._children:
            if self._drawn is None:
                self._drawn = self._draw()
            child = self._children[self._drawn][1]
            poll = child.poll(now_ns, idle)
            if poll is None:
                del self._children[self._drawn]
                self._drawn = None
                continue
            if type(poll) is Invoke:
                self._made_by[poll.thread] = child
                self._drawn = None
            return poll
        return None

    def _draw(self) -> int:
        sums = list(accumulate(weight for weight, _ in self._children))
        draw = self._random.randrange(sums[-1])
        return next(i for i, upper in enumerate(sums) if draw < upper)

    def update(self, thread: int, row: Row) -> None:
        self._made_by[thread].update(thread, row)


class AnyOf:
    """An op from the first of several generators that has one; ends when all have.

    >>> both = AnyOf([Delay(10, Ask("read", "x")), Ask("write", "x", 1)])
    >>> [both.poll(now, (0,)).f for now in (0, 5, 10)]
    ['read', 'write', 'read']
    """

    def __init__(self, children: Sequence[Generator]) -> None:
        self._children = list(children)
        self._made_by: dict[int, Generator] = {}

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        soonest: At | None = None
        ended: list[Generator] = []
        for child in self._children:
            poll = child.poll(now_ns, idle)
            if type(poll) is Invoke:
                self._made_by[poll.thread] = child
                return poll
            if type(poll) is At:
                soonest = poll if soonest is None else min(soonest, poll)
            elif poll is None:
                ended.append(child)
        if ended:
            self._children = [child for child in self._children if child not in ended]
        if not self._children:
            return None
        return WAIT if soonest is None else soonest

    def update(self, thread: int, row: Row) -> None:
        self._made_by[thread].update(thread, row)


# --- by whom, and where ---------------------------------------------------------------------------


class OnThreads:
    """A generator for some of the client threads only.

    >>> OnThreads({1, 2}, Ask("read", "x")).poll(0, (0, 2)).thread
    2
    """

    def __init__(self, threads: Collection[int], child: Generator) -> None:
        self._threads, self._child = frozenset(threads), child

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        return self._child.poll(now_ns, [thread for thread in idle if thread in self._threads])

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)


def reserve(shares: Sequence[tuple[int, Generator]], rest: Generator, *, threads: int) -> Generator:
    """The first threads for the first generator, the next for the second ..., the ``rest``'s.

    >>> split = reserve([(1, Ask("write", "x", 1))], Ask("read", "x"), threads=3)
    >>> [split.poll(0, (thread,)).f for thread in (0, 1, 2)]
    ['write', 'read', 'read']
    """
    children: list[Generator] = []
    first = 0
    for count, child in shares:
        children.append(OnThreads(range(first, first + count), child))
        first += count
    if first > threads:
        raise ValueError(f"{first} threads reserved of {threads}")
    return AnyOf([*children, OnThreads(range(first, threads), rest)])


class EachThread:
    """A generator of its own for each client thread; ends when all have.

    >>> each = EachThread(lambda thread: Limit(1, Ask("read", f"r{thread}")), threads=2)
    >>> each.poll(0, (0, 1)).key, each.poll(0, (1,)).key, each.poll(0, (0, 1))
    ('r0', 'r1', None)
    """

    def __init__(self, make: Callable[[int], Generator], *, threads: int) -> None:
        self._children = {thread: make(thread) for thread in range(threads)}
        self._running = set(self._children)

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        soonest: At | None = None
        for thread in idle:
            if thread not in self._running:
                continue
            poll = self._children[thread].poll(now_ns, (thread,))
            if type(poll) is Invoke:
                return poll
            if type(poll) is At:
                soonest = poll if soonest is None else min(soonest, poll)
            elif poll is None:
                self._running.discard(thread)
        if not self._running:
            return None
        return WAIT if soonest is None else soonest

    def update(self, thread: int, row: Row) -> None:
        self._children[thread].update(thread, row)


class OnNode:
    """A generator whose ops all ask one node, whichever thread runs them.

    >>> OnNode(4, Ask("read", "x")).poll(0, (1,)).node
    4
    """

    def __init__(self, node: int, child: Generator) -> None:
        self._node, self._child = node, child

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        poll = self._child.poll(now_ns, idle)
        return poll._replace(node=self._node) if type(poll) is Invoke else poll

    def update(self, thread: int, row: Row) -> None:
        self._child.update(thread, row)
