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
   quorum that needs a forgotten promise has one of those who know better among its others.
2. They say what they have promised. The highest of it is the *floor*: who was elected by a forgotten
   promise, or got a forgotten vote, was promised by one of them, too, and has no higher ballot. (One
   whom they promise afterwards hears of the new life, by 1.)
3. A leader of a ballot no lower than the floor says which slot it used last. In ballots below its own the
   forgotten votes changed nothing that it has not seen in phase 1; in higher ones there are none; in its
   own they are for slots up to that one.
4. So, when it has learnt what was chosen up to that slot, its log tells again of every vote of its
   former life that may have been decisive. It promises that leader's ballot, and is an acceptor again.

Why not paxakos' rule (K-6): "active from a slot on that lies a window after one for which it saw both the
proposal and the commit, of the same ballot". That needs both to be of its present life. Here messages
may be late or come twice: a proposal and a commit from before the loss pass for new ones.

Assumes that the node's wall clock shows another time at each loss of its disk (the nonce), and that no
more disks are lost at once than there may be nodes down. ``rejoin=force`` makes the node active at
once, paxakos' ``force_active``: it is for who knows that it had told nobody anything, and **unsafe**.
With ``passive`` members do not change: a node that has forgotten who they are would ask the wrong ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from protocols.ballots import ZERO
from protocols.kernel import Cluster, Json, NodeId
from protocols.multipaxos.members import Reconfiguring
from protocols.multipaxos.messages import Known, Message, Promise, Rejoin, Sworn

MODES = ("no", "passive", "force")


def mode_of(cluster: Cluster) -> str:
    """Raises ValueError for a mode that there is not."""
    mode = str(cluster.options.get("rejoin", "no"))
    if mode not in MODES:
        raise ValueError(f"rejoin={mode}: it is one of {', '.join(MODES)}")
    return mode


@dataclass(slots=True)
class Return:
    """The way back as far as it has come: ``life`` is 0 until the number of it is known."""

    nonce: int
    life: int = 0
    known: dict[NodeId, Known] = field(default_factory=dict)
    """What the others have said: of the last life first, then of this one."""


class Returner(Reconfiguring):
    """A candidate that knows of lives; see the module."""

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
        else:
            self.persist("passive", True)
            self.on_start({"passive": True})

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.lives = cast("list[int]", durable.get("lives", self.lives))
        if durable.get("passive"):
            self.back = Return(self.now_ms)

    # --- of who comes back ------------------------------------------------------------------------

    def enough(self, nodes: Iterable[NodeId]) -> bool:
        """Whether each quorum that this node is of has another of these, and any two such sets meet."""
        heard = sum(1 << node for node in nodes)
        rest = sum(1 << node for node in self.nodes) & ~heard
        quorums = self.quorums
        return (
            2 * heard.bit_count() > len(self.peers)
            and not quorums.phase1(rest)
            and not quorums.phase2(rest)
        )

    def ask_back(self, back: Return) -> None:
        self.broadcast(Rejoin(back.nonce, back.life), self.peers)

    def on_known(self, src: NodeId, msg: Known) -> None:
        back = self.back
        if back is None or msg.nonce != back.nonce or msg.life < back.life:
            return
        if back.life and msg.life > back.life:  # one that was not asked knows of a later life
            self.begin_life(back, msg.life + 1)
            return
        back.known[src] = msg
        if not self.enough(back.known):
            return
        if not back.life:
            self.begin_life(back, 1 + max(known.life for known in back.known.values()))
        else:
            self.settle_in(back)

    def begin_life(self, back: Return, life: int) -> None:
        back.life = life
        back.known.clear()
        self.ask_back(back)

    def settle_in(self, back: Return) -> None:
        """Be active again, if a leader has said up to where this node must know all, and it does."""
        floor = max(known.promised for known in back.known.values())
        leader, said = max(back.known.items(), key=lambda item: item[1].leads)
        if said.leads == ZERO or said.leads < floor:
            return
        if not self.has_learnt(said.last):
            self.known = max(self.known, said.last)
            self.ask(leader)
            return
        self.back = None
        self.forget("passive")
        self.lives[self.id] = back.life
        self.persist("lives", list(self.lives))
        self.promise(said.leads)
        self.note("rejoined", [back.life, self.log.chosen])

    def has_learnt(self, slot: int) -> bool:
        return self.log.chosen >= slot

    # --- of the others ----------------------------------------------------------------------------

    def on_rejoin(self, src: NodeId, msg: Rejoin) -> None:
        """Say what is known of a node that comes back; from now on its older promises are void."""
        self.learn_lives({src: msg.life})
        lead = self.leadership
        leads, last = (ZERO, 0) if lead is None else (lead.ballot, lead.next - 1)
        self.send(src, Known(msg.nonce, self.lives[src], self.promised, leads, last))

    def learn_lives(self, lives: Mapping[NodeId, int]) -> None:
        new = {node: life for node, life in lives.items() if life > self.lives[node]}
        if not new:
            return
        for node, life in new.items():
            self.lives[node] = life
        self.persist("lives", list(self.lives))
        if self.campaign is not None and not self.campaign.won:
            for node in new:
                if self.oaths.get(node, 0) < self.lives[node]:
                    self.campaign.drop(node)

    # --- promises that say of which life they are ---------------------------------------------------

    def swear(self, promise: Promise) -> Message:
        """What is sent to a candidate. Lives are told where there may be more than one."""
        if self.rejoining != "passive":
            return promise
        return Sworn(promise, tuple(self.lives))

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        self.learn_lives(dict(enumerate(msg.lives)))
        campaign = self.campaign
        if campaign is None or msg.promise.ballot != campaign.ballot or campaign.won:
            return
        if msg.lives[src] >= self.lives[src]:
            self.oaths[src] = msg.lives[src]
            self.on_promise(src, msg.promise)
