"""Who is alive, as the leader of the master sees it, and what the chain should be therefore.

A wrong suspicion costs a copy, never a wrong answer. So there is one bound for all: signs of life
are counted by the leader's own ticks, not by a clock.
"""

from __future__ import annotations

from protocols.chain.configuration import Config
from protocols.chain.messages import Heartbeat
from protocols.kernel import NodeId

PATIENCE = 6
"""Ticks without a sign of life, until a node is taken for dead."""

REPEATED = 3
"""Heartbeats of a member, one after the other, that name the same suspect, until it is believed: a
tick after a partition is healed, each member has only just been suspecting the next."""


class Detector:
    """Heartbeats of all nodes. One leadership long: the next leader begins with patience anew."""

    def __init__(self, nodes: tuple[NodeId, ...]) -> None:
        self.silence = dict.fromkeys(nodes, 0)
        self.reports: dict[NodeId, Heartbeat] = {}
        self.repeated = dict.fromkeys(nodes, 0)

    def tick(self) -> None:
        for node in self.silence:
            self.silence[node] += 1

    def hear(self, node: NodeId, report: Heartbeat) -> None:
        self.silence[node] = 0
        last = self.reports.get(node)
        again = last is not None and last.suspect == report.suspect
        self.repeated[node] = self.repeated[node] + 1 if again else 1
        self.reports[node] = report

    def successor_of(self, config: Config) -> tuple[NodeId, ...] | None:
        """The members of the next epoch, or None where this one will do.

        Dead members go, as long as somebody stays who has all that was committed, by a word of this
        very epoch. A node that has copied comes in as the tail, one at a time, and when all members
        are complete: so that those are a prefix of the chain, and the head is one.
        """
        complete = {n for n, r in self.reports.items() if r.epoch == config.epoch and r.complete}
        alive = self._alive(config)
        if alive != config.members:
            return alive if complete.intersection(alive) else None
        ready = [
            n for n in sorted(complete) if n not in config.members and self.silence[n] < PATIENCE
        ]
        return (*alive, ready[0]) if ready and complete.issuperset(alive) else None

    def _alive(self, config: Config) -> tuple[NodeId, ...]:
        """The members that were heard lately, but those that a living predecessor cannot reach."""
        heard = [n for n in config.members if self.silence[n] < PATIENCE]
        sure = [self.reports[n] for n in heard if self.repeated[n] >= REPEATED]
        suspects = {report.suspect for report in sure if report.epoch == config.epoch}
        return tuple(n for n in heard if n not in suspects)
