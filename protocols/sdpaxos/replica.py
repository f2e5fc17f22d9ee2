"""The replica: C-instances by itself, and their order by one sequencer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from protocols.ballots import owner
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.log import Vote, key_of
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Leadership
from protocols.multipaxos.messages import Chosen, Message, Prepare
from protocols.sdpaxos import fast, instances
from protocols.sdpaxos.commander import FINISHED, GIVEN_UP
from protocols.sdpaxos.instances import Place
from protocols.sdpaxos.messages import (
    MESSAGES,
    CAccept,
    CAccepted,
    CChosen,
    CCommit,
    CMessage,
    Content,
    CPreempted,
    CPrepare,
    CPromise,
    Heard,
    HeldPromise,
)
from protocols.sdpaxos.rejoining import Returning
from protocols.sdpaxos.state import TURN, sequencer, turn
from protocols.statemachine import Answer, name_of
from protocols.transfer import Missing, part

SHORT, GUESSED = (
    "a command was executed after one round trip",
    "a new sequencer guessed whose turn it was",
)

_C_MESSAGES = CAccept | CAccepted | CCommit | CPrepare | CPromise | CPreempted | CChosen | Heard
AnyMessage: TypeAlias = Message | CMessage


class SDPaxos(Returning):
    """See the package. Options: ``batch`` (commands), ``pipeline`` (C-instances of a row, batches of
    turns), ``snapshot_every`` and ``keep`` (O-instances), ``leader``: the first sequencer, and ``rejoin``:
    no, passive or force (``sdpaxos.rejoining``).
    """

    messages = MESSAGES
    sometimes = (  # type: ignore[assignment]  # more than its base has
        *MultiPaxos.sometimes, FINISHED, GIVEN_UP, SHORT, GUESSED
    )  # fmt: skip

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.places: dict[int, Place] = {}
        """Which C-instance each executed O-instance that is still known stood for."""
        self.told = (self.seen, 0)
        """The ballot of a sequencer, and how far it said that all is chosen."""
        self.assigned: dict[NodeId, int] | None = None
        """How many turns each row has been given by this sequencer; None before it has begun."""
        self.stalled = (-1, 0)
        """What was executed, and what was proposed last, at the sequencer's last tick."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        super().check(cluster)
        if cluster.options.get("read", "log") != "log":
            raise ValueError("reads take a turn: read=log is all that there is")
        if cluster.options.get("retry", "tick") != "tick":
            raise ValueError("commands are not sent to a leader: retry=tick is all that there is")
        if cluster.number("reserve", 0, least=0):
            raise ValueError("a sequencer has no entries of its own to keep places for: reserve=0")

    # --- start and dispatch -----------------------------------------------------------------------

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.trace_back()
        self.resume()

    def trace_back(self) -> None:
        """Find which C-instances the executed O-instances stood for that are kept for laggards."""
        turns = {node: self.store.count(node) for node in self.nodes}
        self.places = {}
        for vote in reversed(list(self.log.since(self.log.base + 1, self.log.chosen))):
            if vote.command.f == TURN:
                node = int(vote.command.key)
                self.places[vote.slot] = (node, turns[node])
                turns[node] -= 1
        for node, base in turns.items():
            self.forget_row(node, base)
        for place in self.places.values():
            self.instances[place].chosen = True

    def forget_row(self, node: NodeId, base: int) -> None:
        for place in self.instances.forget(node, base):
            self.forget(instances.key_of(place))

    def on_message(self, src: NodeId, msg: AnyMessage) -> None:
        if isinstance(msg, _C_MESSAGES):
            self.on_c_message(src, msg)
        else:
            super().on_message(src, msg)
        self.progress()

    def on_c_message(self, src: NodeId, msg: CMessage) -> None:
        if self.back is not None and not isinstance(msg, CChosen):
            return
        match msg:
            case CAccept():
                self.on_caccept(src, msg)
            case CAccepted():
                self.on_caccepted(src, msg)
            case CCommit():
                self.on_ccommit(src, msg)
            case CPrepare():
                self.on_cprepare(src, msg)
            case CPromise():
                self.on_cpromise(src, msg)
            case CPreempted():
                self.on_cpreempted(msg)
            case CChosen():
                self.on_cchosen(msg)
            case Heard():
                self.on_heard(msg)

    def on_request(self, request: RequestId, command: Command) -> None:
        super().on_request(request, command)
        self.progress()

    def on_timer(self, timer: str) -> None:
        super().on_timer(timer)
        self.progress()

    def propose(self, commands: Iterable[Command]) -> None:
        """Nobody hands commands to the sequencer: it hands out turns, in ``progress``."""

    def progress(self) -> None:
        """Propose commands, give out turns, execute; and again, if that opened the window."""
        while True:
            if self.ejected:
                return
            if self.back is None:
                self.lead_commands()
            before = self.log.chosen
            if self.leadership is None:
                self.catch_on()
            else:
                self.give_turns(self.leadership)
                self.work(self.leadership)
            self.fill_turn()
            if self.log.chosen == before or not self.line:
                return

    # --- the sequencer ----------------------------------------------------------------------------

    def give_turns(self, lead: Leadership) -> None:
        """Zhao 2018, section 3.2: a turn for each C-instance that has been heard of. But first what
        older sequencers may have begun, and then its own beginning (see Departures).
        """
        if self.assigned is None:
            if lead.queue or self.log.chosen + 1 < lead.next:
                return
            lead.queue.append(sequencer(lead.ballot))
            self.assigned = {node: self.store.count(node) for node in self.nodes}
        for node, last in self.instances.last.items():
            while self.assigned[node] < last and len(lead.queue) < self.reach:
                lead.queue.append(turn(node))
                self.assigned[node] += 1

    def retire(self) -> None:
        super().retire()
        self.assigned = None

    def testimony(self, msg: Prepare) -> HeldPromise:
        promise = super().testimony(msg)
        return HeldPromise(promise.ballot, promise.chosen, promise.votes, self.held(), self.vows)

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        """Phase 1 in O-instances, and what may have been chosen by two votes (``sdpaxos.fast``)."""
        adopted, campaign = super().adopt(votes), self.campaign
        assert campaign is not None, "who takes office has campaigned"
        missing = [n for n in self.nodes if not campaign.voters >> n & 1]
        if not fast.possible(len(self.nodes)):
            return adopted
        held = dict(self.instances.last)
        for promise in campaign.promises.values():
            for node, last in zip(self.nodes, cast("HeldPromise", promise).held, strict=True):
                held[node] = max(held[node], last)
        guessed = fast.guesses(
            adopted={slot: vote.command for slot, vote in adopted.items()},
            first=self.log.chosen + 1,
            began=self.store.sequencer,
            turns={node: self.store.count(node) for node in self.nodes},
            held=held,
            missing=missing,
        )
        for slot, node in guessed.items():
            self.note("sometimes", GUESSED)
            adopted[slot] = Vote(slot, campaign.ballot, turn(node))
        return adopted

    def settle(self, lead: Leadership) -> None:
        while lead.is_chosen(self.log.chosen + 1, self.quorums) and self.ready():
            lead.close(self.log.chosen + 1)
            self.advance()

    # --- executing --------------------------------------------------------------------------------

    def next_entry(self) -> Vote | None:
        return self.log.get(self.log.chosen + 1)

    def own(self, entry: Command) -> bool:
        """Whether it is a turn of this node's row."""
        return entry.f == TURN and entry.key == str(self.id)

    def next_place(self, entry: Command) -> Place:
        """The C-instance that this entry would stand for if it were executed next."""
        node = int(entry.key)
        return (node, self.store.count(node) + 1)

    def ready(self) -> bool:
        """Whether that is chosen which the next O-instance stands for, as far as is known here."""
        vote = self.next_entry()
        if vote is None or vote.command.f != TURN:
            return vote is not None
        instance = self.instances.get(self.next_place(vote.command))
        return instance is not None and instance.chosen

    def learn(self, ballot: tuple[int, int], chosen: int) -> None:
        self.told = max(self.told, (ballot, chosen))
        self.known = max(self.known, chosen)

    def catch_on(self) -> None:
        """Execute what the sequencer said to be chosen, and what may be by the short path."""
        while vote := self.next_entry():
            ballot, chosen = self.told
            told = vote.slot <= chosen and vote.ballot == ballot
            if not (told and self.ready()):
                if not self.may_shorten(vote):
                    return
                self.note("sometimes", SHORT)
            self.advance()

    def may_shorten(self, vote: Vote) -> bool:
        """Zhao 2018, section 4: this node's own turn, voted for by the sequencer and itself, of a
        command that a majority has voted for before it knew of any newer sequencer. A sequencer's
        own turn has one of these two votes only.
        """
        if not self.own(vote.command) or owner(vote.ballot) == self.id:
            return False
        if vote.ballot != self.store.sequencer:
            return False
        round_ = self.rounds.get(self.next_place(vote.command))
        return (
            self.short(len(self.nodes))
            and round_ is not None
            and self.ready()
            and round_.voters_under(vote.ballot) >= self.majority
        )

    def short(self, n: int) -> bool:
        return fast.possible(n)

    def fill_turn(self) -> None:
        """This node's turn, and it has nothing to say: so that the others need not wait."""
        vote = self.next_entry()
        if vote is None or self.back is not None or not self.own(vote.command):
            return
        if self.next_place(vote.command)[1] > self.index:
            self.command(())

    def run(self, command: Command) -> Answer:
        """Without clients: what was executed runs again after a restart."""
        for each in self.unfold(command):
            self.store.run(each)
        return self.store.run(command)

    def unfold(self, entry: Command) -> tuple[Command, ...]:
        return self.instances[self.next_place(entry)].batch if entry.f == TURN else ()

    def advance(self) -> None:
        """The next O-instance and what it stands for are chosen: execute it."""
        log = self.log
        log.chosen += 1
        entry = log[log.chosen].command
        batch = self.unfold(entry)
        what = entry.key if entry.f == TURN else name_of(entry)
        self.note("decided", [log.chosen, [what, *map(name_of, batch)]])
        for command in batch:
            self.execute(command)
        if entry.f == TURN:
            place = self.next_place(entry)
            self.places[log.chosen] = place
            self.instances[place].chosen = True
            self.close(place)
        self.store.run(entry)
        self.passed(log.chosen)
        if log.chosen % self.snapshot_every == 0:
            self.compact()

    def execute(self, command: Command) -> None:
        updates = command.f in self.served and command.f not in self.reads
        if updates and not self.store.ran(command):
            self.note("executed", [command.key, name_of(command)])
        self.answer(self.clients.pop(command), self.store.run(command))

    # --- compaction and catching up ---------------------------------------------------------------

    def compact(self) -> None:
        """A snapshot; but what a sequencer may still lack is kept, for it to ask for: the short path
        may be ahead of it.
        """
        slot = self.log.chosen
        self.snapshot = (slot, self.store.snapshot())
        self.persist("snapshot", self.snapshot)
        known = slot if self.leads else min(slot, self.known)
        for old in self.log.truncate(max(self.log.base, known - self.keep)):
            self.forget(key_of(old))
            if old in self.places:
                self.forget_row(*self.places.pop(old))

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        """Some O-instances, more than can be executed in a round trip, and what they stood for: that first."""
        log = self.log
        if self.ejected:
            return
        if msg.slot <= log.base:
            self.send(src, part(*self.snapshot, msg))
            return
        contents: list[Content] = []
        last, size = msg.slot - 1, 0
        most = self.reach
        while last < log.chosen and last - msg.slot + 1 < most and size < most:
            last += 1
            if last in self.places:
                content = Content(*self.places[last], self.instances[self.places[last]].batch)
                contents.append(content)
                size += len(content.batch)
        if last >= msg.slot:
            self.tell(src, CChosen(tuple(contents)))
            self.send(src, Chosen(tuple(log.since(msg.slot, last)), log.chosen))

    def absorb(self, votes: Iterable[Vote], chosen: int) -> None:
        if self.leads or self.ejected:
            return
        for vote in votes:
            if vote.slot == self.log.chosen + 1 and vote.slot <= chosen:
                self.vote(vote.slot, vote.ballot, vote.command)
                if not self.ready():
                    return
                self.advance()

    def install(self, slot: int, state: Json) -> None:
        super().install(slot, state)
        self.trace_back()
        self.index = max(self.index, self.store.count(self.id))
        for place in list(self.rounds):
            if self.instances.get(place) is None:
                self.close(place)

    def reinstate(self, slot: int, state: Json) -> None:
        super().reinstate(slot, state)
        self.trace_back()

    # --- time -------------------------------------------------------------------------------------

    def tick(self) -> None:
        super().tick()
        self.remind_commands()
        lead = self.leadership
        if lead is not None:
            if self.stalled[0] == self.log.chosen:
                self.finish_turns(self.stalled[1])
            self.stalled = (self.log.chosen, lead.next - 1)

    def finish_turns(self, last: int) -> None:
        """Nothing was executed for a tick: see to the commands whose turns, up to this slot, wait."""
        turns = {node: self.store.count(node) for node in self.nodes}
        for vote in self.log.since(self.log.chosen + 1, last):
            if vote.command.f == TURN:
                node = int(vote.command.key)
                turns[node] += 1
                self.finish((node, turns[node]))

    def follow(self, node: NodeId) -> None:
        super().follow(node)
        for place, round_ in self.rounds.items():
            self.repeat(place, round_)
