"""The way back of an SDPaxos replica without its disk: of both kinds of instances. Option ``rejoin``.

``protocols.rejoining`` ends passive mode by the word of a leader: which slot it used last. That is enough for
O-instances, whose leader is the sequencer. In C-instances each replica proposes in a row of its own, and
the dead ones say nothing. So here it is not the proposers who say how far the forgotten votes may
reach, but those who voted with the node that forgot; and the proposers count no vote of a life that is over.

E are the *enough* others who keep the node's new life on disk before it is active; the rest, with it, is no
majority. Votes for commands (``CAccepted``) and promises of them (``CPromise``) carry lives, as promises in
O-instances do; who learns by one that a life is over drops the votes and promises of it in all its rounds.

1. *What was chosen by a forgotten vote.* It was counted with that of some X of E. If X voted after it knew of
   the new life, its vote said so, and the forgotten one was dropped. So X voted before, and said with its
   answer (``HeldKnown``) that it had heard of that place in the row. The same holds for a forgotten promise
   that somebody's phase 1 there was won by; for what the node proposed itself, in its row or as a finisher;
   and for its vote for a command in the short path, of which a new sequencer's guess asks no more than
   that somebody has heard of the command (``sdpaxos.fast``).
2. So *the rows end for it* where the answers of E do: it is passive until it has executed all up to there,
   and then knows what was chosen wherever its former life may have mattered. Beyond, it is as good as new. A
   command leader may be dead that nobody but X has heard of: the node tells the sequencer (``Heard``), which
   gives the turns, and finishes what lies there (Zhao 2018, section 3.4).
3. *Its own row* goes on behind that end. Nothing was chosen there: E votes for nothing of a former life any
   more. But others may yet have such votes, for other commands in the same places; so its proposals are in
   another ballot in each life, higher than those before and lower than any finisher's. As a finisher, too, it
   signs by another name (``ballots.renamed``).
4. *Turns by two votes* (the short path), of sequencer S and command leader L. That one of them has forgotten
   its vote does not matter while the other stays; a new sequencer N that has heard neither guesses the turn,
   as it does when both are dead. The forgetful one promises N's successors nothing before it has learnt all
   that a leader not below S's ballot uses or has adopted, and what was guessed is among it. (The floor is
   not below S's ballot: somebody of E promised it.)

Assumes what ``protocols.rejoining`` does. Commands of a passive node's clients wait until it is active.
"""

from __future__ import annotations

from typing import cast

from protocols.ballots import Ballot
from protocols.kernel import NodeId
from protocols.multipaxos.messages import Message, Promise
from protocols.rejoining import Known
from protocols.sdpaxos.commander import Commander
from protocols.sdpaxos.messages import Heard, HeldKnown, HeldPromise


class Returning(Commander):
    """Knows of lives in C-instances, too."""

    def held(self) -> tuple[int, ...]:
        """How far each row is known here."""
        return tuple([self.instances.last[node] for node in self.nodes])

    # --- of who comes back ------------------------------------------------------------------------

    def end_of_rows(self) -> dict[NodeId, int]:
        """How far the rows reach in which this node may have forgotten something."""
        assert self.back is not None
        ends = dict.fromkeys(self.nodes, 0)
        for known in self.back.known.values():
            for node, last in zip(self.nodes, cast("HeldKnown", known).held, strict=True):
                ends[node] = max(ends[node], last)
        return ends

    def has_learnt(self, slot: int) -> bool:
        ends = self.end_of_rows()
        return super().has_learnt(slot) and all(self.store.count(n) >= ends[n] for n in ends)

    def learn_up_to(self, slot: int, leader: NodeId) -> None:
        super().learn_up_to(slot, leader)
        now = leader if self.following is None else self.following
        self.tell(now, Heard(tuple(self.end_of_rows().values())))

    def promise_again(self, ballot: Ballot, leader: NodeId) -> None:
        super().promise_again(ballot, leader)
        self.index = max(self.index, self.store.count(self.id), self.instances.last[self.id])

    # --- of the others ----------------------------------------------------------------------------

    def known_to(self, src: NodeId, nonce: int) -> Known:
        known = super().known_to(src, nonce)
        return HeldKnown(
            known.nonce,
            known.life,
            known.promised,
            known.leads,
            known.last,
            known.lives,
            self.held(),
        )

    def on_heard(self, msg: Heard) -> None:
        """Turns are given for what was heard of."""
        for node, last in zip(self.nodes, msg.rows, strict=True):
            self.instances.last[node] = max(self.instances.last[node], last)

    def void(self, nodes: list[NodeId]) -> None:
        super().void(nodes)
        for round_ in self.rounds.values():
            for node in nodes:
                round_.voters.pop(node, None)
                round_.promises.pop(node, None)

    def swear(self, promise: Promise) -> Message:
        """Lives are in it already (``testimony``)."""
        return promise

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        lives = cast("HeldPromise", msg).lives
        if not lives or self.is_sworn(src, lives):
            super().on_promise(src, msg)
