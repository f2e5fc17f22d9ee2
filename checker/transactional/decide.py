"""From transactions to a verdict: what their data says, the order of time, the cycles, the models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from checker.garbage import no_garbage_yet
from checker.history import History
from checker.transactional.graph import Edges, cycles, process_edges, realtime_edges
from checker.transactional.report import MISANSWERED, Anomalies, judge, told_another
from checker.transactional.transactions import Transactions, transactions
from checker.verdict import Verdict


class Inference(Protocol):
    """What can be told of the order of versions, and so of transactions, from what they read."""

    edges: Edges
    anomalies: Anomalies

    def run(self) -> None:
        """Fill ``edges`` and ``anomalies``. Raises Malformed for transactions of another kind."""
        ...

    def because(self, tail: int, head: int, kind: int) -> str:
        """In words, why the first transaction came before the second."""
        ...


@no_garbage_yet()
def decide(
    history: History, inference: Callable[[Transactions], Inference], *, model: str
) -> Verdict:
    """Whether a history keeps to ``model``. Raises Malformed for what are no such transactions."""
    found = transactions(history)
    work = inference(found)
    for txn in found.misanswered:
        work.anomalies.add(MISANSWERED, [txn], told_another(history, txn))
    work.run()
    process_edges(found.txns, work.edges)
    realtime_edges(found.txns, work.edges)
    return judge(
        history,
        found,
        work.anomalies,
        cycles(work.edges, len(found.txns)),
        because=work.because,
        model=model,
    )
