"""The log of one Raft server: entries by index, without gaps, of terms that never fall.

    index  1 .. base             forgotten; a snapshot stands for them
           base+1 .. commit      known to be committed: they never change again
           commit+1 .. last      may yet be overwritten by a leader that has others

*Log Matching* (section 5.3): two logs that have an entry of the same index and term are equal up to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping

from protocols.kernel import Command, Json, record
from protocols.wire import read_as

PREFIX = "log/"


@record
class Entry:
    term: int
    command: Command


@record
class Durable:
    """What is kept on disk of one entry. ``commit`` is the commitIndex when it was written: so that
    a restart knows it, nearly up to date, without a write of its own.
    """

    term: int
    command: Command
    commit: int


def key_of(index: int) -> str:
    """The durable key of an entry: one each, so that truncation is forgetting keys."""
    return f"{PREFIX}{index}"


def _term_of(entry: Entry) -> int:
    return entry.term


class Log:
    """See the module. Indexes count from 1; at ``base`` only the term is known."""

    def __init__(self, base: int = 0, base_term: int = 0) -> None:
        self.base, self.base_term = base, base_term
        self.commit = base
        self._entries: list[Entry] = []

    @classmethod
    def load(cls, durable: Mapping[str, Json], index: int, term: int) -> Log:
        """The log that these durable entries make beside a snapshot up to ``index``, of ``term``.

        Entries before it may be there, kept for laggards. The term of the one before the first is
        forgotten, so that the first of them becomes the base.
        """
        saved = {
            int(key[len(PREFIX) :]): read_as(Durable, value)
            for key, value in durable.items()
            if key.startswith(PREFIX)
        }
        base = min([index, *saved])
        log = cls(base, saved[base].term if base in saved else term)
        for i in range(base + 1, base + 1 + len(saved) - (base in saved)):
            log._entries.append(Entry(saved[i].term, saved[i].command))
        log.commit = max([index, *(entry.commit for entry in saved.values())])
        assert index <= log.last, "a hole"
        return log

    @property
    def last(self) -> int:
        return self.base + len(self._entries)

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self.base_term

    def __getitem__(self, index: int) -> Entry:
        assert index > self.base
        return self._entries[index - self.base - 1]

    def term(self, index: int) -> int:
        """The term of the entry at ``index``, which is not before ``base`` nor after ``last``."""
        return self.base_term if index == self.base else self[index].term

    def since(self, index: int, count: int) -> tuple[Entry, ...]:
        """At most ``count`` entries from ``index`` on, which is after ``base``."""
        first = index - self.base - 1
        return tuple(self._entries[first : first + count])

    def matches(self, index: int, term: int) -> bool:
        """The consistency check of AppendEntries (section 5.3). What is committed here is in the log
        of every leader that this server can hear (Leader Completeness, section 5.4).
        """
        return index <= self.commit or (index <= self.last and self.term(index) == term)

    def up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log with this last entry is at least as up-to-date as this one (5.4.1)."""
        return (last_term, last_index) >= (self.last_term, self.last)

    def first_of_term(self, index: int) -> int:
        """The first index held of the term that the entry at ``index`` has."""
        return self.base + 1 + bisect_left(self._entries, self.term(index), key=_term_of)

    def last_until_term(self, term: int) -> int:
        """The last index held that is not of a later term; ``base`` if there is none."""
        return self.base + bisect_right(self._entries, term, key=_term_of)

    def append(self, entries: Iterable[Entry]) -> None:
        self._entries.extend(entries)

    def cut(self, index: int) -> range:
        """Delete the entry at ``index``, not committed, and all after it; say which they were."""
        assert index > self.commit, f"{index} is committed"
        gone = range(index, self.last + 1)
        del self._entries[index - self.base - 1 :]
        return gone

    def compact(self, base: int) -> range:
        """Forget the entries up to ``base``, which are committed; say which they were."""
        assert base <= self.commit
        gone = range(self.base + 1, base + 1)
        if gone:
            self.base_term = self.term(base)
            del self._entries[: len(gone)]
            self.base = base
        return gone

    def install(self, index: int, term: int) -> range:
        """A snapshot stands for all up to ``index``, beyond what was committed here. What follows
        it stays if the log has that very entry (figure 13, step 6); else all goes. Say what went.
        """
        assert index > self.commit
        keep = index <= self.last and self.term(index) == term
        gone = range(self.base + 1, (index if keep else self.last) + 1)
        self._entries = self._entries[index - self.base :] if keep else []
        self.base, self.base_term, self.commit = index, term, index
        return gone
