"""Reads after the heal: what does each node say of each key?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workloads.generators import (
    SECOND,
    Ask,
    Delay,
    EachThread,
    OnNode,
    Phases,
    TimeLimit,
    UntilOk,
)
from workloads.kernel import Generator


def reads_at_every_node(
    keys: Sequence[str],
    *,
    threads: int,
    nodes: Sequence[int],
    ask: Callable[[str], tuple[str, str, object]] = lambda key: ("read", key, None),
    patience_ns: int = 20 * SECOND,
    pause_ns: int = SECOND // 10,
) -> Generator:
    """One ok read of each key at each node, for after the heal. ``ask``: how a key is read.

    A thread reads at one node after another, all threads side by side. A read that is not ok is
    tried again after ``pause_ns``; a node that has not answered all reads within ``patience_ns``
    is given up (its last reads stand in the history as they ended).

    >>> from checker.history import INVOKE
    >>> from workloads.rehearsal import rehearse
    >>> rows = rehearse(reads_at_every_node(["x", "y"], threads=2, nodes=range(3)), threads=2)
    >>> [(row.process, row.node, row.key) for row in rows if row.type == INVOKE and row.process]
    [(1, 1, 'x'), (1, 1, 'y')]
    >>> [(row.node, row.key) for row in rows if row.type == INVOKE and not row.process]
    [(0, 'x'), (0, 'y'), (2, 'x'), (2, 'y')]
    """

    def at(node: int) -> Generator:
        reads = [UntilOk(Delay(pause_ns, OnNode(node, Ask(*ask(key))))) for key in keys]
        return TimeLimit(patience_ns, Phases(reads))

    def of(thread: int) -> Generator:
        return Phases([at(node) for node in nodes[thread::threads]])

    return EachThread(of, threads=threads)
