"""The objects of one replica: epochs, votes, logs; and what of them is on disk.

log of an object   1 .. forgotten    a snapshot stands for them
                   .. next-1         executed; some are kept for laggards
                   next ..           votes; some may be known to be chosen

On disk: ``promise/KEY`` (the epoch), ``vote/POSITION/KEY`` (a proposal, by its first place) and
``snapshot``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Json, record
from protocols.m2paxos.messages import Cell, Proposal
from protocols.wire import read_as

PROMISE, VOTE = "promise/", "vote/"


@record
class Durable:
    """A vote on disk. ``next``: of each place's object, when it was written: what is below was chosen;
    so that this is known after a restart, nearly up to date, without a write of its own.
    """

    proposal: Proposal
    chosen: bool
    next: tuple[int, ...]


@dataclass(slots=True)
class Entry:
    proposal: Proposal
    chosen: bool = False


@dataclass(slots=True)
class Object:
    """One object. ``least``: all positions below it are chosen, for certain, though perhaps not yet
    known here. ``top``: the last with an entry. ``seen``: the highest epoch heard of.

    Of the owner: ``owned``, its epoch (ZERO: not the owner); ``forced``, by position, the highest votes
    that the acquisition met; ``round``, the attempt that is under way.
    """

    next: int = 1
    least: int = 1
    top: int = 0
    promised: Ballot = ZERO
    seen: Ballot = ZERO
    owned: Ballot = ZERO
    forced: dict[int, Proposal] = field(default_factory=dict)
    round: tuple[str, int, Ballot] | None = None

    def disown(self) -> None:
        self.owned = ZERO
        self.forced = {}


def disk_key(proposal: Proposal) -> str:
    first = proposal.places[0]
    return f"{VOTE}{first.position}/{first.key}"


class Ledger:
    """All objects and entries. ``write`` is the replica's ``persist``."""

    def __init__(self, write: Callable[[str, Json], None]) -> None:
        self.write = write
        self.objects: dict[str, Object] = {}
        self.entries: dict[Cell, Entry] = {}
        self.executed: deque[Proposal] = deque()
        """Those executed proposals that are kept, oldest first."""
        self.behind: dict[str, None] = {}
        """The objects of which more is chosen than is known here."""
        self.mark = 0

    def __getitem__(self, key: str) -> Object:
        found = self.objects.get(key)
        if found is None:
            found = self.objects[key] = Object()
        return found

    # --- on disk ---

    def load(self, durable: Mapping[str, Json], next_: Mapping[str, int]) -> None:
        """Rebuild from what is on disk, beside a snapshot that stands for all below ``next_``."""
        for key, position in sorted(next_.items()):
            self.jump(key, position)
        known: dict[str, int] = {}
        saved: list[Durable] = []
        for name, value in sorted(durable.items()):
            if name.startswith(PROMISE):
                key = name[len(PROMISE) :]
                self[key].promised = self[key].seen = read_as(tuple[int, int], value)
            elif name.startswith(VOTE):
                saved.append(read_as(Durable, value))
        for vote in saved:
            for place, position in zip(vote.proposal.places, vote.next, strict=True):
                known[place.key] = max(known.get(place.key, 1), position)
        for vote in sorted(saved, key=lambda v: v.proposal.cells()[0][::-1]):
            self._load(vote, known)

    def _load(self, vote: Durable, known: Mapping[str, int]) -> None:
        proposal = vote.proposal
        chosen = vote.chosen or any(p.position < known[p.key] for p in proposal.places)
        entry = Entry(proposal, chosen)
        for place in proposal.places:
            found = self[place.key]
            found.least = max(found.least, place.position + chosen)
            found.top = max(found.top, place.position)
            self.entries[place.key, place.position] = entry
        first = proposal.places[0]
        if first.position < self[first.key].next:
            self.executed.append(proposal)

    def save(self, entry: Entry) -> None:
        proposal = entry.proposal
        next_ = tuple([self[place.key].next for place in proposal.places])
        self.write(disk_key(proposal), Durable(proposal, entry.chosen, next_))

    def promise(self, key: str, epoch: Ballot) -> None:
        """Accept nothing below ``epoch`` any more; whoever owned the object does not now."""
        found = self[key]
        if epoch > found.promised:
            found.promised = epoch
            found.seen = max(found.seen, epoch)
            self.write(f"{PROMISE}{key}", epoch)
            if found.owned < epoch:
                found.disown()

    # --- entries ---

    def put(self, proposal: Proposal, *, chosen: bool) -> Entry:
        """The vote, or what is chosen, in all these places; nothing else is left in any of them."""
        entry = Entry(proposal, chosen)
        for key, position in proposal.cells():
            if (key, position) in self.entries:
                self._drop(self.entries[key, position].proposal, unless=disk_key(proposal))
            self[key].top = max(self[key].top, position)
        for cell in proposal.cells():
            self.entries[cell] = entry
        self.save(entry)
        return entry

    def _drop(self, proposal: Proposal, unless: str = "") -> None:
        """Forget it; on disk, too, ``unless`` that key is about to be written anew."""
        if disk_key(proposal) != unless:
            self.write(disk_key(proposal), None)
        for cell in proposal.cells():
            del self.entries[cell]

    def next_entry(self, key: str) -> Entry | None:
        return self.entries.get((key, self[key].next))

    def votes(self, key: str) -> list[Proposal]:
        """What is voted for or chosen in this log, and not executed. There may be gaps."""
        found = self[key]
        held = [self.entries.get((key, p)) for p in range(found.next, found.top + 1)]
        return [entry.proposal for entry in held if entry is not None]

    def since(self, cell: Cell, most: int) -> list[Proposal]:
        """What was executed in consecutive positions from ``cell`` on, at most so many. Nothing, if
        that is forgotten: what is kept of later positions would not help.
        """
        key, position = cell
        found: list[Proposal] = []
        for p in range(position, min(self[key].next, position + most)):
            entry = self.entries.get((key, p))
            if entry is None:
                break
            found.append(entry.proposal)
        return found

    # --- progress ---

    def hear(self, key: str, least: int) -> bool:
        """All positions below ``least`` are chosen. True if some of them are not executed here."""
        found = self[key]
        found.least = max(found.least, least)
        if found.next < found.least:
            self.behind[key] = None
        return found.next < found.least

    def executable(self, proposal: Proposal) -> bool:
        """Whether all before it, in the logs of all its objects, is executed."""
        return all(self[place.key].next == place.position for place in proposal.places)

    def jump(self, key: str, position: int) -> None:
        """All positions below ``position`` are executed now."""
        found = self[key]
        self.mark += (position - found.next) * crc32(key.encode())
        found.next = position
        found.least = max(found.least, position)
        if found.next == found.least:
            self.behind.pop(key, None)
        if found.forced:
            found.forced = {p: v for p, v in found.forced.items() if p >= position}

    def trim(self, keep: int) -> None:
        """Forget executed proposals but for the last ``keep``. A snapshot must stand for them."""
        while len(self.executed) > keep:
            self._drop(self.executed.popleft())

    def purge(self) -> None:
        """After a snapshot of another replica: votes below it may not be what was chosen there."""
        kept = dict.fromkeys(cell for p in self.executed for cell in p.cells())
        for (key, position), entry in list(self.entries.items()):
            cell = (key, position)
            if cell in self.entries and cell not in kept and position < self[key].next:
                self._drop(entry.proposal)
