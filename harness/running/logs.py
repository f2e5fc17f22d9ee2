"""Logs of the nodes, compared: what each noted as decided, slot by slot.

A node may lack slots that others have: it lags, or a snapshot brought it over them. So ``diff`` asks what those
that have a slot say (as GoPaxos': by majority, tolerant of the unknown); ``cmp`` asks for the very same logs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Json = object
Log = Mapping[str, str]
"""Slot to what was decided there, both as JSON text, in the order in which the node decided."""


def log_of(decided: Sequence[tuple[Json, Json]]) -> dict[str, str]:
    """A node's log by its notes. A slot that it decides again after a restart stands where it first was;
    one that it decides *differently* shows both.

    >>> log_of([(1, "a"), (2, "b"), (1, "a"), (2, "c")])
    {'1': '"a"', '2': '"b" then "c"'}
    """
    found: dict[str, list[str]] = {}
    for slot, what in decided:
        texts = found.setdefault(json.dumps(slot), [])
        if (text := json.dumps(what)) not in texts:
            texts.append(text)
    return {slot: " then ".join(texts) for slot, texts in found.items()}


@dataclass(frozen=True)
class Differs:
    """A slot in which not all that have it say the same."""

    slot: str
    most: str
    """What most of them say; where two tie, what the first node says."""
    others: Mapping[str, str]
    """By node, what those say that say something else."""


def differences(logs: Mapping[str, Log]) -> list[Differs]:
    """The slots that differ, in order.

    >>> differences({"n1": {"1": '"a"'}, "n2": {"1": '"a"'}, "n3": {"1": '"b"', "2": '"c"'}})
    [Differs(slot='1', most='"a"', others={'n3': '"b"'})]
    """
    found = []
    for slot in slots(logs):
        said = {name: log[slot] for name, log in logs.items() if slot in log}
        ((most, _),) = Counter(said.values()).most_common(1)
        if others := {name: what for name, what in said.items() if what != most}:
            found.append(Differs(slot, most, others))
    return found


def slots(logs: Mapping[str, Log]) -> list[str]:
    """All slots that some node has: numbers in their order, then others by their text."""

    def place(slot: str) -> tuple[int, int, str]:
        return (0, int(slot), "") if slot.lstrip("-").isdecimal() else (1, 0, slot)

    return sorted({slot for log in logs.values() for slot in log}, key=place)


def missing(logs: Mapping[str, Log]) -> dict[str, int]:
    """How many of all slots each node lacks, where it does."""
    total = len(slots(logs))
    return {name: total - len(log) for name, log in logs.items() if len(log) < total}


def diff(logs: Mapping[str, Log]) -> tuple[bool, list[str]]:
    """Whether those that have a slot agree on it, for each; and what is to be said.

    >>> diff({"n1": {"1": '"a"', "2": '"b"'}, "n2": {"1": '"a"'}})
    (True, ['all 2 slots agree', '  n2 lacks 1'])
    """
    wrong, total = differences(logs), len(slots(logs))
    lines = []
    for each in wrong:
        said = ", ".join(f"{name}: {what}" for name, what in each.others.items())
        lines.append(f"slot {each.slot}: {each.most}, but {said}")
    lines.append(f"{len(wrong)} of {total} slots differ" if wrong else f"all {total} slots agree")
    lines += [f"  {name} lacks {lacks}" for name, lacks in missing(logs).items()]
    return not wrong, lines


def cmp(logs: Mapping[str, Log]) -> tuple[bool, list[str]]:
    """Whether the logs are the same; and the first slot that is not.

    >>> cmp({"n1": {"1": '"a"', "2": '"b"'}, "n2": {"1": '"a"'}})
    (False, ['slot 2 is the first that is not the same: n1: "b", n2: (nothing)'])
    """
    for slot in slots(logs):
        if len({log.get(slot) for log in logs.values()}) > 1:
            said = ", ".join(f"{name}: {log.get(slot, '(nothing)')}" for name, log in logs.items())
            return False, [f"slot {slot} is the first that is not the same: {said}"]
    return True, [f"equal: {len(slots(logs))} slots"]
