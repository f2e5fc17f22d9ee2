"""One EPaxos replica: the commit protocol, and the state that recovery and catching up work on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import ClassVar, assert_never

from protocols.ballots import ZERO, Ballot
from protocols.epaxos.batching import QUEUE, TOGETHER, Asked, concerned, members, title, together
from protocols.epaxos.catchup import CatchUp
from protocols.epaxos.execution import Executor
from protocols.epaxos.instances import (
    ACCEPTED,
    COMMITTED,
    EXECUTED,
    PREACCEPTED,
    UNKNOWN,
    Instance,
    Instances,
)
from protocols.epaxos.messages import (
    Accept,
    AcceptOk,
    Ask,
    Commit,
    Deps,
    Frontier,
    Heard,
    HeldKnown,
    Install,
    InstanceId,
    Learned,
    Msg,
    PreAccept,
    PreAcceptOk,
    Recover,
    RecoverOk,
    Refused,
    Sworn,
    Timed,
    TimedOk,
    Validate,
    ValidateOk,
    Waiting,
)
from protocols.epaxos.pace import Acceptance, Pace, Proposal
from protocols.epaxos.recoverer import Recoverer
from protocols.epaxos.recovery import Choice, Examine, decide, fast_quorum, sizes
from protocols.epaxos.rejoining import HEARD_IN_PASSING, Returning, refuse_few
from protocols.epaxos.sometimes import FINISHED_AS_NOOP, RECOVERED, SLOW, SOMETIMES
from protocols.epaxos.timed import Queue
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.rejoining import Rejoin
from protocols.statemachine import OUTDATED, READS, KeyValue, name_of


class EPaxos(Returning):
    """A replica that leads its own clients' commands (see the package).

    Options: ``checkpoint_every`` and ``retain``, in executed instances; ``batch``, the most commands
    in an instance; ``fast_quorum``, how many must agree on the fast path where that is to be more than
    need be; ``patient``, whether phase 2 waits while a fast quorum may still come together; ``toq``:
    commands are opened at the same time everywhere (``timed``); ``rejoin``: no, passive or force
    (``rejoining``).
    """

    messages = (
        PreAccept,
        PreAcceptOk,
        Timed,
        TimedOk,
        Accept,
        AcceptOk,
        Commit,
        Recover,
        RecoverOk,
        Refused,
        Validate,
        ValidateOk,
        Waiting,
        Frontier,
        Ask,
        Learned,
        Install,
        Sworn,
        Rejoin,
        HeldKnown,
        Heard,
    )
    multi_key = True
    sometimes = SOMETIMES
    choices: ClassVar[Mapping[str, tuple[int | str, ...]]] = {
        "checkpoint_every": (4, 20, 100),
        "retain": (2, 10, 100),
        "batch": (1, 2, 8),
        "toq": ("true", "false"),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.row = self.nodes.index(id)
        timed = cluster.truth("toq", default=False)
        self.size = sizes(len(self.nodes), blind=timed)
        self.fast_quorum = fast_quorum(cluster)
        self.patient = cluster.truth("patient", default=True)
        self.instances = Instances(len(self.nodes))
        self.executor = self.make_executor()
        self.recoverer = Recoverer(self)
        self.catchup = CatchUp(self)
        self.store = KeyValue()
        self.next = 1
        self.batch = int(str(cluster.options.get("batch", 1)))
        self.queue: deque[Asked] = deque()
        """What waits to be proposed."""
        self.requests: dict[InstanceId, tuple[Asked, ...]] = {}
        self.pace = Pace(self)
        self.timed = self.make_queue() if timed else None

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        fast_quorum(cluster)
        cluster.truth("patient", default=True)
        cluster.truth("toq", default=False)
        refuse_few(cluster)

    # --- start ---

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.load_lives(durable)
        found: dict[InstanceId, Instance] = {}
        for key, value in durable.items():
            if key.startswith("i/"):
                _, row_text, number_text = key.split("/")
                found[int(row_text), int(number_text)] = Instance.restore(value)
        found = dict(sorted(found.items()))
        for (row, number), instance in found.items():
            mark = self.instances.rows[row]
            mark.instances[number] = instance
            mark.top = max(mark.top, number)
            for other, bound in zip(self.instances.rows, instance.deps, strict=True):
                other.top = max(other.top, bound)
        if "checkpoint" in durable:
            self.catchup.restore(durable["checkpoint"], found)  # type: ignore[arg-type]
        for iid, instance in found.items():
            command, instance.command = instance.command, None
            if command is not None:
                self.instances.learn(iid, instance, command)
        for mark in self.instances.rows:
            mark.advance()
        for iid, instance in found.items():
            if instance.phase < COMMITTED:
                self._resume(iid, instance)
            else:
                self.executor.visit(iid)
        self.next = self.instances.rows[self.row].top + 1
        self.pace.start()

    def _resume(self, iid: InstanceId, instance: Instance) -> None:
        """Go on with one's own instance if nobody has begun to recover it; watch all others.

        What was answered before the crash is asked for again; acceptors repeat their answers. It
        cannot have been voted for differently, since the leader's own vote came first.
        """
        self.pace.watch(iid)
        if iid[0] != self.row or instance.promised != ZERO:
            return
        if instance.phase == PREACCEPTED:
            self.pace.lead(iid, Proposal())
        elif instance.phase == ACCEPTED:
            self.pace.lead(iid, Acceptance(ZERO, instance.value, instance.deps, {self.id}))

    # --- phase 1: PreAccept ---

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f in TOGETHER or len(self.queue) >= QUEUE:
            self.reply(request, "refused", ok=False)
            return
        if not command.session:
            command = Command(command.f, command.key, command.value, f"@{request}", 1)
        if self.batch == 1 and not self.queue and self.has_room():
            self.propose(((request, command),))
            return
        self.queue.append((request, command))
        if not self.pace.leads_own:
            self.propose_queued()

    def propose_queued(self) -> None:
        """All that waits, in as few instances as may be."""
        while self.queue and self.has_room():
            count = min(self.batch, len(self.queue))
            self.propose(tuple([self.queue.popleft() for _ in range(count)]))

    def propose_again(self, asked: tuple[Asked, ...]) -> None:
        """What became a no-op."""
        if self.has_room():
            self.propose(asked)
        else:
            self.queue.extendleft(reversed(asked))

    def propose(self, asked: tuple[Asked, ...]) -> None:
        """SOSP'13, Figure 2, steps 1-4: a new instance, with all that is known to interfere."""
        command = together([command for _, command in asked])
        iid = (self.row, self.next)
        self.next += 1
        if self.timed is not None:
            self.requests[iid] = asked
            self.pace.watch(iid)
            self.pace.lead(iid, Proposal())
            self.timed.announce(iid, command)
            return
        deps = self.instances.deps(command, self.row)
        instance = self.instances.touch(iid)
        instance.initial = instance.deps = deps
        instance.phase = PREACCEPTED
        self.learn(iid, instance, command)
        self.save(iid, instance)
        self.requests[iid] = asked
        self.pace.watch(iid)
        self.pace.lead(iid, Proposal())
        self.broadcast(PreAccept(*iid, command, deps), self.peers)
        if not self.peers:
            self.commit(iid, command, deps)

    def on_pre_accept(self, src: NodeId, msg: PreAccept) -> None:
        """Figure 2, steps 5-9; EPaxos*, where the answer compares with what the owner knew."""
        iid = (msg.row, msg.number)
        if not self.instances.forgotten(iid):
            deps = self.instances.deps(msg.command, msg.row, msg.deps)
            instance = self.pre_accept(src, iid, msg.command, msg.deps, deps)
            if instance is not None:
                self.say(src, PreAcceptOk(*iid, instance.deps))

    def pre_accept(
        self, src: NodeId, iid: InstanceId, command: Command, initial: Deps, deps: Deps
    ) -> Instance | None:
        """The instance if it is pre-accepted, now or since long; else say why it is not."""
        instance = self.instances.touch(iid)
        if instance.phase >= COMMITTED:
            self.send(src, Commit(*iid, instance.value, instance.deps))
            return None
        if instance.promised > ZERO:
            self.send(src, Refused(*iid, instance.promised))
            return None
        if instance.phase == UNKNOWN:
            instance.phase = PREACCEPTED
            instance.initial = initial
            instance.deps = deps
            self.learn(iid, instance, command)
            self.save(iid, instance)
            self.pace.watch(iid)
        return instance if instance.phase == PREACCEPTED else None

    def on_pre_accept_ok(self, src: NodeId, msg: PreAcceptOk | TimedOk) -> None:
        iid = (msg.row, msg.number)
        lead = self.pace.leading.get(iid)
        if isinstance(lead, Proposal) and src not in lead.answers:
            lead.answers[src] = msg.deps
            self.decide_path(iid, lead)

    def decide_path(self, iid: InstanceId, lead: Proposal, *, patient: bool = True) -> None:
        """Figure 2, steps 10-16: commit if a fast quorum has nothing to add; else phase 2.

        Phase 2 starts with a majority, as soon as no fast quorum can come together of those who are
        alive, or at the first tick after they should have answered (``patient`` False). A replica
        whose option it is not to be patient starts it, as SOSP'13 has it, with the first answers
        that would have been enough for a fast quorum, and are not for they differ.
        """
        instance = self.instances.touch(iid)
        if instance.phase == UNKNOWN:
            return  # it is held here, and was opened elsewhere
        command, initial = instance.command, instance.initial
        assert command is not None
        assert initial is not None
        agreeing = 1 + sum(self.agrees(deps, initial) for deps in lead.answers.values())
        if self.fast(agreeing):
            self.commit(iid, command, initial)
            return
        if 1 + len(lead.answers) < self.size.slow:
            return
        awaited = sum(n not in lead.answers and self.pace.alive(n) for n in self.peers)
        hopeless = agreeing + awaited < self.fast_quorum
        enough = not self.patient and 1 + len(lead.answers) >= self.fast_quorum
        if hopeless or enough or not patient:
            self.note("sometimes", SLOW)
            self.choose(iid, ZERO, command, self.union(initial, lead.answers))

    def unanimous(self, iid: InstanceId, lead: Proposal) -> bool:
        """Whether nobody so far has anything to add."""
        initial = self.instances.touch(iid).initial
        if initial is None:
            return True  # it is held here, so that nobody can be said to add anything
        return all(self.agrees(deps, initial) for deps in lead.answers.values())

    def fast(self, agreeing: int) -> bool:
        """Whether so many, the owner included, are a fast quorum: more than a majority from n=7 on."""
        return agreeing >= self.fast_quorum

    def agrees(self, deps: Deps, initial: Deps) -> bool:
        """Whether this answer counts for the fast path."""
        return deps == initial

    def union(self, initial: Deps, answers: Mapping[NodeId, Deps]) -> Deps:
        """Figure 2, step 14: all that any of them knows to interfere."""
        return tuple(map(max, initial, *answers.values()))

    # --- phase 2: Accept ---

    def choose(self, iid: InstanceId, ballot: Ballot, command: Command | None, deps: Deps) -> None:
        """Figure 2, steps 16-17: propose in ``ballot``, with one's own vote first.

        Only the owner of the ballot comes here, once in a ballot.
        """
        instance = self.instances.touch(iid)
        assert instance.promised == ballot
        assert instance.phase < COMMITTED
        self._vote(iid, instance, ballot, command, deps)
        acceptance = Acceptance(ballot, command, deps, {self.id})
        self.pace.lead(iid, acceptance)
        self.broadcast(Accept(*iid, ballot, command, deps), self.peers)
        self._count(iid, acceptance)

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Figure 2, steps 18-19."""
        iid = (msg.row, msg.number)
        if self.instances.forgotten(iid):
            self.catchup.offer(src)
            return
        instance = self.instances.touch(iid)
        if instance.phase >= COMMITTED:
            self.send(src, Commit(*iid, instance.value, instance.deps))
        elif instance.promised > msg.ballot:
            self.send(src, Refused(*iid, instance.promised))
        else:
            self.pace.yield_to(iid, msg.ballot)
            self._vote(iid, instance, msg.ballot, msg.command, msg.deps)
            self.say(src, AcceptOk(*iid, msg.ballot))

    def _vote(
        self,
        iid: InstanceId,
        instance: Instance,
        ballot: Ballot,
        command: Command | None,
        deps: Deps,
    ) -> None:
        instance.promised = instance.voted = ballot
        instance.phase = ACCEPTED
        instance.noop = command is None
        instance.deps = deps
        if command is not None:
            self.learn(iid, instance, command)
        self.save(iid, instance)
        self.pace.watch(iid)

    def on_accept_ok(self, src: NodeId, msg: AcceptOk) -> None:
        iid = (msg.row, msg.number)
        lead = self.pace.leading.get(iid)
        if isinstance(lead, Acceptance) and lead.ballot == msg.ballot:
            lead.votes.add(src)
            self._count(iid, lead)

    def _count(self, iid: InstanceId, lead: Acceptance) -> None:
        """Figure 2, steps 20-21."""
        if len(lead.votes) >= self.size.slow:
            if lead.ballot != ZERO:
                self.note("sometimes", FINISHED_AS_NOOP if lead.command is None else RECOVERED)
            self.commit(iid, lead.command, lead.deps)

    # --- commit and execution ---

    def commit(self, iid: InstanceId, command: Command | None, deps: Deps) -> None:
        """Figure 2, steps 11-12 and 21-22: it is decided; tell everybody."""
        self.broadcast(Commit(*iid, command, deps), self.peers)
        self.on_commit(Commit(*iid, command, deps))

    def on_commit(self, msg: Commit) -> None:
        """Figure 2, step 23; then run what it allows to run (section 4.3.3)."""
        iid = (msg.row, msg.number)
        if self.instances.forgotten(iid):
            return
        instance = self.instances.touch(iid)
        if instance.phase >= COMMITTED:
            return
        self.record_commit(iid, instance, msg.command, msg.deps)
        self.recoverer.on_committed(iid)
        self.executor.committed(iid)
        if msg.command is None and iid in self.requests:
            self.propose_again(self.requests.pop(iid))
        if self.queue and (self.batch == 1 or not self.pace.leads_own):
            self.propose_queued()

    def record_commit(
        self, iid: InstanceId, instance: Instance, command: Command | None, deps: Deps
    ) -> None:
        instance.phase = COMMITTED
        instance.noop = command is None
        instance.deps = deps
        if command is not None and instance.command is None:
            self.learn(iid, instance, command)
        self.save(iid, instance)
        self.pace.drop(iid)
        for row, mark in enumerate(self.instances.rows):
            if deps[row] > mark.top:  # noqa: PLR1730  not max: this is done for every row of every commit
                mark.top = deps[row]
        self._advance(iid[0])
        name = "noop" if command is None else title(command)
        # Flat texts: these are most of a history's rows.
        self.note("decided", [f"n{iid[0] + 1}.{iid[1]}", f"{name} after {deps}"])

    def run(self, iid: InstanceId, instance: Instance) -> None:
        """Execute; answer if the client is ours: reads and updates alike only now."""
        self.catchup.executed += 1
        command = instance.value
        if command is None:
            return
        waiting = self.requests.pop(iid, None)
        for at, member in enumerate(members(command)):
            if member.f not in READS and not self.store.ran(member):
                for key in concerned(member):
                    self.note("executed", [key, name_of(member)])
            answer = self.store.run(member)
            if waiting is not None and answer is not OUTDATED:
                self.reply(waiting[at][0], answer.value, ok=answer.ok)

    def after_install(self) -> None:
        """A state was taken over: answer what it has run of ours, go on with what it has not."""
        reads: list[Asked] = []
        for iid in [i for i in self.requests if self._covered(i)]:
            for request, command in self.requests.pop(iid):
                # An update's answer is in the sessions, or lost; then the client never hears. A read leaves
                # nothing: it may have become a no-op, and this be a state older than what it must see.
                if command.f in READS:
                    reads.append((request, command))
                elif self.store.ran(command):
                    answer = self.store.run(command)
                    if answer is not OUTDATED:
                        self.reply(request, answer.value, ok=answer.ok)
        own = self.instances.rows[self.row]
        self.next = max(self.next, own.top + 1)
        for row, mark in enumerate(self.instances.rows):
            for number in [n for n, i in mark.instances.items() if i.phase == COMMITTED]:
                self.executor.visit((row, number))
        if reads:
            self.propose_again(tuple(reads))

    def _covered(self, iid: InstanceId) -> bool:
        instance = self.instances.get(iid)
        return instance is None or (instance.phase == EXECUTED and not instance.noop)

    def make_executor(self) -> Executor:
        return Executor(self.instances, self.run)

    def make_queue(self) -> Queue:
        return Queue(self)

    # --- what recovery and catching up use ---

    def promise(self, instance: Instance, ballot: Ballot) -> None:
        """EPaxos*: only ``bal`` moves; ``abal``, the ballot of the vote, stays (error E-1)."""
        instance.promised = ballot

    def examine(self, instance: Instance, deps: Deps) -> None:
        """A recovery may propose these, and this replica's answer stands for them."""
        instance.examined = deps

    def decide(self, iid: InstanceId, promises: Mapping[NodeId, RecoverOk]) -> Choice | Examine:
        return decide(promises, self.nodes[iid[0]], self.size, self.instances.none)

    def learn(self, iid: InstanceId, instance: Instance, command: Command) -> None:
        """The owner's command is known here."""
        before = self.instances.rows[iid[0]].known
        self.instances.learn(iid, instance, command)
        self._known(iid[0], before)

    def _advance(self, row: int) -> None:
        before = self.instances.rows[row].known
        self.instances.rows[row].advance()
        self._known(row, before)

    def _known(self, row: int, before: int) -> None:
        if self.executor.waiters:
            for number in range(before + 1, self.instances.rows[row].known + 1):
                self.executor.wake((row, number))

    def key(self, iid: InstanceId) -> str:
        return f"i/{iid[0]}/{iid[1]}"

    def save(self, iid: InstanceId, instance: Instance) -> None:
        self.persist(self.key(iid), instance.saved())

    def state(self) -> dict[str, object]:
        """What people look at: plain data, no parts of the machinery."""
        rows = self.instances.rows
        return {
            "next": self.next,
            "rows": [
                {"forgotten": r.forgotten, "executed": r.executed, "committed": r.committed}
                for r in rows
            ],
            "instances": {
                f"{row}/{number}": instance
                for row, mark in enumerate(rows)
                for number, instance in mark.instances.items()
                if instance.phase < EXECUTED
            },
            "leading": {self.key(iid): lead for iid, lead in self.pace.leading.items()},
            "blocked": {self.key(a): list(b) for a, b in self.executor.blocked.items()},
            "values": dict(self.store.values),
        }

    # --- dispatch ---

    def on_timer(self, timer: str) -> None:
        if timer == "open":
            assert self.timed is not None
            self.timed.open_due()
            return
        assert timer == "tick"
        if self.back is not None:
            self.ask_back(self.back)
        self.propose_queued()
        self.pace.tick()
        if self.timed is not None:
            self.timed.tick(self.pace.ticks)
        self.catchup.tick(self.pace.ticks)
        self.pace.again(busy=self.catchup.behind or self.back is not None)

    def on_message(self, src: NodeId, msg: Msg) -> None:
        self.pace.heard[src] = self.pace.ticks
        if self.back is not None and not isinstance(msg, HEARD_IN_PASSING):
            return
        match msg:
            case PreAccept():
                self.on_pre_accept(src, msg)
            case PreAcceptOk():
                self.on_pre_accept_ok(src, msg)
            case Commit():
                self.on_commit(msg)
            case Frontier():  # these four are nearly all; each pattern takes its time
                self.catchup.on_frontier(src, msg)
            case Timed():
                if self.timed is not None:
                    self.timed.on_timed(src, msg)
            case TimedOk():
                if self.timed is not None:
                    self.timed.on_timed_ok(src, msg)
                    self.on_pre_accept_ok(src, msg)
            case Accept():
                self.on_accept(src, msg)
            case AcceptOk():
                self.on_accept_ok(src, msg)
            case Recover():
                self.recoverer.on_recover(src, msg)
            case RecoverOk():
                self.recoverer.on_recover_ok(src, msg)
            case Refused():
                self.recoverer.on_refused(msg)
            case Validate():
                self.recoverer.on_validate(src, msg)
            case ValidateOk():
                self.recoverer.on_validate_ok(src, msg)
            case Waiting():
                self.recoverer.on_waiting(msg)
            case Ask():
                self.catchup.on_ask(src, msg)
            case Learned():
                self.catchup.on_learned(msg)
            case Install():
                self.catchup.on_install(msg)
            case Sworn():
                if self.is_sworn(src, msg.lives):
                    self.on_message(src, msg.word)
            case Rejoin():
                self.on_rejoin(src, msg)
            case HeldKnown():
                self.on_held(src, msg)
            case Heard():
                self.on_heard(src, msg)
            case _:
                assert_never(msg)
