"""SDPaxos broken on purpose, each in a few lines. S-n are those of PROTOCOLS.md, section 5.

S4, a position given twice, has no mutant: here a turn does not name its command, so that one turn too
many is a turn of the next, which its owner fills with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.ballots import owner
from protocols.kernel import Command
from protocols.log import Vote
from protocols.sdpaxos import SDPaxos
from protocols.sdpaxos.commander import Commander
from protocols.sdpaxos.state import TURN, turn


class ReusesPositions(SDPaxos):
    """S1: a new sequencer gives out the positions after those that it has executed."""

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        return {}


class AppliesWhenOrdered(SDPaxos):
    """S2: a turn is executed when it is chosen, with what is known here of its commands by then."""

    def ready(self) -> bool:
        return self.next_entry() is not None

    def unfold(self, entry: Command) -> tuple[Command, ...]:
        if entry.f != TURN:
            return ()
        instance = self.instances.make(self.next_place(entry))
        assert instance is not None
        return instance.batch


class CountsBeforeStored(SDPaxos):
    """S3: sequencer and command leader have voted for the turn, and that is taken for enough: nobody
    else need have the commands."""

    def may_shorten(self, vote: Vote) -> bool:
        mine = vote.command == turn(self.id) and owner(vote.ballot) != self.id
        if not mine or vote.ballot != self.store.sequencer:
            return False
        instance = self.instances.get(self.next_place(vote.command))
        return instance is not None


class ShortForSeven(SDPaxos):
    """S3: the short path of 3 and 5 replicas with 7, of whom three may be missing."""

    def short(self, n: int) -> bool:
        return True


class NeverGuesses(SDPaxos):
    """The short path of 5 replicas with the phase 1 of Paxos: what no answer tells was not chosen."""

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        return Commander.adopt(self, votes)


class SequencerAlone(SDPaxos):
    """A deposed sequencer takes its own turn's vote for those of sequencer and command leader. (The
    first version of this protocol here did.)"""

    def may_shorten(self, vote: Vote) -> bool:
        mine = vote.command == turn(self.id) and vote.ballot == self.store.sequencer
        return mine and self.ready()


MUTANTS: dict[str, type[SDPaxos]] = {
    "reuses-positions": ReusesPositions,
    "applies-when-ordered": AppliesWhenOrdered,
    "counts-before-stored": CountsBeforeStored,
    "short-for-seven": ShortForSeven,
    "never-guesses": NeverGuesses,
    "sequencer-alone": SequencerAlone,
}
