"""What a proposer holds for one ballot: a campaign while it asks for promises, then a leadership.

Both are data that end with their ballot. The replica drops them when it is preempted, and a
restart begins with neither.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from protocols.ballots import Ballot
from protocols.handover import PATIENCE
from protocols.kernel import Command, NodeId
from protocols.log import Vote
from protocols.multipaxos.electorate import FOREVER
from protocols.multipaxos.messages import Accept, Prepare, Promise
from protocols.quorum_systems import Quorums
from protocols.statemachine import NOOP
from protocols.window import Line, Window


@dataclass(slots=True)
class Campaign:
    """Phase 1 of ``ballot``, for ``slot`` and all after it; ``voters`` is a bit for each node that
    promised, and for the candidate.
    """

    ballot: Ballot
    slot: int
    voters: int
    promises: dict[NodeId, Promise] = field(default_factory=dict)
    won: bool = False
    handed: bool = False
    """Whether the leader wished it."""

    def prepare(self, slot: int) -> Prepare:
        return Prepare(self.ballot, slot, self.handed)

    def add(self, src: NodeId, promise: Promise) -> None:
        """Take down a promise. Only the first of a node counts."""
        self.promises.setdefault(src, promise)
        self.voters |= 1 << src

    def drop(self, src: NodeId) -> None:
        """It turned out that this promise is void: ask for it again."""
        self.promises.pop(src, None)
        self.voters &= ~(1 << src)

    def donor(self) -> tuple[int, NodeId]:
        """How far some answerer knows what was chosen, and which one."""
        return max((promise.chosen, node) for node, promise in self.promises.items())

    def votes(self) -> Iterable[Vote]:
        for promise in self.promises.values():
            yield from promise.votes


def highest(votes: Iterable[Vote]) -> dict[int, Vote]:
    """For each slot the vote of the highest ballot: the only command that may be proposed there.

    Lamport 2001, section 2.2, P2c; van Renesse and Altinbuken 2015, *pmax*.
    """
    best: dict[int, Vote] = {}
    for vote in votes:
        known = best.get(vote.slot)
        if known is None or vote.ballot > known.ballot:
            best[vote.slot] = vote
    return best


def fill(votes: dict[int, Vote], first: int) -> list[Command]:
    """The commands that must be proposed from slot ``first`` on, without a gap.

    A slot that no vote was reported for, below one that has one, gets a no-op (Lamport 2001,
    section 3).
    """
    last = max(votes, default=0)
    return [votes[s].command if s in votes else NOOP for s in range(first, last + 1)]


@dataclass(slots=True)
class Proposal:
    """A command under way in a slot; ``voters`` is a bit for each node that voted for it."""

    command: Command
    voters: int


class Leadership(Line):
    """Phase 2 of ``ballot``: the commands waiting, those under way, and who votes for them.

    The adopted commands wait first in line, which gives each of them the very slot that it was adopted for.
    """

    def __init__(
        self,
        ballot: Ballot,
        first: int,
        adopted: list[Command],
        *,
        batch: int,
        pipeline: int,
        capacity: int,
        window: Window | None = None,
    ) -> None:
        window = window or Window(pipeline, 0, adaptive=False, size=pipeline)
        super().__init__(window, batch=batch, capacity=capacity, first=adopted)
        self.ballot = ballot
        self.next = first
        self.open: dict[int, Proposal] = {}
        self._pipeline = pipeline
        self.sent_before_tick = first - 1
        self.adopted = first + len(adopted) - 1
        """The last slot whose command may have been told to a client by an earlier leader."""
        self.alive = 0
        """A bit for each node that answered in this ballot lately."""
        self.heard = 0
        """The same, since the last tick."""
        self.audience: tuple[NodeId, ...] = ()
        """Who is sent what is proposed."""
        self.promisers = 0
        """A bit for each node that has promised this ballot in office, for later eras."""
        self.heir: NodeId | None = None
        self.heir_ticks = 0
        """Who is to lead next, and since how many ticks."""
        self.covered = FOREVER
        """The last slot for which there are promises enough (``multipaxos.members``)."""

    def next_batch(self, chosen: int, horizon: int = FOREVER) -> tuple[Command, ...]:
        """The commands to propose now, from slot ``next`` on and not beyond ``horizon``; none when
        enough are under way.
        """
        return self.take(chosen, horizon - self.next + 1)

    def may_precede(self) -> bool:
        """Whether what waits longer has no slot of its own: the adopted commands have."""
        return self.next > self.adopted

    def tick(self) -> None:
        """What was proposed before the last tick is late."""
        if any(slot <= self.sent_before_tick for slot in self.open):
            self.window.late()
        self.sent_before_tick = self.next - 1
        self.heir_ticks += 1
        if self.heir_ticks > PATIENCE:
            self.heir = None

    def hand_to(self, heir: NodeId | None, peers: Container[NodeId]) -> None:
        """No more commands are taken, and those that were are brought to their end."""
        if heir is not None and heir in peers:
            self.heir, self.heir_ticks = heir, 0

    def is_idle(self) -> bool:
        return not (self.open or self.queue or self.own)

    def propose(self, commands: tuple[Command, ...], voter: NodeId) -> None:
        """Put a batch under way, with the leader's own vote for it."""
        for slot, command in enumerate(commands, self.next):
            self.open[slot] = Proposal(command, 1 << voter)
        self.next += len(commands)
        self.put_under_way(self.next - 1)

    def vote(self, src: NodeId, first: int, count: int) -> bool:
        """Count votes; say whether any is for a slot that is not closed already: others change
        nothing.
        """
        bit, proposals, counts = 1 << src, self.open, False
        self.alive |= bit
        self.heard |= bit
        for slot in range(first, first + count):
            proposal = proposals.get(slot)
            if proposal is not None:
                proposal.voters |= bit
                counts = True
        return counts

    def void(self, src: NodeId) -> None:
        """Its votes are of a life that is over."""
        for proposal in self.open.values():
            proposal.voters &= ~(1 << src)

    def is_chosen(self, slot: int, quorums: Quorums) -> bool:
        proposal = self.open.get(slot)
        return proposal is not None and quorums.phase2(proposal.voters)

    def close(self, slot: int) -> None:
        proposal = self.open.pop(slot, None)
        if proposal is not None:
            self.passed(proposal.command)

    def reminders(self, dst: NodeId, chosen: int) -> list[Accept]:
        """What ``dst`` has not voted for though it was sent a tick ago or more, in batches.

        At most a pipeline of it; the rest waits for the next tick. Nothing to remind of: a
        single Accept without commands, as a sign of life.
        """
        late = [
            slot
            for slot, proposal in self.open.items()
            if slot <= self.sent_before_tick and not proposal.voters >> dst & 1
        ]
        batches: list[list[int]] = []
        for slot in late:
            if batches and slot == batches[-1][-1] + 1 and len(batches[-1]) < self._batch:
                batches[-1].append(slot)
            elif len(batches) < self._pipeline:
                batches.append([slot])
            else:
                break
        return [
            Accept(self.ballot, slots[0], tuple([self.open[s].command for s in slots]), chosen)
            for slots in batches
        ] or [Accept(self.ballot, self.next, (), chosen)]
