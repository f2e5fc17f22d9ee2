"""Whether the members changed as they were asked to, and all nodes speak of the same configurations.

Reconfiguration is safe where all agree on the sequence of configurations (Lamport, Malkhi, Zhou,
"Reconfiguring a State Machine", ACM SIGACT News 41(1), 2010): so no two nodes may note different members
of one version (notes ``members`` [version, [node ...]]). After the faults the first members are wanted
again, and nothing hinders it: they must have become so. And a trial in which nothing was ever changed
has not tested what it was asked to.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.history import History
from checker.phrases import of_node, plural
from checker.shapes import Malformed, answers, integer
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import actions_of, left_dead, nemesis_rows

CHANGES = ("join", "leave")


def asked(history: History) -> bool:
    """Whether the nemesis wanted any change of membership."""
    return any(
        action.get("do") in CHANGES
        for _, value in nemesis_rows(history)
        for action in actions_of(value)
    )


@answers
def check(history: History) -> Verdict:
    """*Invalid* where nodes differ on a version, or the members wanted last did not come to be (a node
    that is left dead may be one or not); *vacuous* where no change was decided. ``details``: ``changes``, and the ``members`` at the end.
    """
    noted: dict[int, tuple[int, int, list[int]]] = {}
    for row, node, value in history.notes("members"):
        version, members = _configuration(value, row)
        before = noted.setdefault(version, (row, node, members))
        if before[2] != members:
            return Verdict(
                outcome=Outcome.INVALID,
                summary=f"{of_node(node)} and {of_node(before[1])} differ on who was a member from "
                f"version {version} on: {_named(members)}, and {_named(before[2])}",
                evidence=(before[0], row),
                explanation=(_said(version, *before), _said(version, row, node, members)),
            )
    changes = sum(1 for version in noted if version)
    newest = max(noted, default=0)
    row, node, last = noted.get(newest, (0, 0, []))
    details: dict[str, Json] = {"changes": changes, "members": list(last)}
    if not changes:
        summary = "no change of membership was decided"
        return Verdict(outcome=Outcome.VACUOUS, summary=summary, details=details)
    wanted = _wanted(history)
    if wanted is not None and ({*last} ^ {*wanted}) - {*left_dead(history)}:
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"the members are {_named(last)} at the end, and not {_named(wanted)}, though no "
            "fault was on any more",
            evidence=(row,),
            explanation=(_said(newest, row, node, last),),
            details=details,
        )
    again = "" if wanted is None else f"; the members are {_named(last)} again"
    summary = f"{plural(changes, 'change')} of membership decided{again}"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _configuration(value: Json, row: int) -> tuple[int, list[int]]:
    match value:
        case [int(version), [*nodes]]:
            return version, [integer(node, row, "a member") for node in nodes]
    raise Malformed(row, "a note of members is [version, [node ...]]")


def _wanted(history: History) -> Sequence[int] | None:
    """The members that the heal asked for, if it did."""
    wanted = None
    for _, value in nemesis_rows(history):
        members = value.get("members")
        if value.get("phase") == "heal" and isinstance(members, (list, tuple)):
            wanted = members
    return wanted


def _said(version: int, row: int, node: int, members: Sequence[int]) -> str:
    return (
        f"{of_node(node)} noted {_named(members)} as the members of version {version} (row {row})"
    )


def _named(members: Sequence[int]) -> str:
    return ", ".join(map(of_node, members)) or "nobody"
