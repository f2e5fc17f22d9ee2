"""The replica: follower and, when it comes to that, leader of Raft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, assert_never

from protocols.appending import (
    FULL,
    NOBODY,
    NOT_LEADING,
    Appending,
    Forward,
    Nay,
    retry_of,
)
from protocols.clients import name, named
from protocols.handover import LEAD, heir_of
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.leasing import EXPIRE, LEASES, Timekeeper
from protocols.membership import CHANGES, first_members
from protocols.pace import pace, watches
from protocols.preferred import preferred
from protocols.raft.candidate import CONTESTED
from protocols.raft.leadership import Leadership
from protocols.raft.log import Entry
from protocols.raft.messages import (
    MESSAGES,
    Appended,
    AppendEntries,
    Commit,
    Conflict,
    Copied,
    Installing,
    InstallSnapshot,
    Message,
    ReadAt,
    ReadIndex,
    Refused,
    RequestVote,
    Sworn,
    TimeoutNow,
    Unread,
    Vote,
)
from protocols.raft.server import INSTALLED, OVERWRITTEN
from protocols.raft.verifying import Verifier
from protocols.rejoining import MEMBERS_STAY, Known, Rejoin, mode_of
from protocols.statemachine import READS, TIMED_COMMANDS
from protocols.transfer import Missing, Snapshot, part
from protocols.verifying import Digest, Restore
from protocols.window import window_of
from protocols.wire import loads

WENT_BACK = "a leader went back in a follower's log"

READ_MODES = ("index", "lease", "log")
"""Reads ask a majority for a heartbeat; or not even that while the leader has a lease; or take an
entry in the log."""


class Raft(Appending, Verifier):
    """See the package. Options: ``batch``, ``pipeline``, ``snapshot_every`` and ``keep`` (entries),
    ``heartbeat`` and ``patience``: round trips (``protocols.pace``), ``leader``: who is to lead first,
    ``verify``: after how many entries states are compared, ``read``: index, lease or log, ``members``: how many of the nodes are members at first,
    ``rejoin``: no, passive or force (``protocols.rejoining``), ``retry``: tick, backoff or never
    (``protocols.appending``), ``window``: fixed or adaptive, and ``reserve``: how much of it is for the
    ends of clients' leases (``protocols.window``).
    """

    messages = MESSAGES
    commands = tuple(sorted(TIMED_COMMANDS))
    multi_key = True
    changes_members = True
    sometimes = (CONTESTED, OVERWRITTEN, WENT_BACK, INSTALLED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "batch": (2, 8, 32),
        "pipeline": (2, 4),
        "snapshot_every": (3, 10, 100),
        "keep": (0, 1, 20, 100),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.pipeline = self.cluster.number("pipeline", 4)
        self.announced = 0
        """The commitIndex that a leader last told the others."""
        self.preferred = preferred(cluster)
        self.tick_ms, self.watch_ms = pace(cluster)[0] * cluster.rtt_ms, watches(cluster)
        self.timekeeper = Timekeeper(self.tick_ms)

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        if (mode := cluster.options.get("read", "index")) not in READ_MODES:
            raise ValueError(f"read={mode}: it is one of {', '.join(READ_MODES)}")
        first_members(cluster)
        mode_of(cluster)
        pace(cluster)
        preferred(cluster)
        retry_of(cluster)
        window_of(cluster, cluster.number("pipeline", 4))

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.load(durable)
        self.set_timer("tick", self.tick_ms)
        self.set_timer("watch", *self.watch_ms)
        if self.preferred == self.id and not durable:
            self.stand()  # whoever has a leader by now does not listen

    def on_message(self, src: NodeId, msg: Message) -> None:
        match msg:
            case AppendEntries():
                self.on_append_entries(src, msg)
            case Appended():
                self.on_appended(src, msg)
            case Commit():
                self.on_commit(src, msg)
            case Forward():
                self.on_forward(src, msg)
            case Nay():
                self.on_nay(msg)
            case ReadIndex():
                self.on_read_index(src, msg.request)
            case ReadAt():
                self.on_read_at(msg)
            case Unread():
                self.on_unread(msg)
            case Conflict():
                self.on_conflict(src, msg)
            case RequestVote():
                self.on_request_vote(src, msg)
            case Vote():
                self.on_vote(src, msg)
            case Refused():
                self.observe(msg.term)
            case InstallSnapshot():
                self.on_install_snapshot(src, msg)
            case Installing():
                self.on_installing(src, msg)
            case TimeoutNow():
                self.on_timeout_now(src, msg)
            case Copied():
                self.on_copied(src, msg)
            case Sworn():
                self.on_sworn(src, msg)
            case Rejoin():
                self.on_rejoin(src, msg)
            case Known():
                self.on_known(src, msg)
            case Digest():
                self.compare(src, msg.slot, msg.value)
            case Restore():
                self.on_restore(src, msg)
            case Snapshot():
                self.on_gift(msg)
            case _:
                assert_never(msg)

    # --- the leader (sections 5.3, 5.4.2) ---------------------------------------------------------

    def lead(self) -> None:
        """Become the leader of this term, with a no-op for its first entry."""
        lead = Leadership(
            self.term,
            self.log.last,
            self.peers,
            window_of(self.cluster, self.pipeline),
            batch=self.batch,
            capacity=4 * self.batch * self.pipeline,
        )
        lead.votes = bool(self.voters >> self.id & 1)
        self.leadership, self.campaign, self.following, self.silence = lead, None, self.id, 0
        self.note("leader", [self.term, self.id])
        self.announced = self.log.commit
        self.timekeeper.begin(self.store.leases.clock)
        self.begin_lease(lead)
        self.work(lead)
        self.resume()

    @property
    def leads(self) -> bool:
        return self.leadership is not None

    def propose(self, commands: Iterable[Command]) -> None:
        if self.leadership is not None:
            self.take_in(commands)

    def take_in(self, commands: Iterable[Command]) -> Sequence[Command]:
        lead = self.leadership
        assert lead is not None
        refused: list[Command] = []
        for command in commands:
            if command.f == LEAD:
                lead.hand_to(heir_of(command))
            elif lead.heir is not None:
                refused.append(command)  # it is for the next leader
            elif command.f in CHANGES:
                self.change(lead, command)
            elif command.f in READS or not self.store.ran(command):
                asked = self.timekeeper.stamp(command) if command.f in LEASES else command
                if not lead.enqueue(asked, own=command.f == EXPIRE):
                    refused.append(command)
        self.work(lead)
        return refused

    def work(self, lead: Leadership) -> None:
        """Commit what a majority has, append what waits, and tell the followers of both."""
        self.settle(lead)
        while commands := lead.next_batch(self.log.commit, self.log.last):
            self.append([Entry(lead.term, command) for command in commands])
            lead.round += 1
            self.replicate(lead, lead.followers)
            self.announced = self.log.commit
            self.settle(lead)
        if self.log.commit > self.announced:
            self.announced = self.log.commit
            self.broadcast(Commit(lead.term, self.log.commit), lead.followers)
        self.answer_questions(lead)
        if not lead.votes and self.is_out():
            self.step_down()
        elif lead.heir is not None and lead.heir_has(self.log.last):
            self.hand_over(lead, lead.heir)

    @classmethod
    def hands_over(cls, cluster: Cluster) -> bool:  # noqa: ARG003  whatever its options are
        return True

    def hand_over(self, lead: Leadership, heir: NodeId) -> None:
        """Dissertation, section 3.10. It is no leader, and has no lease, before another can be one."""
        self.step_down()
        self.send(heir, TimeoutNow(lead.term))

    def settle(self, lead: Leadership) -> None:
        """Figure 2, the last of the rules for leaders, and figure 8: entries of older terms are
        committed with one of this term, never by being counted.
        """
        index = lead.match_of(self.majority, self.log.last)
        if self.may_commit(lead, index):
            while self.log.commit < index and not self.ejected:
                lead.passed(self.log[self.log.commit + 1].command)
                self.advance()

    def may_commit(self, lead: Leadership, index: int) -> bool:
        return index >= lead.first

    def replicate(self, lead: Leadership, nodes: Iterable[NodeId]) -> None:
        """Send these followers what they lack, as far as there is room on the way to them."""
        made: dict[int, AppendEntries] = {}  # one message for all who want the same
        for node in nodes:
            follower = lead.followers[node]
            while follower.next <= self.log.last and follower.has_room(self.pipeline):
                if follower.next <= self.log.base:
                    follower.put_snapshot()
                    self.send_snapshot(node, Missing(follower.next))
                    break
                msg = made.get(follower.next) or self.entries_from(lead, follower.next)
                made[follower.next] = msg
                self.send(node, msg)
                follower.put(len(msg.entries))

    def entries_from(self, lead: Leadership, index: int) -> AppendEntries:
        log = self.log
        entries = log.since(index, self.batch)
        return AppendEntries(
            lead.term, index - 1, log.term(index - 1), entries, log.commit, lead.round
        )

    def beat(self, lead: Leadership, nodes: Iterable[NodeId]) -> None:
        """Heartbeats: after an entry that a follower is known to have, so that none is refused
        because it overtook another message.
        """
        log, made = self.log, dict[int, AppendEntries]()
        for node in nodes:
            match = lead.followers[node].match
            at, term = (match, log.term(match)) if match >= log.base else (0, 0)
            if at not in made:
                made[at] = AppendEntries(lead.term, at, term, (), log.commit, lead.round)
            self.send(node, made[at])

    def on_appended(self, src: NodeId, msg: Appended) -> None:
        lead = self.answered(src, msg.term, msg.round)
        if lead is None:
            return
        follower = lead.followers[src]
        counts, follower.passive = follower.passive, False  # what it copied does from now on
        if follower.matched(msg.match) or counts:
            self.teach(lead, src)
            self.work(lead)
            self.replicate(lead, [src])
        else:
            self.answer_questions(lead)

    def answered(self, src: NodeId, term: int, round: int) -> Leadership | None:
        """A follower has answered; the leadership, if it is the one that was answered."""
        self.observe(term)
        lead = self.leadership
        if lead is None or term != lead.term:
            return None
        follower = lead.followers.get(src)
        if follower is None:
            return None
        follower.answered = max(follower.answered, round)
        lead.alive |= 1 << src
        return lead

    def on_conflict(self, src: NodeId, msg: Conflict) -> None:
        """Go back in the follower's log, by a whole term (section 5.3): to the leader's own last
        entry of the conflicting term, or before all that the follower has of it.
        """
        lead = self.answered(src, msg.term, msg.round)
        if lead is None:
            return
        follower = lead.followers[src]
        if follower.passive and msg.first <= follower.match:  # it was passive in a former life, too
            self.write_anew(lead, src, 0)
            self.replicate(lead, [src])
        elif follower.expected(msg.prev_index):
            self.note("sometimes", WENT_BACK)
            last = self.log.last_until_term(msg.other) if msg.other else 0
            same = last > self.log.base and self.log.term(last) == msg.other
            follower.go_back(min(last + 1, msg.prev_index) if same else msg.first)
            self.replicate(lead, [src])
        self.answer_questions(lead)

    # --- the follower (section 5.3) ---------------------------------------------------------------

    def on_append_entries(self, src: NodeId, msg: AppendEntries) -> None:
        """Figure 2, the receiver's steps 1 to 5."""
        if msg.term < self.term:
            self.send(src, Refused(self.term))
            return
        self.hear(src, msg.term)
        log = self.log
        if not log.matches(msg.prev_index, msg.prev_term):
            self.decline(src, self.conflict(msg))
            return
        self.take(msg.prev_index + 1, msg.entries)
        match = self.shown_to_match(msg)
        self.matched = max(self.matched, match)
        self.acknowledge(src, match, msg.round)
        self.learn(msg.commit)

    def shown_to_match(self, msg: AppendEntries) -> int:
        """Up to where the log is the leader's now; of what comes after it nothing is known."""
        return msg.prev_index + len(msg.entries)

    def hear(self, src: NodeId, term: int) -> None:
        """The leader of a term that is not over has spoken: there is but one (Election Safety)."""
        self.observe(term)
        if self.following != src:
            self.step_down()
            self.following, self.cautious = src, False
            self.resume()
        self.silence = 0

    def conflict(self, msg: AppendEntries) -> Conflict:
        """Where the leader may go back to (section 5.3)."""
        log, at = self.log, msg.prev_index
        if at > log.last:
            return Conflict(self.term, at, 0, log.last + 1, msg.round)
        return Conflict(self.term, at, log.term(at), log.first_of_term(at), msg.round)

    def on_commit(self, src: NodeId, msg: Commit) -> None:
        if msg.term == self.term and src == self.following:
            self.learn(msg.index)

    # --- snapshots (section 7) --------------------------------------------------------------------

    def send_snapshot(self, node: NodeId, missing: Missing) -> None:
        index, *rest = self.snapshot
        self.send(node, InstallSnapshot(self.term, part(index, rest, missing)))

    def on_installing(self, src: NodeId, msg: Installing) -> None:
        lead = self.answered(src, msg.term, 0)
        if lead is not None and lead.followers[src].next <= self.log.base:
            lead.followers[src].waited = False
            self.send_snapshot(src, msg.missing)

    def on_install_snapshot(self, src: NodeId, msg: InstallSnapshot) -> None:
        """Figure 13. A first part that comes again asks where this server is."""
        if msg.term < self.term:
            self.send(src, Refused(self.term))
            return
        self.hear(src, msg.term)
        slot, new = msg.part.slot, self.is_news(msg.part.slot)
        if new and not self.incoming.add(msg.part) and msg.part.offset:
            return
        if new and self.incoming.complete:
            self.install(slot, *loads(self.incoming.text))
        if self.log.commit >= slot:
            self.matched = max(self.matched, slot)
            self.acknowledge(src, slot, 0)
        else:
            so_far = self.incoming
            self.send(src, Installing(self.term, Missing(slot, so_far.slot, len(so_far.text))))

    # --- clients (section 8; dissertation, chapter 6) ---------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        command = named(command, self.id, request)
        if self.rejoining == "passive" and command.f in CHANGES and not self.renews:
            self.reply(request, MEMBERS_STAY, ok=False)
        elif command.f in CHANGES or command.f == LEAD:
            self.submit([command])
            self.reply(request, None)
        elif self.ejected:  # whoever waits is answered when there is a state again
            if self.clients.add(request, command):
                self.submit([command])
        elif command.f not in READS and self.store.ran(command):
            self.answer(request, self.store.run(command))
        elif self.is_out() and self.following is None:
            self.reply(request, "refused: not a member", ok=False)
        elif command.f not in TIMED_COMMANDS or not self.clients.add(request, command):
            self.reply(request, "refused: no such command, or too many", ok=False)
        elif not self.takes_no_entry(command):
            self.submit_first(request, command)
        elif self.following is None and self.retry == "never":
            self.refuse(request, command, NOBODY)
        else:
            self.reads.begin(request, command)
            self.ask_index(request)

    def takes_no_entry(self, command: Command) -> bool:
        return command.f in READS and self.read_mode != "log"

    def resume(self) -> None:
        """There is a leader, maybe another one: ask it for all that clients wait for."""
        self.ask_again(self.clients.again())

    def ask_again(self, commands: Sequence[Command]) -> None:
        self.submit([c for c in commands if not self.takes_no_entry(c)])
        for request in self.reads.unasked(commands):
            self.ask_index(request)

    # --- reads (dissertation, section 6.4) --------------------------------------------------------

    def ask_index(self, request: RequestId) -> None:
        if self.leadership is not None:
            self.on_read_index(self.id, request)
        elif self.following is not None:
            self.send(self.following, ReadIndex(request))

    def on_read_index(self, src: NodeId, request: RequestId) -> None:
        lead = self.leadership
        if lead is not None and lead.questions.add(lead.round + 1, src, request):
            self.answer_questions(lead)
        elif self.retry != "tick":
            self.send(src, Unread(request, NOT_LEADING if lead is None else FULL))

    def answer_questions(self, lead: Leadership) -> None:
        """Steps 1 to 3: not before an entry of this term is committed, since until then the leader
        may not know what is; and not before a majority has answered a round begun since. The next
        round begins when none is under way.
        """
        if not lead.questions or not self.knows_commit(lead):
            return
        confirmed = self.confirmed(lead)
        if self.has_lease(lead, confirmed):
            ready = lead.questions.pop_all()
        else:
            ready = lead.questions.pop(confirmed)
        for src, request in ready:
            if src == self.id:
                self.reads.told(request, self.log.commit)
            else:
                self.send(src, ReadAt(request, self.log.commit))
        self.answer_reads()
        if lead.questions and confirmed >= lead.round:
            lead.round += 1
            self.beat(lead, lead.followers)
            if self.confirmed(lead) >= lead.round:
                self.answer_questions(lead)

    def knows_commit(self, lead: Leadership) -> bool:
        return self.log.commit >= lead.first

    def confirmed(self, lead: Leadership) -> int:
        return lead.confirmed(self.majority)

    def on_unread(self, msg: Unread) -> None:
        """A read has no effect, so one that was not taken is refused for certain, unlike a command."""
        command = self.reads.unread(msg.request)
        if command is None:
            return
        if self.retry == "never":
            if self.clients.waits(msg.request, command):
                self.refuse(msg.request, command, msg.why)
        elif msg.why == NOT_LEADING:
            self.clients.begin_anew(name(command))

    def on_read_at(self, msg: ReadAt) -> None:
        self.reads.told(msg.request, msg.index)
        self.answer_reads()

    def begin_lease(self, lead: Leadership) -> None:
        lead.round += 1
        lead.lease_round, lead.lease_ms = lead.round, self.now_ms

    def has_lease(self, lead: Leadership, confirmed: int) -> bool:
        """Section 6.4.1: a majority answered the round that began at the last tick, so it votes for
        nobody for 8 round trips since, and the next tick comes after 5. The wall clock is asked as
        well, since a process that was paused may read before its timer fires.
        """
        return (
            self.read_mode == "lease"
            and confirmed >= lead.lease_round
            and 0 <= self.now_ms - lead.lease_ms < self.tick_ms
        )

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        if timer == "tick":
            self.set_timer("tick", self.tick_ms)
            self.tick()
        else:
            assert timer == "watch", timer
            self.set_timer("watch", *self.watch_ms)
            self.watch()

    def tick(self) -> None:
        """Heartbeats, and send again whatever may have been lost since the last tick."""
        if self.back is not None:
            self.ask_back(self.back)
        if self.ejected:
            self.ask_state()
        if self.leadership is not None:
            self.keep_time()
            self.remind(self.leadership)
        elif self.campaign is not None:
            self.canvass(self.campaign)
        self.ask_again(self.clients.tick())
        if self.reads:
            self.reads.keep(self.clients.commands())

    def keep_time(self) -> None:
        """It is later now, and some leases of clients may be over (``protocols.leasing``)."""
        self.timekeeper.tick()
        if self.store.leases.held:
            self.propose(list(self.timekeeper.expiries(self.store.leases)))

    def remind(self, lead: Leadership) -> None:
        self.begin_lease(lead)
        lead.tick(self.log.commit, self.log.last)
        for follower in lead.followers.values():
            follower.tick()
        self.look_after(lead)
        self.beat(lead, lead.followers)
        self.replicate(lead, lead.followers)
        self.announced = self.log.commit
        self.answer_questions(lead)

    def watch(self) -> None:
        """Election time-out (section 5.2); and a leader that a majority does not answer steps down
        (dissertation, section 6.2).
        """
        self.silence += 1
        lead = self.leadership
        if lead is not None:
            if self.is_majority(lead.alive | 1 << self.id):
                self.silence = 0
            lead.alive = 0
        if self.silence >= 2:
            if lead is not None:
                self.step_down()
            else:
                self.stand()
