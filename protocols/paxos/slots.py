"""The slots of one acceptor and learner: what was promised, accepted and chosen in each.

slot  1 .. base        forgotten; a snapshot stands for them
      base+1 .. chosen chosen, and executed
      chosen+1 ..      promises and votes; some may be chosen too, with a gap before them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Json, record
from protocols.paxos.messages import Batch
from protocols.wire import read_as

PREFIX = "slot/"


@record
class Durable:
    """A slot as it is on disk."""

    promised: Ballot
    voted: Ballot
    batch: Batch
    chosen: bool


@dataclass(slots=True)
class Slot:
    """Lamport 2001, section 2.2: an acceptor remembers the highest-numbered proposal that it has
    accepted and the highest-numbered Prepare that it has answered.
    """

    promised: Ballot = ZERO
    voted: Ballot = ZERO
    batch: Batch = ()
    chosen: bool = False

    def durable(self) -> Durable:
        return Durable(self.promised, self.voted, self.batch, self.chosen)


class Slots:
    """See the module. Slots count from 1."""

    def __init__(self, base: int = 0) -> None:
        self.base = self.chosen = base
        self._slots: dict[int, Slot] = {}

    @classmethod
    def load(cls, durable: Mapping[str, Json], snapshot: int) -> Slots:
        """What these durable entries make beside a snapshot that stands for ``snapshot`` slots.

        Chosen slots below it may be there, kept for laggards. ``chosen`` is the snapshot's: what
        lies above it is for the replica to execute.
        """
        saved = {
            int(key[len(PREFIX) :]): read_as(Durable, value)
            for key, value in durable.items()
            if key.startswith(PREFIX)
        }
        slots = cls(snapshot)
        while slots.base in saved:
            slots.base -= 1
        for number, slot in saved.items():
            if number > slots.base:
                slots._slots[number] = Slot(slot.promised, slot.voted, slot.batch, slot.chosen)
        return slots

    def __getitem__(self, number: int) -> Slot:
        """The slot of that number, made if nothing was known of it."""
        assert number > self.base
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = Slot()
        return slot

    @property
    def last(self) -> int:
        """The highest slot that anything was promised, accepted or learnt in."""
        heard = [n for n, slot in self._slots.items() if slot.chosen or slot.promised != ZERO]
        return max([self.chosen, *heard])

    def next_chosen(self) -> Batch | None:
        """What is chosen in the first slot after the executed prefix, if that is known."""
        slot = self._slots.get(self.chosen + 1)
        return slot.batch if slot is not None and slot.chosen else None

    def known(self, first: int, most: int) -> tuple[Batch, ...]:
        """The executed batches from ``first``, which is not forgotten, at most so many."""
        last = min(self.chosen, first + most - 1)
        return tuple([self._slots[number].batch for number in range(first, last + 1)])

    def forget(self, base: int) -> list[int]:
        """Drop the slots up to ``base``; say which there were."""
        gone = [number for number in range(self.base + 1, base + 1) if number in self._slots]
        for number in gone:
            del self._slots[number]
        self.base = max(self.base, base)
        return gone

    def jump(self, number: int) -> list[int]:
        """A snapshot now stands for all slots up to ``number``, beyond the executed ones."""
        assert number > self.chosen
        self.chosen = number
        return self.forget(number)
