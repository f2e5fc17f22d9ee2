"""Mencius' part in the way back of a node without its disk (``protocols.unled``): its slots have owners.

What a node z has forgotten is not only promises and votes. In its own slots it has suggested, and others that it has not
used it has said to skip, which decides them without any vote: nobody but z knew in which it must never suggest. But
all that it did was within a *window* of what it had executed: nobody votes, promises, suggests or skips further
ahead than that. So it need not be known what z did where, nor are lives of any use: z is passive until it has
executed all where it can have done anything, and what it has said there stays true.

1. *Who answers has heard of slots as far as z had executed them*, but for one round of owners. Let z have executed all up to
   slot c, let A be one of those who answer, E, and a the last slot of A up to c. If A had suggested in a, or skipped it,
   that is on its disk (``used``); if it has lost that disk since and is back, it has executed more than that (3).
   If a was revoked, a majority had promised in it, on disk, so somebody of E; or who did so knew a to be
   skipped by A. That z heard of it from others, or by a snapshot, makes no difference.
2. *So c is at most the highest slot that E have heard of, and n*. Nobody learns, promises or votes beyond ``2 * reach``
   slots ahead of what it has executed. A revoker may promise itself in a range that begins next to there, of no more
   than ``4 * AHEAD`` slots of an owner; and it suggests and skips nothing beyond that.
3. *The end* is as much more than E have heard of: ``end_of``. There, z has executed all slots in which its former life
   can have done anything, and says of them only what was chosen. That is on its disk, as a snapshot, when it is active.
4. Beyond, it has suggested nothing and skipped nothing, and nobody has a vote of it or a promise.

Nobody uses so many slots for its sake, so z says up to where it must know all (``Heard``). To the others that is like a
suggestion there: they skip what they own before it, and revoke the slots of z, who is silent, and of others
who are. With ``rejoin=passive`` the window is smaller than it is without, so a cluster needs that option from its first
start on.

Commands of a passive node's clients wait until it is active.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.kernel import Cluster, Json, NodeId
from protocols.mencius.messages import Heard
from protocols.mencius.revoker import AHEAD, Revoker
from protocols.rejoining import Rejoin, Return
from protocols.unled import Unled


class Returner(Unled, Revoker):
    """A revoker that may come back without its disk."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        if self.rejoining == "passive":
            self.reach = (2 * AHEAD + 4 * self.pipeline) * len(self.nodes)

    def load(self, durable: Mapping[str, Json]) -> None:
        self.load_lives(durable)
        super().load(durable)

    # --- of who comes back ------------------------------------------------------------------------

    def is_any_quorum(self, nodes: int) -> bool:
        return nodes.bit_count() >= self.majority

    def end_of(self, back: Return) -> int:
        return super().end_of(back) + 2 * self.reach + (4 * AHEAD + 2) * len(self.nodes)

    def chosen(self) -> int:
        return self.slots.chosen

    def received(self) -> int:
        return len(self.incoming.text)

    def ask_more(self, node: NodeId) -> None:
        """And see to it that there is more."""
        assert self.end is not None, "it knows what it lacks"
        self.ask(node)
        self.broadcast(Heard(self.end), self.peers)

    def be_active(self) -> None:
        """What it has executed must not be less after a restart: it might do there what it has done before."""
        self.compact()
        super().be_active()

    # --- of the others ----------------------------------------------------------------------------

    def on_rejoin(self, src: NodeId, msg: Rejoin) -> None:
        """It has executed nothing any more: what it knew before all others must be found out again."""
        self.ahead[src] = 0
        super().on_rejoin(src, msg)

    def heard_of(self) -> int:
        return self.slots.last

    def void(self, nodes: list[NodeId]) -> None:
        """What they have said stays true: they never do anything again in those slots."""

    def hear_of(self, number: int) -> bool:
        """Of somebody who must know all up to there. Whether some own slots are skipped for that."""
        slots = self.slots
        number = min(number, slots.chosen + self.reach)
        slots.top = max(slots.top, number)
        if number <= max(slots.chosen, slots.used):
            return False
        slots.used = number
        self.save(number if slots.owner(number) != self.id else number + 1)
        return True
