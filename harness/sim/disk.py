"""The nodes' disks where a sync takes time: what waits for one, and what a crash meanwhile leaves.

A step is one record of the node's journal, as ``harness.node.journal`` has it: it survives as a whole or
not at all, and never without those before it. While a sync is under way the replica goes on in memory;
what its steps send, reply and note waits, in order, until their records are durable, and one sync makes
all those durable that were waiting when it began.

- A *kill* forgets what waits. Of the records, as many from the first on as the dead process had written
  are still there (the page cache outlives it); a seeded draw says how many.
- A *power cut* forgets those too, or all but some and tears the next: recovery drops that (``torn``).
  What a protocol that leaves out its syncs (``Replica.synced``) has persisted since it started is all of that kind.
- A *damaged* record with good ones behind it was durable once: recovery refuses to start upon it.
- A *full* disk takes some bytes more. The step whose record meets the end is the node's last: nothing of it leaves,
  and what was written of the record is torn. (``Replica.heedful`` False cuts that off, and goes on.)

Syncs take time under ``SlowDisk``. Else a disk has its own small time (``Network.sync_us``) only around
the moments when windows open or close, since a sync that nothing interrupts is nothing but a delay,
of which the links have enough, and always taking time would make every run a third slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from harness.sim.agenda import BRACE, SYNC, Agenda
from harness.sim.frozen import kept
from harness.sim.jsonable import plain
from harness.sim.network import DELAY_BITS, MS, US
from harness.sim.node import Node
from harness.sim.setup import Setup
from nemesis.actions import FreeDisk
from nemesis.encoding import action_to_json
from protocols.kernel import CANCEL_TIMER, NOTE, PERSIST, REPLY, SEND, SET_TIMER, Said
from protocols.wire import dumps

_BEGUN_BYTES = 64
"""About what a node writes down when it starts: who it is, and how often it did."""


@dataclass(slots=True)
class Held:
    """What a step left to be done: its record (values by key; None forgets), then its effects."""

    record: dict[str, object]
    effects: list[Said]


@dataclass(slots=True)
class Late:
    """A disk whose syncs take time. ``syncing``: how many of the queue the sync under way is for."""

    queue: deque[Held] = field(default_factory=deque)
    syncing: int = 0


class Disks:
    """``release`` carries out effects, all but ``Persist``, of a step of a node; ``end`` ends one that could
    not write.
    """

    def __init__(
        self,
        setup: Setup,
        agenda: Agenda,
        nodes: list[Node],
        release: Callable[[Node, list[Said]], None],
        end: Callable[[Node], None],
    ) -> None:
        self._agenda, self._nodes, self._release, self._end = agenda, nodes, release, end
        least, most = setup.network.sync_us
        assert 0 <= least <= most
        self._least_ns, self._span_ns = least * US, (most - least) * US + 1
        self._slow_ns = [0] * len(nodes)
        self._left: dict[int, int] = {}
        self._refused: dict[int, int] = {}
        self._draw = [Random(f"{setup.seed}/disk/{node.id}") for node in nodes]
        self._until_ns = -1
        self._synced, self._heedful = setup.protocol.synced, setup.protocol.heedful
        if not self._synced:
            for node in nodes:
                node.late = Late()
        if most:
            # A sync that began before that would be over by then.
            edges = {at for w in setup.plan for at in (w.at_ms, w.at_ms + w.for_ms)}
            for at_ms in sorted(edges):
                agenda.at(at_ms * MS - most * US, BRACE, 0, at_ms * MS)

    def brace(self, until_ns: int) -> None:
        """A BRACE entry has come up: a window opens or closes soon."""
        self._until_ns = max(until_ns, self._until_ns)
        for node in self._nodes:
            if node.late is None:
                node.late = Late()

    def slow(self, node: Node, ms: int) -> None:
        """From now on each sync that begins takes so much longer."""
        self._slow_ns[node.id] = ms * MS
        if node.late is None and ms:
            node.late = Late()

    def is_slow(self, node: Node) -> bool:
        return self._slow_ns[node.id] > 0

    # --- no space ---------------------------------------------------------------------------------

    def fill(self, node: Node, left_bytes: int) -> None:
        """From now on there is so much space left."""
        self._left[node.id], self._refused[node.id] = left_bytes, 0
        if node.late is None:
            node.late = Late()

    def free(self, node: Node) -> None:
        self._left.pop(node.id, None)

    def is_full(self, node: Node) -> bool:
        return node.id in self._left

    def begins(self, node: Node) -> bool:
        """Whether a node that starts can write that down."""
        if self._left.get(node.id, _BEGUN_BYTES) >= _BEGUN_BYTES:
            return True
        self._refused[node.id] += 1
        return False

    def proof(self, action: FreeDisk) -> dict[str, object]:
        """What was seen by the end of the window, as proofs on hosts say it."""
        saw = {"refused": self._refused.get(action.node, 0)}
        return {"action": action_to_json(action), "probe": "disk", "saw": saw, "bit": True}

    def _written(self, node: Node, late: Late, first: int = 0) -> bool:
        """Write what waits, from the ``first`` on; or the node ends, with what there was space for on its disk."""
        queue = list(late.queue)
        for number, held in enumerate(queue):
            if number < first or not held.record:
                continue
            size, left = len(dumps(held.record)), self._left[node.id]
            if size <= left:
                self._left[node.id] = left - size
                continue
            self._refused[node.id] += 1
            if not self._heedful:
                held.record = {}
                continue
            self._left[node.id] = 0
            node.cached = [each.record for each in queue[:number] if each.record]
            node.torn = left > 0
            node.late = Late()
            self._end(node)
            return False
        return True

    # --- steps ------------------------------------------------------------------------------------

    def take(self, node: Node, effects: list[Said]) -> None:
        """Carry out what a step said: timers at once, all else when it may leave."""
        late = node.late
        assert late is not None
        record = {a: kept(b) for kind, a, b in effects if kind == PERSIST}
        if not self._synced:
            if record:
                late.queue.append(Held(record, []))
                if node.id in self._left and not self._written(node, late, len(late.queue) - 1):
                    return
            self._release(node, [e for e in effects if e[0] != PERSIST])
            return
        if not late.queue and not (record and self._takes_time(node)):
            if not self._takes_time(node):
                node.late = None
            node.keep(record)
            self._release(node, [e for e in effects if e[0] != PERSIST])
            return
        held = Held(record, list(self._copies(effects)))
        late.queue.append(held)
        self._release(node, [e for e in effects if e[0] in (SET_TIMER, CANCEL_TIMER)])
        if not late.syncing:
            self._sync(node, late)

    def _copies(self, effects: Iterable[Said]) -> Iterable[Said]:
        """What must wait, as it is now: the replica may change its own values before it leaves."""
        last: object = None
        copy: object = None
        for kind, a, b in effects:
            if kind == SEND:
                if b is not last:  # a broadcast stays one message to many
                    last, copy = b, kept(b)
                yield SEND, a, copy
            elif kind == REPLY:
                value, ok = b
                yield REPLY, a, (plain(value), ok)
            elif kind == NOTE:
                yield NOTE, a, plain(b)

    def _takes_time(self, node: Node) -> bool:
        return (
            self._slow_ns[node.id] > 0
            or self._agenda.now_ns <= self._until_ns
            or node.id in self._left
        )

    def _sync(self, node: Node, late: Late) -> None:
        """Begin to write and to sync what waits, unless that fails."""
        if node.id in self._left and not self._written(node, late):
            return
        late.syncing = len(late.queue)
        took_ns = self._slow_ns[node.id]
        if self._agenda.now_ns <= self._until_ns or took_ns:
            bits = self._draw[node.id].getrandbits(DELAY_BITS)
            took_ns += self._least_ns + (bits * self._span_ns >> DELAY_BITS)
        self._agenda.at(self._agenda.now_ns + took_ns, SYNC, node.id, node.incarnation)

    def synced(self, node: Node) -> None:
        """A SYNC entry has come up at a node that runs: let go of what waited for it."""
        late = node.late
        assert late is not None
        done = late.syncing
        late.syncing = 0
        while late.queue and (done > 0 or not late.queue[0].record):
            done -= 1
            held = late.queue.popleft()
            node.keep(held.record)
            self._release(node, held.effects)
        if late.queue:
            self._sync(node, late)

    # --- crashes ----------------------------------------------------------------------------------

    def crash(self, node: Node) -> None:
        """The process is gone. What it had written by then is in the page cache."""
        late = node.late
        if late is None or not late.queue:
            return
        records = [held.record for held in late.queue if held.record]
        written = self._draw[node.id].randint(0, len(records)) if self._synced else len(records)
        node.cached = records[:written]
        node.late = Late()

    def lose(self, node: Node, *, torn: bool) -> None:
        """The power fails, at a node that is down."""
        if torn and node.cached:
            node.torn = True
            del node.cached[self._draw[node.id].randrange(len(node.cached)) :]
        else:
            node.cached.clear()
