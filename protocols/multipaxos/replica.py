"""The replica: acceptor, learner and, when it comes to that, proposer of multi-Paxos."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import chain
from typing import ClassVar, assert_never, cast

from protocols.ballots import ZERO, Ballot, above, owner
from protocols.clients import Clients, named
from protocols.kernel import Cluster, Command, Json, NodeId, Replica, RequestId
from protocols.log import Durable, Log, Vote, key_of
from protocols.multipaxos.leadership import Campaign, Leadership, fill, highest
from protocols.multipaxos.machine import Machine
from protocols.multipaxos.messages import (
    MESSAGES,
    Accept,
    Accepted,
    Ask,
    Chosen,
    Commit,
    Forward,
    Message,
    Preempted,
    Prepare,
    Promise,
    Told,
)
from protocols.multipaxos.reads import Questions
from protocols.quorum_systems import QuorumSystem, by_majority
from protocols.statemachine import COMMANDS, NOOP, OUTDATED, READS, Answer, KeyValue, name_of
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads, read_as

TICK = 5
"""Round trips between two signs of life of a leader, and before anything is sent again."""

WATCH = 8, 15
"""Round trips between two looks at whether a leader is alive: two in vain make a candidate."""

CONTESTED, CAUGHT_UP = "a ballot was contested", "a winner caught up before it led"
FILLED, INSTALLED = "a gap was filled with a no-op", "a snapshot was installed"


READ_MODES = ("log", "quorum", "any")
"""Reads take a slot; or ask a quorum (``multipaxos.reads``); or are answered by whoever is asked from
its own state, which is *not linearizable*."""


class MultiPaxos(Replica[Message]):
    """See the package. Options: ``batch``, ``pipeline``, ``snapshot_every`` and ``keep`` (slots),
    and ``read``: log, quorum or any.

    Subclasses may agree on other things than a key-value store: ``machine`` is what the commands
    run on, ``served`` are those that clients may ask for, ``reads`` those of them that change
    nothing; ``executed`` and ``restored`` tell what has become of it.
    """

    messages = MESSAGES
    multi_key = True
    sometimes = (CONTESTED, CAUGHT_UP, FILLED, INSTALLED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "batch": (2, 8, 32),
        "pipeline": (2, 4),
        "snapshot_every": (3, 10, 100),
        "keep": (0, 1, 20, 100),
    }
    machine: type[Machine] = KeyValue
    served: Container[str] = COMMANDS
    reads: Container[str] = READS

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.quorums = self.quorums_of(cluster)
        self.batch = self._option("batch", 64)
        self.pipeline = self._option("pipeline", 4)
        self.snapshot_every = self._option("snapshot_every", 1000)
        self.keep = self._option("keep", 1000)
        self.reach = 4 * self.batch * self.pipeline
        """How many slots beyond the chosen prefix an acceptor votes in."""
        self.read_mode = str(cluster.options.get("read", "log"))
        self.questions = Questions(self.quorums)
        self.clients = Clients(capacity=1024, patience=100)
        self.campaign: Campaign | None = None
        self.leadership: Leadership | None = None
        self.following: NodeId | None = None
        self.silence = 0
        """Looks in vain since a sign of life: of the leader, or for a leader of a quorum."""
        self.seen = ZERO
        """The highest ballot that a refusal named."""
        self.known = 0
        """Somebody knows that the slots up to this one are chosen."""
        self.overdue = 0
        """What ``known`` was at the last tick."""
        self.announced = 0
        """The chosen prefix that a leader last told the others."""
        self.incoming = Incoming()

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        cls.quorums_of(cluster)
        if (mode := cluster.options.get("read", "log")) not in READ_MODES:
            raise ValueError(f"read={mode}: it is one of {', '.join(READ_MODES)}")

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        """Whose promises make a leader, and whose votes choose a command."""
        return by_majority(cluster.nodes)

    def _option(self, name: str, default: int) -> int:
        value = int(cast("int | str", self.cluster.options.get(name, default)))
        assert value >= (0 if name == "keep" else 1), f"{name}={value}"
        return value

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.promised = read_as(tuple[int, int], durable.get("promised", ZERO))
        self.campaigned = read_as(tuple[int, int], durable.get("campaigned", ZERO))
        slot, state = cast("tuple[int, Json]", durable.get("snapshot", (0, None)))
        self.snapshot = (slot, state)
        self.store = self.machine.restore(state) if slot else self.machine()
        self.log = Log.load(durable, slot)
        for vote in self.log.since(slot + 1, self.log.chosen):
            self.run(vote.command)
        self.restored()
        rtt = self.cluster.rtt_ms
        self.set_timer("tick", TICK * rtt)
        self.set_timer("watch", WATCH[0] * rtt, WATCH[1] * rtt)

    def on_message(self, src: NodeId, msg: Message) -> None:
        match msg:
            case Accept():
                self.on_accept(src, msg)
            case Accepted():
                self.on_accepted(src, msg)
            case Commit():
                self.learn(msg.ballot, msg.chosen)
            case Forward():
                self.propose(msg.commands)
            case Prepare():
                self.on_prepare(src, msg)
            case Promise():
                self.on_promise(src, msg)
            case Preempted():
                self.on_preempted(msg)
            case Missing():
                self.on_missing(src, msg)
            case Chosen():
                self.on_chosen(src, msg)
            case Snapshot():
                self.on_snapshot(src, msg)
            case Ask():
                self.send(src, Told(msg.request, self.log.last))
            case Told():
                self.questions.told(src, msg.request, msg.slot)
                self.answer_reads()
            case _:
                assert_never(msg)

    def leader(self) -> NodeId | None:
        return self.following

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        command = named(command, self.id, request)
        if command.f not in self.reads and self.store.ran(command):
            self.answer(request, self.store.run(command))
        elif command.f in self.reads and self.read_mode == "any":
            self.answer(request, self.run(command))
        elif command.f not in self.served or not self.clients.add(request, command):
            self.reply(request, "refused: no such command, or too many", ok=False)
        elif command.f in self.reads and self.read_mode == "quorum":
            self.questions.ask(request, command, self.id, self.log.last)
            self.broadcast(Ask(request), self.peers)
            self.answer_reads()
        else:
            self.submit([command])

    def answer_reads(self) -> None:
        """Answer the quorum reads that may be. One that waits for more than a tick, for a lost
        message or for a slot that nobody fills, takes a slot of its own (see ``tick``).
        """
        for command in self.questions.ready(self.log.chosen):
            self.answer(self.clients.pop(command), self.run(command))

    def submit(self, commands: Sequence[Command]) -> None:
        """Get commands of this node's clients proposed, if it is known by whom."""
        if self.leadership is not None:
            self.propose(commands)
        elif self.following is not None:
            for i in range(0, len(commands), self.batch):
                self.send(self.following, Forward(tuple(commands[i : i + self.batch])))

    def answer(self, request: RequestId | None, answer: Answer) -> None:
        """Tell a client, unless all that is known is that its command has long been answered."""
        if request is not None and answer is not OUTDATED:
            self.reply(request, answer.value, ok=answer.ok)

    # --- phase 1 ----------------------------------------------------------------------------------

    def run_for_leader(self) -> None:
        """Lamport 2001, section 2.2, phase 1a: a new ballot, higher than any seen, for all slots
        from the first that is not known to be chosen.
        """
        ballot = self.next_ballot()
        self.following, self.silence = None, 0
        self.campaign = Campaign(ballot, self.log.chosen + 1, 1 << self.id)
        if self.quorums.phase1(self.campaign.voters):
            self.win(self.campaign)
        else:
            self.broadcast(Prepare(ballot, self.log.chosen + 1), self.peers)

    def next_ballot(self) -> Ballot:
        """A ballot that was never used: it is on disk before anybody hears of it."""
        self.campaigned = above(max(self.promised, self.seen, self.campaigned), self.id)
        self.persist("campaigned", self.campaigned)
        return self.campaigned

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        """Lamport 2001, section 2.2, phase 1b. Of two candidates the higher goes on."""
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
        elif self.campaign is not None and msg.ballot < self.campaign.ballot:
            self.send(src, Preempted(self.campaign.ballot))
        elif src == self.following or not self.has_leader():
            if msg.ballot > self.promised:
                self.retire()
                self.promise(msg.ballot)
            self.send(src, self.testimony(msg))

    def refuses(self, ballot: Ballot) -> bool:
        return ballot < self.promised

    def has_leader(self) -> bool:
        """Whether a leader is alive, as far as can be known here (see Departures)."""
        return self.following is not None and self.silence < 2

    def promise(self, ballot: Ballot) -> None:
        self.promised = ballot
        self.persist("promised", ballot)

    def testimony(self, msg: Prepare) -> Promise:
        """Every vote from the Prepare's slot on, those for chosen slots included; of these none if
        they are too many or truncated, since ``chosen`` keeps the candidate off their slots.
        """
        chosen = self.log.chosen
        close = msg.slot > self.log.base and chosen - msg.slot < self.batch
        first = msg.slot if close else chosen + 1
        return Promise(msg.ballot, chosen, tuple(self.log.since(first)))

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        campaign = self.campaign
        if campaign is None or campaign.won or msg.ballot != campaign.ballot:
            return
        campaign.add(src, msg)
        if self.quorums.phase1(campaign.voters):
            self.win(campaign)

    def win(self, campaign: Campaign) -> None:
        """The others' promises and one's own are a quorum."""
        assert not self.refuses(campaign.ballot), (
            "a campaign ends with the promise of a higher ballot"
        )
        campaign.won = True
        self.promise(campaign.ballot)
        for promise in campaign.promises.values():
            self.absorb(promise.votes, promise.chosen)
        self.take_office(campaign)

    def take_office(self, campaign: Campaign) -> None:
        """Lead, as soon as all is known that a promise said to be chosen."""
        if campaign.promises:
            chosen, donor = campaign.donor()
            if self.log.chosen < chosen:
                self.note("sometimes", CAUGHT_UP)
                self.ask(donor)
                return
        first = self.log.chosen + 1
        adopted = self.adopt(chain(self.log.since(first), campaign.votes()))
        proposed = fill(adopted, first)
        if NOOP in proposed:
            self.note("sometimes", FILLED)
        self.leadership = Leadership(
            campaign.ballot,
            first,
            proposed,
            batch=self.batch,
            pipeline=self.pipeline,
            capacity=self.reach,
        )
        self.campaign, self.following, self.silence = None, self.id, 0
        self.note("leader", [list(campaign.ballot), self.id])
        self.announced = self.log.chosen
        self.remind(self.leadership)
        self.propose(self.clients.commands())

    def adopt(self, votes: Iterable[Vote]) -> dict[int, Vote]:
        return highest(votes)

    def on_preempted(self, msg: Preempted) -> None:
        self.seen = max(self.seen, msg.ballot)
        mine = self.leadership or self.campaign
        if mine is not None and msg.ballot > mine.ballot:
            self.note("sometimes", CONTESTED)
            self.retire()

    def retire(self) -> None:
        """Neither lead nor want to; give whoever does a whole time-out to show it."""
        self.leadership = self.campaign = self.following = None
        self.silence = 0

    # --- phase 2 ----------------------------------------------------------------------------------

    def propose(self, commands: Iterable[Command]) -> None:
        lead = self.leadership
        if lead is None:
            return
        for command in commands:
            if command.f in self.reads or not self.store.ran(command):
                lead.enqueue(command)
        self.work(lead)

    def work(self, lead: Leadership) -> None:
        """Lamport 2001, section 2.2, phase 2a for what waits, and learn what has a quorum."""
        self.settle(lead)
        while commands := lead.next_batch(self.log.chosen):
            first = lead.next
            for slot, command in enumerate(commands, first):
                self.vote(slot, lead.ballot, command)
            lead.propose(commands, self.id)
            self.broadcast(Accept(lead.ballot, first, commands, self.log.chosen), self.peers)
            self.announced = self.log.chosen
            self.settle(lead)
        if self.log.chosen > self.announced:
            self.announced = self.log.chosen
            self.broadcast(Commit(lead.ballot, self.log.chosen), self.peers)

    def settle(self, lead: Leadership) -> None:
        while lead.is_chosen(self.log.chosen + 1, self.quorums):
            lead.close(self.log.chosen + 1)
            self.advance()

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Lamport 2001, section 2.2, phase 2b."""
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
            return
        if msg.ballot > self.promised:
            self.promise(msg.ballot)
        if self.following != src:
            self.follow(owner(msg.ballot))
        self.silence = 0
        log, last = self.log, self.log.chosen + self.reach
        count = max(0, min(len(msg.commands), last - msg.first + 1))
        for slot, command in enumerate(msg.commands[:count], msg.first):
            if slot > log.chosen:
                self.vote(slot, msg.ballot, command)
        self.send(src, Accepted(msg.ballot, msg.first, count))
        self.learn(msg.ballot, msg.chosen)

    def follow(self, node: NodeId) -> None:
        self.retire()
        self.following = node
        self.submit(self.clients.commands())

    def vote(self, slot: int, ballot: Ballot, command: Command) -> None:
        self.log.put(Vote(slot, ballot, command))
        self.persist(key_of(slot), Durable(ballot, command, self.log.chosen))

    def on_accepted(self, src: NodeId, msg: Accepted) -> None:
        lead = self.leadership
        if lead is not None and msg.ballot == lead.ballot:
            lead.vote(src, msg.first, msg.count)
            self.work(lead)

    # --- learning and executing -------------------------------------------------------------------

    def learn(self, ballot: Ballot, chosen: int) -> None:
        """The leader of ``ballot`` says that slots up to ``chosen`` are: so are one's own votes of
        that very ballot. Others must be asked for; but a message may just be late, so not yet.
        """
        log = self.log
        while log.chosen < chosen and log.ballot(log.chosen + 1) == ballot:
            self.advance()
        self.known = max(self.known, chosen)

    def advance(self) -> None:
        """The next slot is chosen, and its command is in the log: execute it."""
        log = self.log
        log.chosen += 1
        command = log[log.chosen].command
        self.note("decided", [log.chosen, name_of(command)])
        updates = command.f in self.served and command.f not in self.reads
        first = updates and not self.store.ran(command)
        if first:
            self.note("executed", [command.key, name_of(command)])
        answer = self.run(command)
        self.answer(self.clients.pop(command), answer)
        if first:
            self.executed(command, answer)
        if self.questions:
            self.answer_reads()
        if log.chosen % self.snapshot_every == 0:
            self.compact()

    def run(self, command: Command) -> Answer:
        return self.store.run(command)

    def executed(self, command: Command, answer: Answer) -> None:
        """For subclasses: an update was run here, for the first time, in the order of the log.
        Of those that ran before a restart or came in a snapshot ``restored`` tells.
        """

    def restored(self) -> None:
        """For subclasses: ``store`` is what the disk, or another replica's snapshot, made it."""

    def compact(self) -> None:
        """Chandra 2007, section 5.5: a snapshot, and a log that begins ``keep`` slots before it."""
        slot = self.log.chosen
        self.snapshot = (slot, self.store.snapshot())
        self.persist("snapshot", self.snapshot)
        for old in self.log.truncate(max(self.log.base, slot - self.keep)):
            self.forget(key_of(old))

    # --- catching up ------------------------------------------------------------------------------

    def ask(self, node: NodeId) -> None:
        self.send(node, Missing(self.log.chosen + 1, self.incoming.slot, len(self.incoming.text)))

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        log = self.log
        if msg.slot <= log.base:
            self.send(src, part(*self.snapshot, msg))
        elif msg.slot <= log.chosen:
            last = min(msg.slot + self.batch - 1, log.chosen)
            self.send(src, Chosen(tuple(log.since(msg.slot, last)), log.chosen))

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:
        before = self.log.chosen
        self.absorb(msg.votes, msg.chosen)
        self.known = max(self.known, msg.chosen)
        if self.log.chosen > before:
            self.caught_up(src)

    def absorb(self, votes: Iterable[Vote], chosen: int) -> None:
        """Take over what another replica knows to be chosen. A leader does not: that it lacks any
        means that it was deposed, and it may not change slots beneath its own proposals.
        """
        if self.leadership is not None:
            return
        for vote in votes:
            if vote.slot == self.log.chosen + 1 and vote.slot <= chosen:
                self.vote(vote.slot, vote.ballot, vote.command)
                self.advance()

    def caught_up(self, src: NodeId) -> None:
        """Some was learnt from ``src``: enough to lead, or ask for more."""
        if self.campaign is not None and self.campaign.won:
            self.take_office(self.campaign)
        elif self.log.chosen < self.known:
            self.ask(src)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.slot <= self.log.chosen or self.leadership is not None:
            return
        if not self.incoming.add(msg):
            return
        if self.incoming.complete:
            self.install(msg.slot, loads(self.incoming.text))
            self.caught_up(src)
        else:
            self.ask(src)

    def install(self, slot: int, state: Json) -> None:
        """A snapshot replaces the whole prefix in one step: no crash can come in between."""
        self.note("sometimes", INSTALLED)
        self.incoming = Incoming()
        self.snapshot = (slot, state)
        self.persist("snapshot", self.snapshot)
        self.store = self.machine.restore(state)
        for old in self.log.jump(slot):
            self.forget(key_of(old))
        self.restored()
        for command in self.clients.commands():
            if command.f not in self.reads and self.store.ran(command):
                self.answer(self.clients.pop(command), self.store.run(command))
        self.answer_reads()

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        rtt = self.cluster.rtt_ms
        if timer == "tick":
            self.set_timer("tick", TICK * rtt)
            self.tick()
        else:
            assert timer == "watch", timer
            self.set_timer("watch", WATCH[0] * rtt, WATCH[1] * rtt)
            self.watch()

    def tick(self) -> None:
        """Send again whatever may have been lost since the last tick."""
        campaign = self.campaign
        if self.leadership is not None:
            self.remind(self.leadership)
        elif campaign is not None and campaign.won:
            self.ask(campaign.donor()[1])
        elif campaign is not None:
            unheard = [n for n in self.peers if n not in campaign.promises]
            self.broadcast(Prepare(campaign.ballot, campaign.slot), unheard)
        elif self.following is not None and self.log.chosen < self.overdue:
            self.ask(self.following)
        self.overdue = self.known
        self.submit(self.clients.tick())
        if self.questions:
            self.questions.keep(self.clients.commands())

    def remind(self, lead: Leadership) -> None:
        for peer in self.peers:
            for accept in lead.reminders(peer, self.log.chosen):
                self.send(peer, accept)
        lead.sent_before_tick = lead.next - 1
        self.announced = self.log.chosen

    def watch(self) -> None:
        """Look for signs of life: become a candidate without a leader, resign without followers."""
        self.silence += 1
        lead = self.leadership
        if lead is not None:
            if self.quorums.phase2(lead.alive | 1 << self.id):
                self.silence = 0
            lead.alive = 0
        if self.silence >= 2:
            if lead is not None:
                self.retire()
            else:
                self.run_for_leader()
