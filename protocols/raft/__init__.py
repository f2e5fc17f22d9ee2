"""Raft: one log of commands under an elected leader, made to be understood; complete.

Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC, 2014 (sections
and figures without a name here are of its extended version), and Ongaro, "Consensus: Bridging Theory
and Practice", dissertation, Stanford, 2014.

- **Terms** (5.1): each begins with an election. Whoever sees a higher term follows in it. The term and
  the vote in it are on disk before they are told.
- **Elections** (5.2, 5.4.1; ``RequestVote``, ``Vote``): after a random time-out without a leader, and
  after a *pre-vote* (dissertation 9.6) has shown that they could be won. One vote a server and term,
  for a log that is at least as up-to-date.
- **Replication** (5.3; ``AppendEntries``, ``Appended``, ``Conflict``): in batches that grow with the
  load, several under way at once. A follower whose log has another entry before them says of which
  term, and the leader goes back a term at a time.
- **Commitment** (5.4.2): an entry of the leader's own term that a majority has, and all before it. A
  term begins with a no-op, so that this comes soon.
- **Compaction** (7; ``InstallSnapshot``): a snapshot stands for the log's prefix, and is sent in parts
  to those who lack what was forgotten.
- **Membership** (dissertation 4; ``members``): changed by one server at a time; a configuration is in force from
  when it is in the log; whoever joins has caught up first, and a leader that leaves steps down. The
  first members are the first ``members`` nodes; who is none waits until a leader writes to it.
- **Handing over** (dissertation 3.10; ``TimeoutNow``, command ``lead``): see ``protocols.handover``.
- **Without its disk** (option ``rejoin``) a server comes back passive, and votes and is counted again when
  nothing that it forgot can matter (``rejoining``).
- **Verification** (option ``verify``): states are compared, and one that differs is ejected (``protocols.verifying``).
- **Clients** (8; dissertation 6): a command goes to the leader (``Forward``), again at each tick until
  it is applied at the server whose client asked, which then answers. Sessions make it run once.
- **Reads** (dissertation 6.4; ``ReadIndex``, ``ReadAt``): take no entry, but a heartbeat that a
  majority answers; or not even that (``read=lease``); or take an entry (``read=log``).

Departures, and why they are safe:

- A server that hears a leader ignores candidates, and a leader that a majority does not answer steps
  down (section 6; dissertation 4.2.3 and 6.2). To the others these are lost messages.
- A new commitIndex is told at once by ``Commit``, which is not answered: step 5 of AppendEntries
  alone. It counts no further than this term's messages have shown the logs to be the same.
- An entry's record on disk has the commitIndex of when it was written: what is committed stays so.
- A snapshot has no size or offset of bytes; each part is asked for by who installs it.

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk. ``read=lease`` alone assumes that no clock runs ``patience`` (8) / ``heartbeat`` (5)
times as fast as another, and that wall
clocks do not jump back while a process is stopped. A node that comes back with an empty disk takes no
part, but as ``rejoin`` says.
"""

from protocols.raft.replica import Raft

__all__ = ["Raft"]
