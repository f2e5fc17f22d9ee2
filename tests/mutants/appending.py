"""Commands on their way to a leader, and how many it has under way: options ``retry``, ``window`` and ``reserve``
of multi-Paxos and of Raft, broken in both by the same lines.
"""

from __future__ import annotations

from protocols.appending import FULL, Nay
from protocols.clients import Name
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Campaign
from protocols.raft import Raft
from protocols.window import Window


def _on_nay(self: MultiPaxos | Raft, msg: Nay) -> None:
    for one in msg.names:
        if msg.why == FULL:
            self.give_up(one, msg.why)


def _give_up(self: MultiPaxos | Raft, one: Name, why: str) -> None:
    request = self.clients.pop_named(one)
    if request is not None:
        self.reply(request, f"refused: {why}", ok=False)


class NayIsNo(MultiPaxos):
    """Whose command was not taken is told that it had no effect, and never will: but it was sent before, and what was
    sent may come again."""

    on_nay, give_up = _on_nay, _give_up


class RaftNayIsNo(Raft):
    """The very same mistake, made in Raft instead."""

    on_nay, give_up = _on_nay, _give_up


class _Closing(Window):
    def late(self) -> None:
        self.size //= 2


class _Keeping(Window):
    def admits(self, flying: int, *, own: bool) -> bool:
        admitted = super().admits(flying, own=own)
        self.reserve += admitted and own
        return admitted


class _Windowed(MultiPaxos):
    window: type[Window]

    def take_office(self, campaign: Campaign) -> None:
        super().take_office(campaign)
        if self.leadership is not None:
            was = self.leadership.window
            self.leadership.window = self.window(was.most, was.reserve, was.adaptive, was.size)


class _RaftWindowed(Raft):
    window: type[Window]

    def lead(self) -> None:
        super().lead()
        if self.leadership is not None:
            was = self.leadership.window
            self.leadership.window = self.window(was.most, was.reserve, was.adaptive, was.size)


class ClosesTheWindow(_Windowed):
    """A window that is halved until nothing is left of it: what would make it grow is never sent."""

    window = _Closing


class RaftClosesTheWindow(_RaftWindowed):
    """The very same mistake, made in Raft instead."""

    window = _Closing


class KeepsReservations(_Windowed):
    """A place that was reserved, and used, is not given back: in the end there is none for clients."""

    window = _Keeping


class RaftKeepsReservations(_RaftWindowed):
    """The very same mistake, made in Raft instead."""

    window = _Keeping


class PrecedesTheAdopted(MultiPaxos):
    """The leader's own entries go before the commands that it adopted, which are moved to other slots by that
    than those that they may be chosen in."""

    def take_office(self, campaign: Campaign) -> None:
        super().take_office(campaign)
        if self.leadership is not None:
            self.leadership.adopted = 0


MUTANTS: dict[str, type[MultiPaxos | Raft]] = {
    "nay-is-no": NayIsNo,
    "closes-the-window": ClosesTheWindow,
    "keeps-reservations": KeepsReservations,
    "precedes-the-adopted": PrecedesTheAdopted,
    "raft-nay-is-no": RaftNayIsNo,
    "raft-closes-the-window": RaftClosesTheWindow,
    "raft-keeps-reservations": RaftKeepsReservations,
}
