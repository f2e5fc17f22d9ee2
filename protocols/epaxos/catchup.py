"""Learning what one has missed, and forgetting what everybody has.

Commits are not acknowledged. A replica finds what it lacks by gaps in the rows, by instances that
stay open and by the others' ``Frontier``, and asks one replica at a time for a batch. Executed
instances are forgotten once a checkpoint has them and all replicas have executed them, or when they
are too many; who still lacks one of those is given the whole state (``Install``).

**Two states are joined key by key**, since of two replicas each may be ahead of the other in some row, and
have forgotten what the other lacks: neither state would do, and neither can name the instances. What is
joined is each key's value and the answers that are kept under it, which is all that the state is made of.

1. *On one key, one of the two has executed all updates that the other has.* Updates of a key interfere, so
   all replicas execute them in one order. Each has executed a first part of it, and the shorter is a part
   of the longer. How many they are (``Done.updates``) says which is the longer. (The highest numbers do not:
   with ``toq`` an owner's commands may run in another order than that of their numbers.)
2. *Each key as the one has it who is ahead on it: that is the state after all that either has executed.* A
   command of several keys that was executed here, and not there, is in this one's part of each of its keys and not
   in that one's. So this one is ahead on all of them, and its effects are taken whole or not at all.
3. *What either has executed is enough to go on from*: whatever comes before a command of it, that one had
   executed, too.
4. *It ends what it was asked for.* The sender has forgotten the instance, so its prefix of that row reaches
   beyond the receiver's, which now jumps there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from protocols.epaxos.instances import COMMITTED, EXECUTED, Instance, union
from protocols.epaxos.messages import (
    Ask,
    Commit,
    Deps,
    Entry,
    Frontier,
    Install,
    InstanceId,
    Learned,
)
from protocols.epaxos.sometimes import INSTALLED
from protocols.kernel import Json, NodeId
from protocols.statemachine import KeyValue

if TYPE_CHECKING:
    from protocols.epaxos.replica import EPaxos

BATCH = 64
"""Instances asked for at a time."""
WINDOW = 256
"""How far beyond its committed prefix a row is searched for gaps."""
HEARTBEAT = 8
"""Ticks between two Frontiers of a busy replica; an idle one has nothing new to say."""
IDLE = 25
PATIENCE = 3
"""Ticks before an answer is asked for again, of another replica."""
RARELY = 10
"""Ticks between two copies of the whole state to the same replica."""
CHECKPOINT_EVERY = 512
RETAIN = 4096
"""Executed instances: between two checkpoints, and kept of each row for those who lag behind."""


class CatchUp:
    """Frontiers, gaps, checkpoints."""

    def __init__(self, replica: EPaxos) -> None:
        self.replica = replica
        options = replica.cluster.options
        self.checkpoint_every = int(str(options.get("checkpoint_every", CHECKPOINT_EVERY)))
        self.retain = int(str(options.get("retain", RETAIN)))
        self.frontiers: dict[NodeId, Frontier] = {}
        self.most: Deps = replica.instances.none
        """The highest of the others' committed frontiers, row by row."""
        self.offered: dict[NodeId, int] = {}
        self.executed = 0
        """Instances executed since the last checkpoint."""
        self.saved: Deps = replica.instances.none
        """How far the durable checkpoint goes."""
        self.said: Frontier | None = None
        self.say_at = 0
        self.ask_at = 0
        self.asked = 0

    # --- gaps ---

    def frontier(self) -> Frontier:
        rows = self.replica.instances.rows
        return Frontier(tuple([r.committed for r in rows]), tuple([r.executed for r in rows]))

    def on_frontier(self, src: NodeId, msg: Frontier) -> None:
        self.frontiers[src] = msg
        self.most = union(self.most, msg.committed)
        if self.behind:
            self.replica.pace.wake_up()

    def tick(self, now: int) -> None:
        if now >= self.say_at:
            frontier = self.frontier()
            if frontier != self.said or now >= self.say_at + IDLE - HEARTBEAT:
                self.said = frontier
                self.say_at = now + HEARTBEAT
                self.replica.broadcast(frontier, self.replica.peers)
                if self.executed >= self.checkpoint_every:
                    self.checkpoint()
                self.forget()
        self.replica.raise_floor()
        self.watch_gaps()
        if now >= self.ask_at and (self.replica.pace.open or self.behind):
            self.ask(now)

    def watch_gaps(self) -> None:
        """An instance below one that was heard of exists, and must be committed as something."""
        r = self.replica
        for row, mark in enumerate(r.instances.rows):
            if mark.committed < mark.top and mark.committed + 1 not in mark.instances:
                for number in range(mark.committed + 1, min(mark.top, mark.committed + BATCH) + 1):
                    if number not in mark.instances:
                        r.pace.watch((row, number))

    @property
    def behind(self) -> bool:
        """Whether another replica has committed what this one has not."""
        for row, mark in enumerate(self.replica.instances.rows):
            if self.most[row] > mark.committed:
                return True
        return False

    def missing(self, now: int) -> tuple[InstanceId, ...]:
        """What others have surely committed, and what has been open for some time."""
        r = self.replica
        found: dict[InstanceId, None] = {}
        if self.behind:
            for row, mark in enumerate(r.instances.rows):
                last = min(self.most[row], mark.committed + WINDOW)
                for number in range(mark.committed + 1, last + 1):
                    instance = mark.instances.get(number)
                    if instance is None or instance.phase < COMMITTED:
                        found[row, number] = None
        for iid, watch in r.pace.open.items():
            if watch.since + PATIENCE <= now:
                found[iid] = None
        return tuple(found)[:BATCH]

    def ask(self, now: int) -> None:
        """Ask the replica that has most, and the next one if that did not help."""
        missing = self.missing(now)
        if not missing:
            self.asked = 0
            return
        r = self.replica

        def rank(node: NodeId) -> tuple[bool, int, int]:
            frontier = self.frontiers.get(node)
            return (
                not r.pace.alive(node),
                -sum(frontier.committed) if frontier else 0,
                (node - r.id) % len(r.nodes),
            )

        if r.peers:
            order = sorted(r.peers, key=rank)
            r.send(order[self.asked % len(order)], Ask(missing))
            self.asked += 1
        self.ask_at = now + PATIENCE

    def on_ask(self, src: NodeId, msg: Ask) -> None:
        r = self.replica
        entries = []
        for iid in msg.ids[:BATCH]:
            if r.instances.forgotten(iid):
                self.offer(src)
                return
            found = r.instances.get(iid)
            if found is not None and found.phase >= COMMITTED:
                entries.append(Entry(*iid, found.value, found.deps))
        if entries:
            r.send(src, Learned(tuple(entries)))

    def on_learned(self, msg: Learned) -> None:
        for e in msg.entries:
            self.replica.on_commit(Commit(e.row, e.number, e.command, e.deps))
        self.asked = 0
        if self.behind:
            self.ask(self.replica.pace.ticks)

    # --- checkpoints ---

    def checkpoint(self) -> None:
        """Make durable what was executed, so that its instances need not be."""
        self.executed = 0
        self.saved = self.frontier().executed
        self.replica.persist("checkpoint", self.state())

    def state(self) -> dict[str, Json]:
        r = self.replica
        return {
            "executed": [row.executed for row in r.instances.rows],
            "beyond": [list(iid) for iid in self.beyond()],
            "store": r.store.snapshot(),
            "known": r.instances.known.snapshot(),
            "done": r.instances.done.snapshot(),
        }

    def beyond(self) -> list[InstanceId]:
        """What is executed past the prefix of its row."""
        return [
            (row, number)
            for row, mark in enumerate(self.replica.instances.rows)
            for number, i in mark.instances.items()
            if number > mark.executed and i.phase == EXECUTED
        ]

    def forget(self) -> None:
        """Forget what the checkpoint has and all replicas have executed, or what is too old."""
        r = self.replica
        if all(mark.forgotten >= self.saved[row] for row, mark in enumerate(r.instances.rows)):
            return
        said = [self.frontiers[n].executed for n in r.peers if n in self.frontiers]
        if len(said) < len(r.peers):
            said.append(r.instances.none)
        everywhere = [min(column) for column in zip(*said, strict=True)] if said else None
        for row, mark in enumerate(r.instances.rows):
            executed = mark.executed if everywhere is None else everywhere[row]
            upto = min(self.saved[row], max(executed, mark.executed - self.retain))
            while mark.forgotten < upto:
                mark.forgotten += 1
                if mark.instances.pop(mark.forgotten, None) is not None:
                    r.forget(r.key((row, mark.forgotten)))

    def offer(self, dst: NodeId) -> None:
        """Give the whole state to one who asks for what is forgotten, not too often."""
        r = self.replica
        if r.pace.ticks < self.offered.get(dst, 0):
            return
        self.offered[dst] = r.pace.ticks + RARELY
        entries = []
        for iid in self.beyond():
            instance = r.instances.get(iid)
            assert instance is not None
            entries.append(Entry(*iid, instance.value, instance.deps))
        r.send(dst, Install(self.state(), tuple(entries)))

    def on_install(self, msg: Install) -> None:
        """Go on from what the sender and this replica have executed, if the sender is ahead in some row."""
        r = self.replica
        saved = cast("Mapping[str, Any]", msg.checkpoint)
        rows = r.instances.rows
        if not any(n > row.executed for n, row in zip(saved["executed"], rows, strict=True)):
            return
        r.note("sometimes", INSTALLED)
        r.executor = r.make_executor()  # nobody waits any more, until all is in its place
        self._forget_covered(saved["executed"])
        self._join(saved)
        for entry in msg.beyond:
            iid = entry.row, entry.number
            if r.instances.forgotten(iid):
                continue
            instance = r.instances.touch(iid)
            if instance.phase < COMMITTED:
                r.record_commit(iid, instance, entry.command, entry.deps)
            instance.phase = EXECUTED
            r.instances.settle(iid, instance)
        for mark, number in zip(rows, saved["executed"], strict=True):
            mark.jump(number)
        self.checkpoint()
        r.after_install()

    def _join(self, saved: Mapping[str, Any]) -> None:
        """Of each key, have the state of the one who has executed more of its updates."""
        r = self.replica
        mine, r.store = r.store, KeyValue.restore(saved["store"])
        for key in r.instances.done.ahead_of(saved["done"]):
            r.store.take(key, mine)
        r.instances.known.merge(saved["known"])
        r.instances.done.merge(saved["done"])

    def _forget_covered(self, executed: list[int]) -> None:
        r = self.replica
        for row, (mark, upto) in enumerate(zip(r.instances.rows, executed, strict=True)):
            for number in [n for n in mark.instances if n <= upto]:
                r.instances.settle((row, number), mark.instances[number])
                r.forget(r.key((row, number)))
                r.pace.drop((row, number))

    def restore(self, saved: Mapping[str, Any], found: Mapping[InstanceId, Instance]) -> None:
        """Take up the state on disk; ``found`` are the instances that are there."""
        r = self.replica
        r.store = KeyValue.restore(saved["store"])
        r.instances.known.merge(saved["known"])
        r.instances.done.merge(saved["done"])
        self.saved = tuple(saved["executed"])
        beyond = {tuple(iid) for iid in saved["beyond"]}
        for (row, number), instance in found.items():
            if number <= self.saved[row] or (row, number) in beyond:
                instance.phase = EXECUTED
        for row, (mark, upto) in enumerate(zip(r.instances.rows, self.saved, strict=True)):
            kept = [n for at, n in found if at == row and n <= upto]
            mark.jump(min(kept) - 1 if kept else upto)
