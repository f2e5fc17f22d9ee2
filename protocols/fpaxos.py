"""Flexible Paxos: multi-Paxos in which electing and deciding take different quorums; complete.

Howard, Malkhi, Spiegelman, "Flexible Paxos: Quorum Intersection Revisited", OPODIS 2016. All that
Paxos needs is that each quorum of phase 1 meets each of phase 2 (section 3). It is ``multipaxos``
with another quorum system, chosen by ``--option quorum=...``: ``majority`` (the default), ``all``,
``fast``, ``count:Q1,Q2``, ``grid``, ``fgrid:FZ``, ``fgrid:FZ,F``, ``zone-majority``
(``protocols.quorum_systems`` has what each means; the last four go by the nodes' zones).

What is won and what is lost, for ``count:Q1,Q2`` of n nodes:

- A command waits for Q2-1 answers: the fewer, the sooner (of 5 nodes across oceans, Q2 = 2 waits for
  the nearest neighbour only) and, with ``thrifty``, the fewer messages. While its leader lives
  it commits with n-Q2 others down.
- An election waits for Q1-1 answers. When the leader is down, no more than n-Q1 may be, itself
  counted, or nothing is decided until some are back: ``count:4,2`` of 5 nodes commits with 3 down, but
  a successor needs all of 4. Majorities outlive the most where the leader may die too.
- ``grid`` of z zones of l nodes: phase 2 outlives no crash in the zone that answers, yet any zone
  will do; phase 1 outlives what leaves a node in every zone, l-1 at worst. ``fgrid:FZ`` outlives FZ
  whole zones in phase 1.

Quorums that do not meet are refused before anything starts, by example. ``--option force=true`` runs
them all the same: two leaders may then decide differently, and ``agreement`` finds it.

Departures: those of ``multipaxos``; a leader resigns when those who answer it are no quorum of phase
2 any more, rather than no majority, since it can then decide nothing.

Assumes: what ``multipaxos`` does. All nodes are told the same quorum system (N3): it is an option of
the cluster, and does not change.
"""

from __future__ import annotations

from protocols.kernel import Cluster
from protocols.multipaxos import MultiPaxos
from protocols.quorum_systems import QuorumSystem, parse


class FPaxos(MultiPaxos):
    """See the module. Options: ``quorum``, ``force``, and those of ``multipaxos``."""

    changes_members = False

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        """Raises ValueError for a system that is not known, cannot be made of these nodes, or has
        quorums that do not meet and is not forced.
        """
        system = parse(str(cluster.options.get("quorum", "majority")), cluster)
        if not cluster.truth("force", default=False) and (why := system.intersects()):
            raise ValueError(
                f"quorum={system.name}: {why}; two leaders could decide differently"
                " (force=true runs it all the same)"
            )
        return system
