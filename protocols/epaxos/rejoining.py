"""The way back of an EPaxos replica without its disk. Option ``rejoin``.

``protocols.rejoining`` has lives, and how *enough* others, E, come to keep the new one; ``protocols.unled`` what takes a
leader's place. What z, who comes back, has forgotten are words of its former life that counted in quorums: pre-accepts
with dependencies, votes, promises, answers to Validate (``messages.Word``); and which numbers of its row it had used.
All but E, with z, are no quorum of any kind (``Lives.enough``: E are f+1 or more, 2 of 3 nodes, 3 of 5), so each
quorum has one of E in it. Words carry lives (``Sworn``); who learns by one that a life is over drops what was said in it,
wherever that was not enough yet, and asks again.

Each of E says for each row which is the highest number that it has heard of. The *floor* has the greatest of these; in
z's own row ``AHEAD`` more. z is passive until all up to the floor is committed here, as something. Then it takes part again.

1. *A word of a former life of z that counts is for an instance up to the floor.* Say it counts in a quorum, with that of X,
   of E. Compare the life in which X said its word with that in which it answered z.

   - The same, and the word came first: X had the instance on disk, and told z of it.
   - The same, and the answer came first: the word told of z's new life, so that z's was dropped.
   - The word's was an earlier one: by 1, for X, who came back before z: it had all that committed when it answered.
   - The word's was a later one, in which X knew of z's new life from the beginning (``unled``, 0): dropped.
2. *So no instance hears two words of z that do not go together.* Up to the floor z says nothing but what is
   committed. Beyond, what its former life said is as good as lost. That is all that these ask for: votes and promises
   (a ballot's one value); that of a fast quorum at least |Q|-e say so to a recovery; that an owner who has promised
   will not commit fast; that what was examined is told (``toq``). Its ballots may be those of before: beyond
   the floor it has proposed in none, as nobody had a quorum of promises there.
3. *A number of its row is used in one life.* An owner uses none that is more than ``AHEAD`` above C, up to which its row is
   committed (``has_room``). The quorum that decided (z, C) has an X of E, who had heard of it: as in 1. So all that was
   used is up to the floor, and z goes on behind it. What was not used there becomes a no-op. So an instance still has one
   command at most, whatever comes late. (Were the numbers used again, in another ballot as SDPaxos does, somebody
   might have the older command in mind, and execute another that depends on the newer one without waiting for it.)
4. *Two interfering committed commands never leave each other out.* Somebody gave dependencies for both, or validated
   them. If that was in one life, it is as ever. Else say b came in the later one. Then a is up to the floor, and all of
   that, in each row, is in the dependencies that z gives to anything (``Instances.floor``, on disk); and a validation
   of b names a, since z knows that it is committed.
5. *What became a no-op speaks, too.* Two rules of recovery give a command a up because somebody of every fast quorum of it had
   met b before, and would have named b: an owner who is not among those asked (``judge``), or so many witnesses who wait
   (``overrules``). b may be a no-op by now: who has met it keeps it in mind, but z has forgotten it. b is up to the
   floor, by 1 or 3, so z names it all the same. Had z met a in the former life, and proposed b in this one: a would be in b's
   initial dependencies, by 4. In a's owner's own row an acceptor names nothing: there this is the owner's affair.
6. *Real time.* A command that is proposed when a was answered has one in its quorum who was in a's. In another life, it
   names a by 4.
7. *The way back ends*, where no more than f are down or passive: z tells the others of the floor (``Heard``), since nobody may be
   left who had heard of it, and they finish what is open up to there as if z had crashed: in its row at once. Others name the floor
   as soon as they have executed it, so that their answers and z's agree, and the fast path is open again.

With n < 3 nothing is decided without z, so that is refused. With ``toq`` it is the same: numbers are used when they
are announced; what was held was not met; B, C and E of decision 006 rest on words as in 2 and 4, and F on 5.

Assumes what ``protocols.rejoining`` does. Commands of a passive replica's clients wait until it is active.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from protocols.ballots import ZERO
from protocols.epaxos.catchup import BATCH, CatchUp
from protocols.epaxos.instances import AHEAD, Instances
from protocols.epaxos.messages import (
    Commit,
    Deps,
    Frontier,
    Heard,
    HeldKnown,
    Install,
    Learned,
    Word,
    sworn,
)
from protocols.epaxos.pace import Acceptance, Pace, Proposal
from protocols.epaxos.recoverer import Recoverer
from protocols.epaxos.recovery import sizes
from protocols.kernel import Cluster, Json, NodeId
from protocols.rejoining import LEAST, Known, Lives, Rejoin, Return, mode_of

HEARD_IN_PASSING = (Commit, Frontier, Learned, Install, HeldKnown)
"""What one that is passive listens to."""


def refuse_few(cluster: Cluster) -> None:
    """Raises ValueError where the others cannot finish what was open without the one that forgot."""
    if mode_of(cluster) == "passive" and len(cluster.nodes) < LEAST:
        raise ValueError(
            "rejoin=passive: fewer than three nodes decide nothing without one that has lost its disk"
        )


class Returning(Lives):
    """What an EPaxos replica says to, and as, one that comes back."""

    instances: Instances
    pace: Pace
    catchup: CatchUp
    recoverer: Recoverer
    row: int
    next: int

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.floor: Deps | None = None
        """On its way back: up to where in each row it must know what was committed, once that is known."""
        self.held: dict[NodeId, Deps] = {}
        """And how far those have heard of each row who have answered."""
        self.heard: Deps = (0,) * len(self.nodes)
        """The floors of all who have come back, as far as they are known here."""

    def load_lives(self, durable: Mapping[str, Json]) -> None:
        super().load_lives(durable)
        if "floor" in durable:
            self.heard = self.instances.floor = tuple(cast("list[int]", durable["floor"]))

    def has_room(self) -> bool:
        """Whether this node may use the next instance of its row: of those that nobody has meddled with, who
        took it for used in its former life.
        """
        if self.rejoining != "passive":
            return True
        row = self.instances.rows[self.row]
        while self.next <= row.forgotten or self.next in row.instances:
            self.next += 1
        return self.back is None and self.next <= row.committed + AHEAD

    def say(self, dst: NodeId, word: Word) -> None:
        """Lives are told with what counts in a quorum, where there may be more than one."""
        if self.rejoining == "passive":
            self.send(dst, sworn(word, tuple(self.lives)))
        else:
            self.send(dst, word)

    # --- of who comes back ------------------------------------------------------------------------

    def is_any_quorum(self, nodes: int) -> bool:
        return nodes.bit_count() >= sizes(len(self.nodes)).slow

    def begin_life(self, back: Return, life: int) -> None:
        self.floor = None
        super().begin_life(back, life)

    def on_held(self, src: NodeId, msg: HeldKnown) -> None:
        """What counts is what was said with the answer that is kept: the first of this life."""
        if self.back is not None and src not in self.back.known:
            self.held[src] = msg.rows
        self.on_known(src, msg.known)

    def hear_out(self, back: Return, src: NodeId, msg: Known) -> None:  # noqa: ARG002
        """Of enough. What later ones have heard of is of no matter."""
        if self.floor is None:
            self.floor = self.floor_of(back)

    def floor_of(self, back: Return) -> Deps:
        said = [self.held[node] for node in back.known]
        floor = list(map(max, self.instances.none, *said))
        floor[self.row] += AHEAD
        return tuple(floor)

    def settle_in(self, back: Return) -> None:
        if self.floor is None:
            return
        self.broadcast(Heard(self.floor), self.peers)
        if self.has_learnt(self.floor):
            self.live_on(back)
            self.go_on_from(self.floor)
            self.be_active()

    def go_on_from(self, floor: Deps) -> None:
        """Use other instances than before, and name all that may have been met before to what comes."""
        self.heard = self.instances.floor = floor
        self.persist("floor", list(floor))
        self.next = max(self.instances.rows[self.row].top, floor[self.row]) + 1

    def has_learnt(self, floor: Deps) -> bool:
        rows = self.instances.rows
        return all(row.committed >= bound for row, bound in zip(rows, floor, strict=True))

    def chosen(self) -> int:
        return sum(row.executed for row in self.instances.rows)

    # --- of the others ----------------------------------------------------------------------------

    def on_rejoin(self, src: NodeId, msg: Rejoin) -> None:
        self.learn_lives({src: msg.life})
        if self.back is None:
            rows = tuple([row.top for row in self.instances.rows])
            self.send(src, HeldKnown(self.known_to(src, msg.nonce), rows))
            self.send(src, self.catchup.frontier())

    def known_to(self, src: NodeId, nonce: int) -> Known:
        return Known(nonce, self.lives[src], ZERO, ZERO, 0, tuple(self.lives))

    def on_heard(self, src: NodeId, msg: Heard) -> None:
        """See to it that all of this is committed, as something; of a row whose owner has forgotten it, soon."""
        for row, bound in zip(self.instances.rows, msg.rows, strict=True):
            row.top = max(row.top, bound)
        at = self.nodes.index(src)
        mark = self.instances.rows[at]
        for number in range(mark.committed + 1, min(msg.rows[at], mark.committed + BATCH) + 1):
            watch = self.pace.open.get((at, number))
            if watch is None or not watch.hurried:
                self.pace.hurry((at, number))
        heard = tuple(map(max, self.heard, msg.rows))
        if heard != self.heard:
            self.heard = heard
            self.persist("floor", list(heard))

    def raise_floor(self) -> None:
        """Name what the forgetful name, too, so that their answers agree; but for nothing that is not executed."""
        if self.heard != self.instances.floor:
            done = [
                min(h, row.executed) for h, row in zip(self.heard, self.instances.rows, strict=True)
            ]
            self.instances.floor = tuple(map(max, self.instances.floor, done))

    def void(self, nodes: list[NodeId]) -> None:
        """Words of a life that is over count no more: those that are not decided are asked for again."""
        for iid, lead in list(self.pace.leading.items()):
            match lead:
                case Proposal():
                    for node in nodes:
                        lead.answers.pop(node, None)
                case Acceptance():
                    lead.votes.difference_update(nodes)
                case _:
                    if not lead.promises.keys().isdisjoint(nodes):
                        self.recoverer.start(iid)
