"""Learning what one has missed, and forgetting what a snapshot stands for.

Replicas tell each other a mark of all that they have executed. Marks differ while anything is under
way; where two have not moved from one time to the next, and differ, one asks how far the other has come
in the objects that it executed last. Who knows in which objects it lacks something asks for that; who
does not learn of any, again and again, asks for a snapshot, which it merges with its own state object
by object. What is missed while others' marks move is learnt with the object's next proposal at the
latest: it names the position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from protocols.kernel import Json, NodeId
from protocols.m2paxos.messages import Ask, Frontier, Heads, Learned, Proposal, Round
from protocols.m2paxos.sometimes import INSTALLED
from protocols.statemachine import KeyValue
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

if TYPE_CHECKING:
    from protocols.m2paxos.replica import M2Paxos

BATCH = 32
"""Cells asked for, and proposals of one object told, at a time."""
RECENT = 64
"""Of how many objects is told to one who does not know what it lacks."""
HEARTBEAT = 4
"""Ticks between two Frontiers."""
LAGGING = 3
"""Frontiers that differ, nothing having moved, before a snapshot is asked for."""


class CatchUp:
    """See the module. Options: ``snapshot_every`` and ``keep`` (proposals)."""

    def __init__(self, replica: M2Paxos, snapshot_every: int, keep: int) -> None:
        self.replica = replica
        self.ledger = replica.ledger
        self.snapshot_every, self.keep = snapshot_every, keep
        self.fresh = 0
        """Proposals executed since the last snapshot."""
        self.snapshot: tuple[int, Json] = (0, None)
        self.incoming = Incoming()
        self.source: NodeId = -1
        """Who sends the snapshot that comes in."""
        self.marks: dict[NodeId, tuple[int, int]] = {}
        """Each other's mark in its last Frontier, and this replica's then."""
        self.differed: dict[NodeId, int] = {}
        """How many Frontiers of each in a row differed from this replica's, while neither moved."""
        self.asked = 0

    # --- asking -----------------------------------------------------------------------------------

    def tick(self) -> None:
        r = self.replica
        if r.ticks % HEARTBEAT == 0 and r.peers:
            r.broadcast(Frontier(self.ledger.mark), r.peers)
        if self.ledger.behind and r.peers:
            self.asked += 1
            self.ask(r.peers[self.asked % len(r.peers)])

    def ask(self, dst: NodeId, *keys: str) -> None:
        """For what comes next in these logs (none named: in those known to be behind)."""
        wanted = keys or list(self.ledger.behind)[:BATCH]
        cells = tuple([(key, self.ledger[key].next) for key in wanted])
        self.replica.send(dst, Ask(cells))

    def on_frontier(self, src: NodeId, msg: Frontier) -> None:
        before, now = self.marks.get(src), (msg.mark, self.ledger.mark)
        self.marks[src] = now
        if now[0] == now[1] or now != before:
            self.differed[src] = 0
        elif not self.ledger.behind:
            self.differed[src] += 1
            if self.differed[src] % LAGGING == 0:
                self.incoming, self.source = Incoming(), src
                self.replica.send(src, Missing(0))
            else:
                self.replica.send(src, Ask(()))

    # --- telling ----------------------------------------------------------------------------------

    def on_ask(self, src: NodeId, msg: Ask) -> None:
        if not msg.cells:
            self.tell_heads(src)
            return
        found: dict[Round, Proposal] = {}  # one of several objects is in the logs of all
        for key, position in msg.cells[:BATCH]:
            known = self.ledger.since((key, position), BATCH)
            found.update([(proposal.round, proposal) for proposal in known])
            if not known and position < self.ledger[key].next:
                self.replica.send(src, part(*self.snapshot, Missing(0)))
                return
        if found:
            self.replica.send(src, Learned(tuple(found.values())))

    def tell_heads(self, dst: NodeId) -> None:
        """Not the proposals: of most of them the other one knows."""
        last: dict[str, int] = {}
        for proposal in reversed(self.ledger.executed):
            last.update({key: self.ledger[key].next for key, _ in proposal.cells()})
            if len(last) >= RECENT:
                break
        if last:
            self.replica.send(dst, Heads(tuple(last.items())))

    def on_heads(self, src: NodeId, msg: Heads) -> None:
        lacking = [key for key, position in msg.cells if self.ledger.hear(key, position)]
        if lacking:
            self.ask(src, *lacking[:BATCH])

    def on_learned(self, src: NodeId, msg: Learned) -> None:
        before = self.ledger.mark
        for proposal in msg.proposals:
            self.replica.learn(proposal)
        if self.ledger.behind and self.ledger.mark != before:
            self.ask(src)
        self.replica.proposer.pump()

    # --- snapshots --------------------------------------------------------------------------------

    def load(self, durable: Mapping[str, Json]) -> Mapping[str, int]:
        """Take over the snapshot on disk; says which position is next in each log."""
        mark, state = cast("tuple[int, Any]", durable.get("snapshot", (0, None)))
        self.snapshot = (mark, state)
        if state is None:
            return {}
        self.replica.store = KeyValue.restore(state["store"])
        return cast("Mapping[str, int]", state["next"])

    def executed(self) -> None:
        self.fresh += 1
        if self.fresh >= self.snapshot_every:
            self.compact()

    def compact(self) -> None:
        """A snapshot of now, and no more than ``keep`` proposals before it."""
        self.fresh = 0
        next_ = {key: found.next for key, found in self.ledger.objects.items() if found.next > 1}
        state = {"next": next_, "store": self.replica.store.snapshot()}
        self.snapshot = (self.ledger.mark, state)
        self.replica.persist("snapshot", self.snapshot)
        self.ledger.trim(self.keep)

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        """Whoever begins to ask gets what is executed now."""
        if msg.offset == 0 and self.snapshot[0] != self.ledger.mark:
            self.compact()
        if self.snapshot[0]:
            self.replica.send(src, part(*self.snapshot, msg))

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.offset == 0 and msg.slot != self.incoming.slot:
            self.source = src
        if src != self.source or not self.incoming.add(msg):
            return
        if not self.incoming.complete:
            have = self.incoming
            self.replica.send(src, Missing(0, have.slot, len(have.text)))
            return
        state = loads(self.incoming.text)
        self.incoming = Incoming()
        if any(position > self.ledger[key].next for key, position in state["next"].items()):
            self.install(state)

    def install(self, theirs: Any) -> None:
        """Take each object from the state that has executed more of it (see the package)."""
        r = self.replica
        r.note("sometimes", INSTALLED)
        ours: Any = r.store.snapshot()
        for key, position in theirs["next"].items():
            if position > self.ledger[key].next:
                for part_ in ("values", "sessions"):
                    ours[part_].pop(key, None)
                    if key in theirs["store"][part_]:
                        ours[part_][key] = theirs["store"][part_][key]
                self.ledger.jump(key, position)
        r.store = KeyValue.restore(ours)
        self.ledger.purge()
        self.compact()
        r.installed()
