"""Paxos made simple: a log in which each slot is agreed on by itself, by whoever proposes. No leader.

Lamport, "Paxos Made Simple", ACM SIGACT News 32(4), 2001: sections 2.2 and 2.3 are the protocol of
one slot, section 3 is the log. What is left out is section 3's leader: here every node proposes for
its own clients, in the first slot that it does not know to be chosen, and runs both phases for it.

- **A proposal** is a batch of commands, or the empty batch, which is a no-op. A proposer whose slot
  turns out to belong to another's batch helps that one through and tries again in the next slot.
- **Duels**: two that propose in one slot can turn each other away for ever (section 2.4). A proposer
  that was turned away waits, for a random time that grows with each failure and shrinks with each slot that
  nobody contends for: where many propose, in the next slot they will meet again.
- **Learning**: the proposer tells all (``Chosen``). Who missed that asks by proposing: an acceptor
  answers a Prepare or an Accept for a slot that it knows to be chosen with what was chosen. So a
  node that comes back catches up with one no-op.
- **Compaction**: a snapshot stands for the slots up to its own; laggards get it in parts.

Departures, and why they are safe:

- The proposer promises its own ballot as it sends the Prepare, and the promise is on disk: that is
  how it never uses a ballot of a slot twice, whatever it proposes after a restart (2.4, last
  paragraph).
- A command may be chosen in two slots, by two proposers or by a client's retry. Sessions make it run
  once (:mod:`protocols.statemachine`).
- Reads take a slot like every command: linearizable without clocks.

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk; clocks are not used. A node that comes back with an empty disk takes no part, but as ``rejoin``
says (``paxos.rejoining``).
"""

from protocols.paxos.replica import Paxos

__all__ = ["Paxos"]
