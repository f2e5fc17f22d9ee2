"""The replica: acceptor, learner and, when it comes to that, proposer of multi-Paxos."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import ClassVar, assert_never

from protocols.appending import Appending, Forward, Nay, retry_of
from protocols.ballots import owner
from protocols.clients import named
from protocols.handover import LEAD, heir_of
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.leasing import EXPIRE, LEASES, Timekeeper
from protocols.membership import CHANGES, LEAVE, RENEW, first_members
from protocols.multipaxos.candidate import CAUGHT_UP, CONTESTED, FILLED
from protocols.multipaxos.electorate import FOREVER
from protocols.multipaxos.leadership import Campaign, Leadership
from protocols.multipaxos.learner import INSTALLED
from protocols.multipaxos.leases import GRANTED, NOBODY, Lease, margin
from protocols.multipaxos.messages import (
    MESSAGES,
    Accept,
    Accepted,
    Answered,
    Ask,
    Chosen,
    Commit,
    Granted,
    Inquire,
    Lend,
    Message,
    Preempted,
    Prepare,
    Promise,
    Sworn,
    Told,
    Yield,
)
from protocols.multipaxos.verifying import Verifier
from protocols.multipaxos.voters import voter_of
from protocols.pace import pace, watches
from protocols.preferred import preferred
from protocols.rejoining import MEMBERS_STAY, Known, Rejoin, mode_of, refuse_alone
from protocols.statemachine import TIMED_COMMANDS, Answer, KeyValue
from protocols.transfer import Missing, Snapshot
from protocols.verifying import Digest, Restore
from protocols.window import window_of

HEARD_IN_PASSING = (Accept, Commit, Missing, Chosen, Snapshot, Answered, Known, Nay)
"""What a passive replica listens to (``protocols.rejoining``)."""

READ_MODES = ("log", "leader", "quorum", "any")
"""Reads take a slot; or are answered by the leader, which has a lease (``multipaxos.leases``); or by who
is asked, with a quorum's help (``multipaxos.reads``), or as it is, which is *not linearizable*."""


class MultiPaxos(Appending, Verifier):
    """See the package. Options: ``batch``, ``pipeline``, ``snapshot_every`` and ``keep`` (slots),
    ``read``: log, leader, quorum or any, ``thrifty``: true or false, ``leader``: the node that
    is to lead first (``protocols.preferred``), ``members``: how many of the nodes are members at first,
    ``alpha``: in how many slots a change of these takes effect, ``rejoin``: no, passive or force,
    ``verify``: after how many slots replicas compare their states, ``dilation``: by how many per cent a
    lease is shorter for its holder, ``heartbeat`` and ``patience``: round trips (``pace``),
    ``voter``: steady or lax (``multipaxos.voters``), ``retry``: tick, backoff or never
    (``protocols.appending``), ``window``: fixed or adaptive, and ``reserve``: how much of it is for the
    leader's own entries (``protocols.window``).

    Subclasses may agree on other things than a key-value store: ``machine`` is what the commands
    run on, ``served`` are those that clients may ask for, ``reads`` those of them that change
    nothing; ``executed`` and ``restored`` tell what has become of it. ``urgent`` are those that others wait
    for, and that go first (``protocols.window``).
    """

    messages = MESSAGES
    commands = tuple(sorted(TIMED_COMMANDS))
    multi_key = True
    changes_members = True
    urgent: Container[str] = frozenset({*CHANGES, RENEW, EXPIRE})
    sometimes = (CONTESTED, CAUGHT_UP, FILLED, INSTALLED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "batch": (1, 2, 8, 32),
        "pipeline": (1, 2, 4),
        "snapshot_every": (3, 10, 100),
        "keep": (0, 1, 20, 100),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.thrifty = cluster.truth("thrifty", default=False)
        self.read_mode = str(cluster.options.get("read", "log"))
        self.preferred = preferred(cluster)
        self.lease = Lease(self.quorums, id, margin(cluster), pace(cluster)[0])
        """What it holds as a leader."""
        self.tick_ms, self.watch_ms = pace(cluster)[0] * cluster.rtt_ms, watches(cluster)
        self.timekeeper = Timekeeper(self.tick_ms)
        self.timed = LEASES if issubclass(self.machine, KeyValue) else frozenset[str]()
        self.overdue = 0
        """What ``known`` was at the last tick."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        quorums = cls.quorums_of(cluster)
        if mode_of(cluster) == "passive":
            refuse_alone(quorums, cluster.nodes)
        if cls.changes_members:
            first_members(cluster)
        cluster.truth("thrifty", default=False)
        preferred(cluster)
        margin(cluster)
        voter_of(cluster, cls.voters)
        pace(cluster)
        retry_of(cluster)
        window_of(cluster, cluster.number("pipeline", 4))
        if (mode := cluster.options.get("read", "log")) not in READ_MODES:
            raise ValueError(f"read={mode}: it is one of {', '.join(READ_MODES)}")

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.load(durable)
        if self.read_mode == "leader":
            self.keep_still(NOBODY)  # it may have granted a lease before it went down
        self.set_timer("tick", self.tick_ms)
        self.set_timer("watch", *self.watch_ms)
        if self.preferred == self.id and not durable:
            self.run_for_leader()  # whoever has a leader by now does not listen

    def on_message(self, src: NodeId, msg: Message) -> None:
        if self.back is not None and not isinstance(msg, HEARD_IN_PASSING):
            return
        if type(msg) is Accept:  # these four are nearly all, and patterns take their time
            self.on_accept(src, msg)
        elif type(msg) is Accepted:
            self.on_accepted(src, msg)
        elif type(msg) is Commit:
            self.learn(msg.ballot, msg.chosen)
        elif type(msg) is Forward:
            self.on_forward(src, msg)
        else:
            self.on_rare_message(src, msg)

    def on_rare_message(self, src: NodeId, msg: Message) -> None:
        match msg:
            case Accept() | Accepted() | Commit() | Forward():
                raise AssertionError(f"{msg} is not rare")
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
            case Yield():
                self.on_yield(src, msg)
            case Nay():
                self.on_nay(msg)
            case Ask():
                self.send(src, Told(msg.request, self.log.last))
            case Told():
                self.questions.told(src, msg.request, msg.slot)
                self.answer_reads()
            case Lend():
                self.on_lend(src, msg)
            case Granted():
                self.lease.granted(src, msg.ballot, msg.number)
            case Inquire():
                self.on_inquire(src, msg)
            case Rejoin():
                self.on_rejoin(src, msg)
            case Known():
                self.on_known(src, msg)
            case Sworn():
                self.on_sworn(src, msg)
            case Digest():
                self.compare(src, msg.slot, msg.value)
            case Restore():
                self.on_restore(src, msg)
            case Answered():
                if self.clients.waits(msg.request, msg.command):
                    self.answer(self.clients.pop(msg.command), Answer(msg.value, msg.ok))
            case _:
                assert_never(msg)

    # --- clients ----------------------------------------------------------------------------------

    @classmethod
    def hands_over(cls, cluster: Cluster) -> bool:
        """Not where leaders have leases: grantors keep still for whoever has the last one."""
        return cluster.options.get("read", "log") != "leader"

    def on_request(self, request: RequestId, command: Command) -> None:
        command = named(command, self.id, request)
        if self.ejected:  # whoever waits is answered when there is a state again
            if self.clients.add(request, command):
                self.submit([command])
        elif self.rejoining == "passive" and command.f in CHANGES and not self.renews:
            self.reply(request, MEMBERS_STAY, ok=False)
        elif command.f == LEAD and not self.hands_over(self.cluster):
            self.reply(request, "refused: leadership is not handed over", ok=False)
        elif command.f == LEAD or (self.changes_members and command.f in CHANGES):
            self.submit([command])
            self.reply(request, None)
        elif command.f not in self.reads and self.store.ran(command):
            self.answer(request, self.store.run(command))
        elif self.out and self.following is None:
            self.reply(request, "refused: not a member", ok=False)
        elif command.f in self.reads and self.read_mode == "any":
            self.answer(request, self.run(command))
        elif command.f not in self.served or not self.clients.add(request, command):
            self.reply(request, "refused: no such command, or too many", ok=False)
        elif command.f in self.reads and self.read_mode == "quorum" and self.back is None:
            self.questions.ask(request, command, self.id, self.log.last)
            self.broadcast(Ask(request), self.peers)
            self.answer_reads()
        elif command.f in self.reads and self.read_mode == "leader":
            self.inquire(request, command)
        else:
            self.submit_first(request, command)

    # --- leases -----------------------------------------------------------------------------------

    def inquire(self, request: RequestId, command: Command) -> None:
        """Have a read answered by the leader. What is lost on the way is sent again as a command for
        the log (see ``tick``), as are all reads where there is no lease.
        """
        if self.leadership is not None:
            self.on_inquire(self.id, Inquire(request, command))
        elif self.following is not None:
            self.send(self.following, Inquire(request, command))

    def on_inquire(self, src: NodeId, msg: Inquire) -> None:
        lead = self.leadership
        if lead is None or not self.may_answer(lead):
            self.propose([msg.command])
            return
        answer = self.run(msg.command)
        if src == self.id:
            self.answer(self.clients.pop(msg.command), answer)
        else:
            self.send(src, Answered(msg.request, msg.command, answer.value, answer.ok))

    def may_answer(self, lead: Leadership) -> bool:
        """Whether no other can lead now, and all is executed here that was ever told a client."""
        return self.log.chosen >= lead.adopted and self.lease.good(lead.ballot)

    def lend(self, lead: Leadership) -> None:
        """Ask for a lease. Its time begins before anybody is asked."""
        number = self.lease.ask(lead.ballot)
        self.set_timer(self.lease.timer(number), self.lease.held * self.cluster.rtt_ms)
        self.broadcast(Lend(lead.ballot, number), self.peers)

    def on_lend(self, src: NodeId, msg: Lend) -> None:
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
        elif self.bound in (None, src):
            if self.following != src:
                self.follow(src)
            self.keep_still(src)
            self.send(src, Granted(msg.ballot, msg.number))

    def keep_still(self, holder: NodeId) -> None:
        """Take part in no phase 1 but that of ``holder``, for as long as a grant is."""
        self.bound = holder
        self.set_timer("grant", GRANTED * self.cluster.rtt_ms)

    # --- leases of clients ------------------------------------------------------------------------

    def take_office(self, campaign: Campaign) -> None:
        if isinstance(self.store, KeyValue):
            self.timekeeper.begin(self.store.leases.clock)
        super().take_office(campaign)

    def keep_time(self) -> None:
        """A tick of the leader: it is later now, and some leases may be over (``protocols.leasing``)."""
        self.timekeeper.tick()
        if isinstance(self.store, KeyValue) and self.store.leases.held:
            self.propose(list(self.timekeeper.expiries(self.store.leases)))

    # --- phase 2 ----------------------------------------------------------------------------------

    @property
    def leads(self) -> bool:
        return self.leadership is not None

    def propose(self, commands: Iterable[Command]) -> None:
        if self.leadership is not None:
            self.take_in(commands)

    def take_in(self, commands: Iterable[Command]) -> Sequence[Command]:
        lead = self.leadership
        assert lead is not None
        refused = self.admit(lead, commands)
        self.work(lead)
        return refused

    def admit(self, lead: Leadership, commands: Iterable[Command]) -> list[Command]:
        """Let these wait for a slot; those that cannot, since too many do, are returned."""
        refused: list[Command] = []
        for command in commands:
            if command.f == LEAD:
                lead.hand_to(heir_of(command), self.peers)
            elif command.f == LEAVE and self.renews and not self.would_last(lead, command):
                continue  # it will be asked for again
            elif lead.heir is not None:
                refused.append(command)
            elif command.f in self.reads or not self.store.ran(command):
                asked = self.timekeeper.stamp(command) if command.f in self.timed else command
                if not lead.enqueue(asked, own=command.f in self.urgent):
                    refused.append(command)
        return refused

    def work(self, lead: Leadership) -> None:
        """Lamport 2001, section 2.2, phase 2a for what waits, and learn what has a quorum."""
        self.settle(lead)
        while commands := self.next_batch(lead):
            first = lead.next
            for slot, command in enumerate(commands, first):
                self.vote(slot, lead.ballot, command)
            lead.propose(commands, self.id)
            self.broadcast(Accept(lead.ballot, first, commands, self.log.chosen), lead.audience)
            self.tell_others(lead)
            self.settle(lead)
        if self.log.chosen > self.announced:
            self.broadcast(Commit(lead.ballot, self.log.chosen), lead.audience)
            self.tell_others(lead)
        if self.out:
            self.retire()
        elif lead.heir is not None and lead.is_idle():
            self.hand_over(lead, lead.heir)

    def hand_over(self, lead: Leadership, heir: NodeId) -> None:
        """``protocols.handover``: all that was proposed is chosen."""
        self.retire()
        self.send(heir, Yield(lead.ballot))

    def next_batch(self, lead: Leadership) -> tuple[Command, ...]:
        self.hasten(lead)
        return lead.next_batch(self.log.chosen, self.horizon(lead))

    def tell_others(self, lead: Leadership) -> None:
        """What is chosen was announced. Who did not vote for it is told what it is."""
        before, self.announced = self.announced, self.log.chosen
        if len(lead.audience) < len(self.peers) and before < self.announced:
            news = Chosen(tuple(self.log.since(before + 1, self.announced)), self.announced)
            self.broadcast(news, [peer for peer in self.peers if peer not in lead.audience])

    def chosen_audience(self, lead: Leadership) -> tuple[NodeId, ...]:
        """All; with ``thrifty`` (Moraru 2013, section 6.1; Paxi) no more than a quorum of phase 2, if one
        has answered since the last tick. All are reminded, a tick later, of what is open still.
        """
        mask = 1 << self.id
        if not self.thrifty or not self.quorums.phase2(mask | lead.heard):
            return self.peers
        some: list[NodeId] = []
        for peer in self.peers:
            if lead.heard >> peer & 1 and not self.quorums.phase2(mask):
                some.append(peer)
                mask |= 1 << peer
        return tuple(some)

    def settle(self, lead: Leadership) -> None:
        while lead.is_chosen(self.log.chosen + 1, self.quorums_at(self.log.chosen + 1)):
            lead.close(self.log.chosen + 1)
            self.advance()

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Lamport 2001, section 2.2, phase 2b."""
        if self.back is not None:
            self.look_on(src, msg)
            return
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
            return
        if msg.ballot > self.promised:
            self.promise(msg.ballot)
        if self.following != src:
            self.follow(owner(msg.ballot))
        self.silence = 0
        log, commands = self.log, msg.commands
        within = log.chosen + self.reach - msg.first + 1
        if len(commands) > within:
            commands = commands[: max(0, within)]
        for slot, command in enumerate(commands, msg.first):
            if slot > log.chosen:
                self.vote(slot, msg.ballot, command)
        self.send(src, Accepted(msg.ballot, msg.first, len(commands)))
        self.learn(msg.ballot, msg.chosen)

    def look_on(self, src: NodeId, msg: Accept) -> None:
        """A passive replica follows, and casts no vote."""
        if self.following != src:
            self.follow(src)
        self.silence = 0
        self.learn(msg.ballot, msg.chosen)

    def follow(self, node: NodeId) -> None:
        self.retire()
        self.following = node
        self.submit(self.clients.again())

    def on_accepted(self, src: NodeId, msg: Accepted) -> None:
        lead = self.leadership
        if lead is None or msg.ballot != lead.ballot:
            return
        if lead.vote(src, msg.first, msg.count):
            self.work(lead)

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        if timer == "tick":
            self.set_timer("tick", self.tick_ms)
            self.tick()
        elif timer == "watch":
            self.set_timer("watch", *self.watch_ms)
            self.watch()
        elif timer == "grant":
            self.bound = None
        else:
            self.lease.ran_out(timer)

    def tick(self) -> None:
        """Send again whatever may have been lost since the last tick."""
        if self.back is not None:
            self.ask_back(self.back)
        if self.ejected:
            self.ask_state()
        campaign = self.campaign
        if self.leadership is not None:
            self.keep_time()
            self.remind(self.leadership)
        elif campaign is not None and campaign.won:
            self.ask(campaign.donor()[1])
        elif campaign is not None:
            unheard = [n for n in self.peers if n not in campaign.promises]
            self.broadcast(campaign.prepare(campaign.slot), unheard)
        elif self.following is not None and self.log.chosen < self.overdue:
            self.ask(self.following)
        waiting = self.clients.tick()
        if self.log.chosen >= self.overdue:  # else they may be among what is lacked here
            self.submit(waiting)
        self.overdue = self.known
        if self.questions:
            self.questions.keep(self.clients.commands())

    def remind(self, lead: Leadership) -> None:
        if self.electorate is not None and lead.covered < FOREVER:
            self.look_ahead(self.electorate, lead)
        lead.audience, lead.heard = self.chosen_audience(lead), 0
        if self.read_mode == "leader":
            self.lend(lead)
        for peer in self.peers:
            for accept in lead.reminders(peer, self.log.chosen):
                self.send(peer, accept)
        lead.tick()
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
            if lead is not None or self.back is not None:
                self.retire()
            elif self.bound in (None, self.id):
                self.run_for_leader()
