"""Paxos' part in the way back of a node without its disk (``protocols.unled``): why its end is far enough.

Promises carry lives (``Sworn``). A proposer in phase 1 drops those of a life that is over as soon as it learns of
that, from whomever. Votes need not: a vote is for a proposal that a majority had promised for.

1. *Who has promised, or voted, for a proposal in slot s, and is active in a later life, has an end of s or more.* Let z
   be the first that has not, E those who kept its new life, and Q the majority by whose promises that proposal was
   made. All but E, with z, are no majority, so some X of E is of Q. Compare the life in which X promised with that
   in which it answered z.

   - It was the same, and X promised before it answered: so it had heard of s, and said so.
   - The same, and it answered first. Then z had not voted yet: nothing was proposed. And X's promise said that
     z's life was over, so that of z was not counted.
   - X promised in an earlier one. Then it has come back before z did, with an end of s or more; so it said that.
   - X promised in a later one, when it knew of z's new life (0). Then it is as if it had answered first.
2. *So each proposal above the ballot in which v was chosen is of v*, as in Lamport 2001, section 2.2. Some node both
   voted for v and promised for the higher ballot. In one life: then it is as ever. In two: in the later one it had
   executed s by 1, and who has neither promises nor votes there, but says what was chosen.
3. *Its own proposals* were all in slots up to the end, by 1, since it had promised for them. Beyond, it may use ballots
   again that it has only asked promises for: who promised then is bound to whoever has that ballot.
4. *An open slot*: who is asked for one in which it does not know what was chosen proposes there, as one does that has
   been away.

A passive node does tell what it knows to be chosen. Commands of its clients wait until it is active.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from protocols.kernel import Json, NodeId
from protocols.paxos.learner import CHOSEN_AT_ONCE, Learner
from protocols.paxos.messages import Chosen, Message, Promise, Sworn
from protocols.transfer import Missing, Snapshot
from protocols.unled import Unled


class Returner(Unled, Learner):
    """A learner that knows of lives."""

    def load(self, durable: Mapping[str, Json]) -> None:
        self.load_lives(durable)
        super().load(durable)

    # --- of who comes back ------------------------------------------------------------------------

    def is_any_quorum(self, nodes: int) -> bool:
        return nodes.bit_count() >= self.majority

    def chosen(self) -> int:
        return self.slots.chosen

    def ask_more(self, node: NodeId) -> None:
        self.ask(node)

    def received(self) -> int:
        return len(self.incoming.text)

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:
        before = self.slots.chosen
        super().on_chosen(src, msg)
        if before < self.slots.chosen and len(msg.batches) == CHOSEN_AT_ONCE:
            self.ask_on(src)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        before = self.slots.chosen
        super().on_snapshot(src, msg)
        if before < self.slots.chosen:
            self.ask_on(src)

    def ask_on(self, node: NodeId) -> None:
        """It has more, perhaps: on the way back it is asked at once, not at the next tick."""
        if self.lacks_some():
            self.ask(node)

    # --- of the others ----------------------------------------------------------------------------

    def heard_of(self) -> int:
        return self.slots.last

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        super().on_missing(src, msg)
        if self.back is None and msg.slot > self.slots.chosen:
            self.find_out()

    @abstractmethod
    def find_out(self) -> None:
        """Propose, if only to learn what is chosen in the next slot."""

    def swear(self, promise: Promise) -> Message:
        """What is sent to a proposer. Lives are told where there may be more than one."""
        return Sworn(promise, tuple(self.lives)) if self.rejoining == "passive" else promise
