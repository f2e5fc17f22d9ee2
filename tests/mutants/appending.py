"""Commands on their way to a leader, and how many it has under way: options ``retry``, ``window`` and ``reserve``
of multi-Paxos, broken.
"""

from __future__ import annotations

from protocols.clients import Name
from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.appending import FULL
from protocols.multipaxos.leadership import Campaign, Leadership
from protocols.multipaxos.messages import Nay
from protocols.multipaxos.window import Window


class NayIsNo(MultiPaxos):
    """Whose command was not taken is told that it had no effect, and never will: but it was sent before, and what was
    sent may come again."""

    def on_nay(self, msg: Nay) -> None:
        for one in msg.names:
            if msg.why == FULL:
                self.give_up(one, msg.why)

    def give_up(self, one: Name, why: str) -> None:
        request = self.clients.pop_named(one)
        if request is not None:
            self.reply(request, f"refused: {why}", ok=False)


class _Closing(Window):
    def late(self) -> None:
        self.size //= 2


class ClosesTheWindow(MultiPaxos):
    """A window that is halved until nothing is left of it: what would make it grow is never sent."""

    def take_office(self, campaign: Campaign) -> None:
        super().take_office(campaign)
        if self.leadership is not None:
            most = self.pipeline
            self.leadership.window = _Closing(most, 0, adaptive=True, size=1)


class KeepsReservations(MultiPaxos):
    """A place that was reserved, and used, is not given back: in the end there is none for clients."""

    def next_batch(self, lead: Leadership) -> tuple[Command, ...]:
        waited = len(lead.own)
        batch = super().next_batch(lead)
        if len(lead.own) < waited:
            lead.window.reserve += 1
        return batch


class PrecedesTheAdopted(MultiPaxos):
    """The leader's own entries go before the commands that it adopted, which are moved to other slots by that
    than those that they may be chosen in."""

    def take_office(self, campaign: Campaign) -> None:
        super().take_office(campaign)
        if self.leadership is not None:
            self.leadership.adopted = 0


MUTANTS: dict[str, type[MultiPaxos]] = {
    "nay-is-no": NayIsNo,
    "closes-the-window": ClosesTheWindow,
    "keeps-reservations": KeepsReservations,
    "precedes-the-adopted": PrecedesTheAdopted,
}
