"""The replica: acceptor and learner of every object; what it proposes is the proposer's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, assert_never

from protocols.ballots import ZERO, owner
from protocols.clients import Clients, name
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.m2paxos.catchup import BATCH, CatchUp
from protocols.m2paxos.messages import (
    MESSAGES,
    Accept,
    Accepted,
    Ask,
    Commit,
    Forward,
    Frontier,
    Heads,
    Learned,
    Message,
    Prepare,
    Promise,
    Proposal,
    Rejected,
    Sworn,
    SwornVote,
    Wanted,
    objects_of,
)
from protocols.m2paxos.objects import Entry, Ledger
from protocols.m2paxos.proposer import CAPACITY, Proposer
from protocols.m2paxos.rejoining import Returner
from protocols.m2paxos.sometimes import SOMETIMES
from protocols.quorum_systems import by_majority
from protocols.recalling import Recall, Recalled
from protocols.rejoining import Known, Rejoin, mode_of, refuse_alone
from protocols.statemachine import READS, KeyValue, name_of
from protocols.transfer import Missing, Snapshot

TICK = 3
"""Round trips between two ticks of the one timer."""


class M2Paxos(Returner):
    """See the package. Options: ``batch`` (commands), ``snapshot_every`` and ``keep`` (proposals), and
    ``rejoin``: no, passive or force (``m2paxos.rejoining``).
    """

    messages = MESSAGES
    multi_key = True
    sometimes = SOMETIMES
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "batch": (1, 2, 8),
        "snapshot_every": (3, 10, 50),
        "keep": (0, 2, 10),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.batch = cluster.number("batch", 64)
        self.store = KeyValue()
        self.clients = Clients(capacity=CAPACITY, patience=100)
        self.ledger = Ledger(self.persist)
        self.proposer = self.make_proposer()
        self.catchup = CatchUp(
            self, cluster.number("snapshot_every", 1000), cluster.number("keep", 1000, least=0)
        )
        self.ticks = 0
        self.latest: NodeId | None = None
        """Whose proposal was executed last."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        if mode_of(cluster) == "passive":
            refuse_alone(by_majority(cluster.nodes), cluster.nodes)

    def make_proposer(self) -> Proposer:
        return Proposer(self)

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """Run what is known to be chosen. It owns nothing: epochs are acquired anew."""
        self.load_lives(durable)
        self.ledger.load(durable, self.catchup.load(durable))
        for key, found in sorted(self.ledger.objects.items(), key=lambda item: item[0]):
            if found.next < found.least:
                self.ledger.behind[key] = None
        for key in sorted(self.ledger.objects):
            self.run_from(key)
        self.set_timer("tick", TICK * self.cluster.rtt_ms)

    def on_timer(self, timer: str) -> None:
        if timer == "again":
            self.proposer.again()
            return
        assert timer == "tick", timer
        self.ticks += 1
        self.set_timer("tick", TICK * self.cluster.rtt_ms)
        if self.back is not None:
            self.ask_back(self.back)
        for command in self.clients.tick():
            if name(command) not in self.proposer.pending:
                self.proposer.route(command)
        self.proposer.tick()
        self.catchup.tick()

    def on_message(self, src: NodeId, msg: Message) -> None:
        self.proposer.heard[src] = self.ticks
        if self.back is not None and isinstance(msg, (Accept, Prepare, Rejected, Forward)):
            self.look_on(src, msg)
            return
        match msg:
            case Accept():
                self.on_accept(src, msg)
            case Accepted():
                self.proposer.on_accepted(src, msg)
            case Commit():
                self.on_commit(src, msg)
            case Forward():
                self.on_forward(src, msg)
            case Prepare():
                self.on_prepare(src, msg)
            case Promise():
                self.proposer.on_promise(src, msg)
            case Rejected():
                self.proposer.on_rejected(msg)
            case Frontier():
                self.catchup.on_frontier(src, msg)
            case Ask():
                self.catchup.on_ask(src, msg)
            case Learned():
                self.catchup.on_learned(src, msg)
            case Heads():
                self.catchup.on_heads(src, msg)
            case Missing():
                self.catchup.on_missing(src, msg)
            case Snapshot():
                self.catchup.on_snapshot(src, msg)
            case Sworn():
                if self.is_sworn(src, msg.lives):
                    self.proposer.on_promise(src, msg.promise)
            case SwornVote():
                if self.is_sworn(src, msg.lives):
                    self.proposer.on_accepted(src, msg.accepted)
            case Rejoin():
                self.on_rejoin(src, msg)
            case Known():
                self.on_known(src, msg)
            case Recall():
                self.on_recall(src, msg)
            case Recalled():
                self.on_recalled(src, msg)
            case _:
                assert_never(msg)

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        full = len(self.proposer.pending) >= CAPACITY
        asked = self.admit(request, command, full=full)
        if asked is not None and self.proposer.route(asked):
            self.proposer.pump()

    def on_forward(self, src: NodeId, msg: Forward) -> None:
        if msg.command.f not in READS and self.store.ran(msg.command):
            self.catchup.tell_heads(src)
        elif self.proposer.route(msg.command, msg.hops):
            self.proposer.pump()

    # --- the acceptor -----------------------------------------------------------------------------

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        """Promise all of these epochs, or none."""
        first = msg.objects[0]
        round_ = (first.key, 0, first.epoch)
        higher = tuple(
            [(w.key, p) for w in msg.objects if (p := self.ledger[w.key].promised) > w.epoch]
        )
        if higher:
            self.send(src, Rejected(round_, higher))
            return
        robbed = any(ZERO < self.ledger[w.key].owned < w.epoch for w in msg.objects)
        for wanted in msg.objects:
            self.ledger.promise(wanted.key, wanted.epoch)
        self.send(src, self.swear(self.report(msg.objects)))
        if robbed and self.proposer.pending:
            self.proposer.back_off()

    def report(self, objects: Sequence[Wanted]) -> Promise:
        """What this acceptor has voted for, and what it knows to be chosen, of these objects."""
        ledger, first = self.ledger, objects[0]
        votes: dict[tuple[str, int, tuple[int, int]], Proposal] = {}
        chosen: dict[tuple[str, int, tuple[int, int]], Proposal] = {}
        for wanted in objects:
            votes.update({v.round: v for v in ledger.votes(wanted.key)})
            known = ledger.since((wanted.key, wanted.next), BATCH)
            chosen.update({p.round: p for p in known})
        next_ = tuple([ledger[wanted.key].next for wanted in objects])
        round_ = (first.key, 0, first.epoch)
        return Promise(round_, next_, tuple(votes.values()), tuple(chosen.values()))

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Accept it in all its places, or in none (O1)."""
        proposal = msg.proposal
        known = [entry for cell in proposal.cells() if (entry := self.settled(cell)) is not None]
        if known:
            self.send(src, Learned(tuple([entry.proposal for entry in known])))
            return
        if any(place.position < self.ledger[place.key].next for place in proposal.places):
            self.catchup.on_ask(src, Ask(tuple(proposal.cells())))
            return
        higher = self.refuses(proposal)
        if higher:
            self.send(src, Rejected(proposal.round, higher))
            return
        for place in proposal.places:
            self.ledger.promise(place.key, place.epoch)
        self.accept(proposal)
        self.send(src, self.vow(Accepted(proposal.round)))
        self.learn_previous(src, proposal)

    def settled(self, cell: tuple[str, int]) -> Entry | None:
        """What is known to be chosen there."""
        entry = self.ledger.entries.get(cell)
        return entry if entry is not None and entry.chosen else None

    def refuses(self, proposal: Proposal) -> tuple[tuple[str, tuple[int, int]], ...]:
        """The objects that were promised to others since, with their epochs."""
        found = [(place.key, self.ledger[place.key].promised, place) for place in proposal.places]
        return tuple([(key, epoch) for key, epoch, place in found if epoch > place.epoch])

    def accept(self, proposal: Proposal) -> None:
        """Vote; not twice on disk for what comes twice."""
        entry = self.ledger.entries.get(proposal.cells()[0])
        if entry is None or entry.proposal != proposal:
            self.ledger.put(proposal, chosen=False)

    def learn_previous(self, src: NodeId, proposal: Proposal) -> None:
        """The owner has proposed this after it knew all before it to be chosen: of what it proposed
        itself in this epoch, one's vote tells what that was.
        """
        lacking = []
        for place in proposal.places:
            entry = self.ledger.entries.get((place.key, place.position - 1))
            if entry is not None and entry.proposal.epoch(place.key) == place.epoch:
                self.learn(entry.proposal)
            if self.ledger.hear(place.key, place.position):
                lacking.append(place.key)
        if lacking:
            self.catchup.ask(src, *lacking)

    # --- the learner ------------------------------------------------------------------------------

    def decide(self, proposal: Proposal) -> None:
        """The proposer's: a majority has accepted it."""
        self.broadcast(Commit(proposal.round), self.peers)
        self.learn(proposal)
        self.proposer.pump()

    def on_commit(self, src: NodeId, msg: Commit) -> None:
        key, position, epoch = msg.round
        if position < self.ledger[key].next:
            return
        entry = self.ledger.entries.get((key, position))
        if entry is not None and entry.proposal.epoch(key) == epoch:
            self.learn(entry.proposal)
            self.proposer.pump()
        elif self.ledger.hear(key, position + 1):
            self.catchup.ask(src, key)

    def learn(self, proposal: Proposal) -> None:
        """It is chosen. What is chosen takes the place of one's vote, where that was another."""
        if any(place.position < self.ledger[place.key].next for place in proposal.places):
            return
        entry = self.ledger.entries.get(proposal.cells()[0])
        if entry is None or not entry.proposal.same(proposal):
            self.ledger.put(proposal, chosen=True)
        elif entry.chosen:
            return
        else:
            entry.chosen = True
        for place in proposal.places:
            self.ledger.hear(place.key, place.position + 1)
        self.run_from(proposal.places[0].key)

    def run_from(self, key: str) -> None:
        """Execute what is chosen and comes next in the logs of all its objects; from this log on."""
        agenda = [key]
        while agenda:
            entry = self.ledger.next_entry(agenda.pop())
            if entry is not None and entry.chosen and self.may_run(entry.proposal):
                self.run(entry.proposal)
                agenda.extend([place.key for place in entry.proposal.places])

    def may_run(self, proposal: Proposal) -> bool:
        return self.ledger.executable(proposal)

    def run(self, proposal: Proposal) -> None:
        names = [name_of(command) for command in proposal.commands]
        for place in proposal.places:
            self.ledger.jump(place.key, place.position + 1)
            self.note("decided", [f"{place.key}.{place.position}", names])
        self.latest = owner(proposal.places[0].epoch)
        for command in proposal.commands:
            self.execute(command)
        self.ledger.executed.append(proposal)
        self.proposer.executed(proposal)
        self.catchup.executed()

    def execute(self, command: Command) -> None:
        if command.f not in READS and not self.store.ran(command):
            for key in objects_of(command):
                self.note("executed", [key, name_of(command)])
        self.proposer.pending.pop(name(command), None)
        self.answer(self.clients.pop(command), self.store.run(command))

    def installed(self) -> None:
        """A snapshot was merged: go on from there; answer what it has run of ours."""
        self.proposer.passed()
        self.answer_what_ran()
        for key in list(self.ledger.objects):
            self.run_from(key)
        self.proposer.pump()

    # --- for people -------------------------------------------------------------------------------

    def leader(self) -> NodeId | None:
        """The owner whose proposal was executed last."""
        return self.latest

    def state(self) -> dict[str, object]:
        """Plain data, no parts of the machinery."""
        return {
            "ticks": self.ticks,
            "objects": dict(self.ledger.objects),
            "open": {
                f"{key}.{position}": entry
                for (key, position), entry in self.ledger.entries.items()
                if position >= self.ledger[key].next
            },
            "behind": list(self.ledger.behind),
            "pending": [waiting.command for waiting in self.proposer.pending.values()],
            "values": dict(self.store.values),
        }
