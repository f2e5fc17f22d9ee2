"""WPaxos: a log for each object, led from the zone that uses it; zones steal objects; complete.

Ailijiang, Charapko, Demirbas, Kosar, "WPaxos: Wide Area Network Flexible Consensus", IEEE TPDS
31(1), 2020 (arXiv 1703.08905), on Howard, Malkhi, Spiegelman, "Flexible Paxos", OPODIS 2016.

An object is a key. Each has a multi-Paxos of its own: ballots, a log, a snapshot, and an *owner*,
the node that leads it. All objects use the same nodes and the same quorums (section 2):

- **Phase 1** (``Prepare``, ``Promise``), *stealing*, asks most of the zones: a majority of the nodes
  in all zones but ``fz``. The new owner adopts what the highest votes say, slots under way too, and
  a no-op where there is none, before anything new (section 3.1).
- **Phase 2** (``Accept``, ``Accepted``, ``Commit``) needs a majority in ``fz`` + 1 zones. With
  ``fz`` = 0 the owner's own zone is enough: commands do not wait for an ocean (section 3.2).
- **Who owns** (section 4): a node that is asked for an object without an owner steals it. Else it
  forwards the command; the owner counts who asks, and its policy (:mod:`protocols.policies`) may have
  it tell a better placed node to steal (``LeaderChange``). With ``adaptive=false`` whoever is
  asked steals at once. An owner that shows no progress to one who waits is robbed.
- **Without its disk** (option ``rejoin``) a node comes back passive, and votes again when nothing that
  it forgot can matter (``wpaxos.rejoining``).
- **Catching up**: each tick a node tells another how far it is in some of its objects (``Digest``);
  who lacks something asks for it (``Missing``, ``Chosen``, ``Snapshot``).

The grid: if every zone has three nodes or more, zones are as named and ``fz`` is 0. If there are no
zones, or smaller ones, each node counts as a zone of its own and ``fz`` is (n-1)/2, so that both
quorums are majorities and any minority may crash; smaller zones are as named where ``fz`` is given.

Departures, and why they are safe:

- Promises and votes are on disk before they are sent; the paper's nodes do not come back.
- ``Accept`` goes to all nodes, not to the nearest quorum: the votes of the far ones cost no time, and
  they need to learn the command anyway.
- A promise says how far slots are chosen, and the thief fetches those before it leads. (The paper's
  TLA+ model has the acceptor's last slot there; Paxi's code has not, and loses commands by it.)
- An owner keeps an object for ``hold`` ticks before it advises a move, and ``adaptive=false`` does not
  steal what was stolen so lately: two zones that both write do not throw it to and fro.
- Robbed nodes hand on what they had not proposed yet. Sessions make all commands run once.

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk; clocks are not used. A node that comes back with an empty disk takes no part, but as ``rejoin`` says.
Commands of several objects are refused (the paper's are of one).
"""

from protocols.wpaxos.replica import WPaxos

__all__ = ["WPaxos"]
