"""How a node that is not complete becomes so: it copies, and only then joins as the tail.

Outside of the chain it copies from the tail, whose history is all committed, so that what was
copied stays right whatever becomes of that chain. Once it is as far as the tail, the master may
append it (van Renesse and Schneider, section 3, *extending a chain*). As the new tail it still
lacks what was committed in between, and takes that from its predecessor before it serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.chain.messages import Copy, Lack, Update
from protocols.kernel import NodeId
from protocols.transfer import Incoming, Missing, part
from protocols.wire import loads

if TYPE_CHECKING:
    from protocols.chain.replica import Chain


class Copying:
    """Both sides of a copy, in one epoch."""

    def __init__(self, replica: Chain) -> None:
        self.replica = replica
        self.incoming = Incoming()

    @property
    def source(self) -> NodeId | None:
        """Who supplies this replica: the predecessor of a member, or else the tail."""
        config, me = self.replica.config, self.replica.id
        return config.before(me) if me in config.members else config.tail

    def ask(self) -> None:
        r, source = self.replica, self.source
        if source is not None:
            missing = Missing(r.history.last + 1, self.incoming.slot, len(self.incoming.text))
            r.send(source, Lack(r.config.epoch, missing))

    def on_lack(self, src: NodeId, msg: Lack) -> None:
        """Supply the successor, or, being the tail, a node outside of the chain."""
        r, history = self.replica, self.replica.history
        outside = src not in r.config.members and r.config.tail == r.id
        if src != r.config.after(r.id) and not outside:
            return
        first = msg.missing.slot
        if first <= history.base:
            r.send(src, Copy(r.config.epoch, part(*r.snapshot, msg.missing)))
        elif first <= history.last + 1:
            entries = history.after(first - 1, r.batch)
            r.send(src, Update(r.config.epoch, first, entries, history.last))

    def on_copy(self, src: NodeId, msg: Copy) -> None:
        r = self.replica
        if r.complete or src != self.source or msg.part.slot <= r.history.last:
            return
        if not self.incoming.add(msg.part):
            return
        if self.incoming.complete:
            r.install(msg.part.slot, loads(self.incoming.text))
            self.incoming = Incoming()
        self.ask()
