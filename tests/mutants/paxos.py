"""Paxos of each slot broken on purpose, each in a few lines, by mistakes that were made elsewhere.

G-n are bugs of GoPaxos (PROTOCOLS.md section 3), M-n the table there. G-2, a ballot used twice, has no
mutant: here a proposer's own vote is on disk before anybody hears of its proposal, and would be
found again whatever the ballots are numbered by.
"""

from __future__ import annotations

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Command, NodeId
from protocols.paxos import Paxos
from protocols.paxos.messages import Batch, Prepare, Rejected
from protocols.paxos.replica import Attempt
from protocols.statemachine import Answer


class IgnoresOutcome(Paxos):
    """G-3 (M15): a proposer whose Accept is turned away tells its clients that all went well."""

    def on_rejected(self, msg: Rejected) -> None:
        attempt = self.attempt
        if attempt is not None and attempt.ballot == msg.ballot:
            for command in attempt.batch or ():
                self.answer(self.clients.pop(command), Answer(command.value))
        super().on_rejected(msg)


class IgnoresVotes(Paxos):
    """M4: a proposer proposes its own clients' commands whatever the promises tell."""

    def promised(self, src: NodeId, attempt: Attempt, voted: Ballot, batch: Batch) -> None:
        super().promised(src, attempt, ZERO, ())


class AdoptsLowest(Paxos):
    """M3: of the proposals that the promises tell of, it takes up that of the lowest ballot."""

    def promised(self, src: NodeId, attempt: Attempt, voted: Ballot, batch: Batch) -> None:
        upside_down = ZERO if voted == ZERO else (1_000_000 - voted[0], voted[1])
        super().promised(src, attempt, upside_down, batch)


class ForgetsPromise(Paxos):
    """M1: a promise is given without being made durable."""

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        saved, self.save = self.save, lambda _: None  # type: ignore[method-assign]
        super().on_prepare(src, msg)
        self.save = saved  # type: ignore[method-assign]


class ForgetsVote(Paxos):
    """G-9 (M2): a vote is cast without being made durable."""

    def accept(self, number: int, ballot: Ballot, batch: Batch) -> bool:
        saved, self.save = self.save, lambda _: None  # type: ignore[method-assign]
        accepted = super().accept(number, ballot, batch)
        self.save = saved  # type: ignore[method-assign]
        return accepted


class RunsTheBatchForEach(Paxos):
    """G-5: for each command of a batch the whole batch is executed. (GoPaxos; sessions, which it does not have,
    would forgive that.)"""

    def execute(self, command: Command) -> None:
        for each in self.slots[self.slots.chosen].batch:
            answer = self.store.run(Command(each.f, each.key, each.value))
            self.answer(self.clients.pop(each), answer)


MUTANTS: dict[str, type[Paxos]] = {
    "ignores-outcome": IgnoresOutcome,
    "ignores-votes": IgnoresVotes,
    "adopts-lowest": AdoptsLowest,
    "forgets-promise": ForgetsPromise,
    "forgets-vote": ForgetsVote,
    "runs-the-batch-for-each": RunsTheBatchForEach,
}
