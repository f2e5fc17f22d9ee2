"""The proposer: which command goes where, who owns its objects, and what others left unfinished.

``pump`` looks at the waiting commands, each in its turn, and starts what can be started. An object is in one
attempt at a time; a command that waits for one of its objects keeps later ones from overtaking it there,
so that none starves. Where there are more than can be served, it is the turn of the newest (``protocols.line``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.ballots import ZERO, above, life, owner
from protocols.clients import Name, name
from protocols.kernel import Command, NodeId, record
from protocols.m2paxos.messages import (
    Accept,
    Accepted,
    Forward,
    Place,
    Prepare,
    Promise,
    Proposal,
    Rejected,
    Round,
    Wanted,
    objects_of,
)
from protocols.m2paxos.sometimes import ACQUIRED_SEVERAL, FINISHED, STOLEN, VOIDED
from protocols.quorums import Tally
from protocols.statemachine import READS

if TYPE_CHECKING:
    from protocols.m2paxos.replica import M2Paxos

CAPACITY = 1024
"""Commands that wait to be proposed here."""

PASSED_ON = 2
"""How often a command is forwarded before it is proposed where it has come to."""

MOST = 4
"""How often the time to wait after a failure doubles."""

SUSPECTED = 10
"""Ticks of silence after which commands are not forwarded to a node any more."""


@dataclass(slots=True)
class Acquisition:
    """Phase 1 for several objects at once."""

    objects: tuple[Wanted, ...]
    promises: Tally[Promise]
    since: int

    @property
    def keys(self) -> list[str]:
        return [wanted.key for wanted in self.objects]

    @property
    def request(self) -> Prepare:
        return Prepare(self.objects)

    @property
    def answered(self) -> Iterable[NodeId]:
        return self.promises.answers


@dataclass(slots=True)
class Vote:
    """Phase 2 for one proposal."""

    proposal: Proposal
    votes: Tally[None]
    since: int

    @property
    def keys(self) -> list[str]:
        return [place.key for place in self.proposal.places]

    @property
    def request(self) -> Accept:
        return Accept(self.proposal)

    @property
    def answered(self) -> Iterable[NodeId]:
        return self.votes.answers


@record
class Waiting:
    """A command that is to be proposed here, its objects, and the tick since when."""

    command: Command
    keys: tuple[str, ...]
    since: int


class Proposer:
    """See the module."""

    def __init__(self, replica: M2Paxos) -> None:
        self.replica = replica
        self.ledger = replica.ledger
        self.pending: dict[Name, Waiting] = {}
        self.attempts: dict[Round, Acquisition | Vote] = {}
        self.heard: dict[NodeId, int] = {}
        self.reported: dict[str, int] = {}
        """Of an object that was acquired: the first position that nobody who promised had executed."""
        self.lost = 0
        """Failures since the last success."""
        self.waits = False
        """Whether it waits, after a failure, before it acquires anything again."""

    # --- which node: the coordination phase -------------------------------------------------------

    def owner_of(self, keys: Sequence[str]) -> NodeId | None:
        """The one node that owns all these objects, as far as is known; None if there is none such."""
        seen = self.ledger[keys[0]].seen
        node = owner(seen)
        if any(owner(self.ledger[key].seen) != node for key in keys) or node < 0:
            return None
        return None if life(seen) < self.replica.lives[node] else node

    def alive(self, node: NodeId) -> bool:
        return self.replica.ticks - self.heard.get(node, 0) <= SUSPECTED

    def route(self, command: Command, hops: int = 0, since: int | None = None) -> bool:
        """To the owner of all its objects, or into this node's own line, where it has been before if ``since`` is
        given: whether it is new there.
        """
        if self.replica.back is not None:
            self.replica.refer(command)
            return False
        keys = objects_of(command)
        node = self.owner_of(keys)
        if node not in (None, self.replica.id) and hops < PASSED_ON and self.alive(node):
            self.replica.send(node, Forward(command, hops + 1))
            return False
        called = name(command)
        if called in self.pending or len(self.pending) >= CAPACITY:
            return False
        now = self.replica.ticks
        self.pending[called] = Waiting(command, keys, now if since is None else since)
        return True

    # --- what next --------------------------------------------------------------------------------

    def pump(self) -> None:
        """Start whatever can be started. All that wait are looked at, with each message: so what is cheap
        to see comes first.
        """
        taken: dict[str, None] = {}
        for called, waiting in self.in_turn():
            command, keys = waiting.command, waiting.keys
            if called not in self.pending:
                continue
            if not taken.keys().isdisjoint(keys) or any(
                self.ledger[key].round is not None for key in keys
            ):
                taken.update(dict.fromkeys(keys))
            elif command.f not in READS and self.replica.store.ran(command):
                del self.pending[called]
            elif self.advance(keys):
                self.propose_batch(keys)
            else:
                taken.update(dict.fromkeys(keys))

    def in_turn(self) -> Sequence[tuple[Name, Waiting]]:
        """As they came; but who has waited for a whole tick comes after the others, the newest first: the
        client may have given up, and a line that is longer than clients' patience answers nobody.
        """
        before = self.replica.ticks - 1
        late = [item for item in self.pending.items() if item[1].since < before]
        if not late:
            return list(self.pending.items())
        fresh = [item for item in self.pending.items() if item[1].since >= before]
        return [*fresh, *reversed(late)]

    def advance(self, keys: Sequence[str]) -> bool:
        """Bring these objects nearer to a new proposal; True if one can be made now."""
        agenda = list(keys)
        if any(self.ledger[key].owned == ZERO for key in keys):
            self.acquire(keys)
            return False
        free = True
        for key in agenda:
            found = self.ledger[key]
            forced = found.forced.get(found.next)
            if forced is None:
                free = free and found.next >= found.least
            elif self.is_void(forced):
                self.replica.note("sometimes", VOIDED)
                del found.forced[found.next]
                free = free and found.next >= found.least
            else:
                free = False
                agenda.extend(k for k in self.before(forced) if k not in agenda)
        return free

    def is_void(self, forced: Proposal) -> bool:
        """Whether another proposal is chosen or forced in one of its places, in an acquisition that
        came after it: then it was not chosen, and never will be (see the package).
        """
        for place in forced.places:
            found = self.ledger[place.key]
            if found.owned <= place.epoch:
                continue
            if found.next > place.position:
                return True
            rival = found.forced.get(place.position)
            known = found.least <= place.position
            if known and (rival is None or not rival.same(forced)):
                return True
        return False

    def before(self, forced: Proposal) -> list[str]:
        """Finish a forced proposal, or do what has to be done before. Returns the objects in which
        something else must be finished first.
        """
        objects = [(place, self.ledger[place.key]) for place in forced.places]
        if any(found.round is not None for _, found in objects):
            return []
        if any(found.owned <= place.epoch for place, found in objects):
            self.acquire([place.key for place in forced.places])
            return []
        early = [place.key for place, found in objects if found.next < place.position]
        if not early and all(self.may_finish(forced, place) for place in forced.places):
            self.replica.note("sometimes", FINISHED)
            self.propose(forced.commands, [place.key for place in forced.places])
        return early

    def may_finish(self, forced: Proposal, place: Place) -> bool:
        """What is known to be chosen is learnt. But who knew what that was may have forgotten it, since only votes
        are on disk: so it is proposed again, if it is the highest vote of a majority of whom none has executed it.
        """
        found = self.ledger[place.key]
        if found.least <= place.position:
            return True
        vote = found.forced.get(place.position)
        return self.reported[place.key] <= place.position and vote is not None and vote.same(forced)

    # --- phase 1: the acquisition phase -----------------------------------------------------------

    def acquire(self, keys: Sequence[str]) -> None:
        """Prepare a higher epoch of each of these objects, of all together: two nodes that each took
        from the other what they lacked could go on so for ever.
        """
        if self.waits or any(self.ledger[key].round is not None for key in keys):
            return
        objects = tuple([self.wanted(key) for key in sorted(keys)])
        round_ = (objects[0].key, 0, objects[0].epoch)
        self.attempts[round_] = Acquisition(
            objects, Tally(self.replica.majority), self.replica.ticks
        )
        for wanted in objects:
            found = self.ledger[wanted.key]
            if owner(found.promised) not in (-1, self.replica.id):
                self.replica.note("sometimes", STOLEN)
            self.ledger.promise(wanted.key, wanted.epoch)
            found.round = round_
        self.replica.broadcast(Prepare(objects), self.replica.peers)
        self.on_promise(self.replica.id, self.replica.report(objects))

    def wanted(self, key: str) -> Wanted:
        found = self.ledger[key]
        epoch = above(max(found.promised, found.seen), self.replica.signature)
        return Wanted(key, epoch, found.next)

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        attempt = self.attempts.get(msg.round)
        if isinstance(attempt, Acquisition) and attempt.promises.add(src, msg):
            self.end(msg.round)
            self.acquired(attempt)

    def acquired(self, attempt: Acquisition) -> None:
        """A majority has promised: learn what it knows to be chosen; its highest votes are forced."""
        answers = list(attempt.promises.answers.values())
        if len(attempt.objects) > 1:
            self.replica.note("sometimes", ACQUIRED_SEVERAL)
        overtaken = False
        for i, wanted in enumerate(attempt.objects):
            found = self.ledger[wanted.key]
            if found.promised != wanted.epoch:
                overtaken = True
                continue
            found.owned = wanted.epoch
            found.forced = {}
            self.reported[wanted.key] = max(answer.next[i] for answer in answers)
            self.ledger.hear(wanted.key, self.reported[wanted.key])
            for answer in answers:
                for vote in answer.votes:
                    self.force(wanted.key, vote)
        for answer in answers:
            for proposal in answer.chosen:
                self.replica.learn(proposal)
        if overtaken:
            self.back_off()
        else:
            self.pump()

    def force(self, key: str, vote: Proposal) -> None:
        """Keep the highest of the votes for each position of this object (O3)."""
        found = self.ledger[key]
        for place in vote.places:
            if place.key == key and place.position >= found.next:
                rival = found.forced.get(place.position)
                if rival is None or rival.epoch(key) < place.epoch:
                    found.forced[place.position] = vote

    # --- phase 2: the accept phase ----------------------------------------------------------------

    def propose_batch(self, keys: Sequence[str]) -> None:
        """The first waiting commands that concern none but these objects."""
        batch: dict[Name, Command] = {}
        for called, waiting in self.in_turn():
            if all(key in keys for key in waiting.keys):
                batch[called] = waiting.command
                if len(batch) == self.replica.batch:
                    break
        for called in batch:
            del self.pending[called]
        self.propose(tuple(batch.values()), keys)

    def propose(self, commands: tuple[Command, ...], keys: Sequence[str]) -> None:
        places = tuple([self.place(key) for key in keys])
        proposal = Proposal(commands, places)
        self.attempts[proposal.round] = attempt = Vote(
            proposal, Tally(self.replica.majority), self.replica.ticks
        )
        for key in keys:
            self.ledger[key].round = proposal.round
        self.replica.broadcast(Accept(proposal), self.replica.peers)
        self.ledger.put(proposal, chosen=False)
        self.count(self.replica.id, attempt)

    def place(self, key: str) -> Place:
        """The position after the last executed one, in the epoch that this node owns."""
        found = self.ledger[key]
        return Place(key, found.next, found.owned)

    def on_accepted(self, src: NodeId, msg: Accepted) -> None:
        attempt = self.attempts.get(msg.round)
        if isinstance(attempt, Vote):
            self.count(src, attempt)

    def count(self, src: NodeId, attempt: Vote) -> None:
        """What a majority has accepted, in all its places, is chosen."""
        if attempt.votes.add(src, None):
            self.lost = 0
            self.replica.decide(attempt.proposal)

    def void(self, nodes: Iterable[NodeId]) -> None:
        """What these have answered so far is of a life that is over: they are asked again."""
        for attempt in self.attempts.values():
            answers: Tally[Promise] | Tally[None]
            answers = attempt.votes if isinstance(attempt, Vote) else attempt.promises
            if not answers.reached:
                for node in nodes:
                    answers.drop(node)

    # --- how an attempt ends ----------------------------------------------------------------------

    def end(self, round_: Round) -> None:
        for key in self.attempts.pop(round_).keys:
            self.ledger[key].round = None

    def executed(self, proposal: Proposal) -> None:
        """Attempts for its places have succeeded, if it is what they proposed; or failed."""
        for place in proposal.places:
            round_ = self.ledger[place.key].round
            if round_ is None or round_ not in self.attempts:
                continue
            attempt = self.attempts[round_]
            if isinstance(attempt, Vote):
                if attempt.proposal.same(proposal):
                    self.end(round_)
                else:
                    self.fail(round_)

    def passed(self) -> None:
        """A snapshot was installed: attempts for positions that it stands for have failed."""
        for round_, attempt in list(self.attempts.items()):
            if isinstance(attempt, Vote) and not self.ledger.executable(attempt.proposal):
                self.fail(round_)

    def fail(self, round_: Round) -> None:
        """Own these objects no more: of each epoch, one thing is proposed for a position. What was
        proposed goes where it belongs now.
        """
        attempt = self.attempts[round_]
        self.end(round_)
        for key in attempt.keys:
            self.ledger[key].disown()
        if isinstance(attempt, Vote):
            for command in attempt.proposal.commands:
                if command.f in READS or not self.replica.store.ran(command):
                    self.route(command)

    def on_rejected(self, msg: Rejected) -> None:
        for key, epoch in msg.promised:
            found = self.ledger[key]
            found.seen = max(found.seen, epoch)
            if ZERO < found.owned < epoch and found.round is None:
                found.disown()
        if msg.round in self.attempts:
            self.fail(msg.round)
            self.back_off()

    def back_off(self) -> None:
        """Let the other one finish first: the longer, the more often this has failed. Its commands go
        to that one now, rather than that it steals the objects back.
        """
        rtt = self.replica.cluster.rtt_ms
        self.lost = min(self.lost + 1, MOST)
        self.waits = True
        self.replica.set_timer("again", rtt, rtt << self.lost)
        line, self.pending = self.pending, {}
        for waiting in line.values():
            self.route(waiting.command, since=waiting.since)
        self.pump()

    def again(self) -> None:
        self.waits = False
        self.pump()

    # --- time -------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Send again what was not answered; own no more what cannot be brought up to date."""
        now = self.replica.ticks
        for attempt in self.attempts.values():
            if now - attempt.since >= 2 and (now - attempt.since) % 2 == 0:
                silent = [n for n in self.replica.peers if n not in attempt.answered]
                self.replica.broadcast(attempt.request, silent)
        if now % SUSPECTED == 0:
            for key in self.ledger.behind:
                if self.ledger[key].round is None:
                    self.ledger[key].disown()
        self.pump()
