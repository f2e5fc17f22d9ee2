"""M2Paxos broken on purpose, each in a few lines. O-n are the rules of PROTOCOLS.md section 5."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.kernel import Command
from protocols.m2paxos import M2Paxos
from protocols.m2paxos.messages import Proposal, Round, objects_of
from protocols.m2paxos.proposer import Proposer
from protocols.statemachine import READS


class PartialOwnership(M2Paxos):
    """O1: a proposal is accepted although only some of its objects are still its owner's.

    DSN'16 lets an acceptor answer with one acknowledgement for all objects of an Accept.
    """

    def refuses(self, proposal: Proposal) -> tuple[tuple[str, tuple[int, int]], ...]:
        higher = super().refuses(proposal)
        return higher if len(higher) == len(proposal.places) else ()


class _ObjectByObject(Proposer):
    def propose(self, commands: tuple[Command, ...], keys: Sequence[str]) -> None:
        for key in keys:
            if self.ledger[key].round is None and self.ledger[key].owned[0]:
                super().propose(commands, [key])


class ObjectByObject(M2Paxos):
    """O2: a command is proposed for each of its objects by itself, and runs once it is at the head of
    all their logs: which two commands may wait for, each behind the other, for ever.

    One instance of Paxos an object is the plain reading of DSN'16; Paxi's m2paxos knows no more.
    """

    def make_proposer(self) -> Proposer:
        return _ObjectByObject(self)

    def may_run(self, proposal: Proposal) -> bool:
        return super().may_run(proposal) and all(
            command.f in READS or self.store.ran(command) or self.at_heads(command)
            for command in proposal.commands
        )

    def at_heads(self, command: Command) -> bool:
        heads = [self.ledger.next_entry(key) for key in objects_of(command)]
        return all(h is not None and h.chosen and command in h.proposal.commands for h in heads)

    def run(self, proposal: Proposal) -> None:
        super().run(proposal)
        for command in proposal.commands:
            for key in objects_of(command):
                self.run_from(key)


class _LosesForced(Proposer):
    def force(self, key: str, vote: Proposal) -> None:
        """An acquisition takes no notice of votes."""


class LosesForced(M2Paxos):
    """O3: a new owner proposes its own commands where older ones may have been chosen.

    Paxi's wpaxos and m2paxos: phase 1b carries the log of the wrong object (P-1 of PROTOCOLS.md).
    """

    def make_proposer(self) -> Proposer:
        return _LosesForced(self)


class FirstObject(M2Paxos):
    """A command runs when it is next in the log of the first of its objects, whatever the others' say."""

    def may_run(self, proposal: Proposal) -> bool:
        first, *others = proposal.places
        return self.ledger[first.key].next == first.position and all(
            self.ledger[place.key].next <= place.position for place in others
        )


class _KeepsOwnership(Proposer):
    def fail(self, round_: Round) -> None:
        kept = {key: self.ledger[key].owned for key in self.attempts[round_].keys}
        super().fail(round_)
        for key, epoch in kept.items():
            if self.ledger[key].promised == epoch:
                self.ledger[key].owned = epoch


class KeepsOwnership(M2Paxos):
    """An owner that was turned away for one object proposes something else for the others, in the
    same positions and epochs: one epoch has two proposals.
    """

    def make_proposer(self) -> Proposer:
        return _KeepsOwnership(self)


MUTANTS: dict[str, type[M2Paxos]] = {
    "partial-ownership": PartialOwnership,
    "object-by-object": ObjectByObject,
    "loses-forced": LosesForced,
    "first-object": FirstObject,
    "keeps-ownership": KeepsOwnership,
}
