"""Joins and leaves of a plan: the administrator, at his pace, asking one living node after another.

He sees the nodes' own words at once, since he stands beside them as the clients do, and any node that
lives and does not stand still may be asked. The first ``Join`` or ``Leave`` of a plan sets his clock
going: a run without any has no event more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from harness.sim.agenda import ADMIN, Agenda
from harness.sim.network import MS
from harness.sim.node import Node
from harness.sim.setup import Setup
from nemesis.actions import MemberAction
from nemesis.administrator import Administrator
from protocols.kernel import Cluster, Command
from protocols.membership import first_members
from workloads.kernel import At, Poll

PACE_RTT = 5
"""Round trips between two looks."""
RESTORE_RTT = 500
"""Round trips after which the final ops begin, whoever is a member then."""


class Members:
    """``ask(node, command)`` hands a command to a node's replica."""

    def __init__(
        self, setup: Setup, cluster: Cluster, agenda: Agenda, ask: Callable[[Node, Command], None]
    ) -> None:
        self.first = first_members(cluster) if setup.protocol.changes_members else cluster.nodes
        self.asked = False
        """Whether any change was ever wanted."""
        self._admin = Administrator()
        self._draw = Random(f"{setup.seed}/administrator")
        self._agenda, self._ask = agenda, ask
        self._pace_ns = PACE_RTT * setup.rtt_ms * MS
        self._newest = (0, self.first)

    def newest(self, nodes: Sequence[Node]) -> tuple[int, tuple[int, ...]]:
        """The newest configuration that a living node knows to be decided, or knew before it died."""
        known = [node.replica.membership() for node in nodes if node.replica is not None]
        self._newest = max([self._newest, *known], key=lambda config: config[0])
        return self._newest

    def planned(self, nodes: Sequence[Node]) -> tuple[int, ...]:
        """The members when all that is wanted by now will be so."""
        return self._admin.then(self.newest(nodes)[1])

    def want(self, *actions: MemberAction) -> None:
        self._admin.want(actions)
        if not self.asked:
            self.asked = True
            self._agenda.at(self._agenda.now_ns, ADMIN, 0)

    def restore(self, nodes: Sequence[Node], dead: Sequence[int]) -> None:
        """Want the first members again, but for those that stay dead."""
        self._admin.restore(self.first, [node.id for node in nodes], dead)

    def restored(self, nodes: Sequence[Node]) -> bool:
        return not self._admin.missing(self.newest(nodes)[1])

    def tick(self, nodes: Sequence[Node]) -> None:
        """Look, and ask a node for the change that is due, if any is missing."""
        self._agenda.at(self._agenda.now_ns + self._pace_ns, ADMIN, 0)
        able = [node for node in nodes if node.replica is not None and node.parked is None]
        due = self._admin.ask(*self.newest(nodes))
        if due is not None and able:
            f, value = due
            self._ask(self._draw.choice(able), Command(f, "", value))


class Settling:
    """The generator of nothing at all, for some time, and then until ``settled``, but not for ever."""

    def __init__(
        self, until_ns: int, most_ns: int = 0, settled: Callable[[], bool] = lambda: True
    ) -> None:
        self._until_ns, self._most_ns, self._settled = until_ns, most_ns, settled

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:  # noqa: ARG002  the seam's signature
        if now_ns < self._until_ns:
            return At(self._until_ns)
        if now_ns < self._most_ns and not self._settled():
            return At(min(now_ns + 10 * MS, self._most_ns))
        return None

    def update(self, thread: int, row: object) -> None:
        """Nothing is asked, so nothing is answered."""
