"""Ways back of a node without its disk that come too early: multi-Paxos with ``rejoin=passive``, broken.

K-n are hazards of paxakos (PROTOCOLS.md section 4.3).
"""

from __future__ import annotations

from protocols.kernel import NodeId
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Sworn


class ActiveAtOnce(MultiPaxos):
    """P-5: no passive mode: a node that has lost its disk votes and promises as a new one would."""

    def on_lost(self) -> None:
        self.on_start({})


class LeavesOnAnyCommit(MultiPaxos):
    """K-6: whatever it learns to be chosen ends a node's passive mode."""

    def advance(self) -> None:
        super().advance()
        if self.back is not None:
            self.back = None
            self.forget("passive")


class SkipsTheSlots(MultiPaxos):
    """A node is active as soon as it knows what it may have promised, and votes again for slots that it
    has forgotten its votes for."""

    def has_learnt(self, slot: int) -> bool:
        return True


class CountsOldPromises(MultiPaxos):
    """A promise of a node's former life counts in phase 1, though it has since voted in its new one."""

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        self.on_promise(src, msg.promise)


MUTANTS: dict[str, type[MultiPaxos]] = {
    "active-at-once": ActiveAtOnce,
    "leaves-on-any-commit": LeavesOnAnyCommit,
    "skips-the-slots": SkipsTheSlots,
    "counts-old-promises": CountsOldPromises,
}
