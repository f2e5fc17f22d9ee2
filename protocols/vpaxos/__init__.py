"""Vertical Paxos: a master outside of the ballots decides who votes in each of them.

Lamport, Malkhi, Zhou, "Vertical Paxos and Primary-Backup Replication", PODC 2009 (Microsoft
MSR-TR-2009-63), Vertical Paxos II, with the quorums of its section 5: F+1 members, of whom all
vote (a write quorum), and any one tells what was voted for (a read quorum).

- **Keys** are divided among groups (:mod:`protocols.keymap`), each of which has a log of its own.
- **The master** is a multi-Paxos over all nodes. For each group it holds the newest ballot, with
  its leader and its members, and which configurations a new leader must read: those since the last
  *complete* one (:mod:`protocols.vpaxos.configuration`).
- **Reconfiguration.** The master issues a ballot with another leader or other members: in place of
  members that are silent, of a leader that gets nothing done, or because another node or zone is
  who uses the keys (``policy``, ``threshold``, :mod:`protocols.policies`).
- **Phase 1.** The ballot's leader asks one member of *every* configuration since the last complete
  one what it has voted for, and takes over the longest prefix that any knows to be chosen.
- **State transfer.** It has these votes, the highest for each slot, voted for by all its members,
  waits until each of them has the whole prefix (``Transfer``, ``Held``), and has the master note
  that its ballot is ``complete``. If it is the newest still, it is *active*: only now it proposes
  what clients ask for, and only this configuration has to be read by the next leader.
- **Phase 2** is multi-Paxos', whose votes, log, snapshots and catching up these are. Nodes that are
  not members are told what was chosen; each node answers its own clients.

**Departures**, and why they are safe:

- Instances are the slots of a log, with one phase 1 and one ``complete`` for all of them.
- A node that hears from the master of a new ballot refuses lower ones at once. It may always.
- Configurations of the same members are one to read: it is the acceptors that are asked, of whom
  one has promised the higher ballot, too.
- A leader that was restarted asks for another ballot rather than go on in its own.
- Acceptors outside of a configuration may vote. They are of no quorum.

**Assumes**: messages may be lost, duplicated, delayed and reordered; processes crash and come back
with their disk; clocks are not used. The master needs a majority of all nodes. Any F of 2F+1 nodes
may be down; what a group's configuration lost of its members is replaced before it goes on.
"""

from protocols.vpaxos.replica import VPaxos

__all__ = ["VPaxos"]
