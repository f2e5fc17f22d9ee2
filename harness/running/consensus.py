"""Whether the nodes agree on the history of a key, by what each noted that it executed."""

from __future__ import annotations

from collections.abc import Mapping

from checker.agreement import check
from checker.history import INFO, History, Row, node_process
from checker.phrases import plural
from checker.verdict import Outcome
from harness.running.histories import Executed, history_of

AGREE, DIFFER, UNKNOWN = 0, 1, 2


def consensus(key: str, nodes: Mapping[str, Executed]) -> tuple[int, list[str]]:
    """Whether all nodes executed the key's updates in one order, and sentences that say so.

    A node may lag, or have begun from a snapshot: then its history is a part of the whole one.
    """
    rows = [
        Row(0, node_process(number), INFO, "executed", None, [of, what])
        for number, executed in enumerate(nodes.values())
        for of, what in executed
        if of == key
    ]
    if not rows:
        return UNKNOWN, [
            f"{key}: unknown: no node noted an update of it (a protocol without a log notes none)"
        ]
    histories = {name: history_of(executed, key) for name, executed in nodes.items()}
    verdict = check(History.of(rows))
    if verdict.outcome is not Outcome.VALID:
        return DIFFER, [f"{key}: NO: {verdict.summary}", *(f"  {e}" for e in verdict.explanation)]
    longest = max(map(len, histories.values()))
    lines = [
        f"{key}: yes: {plural(longest, 'update')} in one order at {plural(len(nodes), 'node')}"
    ]
    lines += [
        f"  {name} has noted {len(history)} of {longest}"
        for name, history in histories.items()
        if len(history) < longest
    ]
    return AGREE, lines
