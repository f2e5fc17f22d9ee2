"""A replica's part in C-instances: command leader of its own row, acceptor of all, and finisher of
those that a dead command leader left.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Container, Iterable, Mapping, Sequence

from protocols.ballots import Ballot, above, renamed
from protocols.kernel import SEND, Cluster, Command, Json, NodeId
from protocols.line import Line
from protocols.multipaxos import MultiPaxos
from protocols.sdpaxos.instances import (
    Instance,
    Instances,
    Place,
    Round,
    first_ballot,
    is_first,
    key_of,
)
from protocols.sdpaxos.messages import (
    Batch,
    CAccept,
    CAccepted,
    CChosen,
    CCommit,
    CMessage,
    Content,
    CPreempted,
    CPrepare,
    CPromise,
)
from protocols.sdpaxos.state import State
from protocols.statemachine import COMMANDS

FINISHED, GIVEN_UP = (
    "a command leader's commands were finished for it",
    "a command leader's commands were given up",
)


class Commander(MultiPaxos):
    """The C-instances. Subclasses say in which order they are executed."""

    changes_members = False
    machine = State
    store: State
    commands = tuple(sorted(COMMANDS))
    served: Container[str] = COMMANDS

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.line = Line()
        """Commands of this node's clients that are in no C-instance yet, or under way in this node's row."""
        self.rounds: dict[Place, Round] = {}
        self.index = 0
        """The last of this node's own C-instances that was used, by anybody."""

    @classmethod
    def hands_over(cls, cluster: Cluster) -> bool:  # noqa: ARG003
        """No: who orders commands is another than who proposes them."""
        return False

    @property
    def first(self) -> Ballot:
        """This node's own ballot in its own row."""
        return self.first_of(self.id)

    def first_of(self, owner: NodeId) -> Ballot:
        """Of its life, as far as is known here."""
        return first_ballot(owner, self.lives[owner])

    @property
    def vows(self) -> tuple[int, ...]:
        """What goes with a vote or promise, where that might be forgotten."""
        return tuple(self.lives) if self.rejoining == "passive" else ()

    @abstractmethod
    def progress(self) -> None:
        """Do what has become possible: called at the end of each step."""

    def tell(self, dst: NodeId, msg: CMessage) -> None:
        self._said.append((SEND, (dst,), msg))

    def tell_all(self, msg: CMessage, to: Iterable[NodeId] | None = None) -> None:
        self._said.append((SEND, self.peers if to is None else tuple(to), msg))

    def load(self, durable: Mapping[str, Json]) -> None:
        self.instances = Instances.load(self.nodes, durable)
        super().load(durable)

    def resume(self) -> None:
        """After a restart: what this node proposed in its row, and may not have been chosen, it
        proposes again; the same, since it is on its disk.
        """
        self.index = max(self.store.count(self.id), self.instances.last[self.id])
        for index in range(self.store.count(self.id) + 1, self.index + 1):
            instance = self.instances.get((self.id, index))
            if instance is not None and instance.promised == self.first == instance.voted:
                self.open((self.id, index), self.first, instance.batch)

    def save(self, place: Place, instance: Instance) -> None:
        self.persist(key_of(place), instance.durable())

    # --- the command leader -----------------------------------------------------------------------

    def submit(self, commands: Sequence[Command]) -> None:
        """Let this node's clients' commands wait for a C-instance, unless they do or are in one."""
        self.line.join(commands)

    def lead_commands(self) -> None:
        """Zhao 2018, section 3.2: propose what waits, in as few C-instances as the window asks."""
        while self.line and self.index - self.store.count(self.id) < self.pipeline:
            self.command(self.line.take(self.batch))

    def command(self, batch: Batch) -> None:
        """Propose a batch in the next C-instance of this node's row that nobody has meddled with."""
        mine = self.first
        while True:
            self.index += 1
            place = (self.id, self.index)
            instance = self.instances.make(place)
            if instance is not None and instance.promised <= mine and not instance.chosen:
                break
        instance.promised = instance.voted = mine
        instance.batch = batch
        self.save(place, instance)
        self.open(place, mine, batch)
        self.tell_all(CAccept(mine, self.id, self.index, batch))

    def open(self, place: Place, ballot: Ballot, batch: Batch) -> None:
        """Begin phase 2 with this node's own vote, which is on its disk."""
        round_ = Round(ballot, batch)
        self.rounds[place] = round_
        if place[0] == self.id:
            self.line.under_way(batch)
        self.count(self.id, place, round_, self.promised)

    def on_caccepted(self, src: NodeId, msg: CAccepted) -> None:
        place = (msg.owner, msg.index)
        round_ = self.rounds.get(place)
        if msg.lives and not self.is_sworn(src, msg.lives):
            return
        if round_ is not None and round_.ballot == msg.ballot and round_.batch is not None:
            self.count(src, place, round_, msg.promised)

    def count(self, src: NodeId, place: Place, round_: Round, promised: Ballot) -> None:
        """A vote. Of a majority's the batch is chosen; later ones still count for the short path."""
        if src in round_.voters:
            return
        round_.voters[src] = promised
        instance = self.instances[place]
        if len(round_.voters) < self.majority or instance.chosen:
            return
        assert round_.batch is not None, "nobody votes in phase 1"
        instance.batch, instance.chosen = round_.batch, True
        if round_.ballot == self.first:
            self.tell_all(CCommit(round_.ballot, place[1]))
        else:
            self.note("sometimes", FINISHED if round_.batch else GIVEN_UP)
            self.save(place, instance)
            self.tell_all(CChosen((Content(*place, round_.batch),)))

    def close(self, place: Place) -> None:
        """The round is over: won and executed, or lost. Lost commands are proposed again when their
        clients have waited for a tick.
        """
        round_ = self.rounds.pop(place, None)
        if round_ is not None and place[0] == self.id:
            self.line.over(round_.batch or ())

    # --- the acceptor -----------------------------------------------------------------------------

    def on_caccept(self, src: NodeId, msg: CAccept) -> None:
        place = (msg.owner, msg.index)
        if msg.ballot < self.first_of(msg.owner):
            return  # of a life that is over
        instance = self.instances.make(place)
        if instance is None or self.settled(src, place, instance, msg.ballot):
            return
        if instance.voted != msg.ballot:
            instance.promised = instance.voted = msg.ballot
            instance.batch = msg.batch
            self.save(place, instance)
        self.tell(src, CAccepted(msg.ballot, *place, self.promised, self.vows))

    def settled(self, src: NodeId, place: Place, instance: Instance, ballot: Ballot) -> bool:
        """Whether it is too late for this ballot; then its proposer is told why."""
        if instance.chosen:
            self.tell(src, CChosen((Content(*place, instance.batch),)))
        elif ballot < instance.promised:
            self.tell(src, CPreempted(instance.promised, *place))
        else:
            return False
        return True

    def on_ccommit(self, src: NodeId, msg: CCommit) -> None:
        """What the owner proposed is chosen. Who did not get it asks for it, if it comes to that."""
        instance = self.instances.get((src, msg.index))
        if instance is not None and instance.voted == msg.ballot:
            instance.chosen = True

    def on_cchosen(self, msg: CChosen) -> None:
        for content in msg.contents:
            place = (content.owner, content.index)
            instance = self.instances.make(place)
            if instance is None or instance.chosen:
                continue
            instance.chosen = True
            if instance.batch != content.batch or not is_first(instance.voted):
                instance.batch = content.batch
                self.save(place, instance)
            round_ = self.rounds.get(place)
            if round_ is not None and round_.batch != content.batch:
                self.close(place)

    # --- the finisher -----------------------------------------------------------------------------

    def finish(self, place: Place) -> None:
        """Zhao 2018, section 3.4: phase 1 in another's C-instance, with a higher ballot."""
        instance = self.instances.make(place)
        if instance is None or instance.chosen or place in self.rounds:
            return
        ballot = above(instance.promised, renamed(self.id, self.lives[self.id]))
        instance.promised = ballot
        self.save(place, instance)
        self.rounds[place] = Round(ballot)
        self.tell_all(CPrepare(ballot, *place))
        self.promise_command(self.id, place, instance.voted, instance.batch)

    def on_cprepare(self, src: NodeId, msg: CPrepare) -> None:
        place = (msg.owner, msg.index)
        instance = self.instances.make(place)
        if instance is None or self.settled(src, place, instance, msg.ballot):
            return
        if instance.promised != msg.ballot:
            instance.promised = msg.ballot
            self.save(place, instance)
        vote = instance.voted, instance.batch
        self.tell(src, CPromise(msg.ballot, *place, *vote, self.vows))

    def on_cpromise(self, src: NodeId, msg: CPromise) -> None:
        place = (msg.owner, msg.index)
        round_ = self.rounds.get(place)
        if msg.lives and not self.is_sworn(src, msg.lives):
            return
        if round_ is not None and round_.ballot == msg.ballot and round_.batch is None:
            self.promise_command(src, place, msg.voted, msg.batch)

    def promise_command(self, src: NodeId, place: Place, voted: Ballot, batch: Batch) -> None:
        """With a majority: propose the batch of the highest vote, or the empty one if there is none."""
        round_, instance = self.rounds[place], self.instances[place]
        round_.promises[src] = (voted, batch)
        if len(round_.promises) < self.majority or instance.chosen:
            return
        if instance.promised != round_.ballot:
            self.close(place)
            return
        _, found = max(round_.promises.values(), key=lambda promise: promise[0])
        instance.voted, instance.batch = round_.ballot, found
        self.save(place, instance)
        self.tell_all(CAccept(round_.ballot, *place, found))
        self.open(place, round_.ballot, found)

    def on_cpreempted(self, msg: CPreempted) -> None:
        place = (msg.owner, msg.index)
        round_, instance = self.rounds.get(place), self.instances.get(place)
        if round_ is None or instance is None or msg.ballot <= round_.ballot or instance.chosen:
            return
        if instance.promised < msg.ballot:
            instance.promised = msg.ballot
            self.save(place, instance)
        self.close(place)

    # --- time -------------------------------------------------------------------------------------

    def remind_commands(self) -> None:
        """Send again what was not answered since a tick; and drop what no client waits for."""
        for place, round_ in self.rounds.items():
            if round_.waited:
                self.repeat(place, round_)
            round_.waited = True
        self.line.tick(self.clients.commands())

    def repeat(self, place: Place, round_: Round) -> None:
        if self.instances[place].chosen:
            if self.following is not None and self.following != self.id:
                content = Content(*place, self.instances[place].batch)
                self.tell(self.following, CChosen((content,)))
        elif round_.batch is None:
            unheard = (n for n in self.peers if n not in round_.promises)
            self.tell_all(CPrepare(round_.ballot, *place), unheard)
        else:
            unheard = (n for n in self.peers if n not in round_.voters)
            self.tell_all(CAccept(round_.ballot, *place, round_.batch), unheard)
