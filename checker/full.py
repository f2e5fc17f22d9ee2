"""Whether a disk that was full was in anybody's way, at least once.

A node that has nothing to write while its disk is full has met no fault. What is counted is what was seen: writes
that were refused by the end of the window, as the one who refused them says (``proof`` of the nemesis' rows, of
either interpreter).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checker.history import History
from checker.phrases import of_node, plural
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import actions_of, nemesis_rows, proofs_of

FILL, FREE = "fill-disk", "free-disk"


def asked(history: History) -> bool:
    """Whether the nemesis filled any disk."""
    return any(_filled(history))


def check(history: History) -> Verdict:
    """*Vacuous* where no write was refused. ``details``: how many disks were ``filled``, and ``met`` by a
    write, and how many writes were ``refused``.
    """
    filled = list(_filled(history))
    refused = [
        count
        for _, value in nemesis_rows(history)
        for action, proof in proofs_of(value)
        if action.get("do") == FREE and (count := _refused(proof.get("saw")))
    ]
    details: dict[str, Json] = {
        "filled": len(filled),
        "met": len(refused),
        "refused": sum(refused),
    }
    if refused:
        summary = (
            f"{plural(sum(refused), 'write')} found no space; "
            f"{len(refused)} of {plural(len(filled), 'full disk')} were written to"
        )
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    return Verdict(
        outcome=Outcome.VACUOUS,
        summary=f"of {plural(len(filled), 'full disk')} none was written to",
        evidence=tuple(dict.fromkeys(row for row, _ in filled)),
        explanation=tuple(
            f"the disk of {of_node(node) if isinstance(node, int) else 'a node'} was full (row {row}), and no write was refused"
            for row, node in filled
        ),
        details=details,
    )


def _filled(history: History) -> Iterator[tuple[int, Json]]:
    """The rows in which a disk was filled, and whose."""
    for row, value in nemesis_rows(history):
        for action in actions_of(value):
            if action.get("do") == FILL:
                yield row, action.get("node")


def _refused(saw: Json) -> int:
    count = saw.get("refused") if isinstance(saw, Mapping) else None
    return count if isinstance(count, int) else 0
