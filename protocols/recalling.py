"""The way back of a node without its disk where each object has a log, and an owner, of its own.

``protocols.rejoining`` has lives, and how *enough* others, E, come to keep the new one; and there a leader says
how far the forgotten votes may reach. Here no leader of all could: each object is led by another, some by nobody, and
some were led by the very node that forgot. So those say it who voted with it. Votes, and not only promises, carry
lives; an owner that learns by one that a life is over drops the votes and promises of it in all that it
has under way. When E keep the new life, each tells of every object (``Held``, in pages) what it has promised, and in
which slot it voted last. The highest of each is the object's *floor*, and the node is passive until it has executed
every object's log up to there; then it promises the floors' ballots, and is an acceptor again. What follows holds
of each object by itself, and for every quorum of either phase, since each has somebody of E (``Lives.enough``):

1. *Chosen by a forgotten vote.* Say an owner counted it in a quorum, and Y is of that and of E. Had Y voted after it
   kept the new life, its vote said so, and the forgotten one was dropped, or not taken. So Y voted before, and told
   of that slot when it was asked: the floor is not below it, and the node has executed what was chosen there.
2. *Elected by a forgotten promise.* In the same way some Y of E had promised that ballot before it was asked, so
   the floor's ballot is not below it, and the node votes for nothing older than that.
3. *Beyond the floors* its forgotten votes and promises are in no quorum, and will be in none: each has one of E, and
   it is 1 and 2 again, whenever the quorum is complete. So it does no harm that the node, asked for a promise, says
   nothing of such votes. Nor can it have voted there in a higher ballot than it promises now: whoever was elected
   by promises of E that know of the new life, the former one has never heard of.
4. *What it proposed itself* while it was an owner. What its former life counted is chosen by 1, its own vote being a
   forgotten one. The rest nobody will count. It signs its ballots by another name (``ballots.renamed``), so that it
   can neither propose something else in a ballot of before, nor take a late answer for one to its new life.
5. *Those of E may forget, too.* What they keep of lives is not lost (``protocols.unled``, 0), if none counts whose
   life is known to be over when all of E have told: it is asked anew, since it may have voted meanwhile and not known.
   What they tell is not, either: one on its way back tells nobody anything, and when it has come back it has executed,
   and promised, all that 1 and 2 ask of it, which is as good as to have its votes.

What is open below a floor, and left by a dead owner (which may be the node itself), somebody must finish, or
the way back has no end: ``learn_up_to`` sees to that, with reads of nobody's clients (``probe``).

Assumes what ``protocols.rejoining`` does. A quorum of one node is refused: what that has forgotten nobody knows. With
grids of zones E has most of every zone in which a quorum could be, the others of the node's own zone among them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from heapq import nsmallest

from protocols.ballots import ZERO, Ballot, renamed
from protocols.kernel import Cluster, Command, NodeId, record
from protocols.rejoining import Known, Lives, Return

PAGE = 256
"""Objects told of in a message."""

AT_ONCE = 256
"""Objects that are seen to at a tick."""


@record
class Held:
    """What the sender has promised for an object, and the last slot that it has voted in or knows of."""

    key: str
    promised: Ballot
    last: int


@record
class Recall:
    """The sender is in this life now: what do you hold of the objects from ``first`` on?"""

    nonce: int
    life: int
    first: str


@record
class Recalled:
    """The answer: some of them, ascending. ``more`` is where the next page begins, "" if there is none; ``own``
    the sender's life.
    """

    nonce: int
    life: int
    own: int
    first: str
    held: tuple[Held, ...]
    more: str


def probe(key: str, node: NodeId, life: int, slot: int) -> Command:
    """A read that no client waits for, so that this slot is decided; the same each time it is asked for.

    >>> probe("x", 2, 1, 7)
    Command(f='read', key='x', value=None, session='!n3.1/7', serial=1)
    """
    return Command("read", key, None, f"!n{node + 1}.{life}/{slot}", 1)


class Recalling(Lives):
    """See the module. What a protocol has to say of its objects is abstract."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.told: dict[NodeId, tuple[int, str | None]] = {}
        """In which life of its own each of the others tells, and where its next page begins; None: it told all."""
        self.floors: dict[str, Held] = {}
        self.lacking: dict[str, int] | None = None
        """When enough have told all: the objects that it has not learnt up to their floor, and for how many ticks."""

    @property
    def signature(self) -> int:
        """What this node writes in ballots."""
        return renamed(self.id, self.lives[self.id])

    @property
    def vows(self) -> tuple[int, ...]:
        """What goes with a vote or a promise where that might be forgotten; else nothing."""
        return tuple(self.lives) if self.rejoining == "passive" else ()

    # --- of who comes back ------------------------------------------------------------------------

    def begin_life(self, back: Return, life: int) -> None:
        self.told, self.floors, self.lacking = {}, {}, None
        super().begin_life(back, life)

    def hear_out(self, back: Return, src: NodeId, msg: Known) -> None:  # noqa: ARG002
        """Ask all of E; and again, at the next tick, who has not told all, or not in this life of its own."""
        for node in back.known:
            if node == src or node not in self.told:
                self.recall(back, node)

    def recall(self, back: Return, node: NodeId) -> None:
        own = back.known[node].lives[node]
        if node not in self.told or self.told[node][0] != own:
            self.told[node] = own, ""
        first = self.told[node][1]
        if first is not None and self.lacking is None:
            self.send(node, Recall(back.nonce, back.life, first))

    def on_recalled(self, src: NodeId, msg: Recalled) -> None:
        back = self.back
        if back is None or (msg.nonce, msg.life) != (back.nonce, back.life):
            return
        if self.told.get(src) != (msg.own, msg.first) or self.lacking is not None:
            return
        for held in msg.held:
            floor = self.floors.get(held.key, held)
            promised, last = max(floor.promised, held.promised), max(floor.last, held.last)
            self.floors[held.key] = Held(held.key, promised, last)
        self.told[src] = msg.own, msg.more or None
        if not msg.more:
            self.settle_in(back)
        elif src in back.known:
            self.recall(back, src)

    def have_told(self, back: Return) -> list[NodeId]:
        """Who keeps the new life and has told all, in a life that is not known to be over."""
        return [
            node
            for node, known in back.known.items()
            if self.told.get(node) == (known.lives[node], None) and not self.is_over(node, known)
        ]

    def settle_in(self, back: Return) -> None:
        if self.lacking is None:
            if not self.enough(self.have_told(back)):
                return
            self.lacking = dict.fromkeys(self.floors, 0)
        self.lacking = {
            key: ticks
            for key, ticks in self.lacking.items()
            if not self.has_learnt(self.floors[key])
        }
        if self.lacking:
            return
        self.live_on(back)
        for floor in self.floors.values():
            self.promise_again(floor)
        self.floors = {}
        self.be_active()

    def ask_back(self, back: Return) -> None:
        super().ask_back(back)
        if self.back is back and self.lacking:
            for key in list(self.lacking)[:AT_ONCE]:
                self.lacking[key] += 1
                self.learn_up_to(self.floors[key], self.lacking[key])

    # --- of the others ----------------------------------------------------------------------------

    def known_to(self, src: NodeId, nonce: int) -> Known:
        return Known(nonce, self.lives[src], ZERO, ZERO, 0, tuple(self.lives))

    def on_recall(self, src: NodeId, msg: Recall) -> None:
        """Tell it, if its life is kept here; but not what is known here on the way back."""
        if msg.life != self.lives[src] or self.back is not None:
            return
        keys = nsmallest(PAGE + 1, (key for key in self.keys_held() if key >= msg.first))
        held = tuple([self.holding(key) for key in keys[:PAGE]])
        more = keys[PAGE] if len(keys) > PAGE else ""
        self.send(src, Recalled(msg.nonce, msg.life, self.lives[self.id], msg.first, held, more))

    # --- what the protocol has to say ---------------------------------------------------------------

    @abstractmethod
    def keys_held(self) -> Iterable[str]:
        """The objects for which this node may have promised something, or voted."""

    @abstractmethod
    def holding(self, key: str) -> Held:
        """What it holds of one of them."""

    @abstractmethod
    def has_learnt(self, floor: Held) -> bool:
        """Whether it has executed the object's log up to there."""

    @abstractmethod
    def learn_up_to(self, floor: Held, ticks: int) -> None:
        """See to it that it can: it has waited for so many ticks."""

    @abstractmethod
    def promise_again(self, floor: Held) -> None:
        """Vote for nothing of the object in a lower ballot, on disk."""
