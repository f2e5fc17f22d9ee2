"""EPaxos: replicas without a leader order only the commands that interfere; with full recovery.

Moraru, Andersen, Kaminsky, "There Is More Consensus in Egalitarian Parliaments", SOSP 2013, and "A
Proof of Correctness for Egalitarian Paxos", CMU-PDL-13-111, 2013; with two ballots an instance as
Sutra demands, "On the Correctness of Egalitarian Paxos", arXiv 1906.10917, 2019; and the recovery of
EPaxos* by Ryabinin, Gotsman, Sutra, "Making Democracy Work: Fixing and Simplifying Egalitarian
Paxos", OPODIS 2025 (arXiv 2511.02743).

A replica puts each command of its clients into a new instance of its own row, with its
dependencies: which interfering instances it knows. If a fast quorum has nothing to add to them the
command is committed in one round trip; else the union of a majority's goes through a round of
voting. Every replica executes a committed command after all that it depends on, cycles in a fixed
order. Reads are commands. Clients are answered after execution, which makes reads and updates
linearizable.

- ``replica``: PreAccept, Accept, Commit. ``execution``: components, dependencies first.
- ``recovery`` and ``recoverer``: finishing what another has left unfinished.
- ``catchup``: frontiers, missed commits, checkpoints. ``pace``: the one timer, who is waited for.
- ``batching``: several commands in an instance. Off unless asked for (``batch``): in the simulator,
  5 nodes, 2,000 op/s on 5 keys, it saves two thirds of the messages and costs 6 ms of a median of 16.
- ``timed``: commands are opened at the same time everywhere (``toq``). Off unless asked for: it saves
  conflicts where a key is hot in a wide-area network, and needs a larger fast quorum; the claims about
  fast quorums below are of what is without it. ``delays``: by whose clock.
- ``rejoining``: a replica without its disk comes back (``rejoin``), and answers again when nothing that it forgot
  can matter.
- ``instances``: what is known, and what is on disk: one key an instance, one for the checkpoint.

A command may be on several keys (``txn``, ``transfer``, ``balances``): it interferes with all that
share one with it, and a dependency vector is the greatest of its keys'.

**Dependencies are a number d for each row**, and mean exactly: the instances of that row with
numbers up to d whose command interferes. No use is made of transitivity, so no-ops and instances of
the crashed do no harm. The union of two such sets is the greater number in each row, equal vectors
are equal sets, and a replica that reports the highest interfering number that it knows reports at
least all that it knows. As a row's owner numbers without gaps, all up to d have been proposed. Which
of them interfere is a matter of the owner's commands, so that execution waits until each of them is
*known*, and until those that interfere are *committed*.

**Quorums.** With f = ⌊(n-1)/2⌋ and e = ⌈(f+1)/2⌉ (for odd n): n-f for votes and promises; n-e for
the fast path, the owner included: 2 of 3, 3 of 5, 5 of 7.

**Why recovery is right** (the argument of OPODIS'25, for what is done here). *Two interfering
committed commands a and b never leave each other out.* Say b is not in a's dependencies. The
replicas that gave their dependencies for a (its fast or slow quorum, or the quorum that validated
its recovery) and those of b have one in common; it met a or b second. If b, it put a into b's
dependencies, or named a, in validation, as a conflict of b; and the other way round. Then b's
recovery proposes the command only once a is committed as no-op or with b. *A recovery never
contradicts a fast commit* of a with D: of its quorum Q without the owner at least |Q|-e have
pre-accepted exactly D, else it may choose no-op. A conflict b with b ∉ D and a ∉ D(b) that is
committed contradicts the first claim, so a was not. If only |Q|-e are left and b's owner is outside
Q, a fast quorum would have included that owner before it proposed b, and a would be in b's initial
dependencies. If b's recovery waits with more than n-f-e witnesses, these and b's owner meet every
fast quorum of a, and none of them has seen a first. Otherwise it waits for b; recoveries that wait
for each other have that many witnesses, or the owner answers, so the wait ends.

**Departures**, and why they are safe:

- No ``seq``, as Moraru advises for who answers only after execution, and as in EPaxos*. When a
  command is answered all that it reaches in the graph is committed. A command proposed later is not
  among that, so the answered one is among its dependencies, and never in one cycle with it.
- The fast path asks for answers equal to the owner's own dependencies, as in EPaxos*; SOSP'13 asks
  that they equal each other, which with 3 replicas cannot be recovered unless PreAccept goes to the
  fast quorum only. PreAccept goes to all here.
- If the owner takes part in a recovery and nobody has voted, no-op is proposed, not PreAccept in a
  higher ballot. The owner proposes its client's command again in a new instance; sessions (one made
  of the request id where the client has none) would make even two of them run once.
- An instance can only become its owner's command or no-op, so that a vote for no-op keeps the
  command in mind for validation.
- What has been executed and forgotten is known to later instances by the highest number for each
  key and row, in the checkpoint.

- Execution leaves out one edge between two that depend on each other (``execution``), so that it does
  not wait for ever younger commands: "EPaxos Revisited", NSDI 2021. At 200 op/s on one key over wan5
  the median falls from 779 to 397 ms, p99 from 1,892 to 878.

**Recovery beside the papers**, claim by claim. As in EPaxos*:

- Two ballots, the promised and the voted one; the vote of the highest ballot *voted in* wins (E-1).
- Only answers in the ballot of the recovery count (E-2), each replica once (E-3, ``possibleQuorum``).
- The owner among those who promised, nobody having voted: no-op.
- R, those who pre-accepted exactly the owner's dependencies: fewer than |Q|-e, no-op; else Validate.
- Validate names conflicts by the *initial* dependencies of what is not committed, and those that were
  examined (the same, but with ``toq``), by the decided ones of what is; whoever answers has the command
  in mind from then on.
- None: the command. A committed one: no-op. |R| = |Q|-e, and the owner of one outside Q: no-op.
- Else Waiting with |R|, until the conflicts have ended either way, or one of them waits, too, with
  more than n-f-e witnesses: no-op.

Otherwise than there, and why that is safe:

- A replica that has committed answers with Commit, in any ballot: what it says is decided.
- A promise that comes after Validate was sent joins the others and all are judged again, in each
  stage (there, while waiting, only one of a vote, a commit or the owner). It can only turn the
  choice to a vote, or to no-op since now too few of so many agree: no fast quorum then came together.
- Waiting, Recover and Validate are sent again, since messages are lost here; a repetition is
  answered again in the ballot that was promised, and each answer is kept once.
- A conflict that was executed and forgotten is known by the highest executed number of its keys. If
  a younger one of the same row is meant, that one was committed without the command as well.
- "Some process recovers" is in order of distance from the owner, with a patience that doubles.

Beside SOSP'13 and CMU-PDL-13-111 (Explicit Prepare): TryPreAccept is Validate, which changes nothing
that is voted for; its deferred recoveries are Waiting, which cannot defer to each other for ever.
"At least f identical, none from the owner: Accept" is validated, too. "Pre-accepted by somebody:
start phase 1 again" is no-op and a new instance of the owner. There is no ``seq`` that could be
equal (E-4): a component runs in the order of names. ``tests/protocols/test_epaxos_errors.py`` plays
E-2, E-4 and a majority as fast quorum of 7 (E-3), ``test_epaxos_paper.py`` E-1, each also broken.

**Assumes**: messages may be lost, duplicated, delayed and reordered; processes crash and come back
with their disk. Clocks are not used, but with ``toq``, where only speed hangs on them. A replica that comes back with
an empty disk takes no part, but as ``rejoin`` says.
"""

from protocols.epaxos.replica import EPaxos

__all__ = ["EPaxos"]
