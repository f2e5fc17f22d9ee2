"""The slots of one replica: whose each is, what was promised, voted for and chosen there.

slot  1 .. base        forgotten; a snapshot stands for them
      base+1 .. chosen chosen, and executed
      chosen+1 ..      promises and votes; some are known to be chosen too, with gaps before them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Json, NodeId, record
from protocols.mencius.messages import Batch, Range
from protocols.wire import read_as

PREFIX = "slot/"


@record
class Durable:
    """A slot as it is on disk. ``executed`` and ``used`` are those of ``Slots`` when it was written: so
    that they survive a restart without a write of their own. A slot up to ``executed`` that is not on
    disk holds a no-op.
    """

    promised: Ballot
    voted: Ballot
    batch: Batch
    executed: int
    used: int


@dataclass(slots=True)
class Slot:
    """``promised`` ZERO: only the owner's ballot, below all others, is allowed so far."""

    promised: Ballot = ZERO
    voted: Ballot = ZERO
    batch: Batch = ()
    chosen: bool = False
    saved: bool = False


class Slots:
    """See the module. ``nodes`` own slots in turn, from slot 1 on."""

    def __init__(self, nodes: tuple[NodeId, ...], base: int = 0) -> None:
        self.nodes = nodes
        self.base = self.chosen = base
        self.top = base
        """The highest slot in which a suggestion is known."""
        self.used = base
        """This replica suggests nothing up to here any more: it has said so, or will have to."""
        self._slots: dict[int, Slot] = {}

    @classmethod
    def load(
        cls, nodes: tuple[NodeId, ...], durable: Mapping[str, Json], snapshot: int
    ) -> tuple[Slots, int]:
        """What these entries make beside a snapshot that stands for ``snapshot`` slots; and how far
        they were executed, which is for the replica to do again.
        """
        slots, executed = cls(nodes, snapshot), snapshot
        for key, value in durable.items():
            if key.startswith(PREFIX):
                number, saved = int(key[len(PREFIX) :]), read_as(Durable, value)
                executed = max(executed, saved.executed)
                slots.used = max(slots.used, saved.used)
                slots.top = max(slots.top, number if saved.batch else 0)
                slots._slots[number] = Slot(
                    saved.promised, saved.voted, saved.batch, number <= snapshot, saved=True
                )
        slots.base = min([snapshot, *(number - 1 for number in slots._slots)])
        return slots, executed

    def owner(self, number: int) -> NodeId:
        return self.nodes[(number - 1) % len(self.nodes)]

    def next_of(self, node: NodeId, after: int) -> int:
        """The first slot of ``node`` after this one.

        >>> Slots((0, 1, 2)).next_of(1, 2), Slots((0, 1, 2)).next_of(1, 1)
        (5, 2)
        """
        own = self.nodes.index(node) + 1
        n = len(self.nodes)
        return after + 1 + (own - after - 1) % n

    def within(self, rng: Range) -> range:
        return range(rng.first, rng.last + 1, len(self.nodes))

    def get(self, number: int) -> Slot | None:
        return self._slots.get(number)

    def __getitem__(self, number: int) -> Slot:
        """The slot, made if nothing was known of it."""
        assert number > self.base
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = Slot()
        return slot

    @property
    def last(self) -> int:
        """The highest slot that anything is known of here."""
        return max(self.chosen, self.top, self.used, *self._slots)

    def next_chosen(self) -> Batch | None:
        slot = self._slots.get(self.chosen + 1)
        return slot.batch if slot is not None and slot.chosen else None

    def known(self, first: int, most: int) -> tuple[Batch, ...]:
        """The executed batches from ``first``, which is not forgotten: at most so many commands, or
        slots.
        """
        batches: list[Batch] = []
        size = 0
        for number in range(first, min(self.chosen, first + most - 1) + 1):
            slot = self._slots.get(number)
            batches.append(slot.batch if slot is not None else ())
            size += len(batches[-1])
            if size >= most:
                break
        return tuple(batches)

    def forget(self, base: int) -> list[int]:
        """Drop the slots up to ``base``; say which of them are on disk."""
        gone = []
        for number in range(self.base + 1, base + 1):
            slot = self._slots.pop(number, None)
            if slot is not None and slot.saved:
                gone.append(number)
        self.base = max(self.base, base)
        return gone

    def jump(self, number: int) -> list[int]:
        """A snapshot now stands for all slots up to ``number``, beyond the executed ones."""
        assert number > self.chosen
        self.chosen = number
        self.top, self.used = max(self.top, number), max(self.used, number)
        return self.forget(number)
