"""Chain replication: updates enter at the head and are answered by the tail, which answers reads.

Van Renesse, Schneider, "Chain Replication for Supporting High Throughput and Availability", 6th
OSDI, 2004; as an option (``read=craq``) reads at any replica: Terrace, Freedman, "Object Storage on
CRAQ: High-Throughput Chain Replication for Read-Mostly Workloads", USENIX ATC, 2009.

- **Updates** (``Ask``, ``Update``, ``Ack``): the head orders them; each replica applies them in
  order and passes them on; the tail's having one commits it, and the tail answers. Who is nearer to
  the head has all that one behind it has (the paper's Update Propagation Invariant). So whoever is
  removed, what stays of the chain lacks nothing that was answered.
- **The master** decides on the members and their order, epoch by epoch: a multi-Paxos over all
  nodes (:mod:`protocols.nested`). Its leader hears everybody's ``Heartbeat``. A message of another
  epoch is dropped. In a new epoch each replica asks its successor what it has, and sends the rest
  of its history again.
- **Reads** are answered by the tail, when a majority of all nodes has confirmed that its epoch is
  the last (``Confirm``, :mod:`protocols.chain.reads`): so one that was removed, and does not know
  it, answers nothing. With ``read=craq`` each member so answers its own clients' reads of keys that
  are clean there; reads of dirty ones are asked of the tail.
- **A node that was removed**, or was never a member, copies from the tail, and then is appended.
- **Clients**: a command goes to the head or the tail by way of the node that was asked, again at
  each tick until it is answered. Sessions make it run once.

Departures, and why they are safe:

- The paper's servers are fail-stop: who is suspected has stopped. Here a suspect may live, hence
  epochs, and reads that are confirmed. A removed tail may still answer *updates* that were on their
  way to it: its predecessors have them, and only they can be in the next chain.
- Servers come back with their disk. One that was not missed goes on; one that was removed forgets
  its history, since an old head may have updates that nobody else ever had.
- Links need not be FIFO: updates have places, and are asked for again.
- The last complete member is never removed: only it is known to have everything.
- CRAQ's dirty reads are forwarded to the tail, rather than asking it for a version number: a
  replica keeps one version of an object.

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk; clocks are not used (only the pace of time-outs, for progress). n-1 of the *members* may
crash, one after the other; reads and changes of the chain need a majority of all nodes. A node that
comes back with an empty disk must not take part.
"""

from protocols.chain.replica import Chain

__all__ = ["Chain"]
