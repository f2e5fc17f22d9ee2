"""M2Paxos: each object has an owner, and a command of several objects is agreed on for all of them.

Peluso, Turcu, Palmieri, Losa, Ravindran, "Making Fast Consensus Generally Faster", DSN, 2016. Objects
are keys. Each has an epoch (a ballot, whose node is the owner) and a log of its own.

- **Coordination.** A command goes to the next position in the log of each of its objects. A node
  that owns them all proposes it there at once: one round trip. Else, if another owns them all, it is
  forwarded there. Else the node acquires them, all together.
- **Accept.** A proposal is a batch of commands with a *place* in each of its objects: position and
  epoch. An acceptor accepts it in all its places, or, if it has promised a higher epoch of any, in
  none. A majority chooses it.
- **Acquisition.** The node prepares a higher epoch of several objects at once. A majority promises,
  and tells its votes, of which the highest at a position is *forced*: it may have been chosen.
- **Execution.** What is chosen runs when all before it, in the log of *every* one of its objects, has.

``objects``: an acceptor's epochs, votes and logs, and what is on disk. ``proposer``: coordination and
acquisition. ``catchup``: what was missed, frontiers, snapshots. ``replica``: accept, learn, execute.

**Finish or void (O1, O3).** An owner may die with its proposal accepted by some. A position's new
owner finishes a forced proposal P only as a whole: it needs, of each of P's objects, an epoch higher
than P's, so it acquires them all. If P is forced in all of its places, P is proposed
again, in the same positions. Else it is void, and its places are free: had a majority accepted P, each
of these acquisitions would have met an acceptor with that vote, since after its promise it accepts P
no more; and what has a higher epoch in one of P's places is, by induction over proposals in the
order in which they were made, P itself. A voided command is proposed anew by whoever has its client.

**No cycles across objects (O2).** A proposal is first made for a position only by a node that has
executed all positions before it in that log (as in the paper: the position after the last decided).
Say c is *before* d if some object has c at a lower position. Then c was chosen when d was first made.
A cycle c1 before c2 ... before c1 of chosen proposals would thus have c1 chosen before it was made.
For the same reason logs have no gaps: there is nothing to fill with no-ops. What one round for a
position at a time costs in throughput, batches give back.

**Departures**, and why they are safe:

- Votes, like proposals, are whole: an acceptor that accepts a proposal forgets those that it had in
  any of its places, everywhere. They were not chosen, or this would be the same one.
- An Accept for position s tells that s-1 is chosen, and which: its vote of the same epoch. For an
  owner proposes one thing for a position, the next after that was chosen, and after any failure is
  owner no more, until it has acquired a new epoch.
- The paper leaves restarts, lost messages and the length of logs open. Promises and votes are on
  disk before they are told; unanswered messages are sent again; a snapshot stands for the executed
  prefix of every log. Two replicas' states merge object by object, by the longer prefix: each is
  closed under "before", so that the union is, too.
- Reads are commands. Sessions make a command that is chosen twice run once.

Two nodes that steal the same objects from each other wait for random times that grow with each
failure, and then rather forward to the new owner than steal back.

Without its disk (option ``rejoin``) a node comes back passive, and votes again when nothing that it forgot can
matter (``m2paxos.rejoining``).

**Assumes**: messages may be lost, duplicated, delayed and reordered; processes crash and come back
with their disk; clocks are not used. A node that comes back with an empty disk takes no part, but as ``rejoin`` says.
"""

from protocols.m2paxos.replica import M2Paxos

__all__ = ["M2Paxos"]
