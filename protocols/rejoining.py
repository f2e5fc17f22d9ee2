"""The way back of a node that has lost its disk: passive, until nothing that it forgot can matter.

paxakos' *passive mode*, with another rule for its end; lives are the crash-vector of Michael, Ports,
Sharma and Szekeres, "Recovering Shared Objects Without Stable Storage", DISC 2017. ``--option
rejoin=passive``; without it such a node stays silent (``protocols.amnesia``).

While it is passive a node promises nothing, votes for nothing, grants nothing and is no candidate; it
follows, executes what it learns to be chosen, and serves its clients through the leader. What it may have
forgotten are promises and votes of its former *life*:

1. It asks the others for the number of its life, with a nonce, takes the next one, and has *enough* of
   them keep that on disk: so many that the rest, itself included, is a quorum of no phase, and more than
   half of them, so that any two such sets meet. From then on promises carry the lives of all
   (``Sworn``), and a candidate drops one of a life that is over as soon as any promise shows so. A
   quorum that needs a forgotten promise has one of those who know better among its others. (They tell what
   they know of others' lives, too, or it would be lost with the disks of those who knew, one by one. An answer
   of a life that is over is none; nor does who is passive answer: what it knew it may have forgotten.)
2. They say what they have promised. The highest of it is the *floor*: who was elected by a forgotten
   promise, or got a forgotten vote, was promised by one of them, too, and has no higher ballot. (One
   whom they promise afterwards hears of the new life, by 1.)
3. A leader of a ballot no lower than the floor says which slot it used last, or will for what it has adopted.
   In ballots below its own the forgotten votes changed nothing that it has not seen in phase 1; in higher
   ones there are none; in its own they are for slots up to that one.
4. So, when it has learnt what was chosen up to that slot, its log tells again of every vote of its
   former life that may have been decisive. It promises that leader's ballot, and is an acceptor again.

Where nobody leads, those who may have promised or voted with the node say how far (``protocols.unled``).

Raft's words for it: a ballot is a term, a promise the vote in it, a vote for a slot the acknowledgement of
an entry, and what is chosen is committed (``raft.rejoining``).

Why not paxakos' rule (K-6): "active from a slot on that lies a window after one for which it saw both the
proposal and the commit, of the same ballot". That needs both to be of its present life. Here messages
may be late or come twice: a proposal and a commit from before the loss pass for new ones.

Assumes that the node's wall clock shows another time at each loss of its disk (the nonce), and that no
more disks are lost at once than there may be nodes down. ``rejoin=force`` makes the node active at
once, paxakos' ``force_active``: it is for who knows that it had told nobody anything, and **unsafe**.

Where members change (option ``members``) another rule holds. A node that has forgotten who they are would ask
the wrong ones; and were it to ask all, "enough" would have to hold for members to come, too, who have never
heard of its lives. So *lives are decided in the log, with the members*: of a configuration a node is a member
in one life, and who has lost its disk asks for a configuration with its next one (``membership.renewal``).
To agreement that is a new member in the place of one that is dead: it promises and votes for nothing that the
old one might have, so nothing that this forgot is missed; no floor is needed, nor any word of a leader. What is
left to see to is that what one life said is not taken for the other's: ``multipaxos.rejoining``,
``raft.rejoining``. Without ``members`` they do not change.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from protocols.ballots import ZERO, Ballot
from protocols.clients import Serving
from protocols.kernel import Cluster, Json, NodeId, record
from protocols.quorum_systems import Quorums

MODES = ("no", "passive", "force")

MEMBERS_STAY = "refused: with rejoin=passive members change only where option members is given"


def refuse_alone(quorums: Quorums, nodes: Iterable[NodeId]) -> None:
    """Raises ValueError where a node is a quorum alone: nobody else can say what it had promised."""
    if any(quorums.phase1(1 << node) or quorums.phase2(1 << node) for node in nodes):
        raise ValueError(
            "rejoin=passive: with these quorums one node decides or is elected alone, and what it has"
            " forgotten nobody knows"
        )


LEAST = 3
"""Members, of whom one can lose its disk."""


def in_the_log(cluster: Cluster) -> bool:
    """Whether lives are decided in the log, with the members, of a protocol whose members change."""
    return mode_of(cluster) == "passive" and "members" in cluster.options


def mode_of(cluster: Cluster) -> str:
    """Raises ValueError for a mode that there is not."""
    mode = str(cluster.options.get("rejoin", "no"))
    if mode not in MODES:
        raise ValueError(f"rejoin={mode}: it is one of {', '.join(MODES)}")
    return mode


@record
class Rejoin:
    """The sender has lost its disk. ``life``: how often that has come to pass by now; 0 asks for it."""

    nonce: int
    life: int


@record
class Known:
    """The answer: the last ``life`` of the asker that is known, and what the sender has promised. If it
    leads, in ballot ``leads``, it has used the slots up to ``last``. ``lives`` are all that it knows of: the
    asker has forgotten those of others, too.
    """

    nonce: int
    life: int
    promised: Ballot
    leads: Ballot
    last: int
    lives: tuple[int, ...] = ()


@dataclass(slots=True)
class Return:
    """The way back as far as it has come: ``life`` is 0 until the number of it is known."""

    nonce: int
    life: int = 0
    known: dict[NodeId, Known] = field(default_factory=dict)
    """What each of the others said first: of the last life, then of this one."""
    leader: NodeId | None = None
    """Whose word ends the way back; ``word`` is what it said. It stays the same while there are new commands."""
    word: Known | None = None


class Lives(Serving[Any]):
    """A replica that knows of lives, and comes back in a new one. What it waits for is abstract."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.rejoining = mode_of(cluster)
        self.back: Return | None = None
        """There while this node is passive."""
        self.lives = [0] * len(self.nodes)
        """How often each node is known to have come back without its disk."""
        self.oaths: dict[NodeId, int] = {}
        """Of which life are the promises of the campaign under way."""

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return mode_of(cluster) != "no"

    def on_lost(self) -> None:
        if self.rejoining == "force":
            self.on_start({})
            self.ask_back(Return(self.now_ms))  # so that a leader knows that it lacks all
        else:
            self.persist("passive", self.now_ms)
            self.on_start({"passive": self.now_ms})

    def load_lives(self, durable: Mapping[str, Json]) -> None:
        """To be called by whoever builds the rest of the state from this."""
        self.lives = cast("list[int]", durable.get("lives", self.lives))
        if "passive" in durable:
            self.back = Return(cast("int", durable["passive"]))

    # --- of who comes back ------------------------------------------------------------------------

    def enough(self, nodes: Iterable[NodeId]) -> bool:
        """Whether each quorum that this node is of has another of these, and any two such sets meet."""
        heard = sum(1 << node for node in nodes)
        rest = sum(1 << node for node in self.nodes) & ~heard
        return 2 * heard.bit_count() > len(self.peers) and not self.is_any_quorum(rest)

    def ask_back(self, back: Return) -> None:
        """At each tick: the next step, and what it asks of the others."""
        self.settle_in(back)
        if self.back is back or self.rejoining == "force":
            self.broadcast(Rejoin(back.nonce, back.life), self.peers)

    def on_known(self, src: NodeId, msg: Known) -> None:
        back = self.back
        if back is None or msg.nonce != back.nonce or msg.life < back.life:
            return
        self.learn_lives(dict(enumerate(msg.lives)))
        if back.life and msg.life > back.life:  # one that was not asked knows of a later life
            self.begin_life(back, msg.life + 1)
            return
        back.known.setdefault(src, msg)
        back.known = {n: known for n, known in back.known.items() if not self.is_over(n, known)}
        if not self.enough(back.known):
            return
        if not back.life:
            self.begin_life(back, 1 + max(known.life for known in back.known.values()))
        else:
            self.hear_out(back, src, msg)
            self.settle_in(back)

    def begin_life(self, back: Return, life: int) -> None:
        back.life = life
        back.known, back.word = {}, None
        self.ask_back(back)

    def is_over(self, node: NodeId, known: Known) -> bool:
        """Whether the life in which this was answered is: nobody keeps what it kept."""
        return known.lives[node] < self.lives[node]

    def live_on(self, back: Return) -> None:
        """Nothing that it forgot can matter any more: what it says from now on is of its new life."""
        self.lives[self.id] = back.life
        self.persist("lives", list(self.lives))

    def be_active(self) -> None:
        self.back = None
        self.forget("passive")
        self.note("rejoined", [self.lives[self.id], self.chosen()])

    # --- of the others ----------------------------------------------------------------------------

    def on_rejoin(self, src: NodeId, msg: Rejoin) -> None:
        """Say what is known of a node that comes back; from now on its older promises are void."""
        self.learn_lives({src: msg.life})
        if self.back is None:
            self.send(src, self.known_to(src, msg.nonce))

    def learn_lives(self, lives: Mapping[NodeId, int]) -> None:
        new = {node: life for node, life in lives.items() if life > self.lives[node]}
        if not new:
            return
        for node, life in new.items():
            self.lives[node] = life
        self.persist("lives", list(self.lives))
        self.void([n for n in new if n != self.id and self.oaths.get(n, 0) < self.lives[n]])

    def is_sworn(self, src: NodeId, lives: tuple[int, ...]) -> bool:
        """Whether a promise that came with these lives is of the sender's last one."""
        self.learn_lives(dict(enumerate(lives)))
        if lives[src] < self.lives[src]:
            return False
        self.oaths[src] = lives[src]
        return True

    # --- what the protocol has to say ---------------------------------------------------------------

    @abstractmethod
    def known_to(self, src: NodeId, nonce: int) -> Known:
        """What is known here of the life of one that comes back, and of what it may have forgotten."""

    @abstractmethod
    def hear_out(self, back: Return, src: NodeId, msg: Known) -> None:
        """Enough others keep the new life, and this is one of their answers."""

    @abstractmethod
    def settle_in(self, back: Return) -> None:
        """Be active again, if enough is known."""

    @abstractmethod
    def is_any_quorum(self, nodes: int) -> bool:
        """Whether these nodes, a bit each, are a quorum of some phase."""

    @abstractmethod
    def chosen(self) -> int:
        """Up to which slot it has executed what was chosen."""

    @abstractmethod
    def void(self, nodes: list[NodeId]) -> None:
        """What these nodes have promised in the campaign under way counts no more."""


class Rejoining(Lives):
    """Passive until it knows all that a leader says to have used; see the module. What a protocol has to say
    is abstract.
    """

    def hear_out(self, back: Return, src: NodeId, msg: Known) -> None:
        """Wait for a leader that is not below the floor. What it said first is enough, later it has used more."""
        if back.word is None:
            floor = max(known.promised for known in back.known.values())
            told = [*back.known.items(), (src, msg)]
            leader, said = max(told, key=lambda item: item[1].leads)
            if said.leads != ZERO and said.leads >= floor:
                back.leader, back.word = leader, said

    def settle_in(self, back: Return) -> None:
        """Be active again, if a leader has said up to where this node must know all, and it does."""
        said, leader = back.word, back.leader
        if said is None or leader is None:
            return
        if not self.has_learnt(said.last):
            self.learn_up_to(said.last, leader)
            return
        self.live_on(back)
        self.promise_again(said.leads, leader)
        self.be_active()

    def has_learnt(self, slot: int) -> bool:
        return self.chosen() >= slot

    def known_to(self, src: NodeId, nonce: int) -> Known:
        return Known(nonce, self.lives[src], *self.standing(), tuple(self.lives))

    # --- what the protocol has to say ---------------------------------------------------------------

    @abstractmethod
    def standing(self) -> tuple[Ballot, Ballot, int]:
        """What this node has promised, in which ballot it leads (or ``ZERO``), and the last slot that
        it has used there, or must yet: those of what it has adopted count.
        """

    @abstractmethod
    def learn_up_to(self, slot: int, leader: NodeId) -> None:
        """See to it that this is learnt, if nobody else does."""

    @abstractmethod
    def promise_again(self, ballot: Ballot, leader: NodeId) -> None:
        """Promise this leader's ballot, on disk."""
