"""A replica's *Hist*: the updates that it has applied, in order, and what they made of the store.

place  1 .. base             forgotten; a snapshot stands for them
       base+1 .. committed   the tail has them: they never change again
       committed+1 .. last   applied here, and perhaps not yet at all successors: the paper's
                             *Sent* list, with the answers that are still to be given
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

from protocols.chain.messages import Entry
from protocols.kernel import Command, Json, record
from protocols.statemachine import READS, Answer, KeyValue
from protocols.transactions import keys_of
from protocols.wire import read_as

PREFIX = "entry/"
SNAPSHOT = "snapshot"
Name: TypeAlias = tuple[str, int]


@record
class Outcome:
    """What an entry did when it was applied. ``first``: an update that had not run before."""

    answer: Answer
    first: bool


def key_at(place: int) -> str:
    """The durable key of an entry."""
    return f"{PREFIX}{place}"


class History:
    """See the module. Places count from 1. Pure data; its owner makes it durable."""

    def __init__(self, base: int = 0, store: KeyValue | None = None) -> None:
        self.base = self.committed = self.last = base
        self.store = store or KeyValue()
        self.entries: dict[int, Entry] = {}
        self.outcomes: dict[int, Outcome] = {}
        """Of the entries that are not committed, as far as they were applied since the start."""
        self._dirty: dict[str, int] = {}
        """The last uncommitted place of each key that has one."""
        self._names: dict[Name, int] = {}

    @classmethod
    def load(cls, durable: Mapping[str, Json]) -> History:
        """What the disk says. All that may be uncommitted is taken for it."""
        slot, state = cast("tuple[int, Json]", durable.get(SNAPSHOT, (0, None)))
        saved = {
            int(key[len(PREFIX) :]): read_as(Entry, value)
            for key, value in durable.items()
            if key.startswith(PREFIX)
        }
        history = cls(min(saved, default=slot + 1) - 1, KeyValue.restore(state) if slot else None)
        for place in sorted(saved):
            assert place == history.last + 1, "a hole"
            if place <= slot:
                history._append(saved[place])
            else:
                history.apply(saved[place])
        return history

    def apply(self, entry: Entry) -> int:
        """Run the next entry; where in the history it is."""
        place, command = self._append(entry), entry.command
        first = command.f not in READS and not self.store.ran(command)
        self.outcomes[place] = Outcome(self.store.run(command), first)
        return place

    def _append(self, entry: Entry) -> int:
        self.last += 1
        self.entries[self.last] = entry
        self._names[_name(entry.command)] = self.last
        for key in keys_of(entry.command):
            self._dirty[key] = self.last
        return self.last

    def commit(self, upto: int) -> list[tuple[int, Entry, Outcome | None]]:
        """The tail has all up to ``upto``: what becomes committed by that, in order."""
        found: list[tuple[int, Entry, Outcome | None]] = []
        while self.committed < min(upto, self.last):
            self.committed += 1
            place = self.committed
            entry = self.entries[place]
            if self._names.get(_name(entry.command)) == place:
                del self._names[_name(entry.command)]
            for key in keys_of(entry.command):
                if self._dirty.get(key) == place:
                    del self._dirty[key]
            found.append((place, entry, self.outcomes.pop(place, None)))
        return found

    def under_way(self, command: Command) -> bool:
        """Whether this command is in the history already, and not committed."""
        return _name(command) in self._names

    def clean(self, key: str) -> bool:
        """Whether the newest value of the key is committed (Terrace and Freedman, section 2.2)."""
        return key not in self._dirty

    def after(self, place: int, count: int) -> tuple[Entry, ...]:
        """At most ``count`` entries from the one after ``place`` on, which must not be forgotten."""
        assert place >= self.base
        return tuple([self.entries[p] for p in range(place + 1, min(place + count, self.last) + 1)])

    def truncate(self, keep: int) -> list[int]:
        """Forget committed entries but the last ``keep`` of all; say which."""
        base = min(self.committed, self.last - keep)
        gone = list(range(self.base + 1, base + 1))
        for place in gone:
            del self.entries[place]
        self.base = max(base, self.base)
        return gone


def _name(command: Command) -> Name:
    return command.session, command.serial
