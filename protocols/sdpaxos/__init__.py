"""SDPaxos: any replica replicates its clients' commands; one sequencer says in which order they run.

Zhao, Zhang, Li, Chen, "SDPaxos: Building Efficient Semi-Decentralized Geo-replicated State
Machines", SoCC, 2018. Section 3 is the basic protocol, section 4 the one round trip.

- **C-instances**: each replica has a row of its own. Its clients' commands, a batch an instance, get
  a majority's votes there (``CAccept``, ``CAccepted``, ``CCommit``): it is their *command leader*.
- **O-instances**: one row, proposed in by the *sequencer*. What is chosen in one is only whose turn
  it is; the k-th turn of a replica stands for the k-th C-instance of its row. This row is a
  multi-Paxos: its leader is the sequencer, and a new one takes over all votes (phase 1).
- A turn is executed when it is chosen, what it stands for is chosen, and all turns before it are
  executed. The command leader answers. So the heavy load is on all replicas, the light one on one.
- **One round trip** for up to 6 replicas (the paper's 3 and 5): sequencer and command leader have
  voted for the turn, and a majority has the command. See ``protocols.sdpaxos.fast`` for why.
- **A dead command leader** leaves turns whose commands nobody can get from it. The sequencer then
  runs Paxos on those C-instances with a higher ballot, which finds the commands if any majority may
  have them, and else an empty batch (section 3.4).

Departures, and why they are safe:

- A sequencer begins with an entry of its own, once all before it is chosen, and only turns after
  that, executed, count for the short path: so phase 1 knows which old sequencer's short turns it may
  have missed. Acceptors say with their vote for a command which ballot they have promised in
  O-instances, and votes given after a promise to a newer sequencer do not count for the older one's
  short path. (The paper leaves to the reader what happens when an old sequencer goes on.)
- Beyond 6 replicas the command leader hears from the sequencer, rather than counts itself, that its
  turn is chosen: two message delays and a half instead of two.
- The sequencer tells a turn to be chosen when the command is, too. Whoever misses something asks it.
- A command may be chosen twice, by a client's retry elsewhere; sessions make it run once. Reads take
  a turn like every command. Those of ``multipaxos`` for the O-instances.

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk; clocks are not used. A node that comes back with an empty disk takes no part, but as ``rejoin``
says (``sdpaxos.rejoining``).
"""

from protocols.sdpaxos.replica import SDPaxos

__all__ = ["SDPaxos"]
