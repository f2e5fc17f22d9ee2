"""Mencius broken on purpose, each in a few lines. J-n are those of PROTOCOLS.md, section 5."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.ballots import ZERO
from protocols.kernel import Json
from protocols.mencius import Mencius
from protocols.mencius.messages import Accepted, Batch, Found, Message, Range
from protocols.mencius.revoker import Revocation


class SkipsSuggested(Mencius):
    """J1: with its vote an owner skips all its slots below, those in which it has suggested, too."""

    def send(self, dst: int, msg: Message) -> None:
        if isinstance(msg, Accepted):
            msg = Accepted(msg.slot, self.slots.chosen, msg.index)
        super().send(dst, msg)


class RevokesBlindly(Mencius):
    """J2: a revocation proposes no-ops, whatever its phase 1 has found."""

    def choose(self, revocation: Revocation) -> tuple[Found, ...]:
        return ()


class ReusesSlots(Mencius):
    """J3: a replica that comes back takes up its index after what it knows to be executed."""

    def resume(self) -> None:
        self.slots.used = self.last = self.slots.chosen
        for number in range(self.index, self.slots.top + 1, len(self.nodes)):
            slot = self.slots.get(number)
            if slot is not None and slot.promised == ZERO:
                slot.voted, slot.batch = ZERO, ()


class CommitsEarly(Mencius):
    """J4: a suggestion that is chosen is executed when nothing is known of the slots before it, as if
    they had been skipped."""

    def learn(self, number: int, batch: Batch) -> None:
        if number in self.mine:
            for below in range(self.slots.chosen + 1, number):
                slot = self.slots[below]
                if slot.voted == ZERO:
                    slot.chosen = True
        super().learn(number, batch)


class ForgetsSkips(Mencius):
    """A vote makes the voter skip its slots below; and it suggests in them after a restart."""

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        own = self.slots.next_of(self.id, self.slots.chosen)
        self.slots.used = self.slots.chosen
        while own <= self.slots.top:
            slot = self.slots.get(own)
            if slot is not None and slot.saved:
                self.slots.used = own
            own += len(self.nodes)


class AssumesFifo(Mencius):
    """Skips are told as on FIFO channels: who says where it is has suggested nothing that has not
    come. Here a suggestion may be lost, or late."""

    def mark(self, node: int, last: int, index: int) -> None:
        known = [s for s in range(self.slots.chosen + 1, index) if self.slots.owner(s) == node]
        heard = [s for s in known if (slot := self.slots.get(s)) is not None and slot.voted != ZERO]
        super().mark(node, max(heard, default=min(last, self.slots.chosen)), index)


class VotesForThePast(Mencius):
    """A slot that is known to be chosen is left alone by an older ballot's proposal for it, and the
    answer is *Voted* all the same. (The first version of this protocol here did that.)"""

    def contradicts(self, rng: Range, found: tuple[Found, ...]) -> bool:
        return False


MUTANTS: dict[str, type[Mencius]] = {
    "skips-suggested": SkipsSuggested,
    "revokes-blindly": RevokesBlindly,
    "reuses-slots": ReusesSlots,
    "commits-early": CommitsEarly,
    "forgets-skips": ForgetsSkips,
    "assumes-fifo": AssumesFifo,
    "votes-for-the-past": VotesForThePast,
}
