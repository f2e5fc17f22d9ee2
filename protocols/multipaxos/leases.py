"""Leases of the leader: with one it answers reads from its own state, and asks nobody.

Chandra, Griesemer and Redstone, "Paxos Made Live", PODC 2007, section 5.2 (*master leases*); Gray and
Cheriton, "Leases", SOSP 1989. At each tick the leader asks for a lease. Who grants one takes part in
no other node's phase 1 until ``GRANTED`` round trips have passed by its own clock, neither as acceptor
nor as candidate. Grants of a quorum of phase 2 make the lease: every quorum of phase 1 meets it, so
there is no other leader meanwhile.

- The holder counts from before it asked, the grantor from after it was asked. ``Lease.held`` is less
  than ``GRANTED`` by what clocks may differ in pace: the *dilation margin*, ``--option dilation=PERCENT``.
  The default of 40 is for 20 % slow and 20 % fast: 0.6 is less than 0.8 / 1.2. With 0 they must not differ.
- A grantor that restarts has forgotten what it granted, and keeps still for a whole ``GRANTED``.
- A promise and a grant exclude each other: who promised a higher ballot grants nothing to a lower
  one, and who grants ends its own campaign.
- What was decided in earlier ballots may be told to clients by others: the leader answers only when it
  has executed all that it adopted.

All clocks here are timers, which are monotonic; wall clocks are not looked at. One timer a request,
started before it is sent, rather than a number of ticks: a process that was stopped wakes up
to its old ticks, but a timer that ran down is told before any request that came after.
"""

from __future__ import annotations

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Cluster, NodeId
from protocols.quorum_systems import Quorums

GRANTED = 20
"""Round trips for which a grantor keeps still."""

DILATION = 40
"""By how many per cent the holder's time is shorter than the grantors'."""

NOBODY = -1
"""Whom a grantor is bound to that does not know any more whom it was bound to."""


def margin(cluster: Cluster) -> int:
    """Option ``dilation``. Raises ValueError for what leaves next to nothing of a lease, and where there is none."""
    if "dilation" in cluster.options and cluster.options.get("read") != "leader":
        raise ValueError("dilation is of the lease of read=leader")
    percent = cluster.number("dilation", DILATION, least=0)
    if percent > 70:
        raise ValueError(f"dilation={percent}: it is at most 70 (per cent of a lease)")
    return percent


class Lease:
    """What the leader of a ballot holds: for each of its last requests, who granted it.

    Requests are numbered upward; the timer of one is ``timer(number)``.
    """

    def __init__(
        self, quorums: Quorums, node: NodeId, dilation: int = DILATION, tick: int = 5
    ) -> None:
        self.held = GRANTED * (100 - dilation) // 100
        """Round trips for which it is good."""
        self.open = self.held // tick + 2
        """How many of those asked for may be good at the same time: more than ticks in ``held``."""
        self._quorums, self._node = quorums, node
        self._ballot = ZERO
        self._asked = 0
        self._grants: dict[int, int] = {}

    def ask(self, ballot: Ballot) -> int:
        """The number of a new request, which the holder itself grants for as long as it leads."""
        if ballot != self._ballot:
            self._ballot = ballot
            self._grants.clear()
        self._asked += 1
        self._grants.pop(self._asked - self.open, None)
        self._grants[self._asked] = 1 << self._node
        return self._asked

    def timer(self, number: int) -> str:
        """The same name only for requests of which the first has long run out."""
        return f"lease{number % self.open}"

    def granted(self, src: NodeId, ballot: Ballot, number: int) -> None:
        """Count a grant; one of a request that has run out changes nothing."""
        if ballot == self._ballot and number in self._grants:
            self._grants[number] |= 1 << src

    def ran_out(self, timer: str) -> None:
        self._grants = {n: mask for n, mask in self._grants.items() if self.timer(n) != timer}

    def good(self, ballot: Ballot) -> bool:
        """Whether the leader of ``ballot``, if it still is, is the only one."""
        return ballot == self._ballot and any(map(self._quorums.phase2, self._grants.values()))
