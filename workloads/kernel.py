"""What a workload is: how ops are made, and what must hold of their history.

A generator decides and never acts: ``poll`` says what is next, ``update`` hears what happened.
Both interpreters (``harness.sim`` in virtual time, ``harness.driver`` with threads) run the same
generator, and a test runs it without either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, Protocol, TypeAlias

from checker.history import History, Row
from checker.verdict import Verdict


class Invoke(NamedTuple):
    """Let client ``thread`` ask for ``f`` of ``key`` now.

    ``intended_ns`` is when it should have started (open loop); ``node`` names the node to ask,
    where None means the thread's own, ``thread % nodes``.
    """

    thread: int
    f: str
    key: str
    value: object
    intended_ns: int
    node: int | None = None


class At(NamedTuple):
    """Nothing before this time: poll again then (or after the next update, if that is sooner)."""

    time_ns: int


class Wait(NamedTuple):
    """Nothing until something completes: poll again after the next update."""


WAIT = Wait()

Poll: TypeAlias = Invoke | At | Wait | None


class Generator(Protocol):
    """A pure state machine. All times are ns since the start of the trial.

    What every interpreter keeps to: an Invoke is carried out, with its row told by ``update``
    before the next poll; a thread is idle again no sooner than its completion was told; at None the
    run ends once the ops in flight have completed (``update`` hears of those, too).
    """

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        """What is next, given the client threads that are idle (ascending). None: no more, ever."""
        ...

    def update(self, thread: int, row: Row) -> None:
        """Hear of a row of client ``thread``: each invocation and each completion, in order."""
        ...


def next_process(process: int, threads: int) -> int:
    """The process under which a thread goes on after *info*: never used before, by any thread.

    >>> next_process(3, threads=5) % 5
    3
    """
    return process + threads


Check: TypeAlias = Callable[[History], Verdict]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says of the load. ``rate`` is ops/s of all clients; 0: closed loop.

    ``extra`` are the workload's own options, by name. ``zones`` are the nodes' zones, or empty.
    For final ops: ``touched`` are the keys that were asked for so far, in order of first use, and
    ``members`` the nodes that serve then (None: all).
    """

    threads: int
    nodes: int
    time_ms: int
    rate: int = 100
    keys: int = 5
    extra: Mapping[str, str] = field(default_factory=dict)
    touched: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    members: tuple[int, ...] | None = None

    @property
    def serving(self) -> Sequence[int]:
        """The nodes to be asked finally."""
        return range(self.nodes) if self.members is None else self.members


@dataclass(frozen=True, kw_only=True)
class Workload:
    """``main`` runs while faults do; ``final`` after all is healed, and ends by itself.

    ``checks`` are the claims that the history is held to, by name. ``commands`` are the ``f`` of
    its ops, so that a protocol that does not serve one of them is refused before a host is touched;
    none said, none refused. ``multi_key`` says that an op may concern several keys, which not
    every protocol serves. ``options`` are the names that it understands in ``Options.extra``; for a
    value that cannot be meant, ``main`` raises ValueError.
    """

    name: str
    main: Callable[[Random, Options], Generator]
    final: Callable[[Random, Options], Generator]
    checks: Mapping[str, Check]
    commands: tuple[str, ...] = ()
    multi_key: bool = False
    options: tuple[str, ...] = ()


class Refused(Exception):  # noqa: N818
    """A client's word that the op certainly did not happen, and never will: it becomes *fail*.

    Any other exception from ``invoke`` becomes *info*: nobody knows.
    """


class Client(Protocol):
    """The seam to a system: plain blocking code, used by one thread. One client, one process."""

    def invoke(self, f: str, key: str, value: object) -> object:
        """Returning is *ok*. Raises Refused for *fail*; anything else raised is *info*."""
        ...

    def close(self) -> None: ...
