"""What a Raft server holds for one term: a campaign while it asks for votes, then a leadership.

Both are data that end with their term. The server drops them when it hears of a higher one, and a
restart begins with neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from protocols.handover import PATIENCE
from protocols.kernel import Command, NodeId
from protocols.raft.reads import Questions
from protocols.statemachine import NOOP
from protocols.window import Line, Window


@dataclass(slots=True)
class Campaign:
    """An election of ``term``; ``voters`` is a bit for each server that granted its vote. While it
    is ``pre``, the term is only asked about.
    """

    term: int
    pre: bool
    voters: int
    answered: int = 0
    """A bit for each server that has said yes or no."""
    handed: bool = False
    """Whether the leader wished it."""

    def drop(self, node: NodeId) -> None:
        """It turned out that this vote is void: ask for it again."""
        self.voters &= ~(1 << node)
        self.answered &= ~(1 << node)


@dataclass(slots=True)
class Follower:
    """What the leader knows of a follower: figure 2's nextIndex and matchIndex, and what is under
    way to it.

    Batches are sent ahead of their answers (dissertation, section 10.2.2). While it is ``probing``,
    where the logs part is not known, and one batch at a time is under way.
    """

    next: int
    match: int = 0
    probing: bool = True
    sent: deque[tuple[int, int]] = field(default_factory=deque)
    """The first and last index of each batch under way; of a snapshot, zeros."""
    waited: bool = False
    """Whether a tick has passed since the last progress."""
    answered: int = 0
    """The latest round that it has answered."""
    votes: bool = True
    """Whether it is a member; a learner is written to, and not counted."""
    passive: bool = False
    """Whether it has lost its disk, and is on its way back (``raft.rejoining``)."""

    def has_room(self, pipeline: int) -> bool:
        return len(self.sent) < (1 if self.probing else pipeline)

    def put(self, count: int) -> None:
        """A batch of ``count`` entries from ``next`` on was sent."""
        self.sent.append((self.next, self.next + count - 1))
        self.next += count

    def put_snapshot(self) -> None:
        self.sent.append((0, 0))

    def matched(self, match: int) -> bool:
        """Its log is the leader's up to ``match``; whether that is news."""
        if match <= self.match:
            return False
        self.match, self.next = match, max(self.next, match + 1)
        self.probing, self.waited = False, False
        while self.sent and self.sent[0][1] <= match:
            self.sent.popleft()
        return True

    def expected(self, prev_index: int) -> bool:
        """Whether a batch after ``prev_index`` is under way, so that its refusal is news. It was
        acknowledged up to ``match``: a refusal below is late, or of who has lost its disk.
        """
        return prev_index > self.match and any(first == prev_index + 1 for first, _ in self.sent)

    def go_back(self, index: int) -> None:
        """Probe from ``index`` on, forgetting what is under way."""
        self.next = max(index, self.match + 1)
        self.sent.clear()
        self.probing, self.waited = True, False

    def tick(self) -> None:
        """What has been under way for a whole tick is lost, or as good as lost."""
        if self.sent and self.waited:
            self.go_back(self.sent[0][0] or self.next)
        elif self.sent:
            self.waited = True


@dataclass(slots=True)
class Learner:
    """A server that is to join, once it has caught up (dissertation, section 4.2.1)."""

    node: NodeId
    members: tuple[NodeId, ...]
    """The configuration with it."""
    target: int
    """Where the log ended when this round began."""
    ticks: int = 0
    """Since this round began."""
    age: int = 0
    """Ticks since the first round began."""


class Leadership(Line):
    """A term of leading: the commands waiting, and what each follower has.

    The first entry is a no-op: only a term's own entries are committed by being counted, and all before them
    with them (sections 5.4.2 and 8).
    """

    def __init__(
        self,
        term: int,
        last: int,
        peers: Iterable[NodeId],
        window: Window,
        *,
        batch: int,
        capacity: int,
    ) -> None:
        super().__init__(window, batch=batch, capacity=capacity, first=[NOOP])
        self.term = term
        self.votes = True
        """Whether the leader is a member: not while it commits that it leaves."""
        self.learner: Learner | None = None
        self.first = last + 1
        """The index of the no-op."""
        self.followers = {peer: Follower(last + 1) for peer in peers}
        self.round = 0
        """Counts the times that all followers were written to."""
        self.lease_round = 0
        self.lease_ms = 0
        """The round that began at the last tick, and when."""
        self.questions = Questions(capacity)
        self.alive = 0
        """A bit for each follower that answered lately."""
        self.heir: NodeId | None = None
        self.heir_ticks = 0
        """Who is to lead next, and since how many ticks."""
        self.last_at_tick = last
        """Where the log ended at the last tick."""

    def hand_to(self, heir: NodeId | None) -> None:
        """No more commands are taken, until the heir has what there is (``protocols.handover``)."""
        follower = None if heir is None else self.followers.get(heir)
        if follower is not None and follower.votes and not follower.passive:
            self.heir, self.heir_ticks = heir, 0

    def heir_has(self, last: int) -> bool:
        """Whether the heir's log is the leader's, and nothing waits to be appended."""
        heir = None if self.heir is None else self.followers.get(self.heir)
        return heir is not None and not self.queue and not self.own and heir.match == last

    def tick(self, commit: int, last: int) -> None:
        """What was appended before the last tick, and is not committed, is late."""
        if commit < self.last_at_tick:
            self.window.late()
        self.last_at_tick = last
        self.heir_ticks += 1
        if self.heir_ticks > PATIENCE:
            self.heir = None

    def next_batch(self, commit: int, last: int) -> tuple[Command, ...]:
        """The commands to append now, after ``last``; none when enough are under way."""
        commands = self.take(commit, self._batch)
        if commands:
            self.put_under_way(last + len(commands))
        return commands

    def match_of(self, majority: int, last: int) -> int:
        """The highest index that a majority has, the leader's own log up to ``last`` included."""
        numbers = [0 if f.passive else f.match for f in self.followers.values() if f.votes]
        if self.votes:
            numbers.append(last)
        return _majority(numbers, majority)

    def confirmed(self, majority: int) -> int:
        """The latest round that a majority has answered, the leader included."""
        numbers = [f.answered for f in self.followers.values() if f.votes]
        if self.votes:
            numbers.append(self.round)
        return _majority(numbers, majority)


def _majority(numbers: list[int], majority: int) -> int:
    """The highest number that ``majority`` of these reach.

    >>> _majority([3, 7, 5], 2)
    5
    """
    numbers.sort(reverse=True)
    return numbers[majority - 1]
