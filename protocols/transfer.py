"""A snapshot on its way from one replica to another, in parts, each of which is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.kernel import Json, record
from protocols.wire import dumps

PART = 1 << 16
"""Characters in a part."""


@record
class Missing:
    """Send me what was chosen in ``slot`` and after it. If only a snapshot has that: I already
    have ``offset`` characters of the one at slot ``snapshot``.
    """

    slot: int
    snapshot: int = 0
    offset: int = 0


@record
class Snapshot:
    """A part of the state after slot ``slot``, as text: ``size`` characters in all, these from
    ``offset`` on. Each part is asked for, so that one at a time is under way.
    """

    slot: int
    offset: int
    size: int
    text: str


def part(slot: int, state: Json, asked: Missing) -> Snapshot:
    """The part of this snapshot that comes next for one who has what ``asked`` says."""
    text = dumps(state)
    offset = asked.offset if asked.snapshot == slot else 0
    return Snapshot(slot, offset, len(text), text[offset : offset + PART])


@dataclass(slots=True)
class Incoming:
    """The parts that have come of the snapshot at ``slot``."""

    slot: int = 0
    size: int = -1
    text: str = ""

    @property
    def complete(self) -> bool:
        return len(self.text) == self.size

    def add(self, msg: Snapshot) -> bool:
        """Append the part that comes next, or the first of another snapshot; False otherwise."""
        if msg.slot != self.slot and msg.offset == 0:
            self.slot, self.size, self.text = msg.slot, msg.size, ""
        if msg.slot != self.slot or msg.offset != len(self.text) or not msg.text:
            return False
        self.text += msg.text
        return True
