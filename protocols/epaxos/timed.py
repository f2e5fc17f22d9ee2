"""Timestamp-ordered queuing: replicas open a command at the same moment, and so in the same order.

Tollman, Park, Ousterhout, "EPaxos Revisited", NSDI 2021, section 5. What makes commands conflict is
that they reach the replicas in different orders, after ways of different length. The owner stamps
a command with the time at which the farthest replica will have it: now, and the one-way delay to that
one, and a little. Every replica, the owner included, holds it until its own clock passes the stamp, and
only then looks for what interferes.

The paper takes clocks that agree for granted. Here all go by the clock of the first node that is heard
of, as each reckons it from the delays there and back (``delays``; the paper's are averages, here they are
medians), so that clocks may be hours apart. What they still are wrong by costs a wait of a round trip
at most, or a slow path.

Measured (``benchmarks/toq.py``: five regions, clocks 2 ms apart, 100 op/s; 20 s simulated):

========== ================== ================ ====================
 hot ops    slow paths         mean ms          p50, p99 ms
========== ================== ================ ====================
 2 %        0 -> 0 %           98 -> 148        89, 139 -> 131, 188
 50 %       35 -> 0.5 %        214 -> 180       138, 594 -> 182, 598
 100 %      93 -> 1.2 %        392 -> 273       382, 726 -> 222, 810
========== ================== ================ ====================

With clocks that are 250 ms apart it is the same (50 %: 0.6 % slow, mean 177). The paper offers the wait for
a quorum, too: with that 11 and 48 % were slow, and the mean 210 and 389.

**Recovery must differ.** The owner's dependencies are not known when it sends the command, so that
PreAccept cannot carry them; a replica has the answer that it gave itself, and takes that for
``initial``. With the paper's fast quorum of F + ⌊(F+1)/2⌋ that cannot be recovered. Of five, say a's
owner A and b's owner B have crashed, x alone of the others has pre-accepted a without b, y alone b
without a. If A and B opened a first, a is committed with {A, B, x}; if b first, b is with {A, B, y};
and nobody who lives can tell. With the owner's dependencies in PreAccept, y could. So here the fast
quorum is n - e' with e' = 1, all for n <= 3 (``recovery.sizes``), and a recovery, of a with a quorum Q:

- examines what at least |Q|-e' of Q pre-accepted: one set at most, since that is more than half of Q;
- chooses no-op where an earlier recovery had reason to examine others;
- names to b's recovery what may leave b out: by its own answer, or by what it has helped to examine;
- takes nothing from a conflict's owner being outside of Q, since nobody knows what he has met.

Why that is right, with what it assumes, is in ``docs/decisions/006-recovery-with-toq.md``.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

from protocols.ballots import ZERO
from protocols.epaxos.delays import Delays
from protocols.epaxos.instances import PREACCEPTED, UNKNOWN
from protocols.epaxos.messages import Deps, InstanceId, Timed, TimedOk
from protocols.epaxos.pace import Proposal
from protocols.kernel import Command, NodeId

if TYPE_CHECKING:
    from protocols.epaxos.replica import EPaxos

EPSILON_MS = 2
"""Added to the expected delay: what is late by less than that is not late."""
HELD_MOST = 3
"""Ticks after which a command is opened even if the clock stands still."""

Held: TypeAlias = tuple[int, int, int, Command, NodeId, int, int]
"""When to open, the instance's row and number, its command, from whom, his delay, since which tick."""


class Queue:
    """What is held at one replica, and how far away the others are. Memory only: a held command that a
    crash forgets was never met.
    """

    def __init__(self, replica: EPaxos) -> None:
        self.replica = replica
        self.held: list[Held] = []
        self.waiting: set[InstanceId] = set()
        self.delays = Delays()

    def clock_ms(self) -> int:
        """The time that all go by: of the first node that is heard of, as far as can be told here."""
        r = self.replica
        for node in r.nodes:
            if node == r.id:
                break
            apart_ms = self.delays.apart_ms(node)
            if apart_ms is not None and r.pace.alive(node):
                return r.now_ms + apart_ms
        return r.now_ms

    # --- the owner ---

    def announce(self, iid: InstanceId, command: Command) -> None:
        """Send a command to be opened by all at the same time, and hold it here, too.

        Its number is on disk before that: it is never used for another command.
        """
        r = self.replica
        r.save(iid, r.instances.touch(iid))
        stamp_ms = self.clock_ms() + self.ahead_ms()
        r.broadcast(Timed(*iid, command, r.now_ms, stamp_ms), r.peers)
        self._hold((stamp_ms, *iid, command, r.id, 0, r.pace.ticks))

    def ahead_ms(self) -> int:
        """How long until all others that are heard of will have what is sent now."""
        r = self.replica
        farthest_ms = 0
        for peer in r.peers:
            if r.pace.alive(peer):
                way_ms = self.delays.way_ms(peer)
                farthest_ms = max(farthest_ms, r.cluster.rtt_ms // 2 if way_ms is None else way_ms)
        return min(farthest_ms + EPSILON_MS, r.cluster.rtt_ms)

    def resend(self, iid: InstanceId, to: list[NodeId]) -> None:
        """To those who did not answer: open it as soon as it comes."""
        r = self.replica
        command = r.instances.touch(iid).command
        if command is not None:
            r.broadcast(Timed(*iid, command, r.now_ms, self.clock_ms()), to)

    def on_timed_ok(self, src: NodeId, msg: TimedOk) -> None:
        self.delays.went(src, msg.delay_ms)

    # --- everybody ---

    def on_timed(self, src: NodeId, msg: Timed) -> None:
        r = self.replica
        iid = (msg.row, msg.number)
        delay_ms = r.now_ms - msg.sent_ms
        self.delays.came(src, delay_ms)
        if iid not in self.waiting and not r.instances.forgotten(iid):
            open_ms = min(msg.open_ms, self.clock_ms() + r.cluster.rtt_ms)
            self._hold((open_ms, *iid, msg.command, src, delay_ms, r.pace.ticks))

    def _hold(self, held: Held) -> None:
        heappush(self.held, held)
        self.waiting.add(held[1:3])
        if self.held[0] == held:
            self.open_due()
        if self.held:
            self.replica.pace.wake_up()

    def open_due(self) -> None:
        """Open what is due by this clock, in the order of the stamps; set the timer for the next."""
        r = self.replica
        now_ms = self.clock_ms()
        while self.held and self.held[0][0] <= now_ms:
            self._open(heappop(self.held))
        if self.held:
            wait_ms = min(self.held[0][0] - now_ms, r.cluster.rtt_ms)
            r.set_timer("open", wait_ms, wait_ms)

    def tick(self, now: int) -> None:
        """Some clock is wrong if a command is still held: open it, and what is before it."""
        late = [held for held in self.held if now - held[6] >= HELD_MOST]
        while late and self.held and self.held[0] <= max(late):
            self._open(heappop(self.held))

    def _open(self, held: Held) -> None:
        stamp_ms, row, number, command, src, delay_ms, _ = held
        r, iid = self.replica, (row, number)
        self.waiting.discard(iid)
        if r.instances.forgotten(iid):
            return
        if src == r.id:
            self._open_own(iid, command, stamp_ms)
            return
        known = r.instances.touch(iid).phase != UNKNOWN
        deps = r.instances.none if known else self.deps(iid, command, stamp_ms)
        instance = r.pre_accept(src, iid, command, deps, deps)
        if instance is not None:
            r.say(src, TimedOk(*iid, instance.deps, delay_ms))

    def _open_own(self, iid: InstanceId, command: Command, stamp_ms: int) -> None:
        r = self.replica
        instance, lead = r.instances.touch(iid), r.pace.leading.get(iid)
        if instance.phase != UNKNOWN or instance.promised != ZERO or not isinstance(lead, Proposal):
            return  # another has begun to recover it, and it may be decided
        instance.initial = instance.deps = self.deps(iid, command, stamp_ms)
        instance.phase = PREACCEPTED
        r.learn(iid, instance, command)
        r.save(iid, instance)
        r.pace.begin(iid)
        r.decide_path(iid, lead)

    def deps(self, iid: InstanceId, command: Command, stamp_ms: int) -> Deps:  # noqa: ARG002
        """All that was met here before, whatever its stamp. The owner's younger ones, too: the bound
        is then above the instance itself, which does no harm.
        """
        return self.replica.instances.deps(command, iid[0])
