"""Multi-Paxos: one log of commands, agreed on slot by slot under an elected leader; complete.

Lamport, "The Part-Time Parliament", TOCS 16(2), 1998, and "Paxos Made Simple", 2001; in the terms
of van Renesse and Altinbuken, "Paxos Made Moderately Complex", ACM Computing Surveys 47(3), 2015;
with what Chandra, Griesemer and Redstone found missing there, "Paxos Made Live", PODC 2007.

Every command takes a slot, and a replica executes slots in order: linearizable.

- **Phase 1** (``Prepare``, ``Promise``) is done once for all slots after the candidate's chosen
  prefix. A new leader proposes what the highest vote for each slot says, and a no-op where there is
  none, before anything new.
- **Phase 2** (``Accept``, ``Accepted``, ``Commit``) runs for several slots at once, in batches that
  grow with the load. Promises and votes are on disk before they are sent. A follower is told what
  was chosen by ballot and slot alone (``Commit(ballot, chosen)``): its own votes of that ballot are
  the commands (paxakos' *commit by id*).
- **Thrifty** (an option): ``Accept`` goes to no more than a quorum, chosen at each tick of those who
  have just answered; the others are told what was chosen (``Chosen``), and reminded at ticks like all.
- **Catching up** (``Missing``, ``Chosen``, ``Snapshot``): a replica that lacks chosen slots asks for
  them, more of them in a round trip than are decided meanwhile, or a part of a snapshot at a time.
- **Membership** (``members``, ``electorate``): joins and leaves are commands of the log, in force ``alpha`` slots
  later, which bounds how many slots are open. Promises are asked of every configuration that may yet
  decide a slot. The first members are the first ``members`` nodes.
- **Clients**: a command goes to the leader (``Forward``), again at each tick until it is executed at
  the replica whose client asked, which then answers. Sessions make it run once.
- **Reads** (option ``read``) take a slot, too (``log``, the default); or are answered by the leader
  while it holds a lease (``leader``, in ``leases``); or by the replica that is asked, when a quorum has
  said how far it has voted (``quorum``, in ``reads``); or by it as it is (``any``), which is *not*
  linearizable. With ``leader`` and ``quorum`` a read that is not answered so takes a slot after all.

- **Handing over** (``Yield``, command ``lead``): ``protocols.handover``.
- **Commands on their way** (options ``retry``, ``window``, ``reserve``): ``appending``, ``window``.
- **Without its disk** (option ``rejoin``) a node comes back passive, and votes again when nothing that
  it forgot can matter (``protocols.rejoining``).
- **Verification** (option ``verify``): states are compared, and one that differs is ejected (``protocols.verifying``).

Departures, and why they are safe:

- A replica that has heard of its leader lately ignores another's Prepare, and a candidate promises
  itself nothing before the others have: so a node that comes back from a partition does not depose
  a leader that works. To Paxos these are lost messages. (Ongaro's dissertation, 2014, section 9.6,
  has the problem; it cures it with one more phase.) A leader that a majority does not answer any
  more resigns, so that the others' candidates are heard.
- A promise need not carry chosen slots that are many or forgotten. It says how far they go, and
  the candidate fetches them before it leads.
- A follower may ignore an Accept far beyond what it knows to be chosen, so that promises are bounded.
- ``Accepted`` goes to the leader alone, which tells the others what is chosen (PMMC's co-location).

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk; clocks are not used, but for ``read=leader``: there timers of any two nodes must keep the
same pace within a fifth each. A node that comes back with an empty disk takes no part, but as ``rejoin`` says.
"""

from protocols.multipaxos.replica import MultiPaxos

__all__ = ["MultiPaxos"]
