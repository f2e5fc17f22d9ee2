"""A key's whole state as one thing that can be carried from one log to another.

Where keys move between replicated logs, what travels is more than a value: the answers of sessions
go with it, else a retry would run twice, once in each log. And the number of updates that made the
value goes with it, so that an update has a place among all of its key, whichever log it ran in:
two logs that both think that a key is theirs give one place to two updates, which agreement sees.
"""

from __future__ import annotations

from typing import cast

from protocols.answers import Answer
from protocols.kernel import Command, Json, record
from protocols.statemachine import OUTDATED, READS, KeyValue


@record
class Ran:
    """The value of an answer: the command was run. ``version``: the updates of its key by then."""

    value: Json
    version: int


@record
class Elsewhere:
    """The value of an answer: not run, since this key's state is not here."""


ELSEWHERE = Answer(Elsewhere(), ok=False)


class Cell:
    """One key's value with its sessions, and how many updates made it. Pure data."""

    def __init__(self) -> None:
        self.store = KeyValue()
        self.updates = 0

    def run(self, command: Command) -> Answer:
        """Run it once: an answer that is ``Ran``, or else ``OUTDATED``."""
        if command.f not in READS and not self.store.ran(command):
            self.updates += 1
        answer = self.store.run(command)
        return answer if answer is OUTDATED else Answer(Ran(answer.value, self.updates), answer.ok)

    def ran(self, command: Command) -> bool:
        return self.store.ran(command)

    def snapshot(self) -> Json:
        return [self.updates, self.store.snapshot()]

    @classmethod
    def restore(cls, snapshot: Json) -> Cell:
        cell = cls()
        cell.updates, saved = cast("tuple[int, Json]", snapshot)
        cell.store = KeyValue.restore(saved)
        return cell
