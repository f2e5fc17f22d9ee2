"""The log of one acceptor: its votes by slot, of which a prefix is known to be chosen.

    slot  1 .. base            forgotten; a snapshot stands for them
          base+1 .. chosen     held, and chosen: they never change again
          chosen+1 .. last     votes, with gaps; any of them may yet lose

A chosen slot holds the chosen command, at a ballot not below the one that it was chosen in. So it
is a true vote too, and phase 1 needs no special case for it: the highest vote for a slot is the one
to adopt (Lamport, "Paxos Made Simple", 2001, section 2.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Command, Json, record
from protocols.wire import read_as

PREFIX = "log/"


@record
class Vote:
    """An acceptor's vote (van Renesse's *pvalue*): for this command, in this slot and ballot."""

    slot: int
    ballot: Ballot
    command: Command


@record
class Durable:
    """What is kept on disk of one slot. ``chosen`` is the prefix known when it was written: so
    that the prefix survives a restart, nearly up to date, without a write of its own.
    """

    ballot: Ballot
    command: Command
    chosen: int


def key_of(slot: int) -> str:
    """The durable key of a slot: one an entry, so that truncation is forgetting keys."""
    return f"{PREFIX}{slot}"


class Log:
    """Votes by slot; see the module. Slots count from 1."""

    def __init__(self, base: int = 0) -> None:
        self.base = base
        self.chosen = base
        self.last = base
        self._votes: dict[int, Vote] = {}

    @classmethod
    def load(cls, durable: Mapping[str, Json], snapshot: int) -> Log:
        """The log that these durable entries make beside a snapshot that stands for ``snapshot``
        slots. Entries below it may be there (they are kept for laggards) with gaps or none.
        """
        saved = {
            int(key[len(PREFIX) :]): read_as(Durable, value)
            for key, value in durable.items()
            if key.startswith(PREFIX)
        }
        base = snapshot
        while base in saved:
            base -= 1
        log = cls(base)
        log.chosen = max([snapshot, *(entry.chosen for entry in saved.values())])
        for slot, entry in saved.items():
            if slot > base:
                log.put(Vote(slot, entry.ballot, entry.command))
        assert all(slot in saved for slot in range(snapshot + 1, log.chosen + 1)), "a hole"
        return log

    def put(self, vote: Vote) -> None:
        slot = vote.slot
        self._votes[slot] = vote
        if slot > self.last:  # noqa: PLR1730  not max: every vote comes here
            self.last = slot

    def ballot(self, slot: int) -> Ballot:
        """The ballot of the vote for ``slot``; ZERO where there is none."""
        vote = self._votes.get(slot)
        return ZERO if vote is None else vote.ballot

    def get(self, slot: int) -> Vote | None:
        return self._votes.get(slot)

    def __getitem__(self, slot: int) -> Vote:
        return self._votes[slot]

    def __contains__(self, slot: int) -> bool:
        return slot in self._votes

    def since(self, slot: int, upto: int | None = None) -> Iterator[Vote]:
        """The votes for slots from ``slot`` to ``upto`` (default: the last), ascending."""
        for s in range(max(slot, self.base + 1), (self.last if upto is None else upto) + 1):
            vote = self._votes.get(s)
            if vote is not None:
                yield vote

    def truncate(self, base: int) -> list[int]:
        """Forget the slots up to ``base``, which must be chosen; say which there were."""
        assert base <= self.chosen
        gone = [s for s in range(self.base + 1, base + 1) if self._votes.pop(s, None)]
        self.base = max(self.base, base)
        return gone

    def jump(self, slot: int) -> list[int]:
        """A snapshot now stands for all slots up to ``slot``, beyond the chosen prefix.

        The votes above it stay: an acceptor that forgot them would break its promises.
        """
        assert slot > self.chosen
        self.chosen, self.last = slot, max(self.last, slot)
        return self.truncate(slot)
