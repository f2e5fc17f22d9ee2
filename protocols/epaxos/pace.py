"""What a replica has under way, and when it loses its patience: the one timer.

Time is counted in ticks of about one round trip, not by the clock, which may jump. Every firing
draws a little chance, so that replicas do not stay in step. There is no timer per instance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from protocols.ballots import ZERO, Ballot
from protocols.epaxos.instances import COMMITTED
from protocols.epaxos.messages import Accept, Deps, InstanceId, PreAccept
from protocols.epaxos.recovery import Recovery
from protocols.kernel import Command, NodeId

if TYPE_CHECKING:
    from protocols.epaxos.replica import EPaxos

RESEND = 3
"""Ticks before what was not answered is sent again; doubled each time, up to RESEND_MOST."""
RESEND_MOST = 24
ALIVE = 10
"""Ticks of silence after which a replica is not waited for."""
SUSPECT = 8
"""Ticks before an instance that stays open is recovered, for the first in line."""
STAGGER = 4
"""Ticks more for each one further down the line, so that two recoverers do not meet again."""
TRUST = 4
"""How many times as long an instance is left to an owner that is heard of."""
LOOK_AGAIN = 2
"""Ticks after which it is seen whether that owner is still heard of."""
EASY_STRIDE = 2
"""Ticks in one firing of the timer while this replica leads nothing ..."""
IDLE_STRIDE = 5
"""... and while nothing at all is open."""


@dataclass(slots=True)
class Proposal:
    """Phase 1 of an instance of one's own, in the default ballot: what each peer answered."""

    answers: dict[NodeId, Deps] = field(default_factory=dict)


@dataclass(slots=True)
class Acceptance:
    """Phase 2, of a proposal or of a recovery: who has voted."""

    ballot: Ballot
    command: Command | None
    deps: Deps
    votes: set[NodeId] = field(default_factory=set)


Lead: TypeAlias = Proposal | Acceptance | Recovery


@dataclass(slots=True)
class Resend:
    """When a lead's messages are due again."""

    since: int
    due: int
    wait: int = RESEND
    asleep: int = 0
    """By so many ticks ``since`` may be too early, the timer having been set for more than one."""


@dataclass(slots=True)
class Watch:
    """An instance that is not committed: since when, when to recover it, how often that was tried."""

    since: int
    due: int
    tries: int = 0
    hurried: bool = False
    """Another recovery waits for it."""


class Pace:
    """The instances that this replica leads, those that it watches, and who is alive."""

    def __init__(self, replica: EPaxos) -> None:
        self.replica = replica
        self.leading: dict[InstanceId, Lead] = {}
        self.resends: dict[InstanceId, Resend] = {}
        self.open: dict[InstanceId, Watch] = {}
        self.soonest = 0
        """No watch is due before this tick, but of instances that are led here."""
        """Everything heard of that is not committed."""
        self.ticks = 0
        self.stride = 0
        """Ticks until the timer fires."""
        self.heard = dict.fromkeys(replica.nodes, 0)

    def lead(self, iid: InstanceId, lead: Lead) -> None:
        self.leading[iid] = lead
        self.wake_up()
        asleep = max(0, self.stride - 1)
        self.resends[iid] = Resend(self.ticks, self.ticks + RESEND, asleep=asleep)

    def begin(self, iid: InstanceId) -> None:
        """What is led is waited for from the next tick on, not from when it was announced."""
        resend = self.resends[iid]
        resend.since = self.ticks + self.stride
        resend.due = resend.since + RESEND

    def give_up(self, iid: InstanceId) -> None:
        """Somebody with a higher ballot is at it."""
        self.leading.pop(iid, None)
        self.resends.pop(iid, None)
        self._postpone(iid)

    def drop(self, iid: InstanceId) -> None:
        """It is committed: nothing is left to be done for it."""
        if iid in self.leading:
            del self.leading[iid], self.resends[iid]
        self.open.pop(iid, None)
        self.replica.recoverer.seen.pop(iid, None)

    def yield_to(self, iid: InstanceId, ballot: Ballot) -> None:
        """Another's message in ``ballot`` was admitted."""
        self.watch(iid)
        lead = self.leading.get(iid)
        if lead is not None and self.ballot_of(lead) < ballot:
            self.give_up(iid)
        else:
            self._postpone(iid)

    @property
    def leads_own(self) -> bool:
        """Whether an instance of this replica's own clients is under way."""
        row = self.replica.row
        return any(iid[0] == row for iid in self.leading)

    def ballot_of(self, lead: Lead) -> Ballot:
        return ZERO if isinstance(lead, Proposal) else lead.ballot

    def watch(self, iid: InstanceId) -> None:
        """It must be committed some day; if it is not, recover it."""
        if iid not in self.open:
            self.replica.instances.touch(iid)
            watch = self.open[iid] = Watch(self.ticks, self.ticks + self._patience(iid, 0))
            self.soonest = min(self.soonest, watch.due)
            self.wake_up()

    def hurry(self, iid: InstanceId) -> None:
        """Another recovery waits for this one."""
        instance = self.replica.instances.touch(iid)
        if instance.phase < COMMITTED:
            self.watch(iid)
            watch = self.open[iid]
            watch.hurried = True
            watch.due = min(watch.due, self.ticks + 1 + STAGGER * self._rank(iid))
            self.soonest = min(self.soonest, watch.due)

    def _postpone(self, iid: InstanceId) -> None:
        watch = self.open.get(iid)
        if watch is not None:
            watch.due = self.ticks + self._patience(iid, watch.tries)
            self.soonest = min(self.soonest, watch.due)

    def _patience(self, iid: InstanceId, tries: int) -> int:
        """Longer for those further from the owner, and after each try."""
        return (SUSPECT + STAGGER * self._rank(iid)) << min(tries, 2)

    def _trusts(self, iid: InstanceId, watch: Watch) -> bool:
        """Whether to leave it to its owner for some more time: he is alive, and nobody else tried.

        This is asked when the instance is due, not when it is met: an owner that has died since is
        not waited for as one that lives, which in a wide-area network made many seconds.
        """
        if watch.tries or watch.hurried or not self._rank(iid):
            return False
        if not self.alive(self.replica.nodes[iid[0]]):
            return False
        return self.ticks < watch.since + TRUST * self._patience(iid, 0)

    def _rank(self, iid: InstanceId) -> int:
        return (self.replica.row - iid[0]) % len(self.replica.nodes)

    def alive(self, node: NodeId) -> bool:
        return node == self.replica.id or self.ticks - self.heard[node] <= ALIVE

    def wake_up(self) -> None:
        """There is work: do not wait as long as when there is none."""
        if self.stride > EASY_STRIDE:
            self.stride = 1
            self.replica.set_timer("tick", self.replica.cluster.rtt_ms)

    def start(self) -> None:
        self.stride = 1
        self.replica.set_timer("tick", 1, self.replica.cluster.rtt_ms)

    def tick(self) -> None:
        """The timer fired: repeat, give way, recover whatever is due."""
        self.ticks += self.stride
        self.stride = 0  # set anew below; nothing that follows may shorten this tick
        for iid, lead in list(self.leading.items()):
            if self.leading.get(iid) is lead:
                self._tick_lead(iid, lead)
        if self.soonest <= self.ticks and self.replica.back is None:
            for iid, watch in list(self.open.items()):
                if watch.due <= self.ticks and iid in self.open and iid not in self.leading:
                    if self._trusts(iid, watch):
                        watch.due = self.ticks + LOOK_AGAIN
                    else:
                        self._recover(iid, watch)
            later = (watch.due for iid, watch in self.open.items() if iid not in self.leading)
            self.soonest = min(later, default=self.ticks + SUSPECT)

    def again(self, *, busy: bool) -> None:
        """Set the timer for the next tick; ``busy``: there is work besides what is watched here."""
        if self.leading:
            self.stride = 1
        else:
            self.stride = EASY_STRIDE if busy or self.open else IDLE_STRIDE
        ms = self.replica.cluster.rtt_ms * self.stride
        self.replica.set_timer("tick", ms, ms + self.replica.cluster.rtt_ms // 4)

    def _recover(self, iid: InstanceId, watch: Watch) -> None:
        watch.tries += 1
        watch.due = self.ticks + self._patience(iid, watch.tries)
        self.replica.recoverer.start(iid)

    def _tick_lead(self, iid: InstanceId, lead: Lead) -> None:
        """Send again what was not answered; take the slow path if the fast one takes too long."""
        resend = self.resends[iid]
        enough = isinstance(lead, Proposal) and len(lead.answers) >= self.replica.size.slow - 1
        if enough and self.ticks > resend.since + 1:
            assert isinstance(lead, Proposal)
            if self.replica.unanimous(iid, lead) and self.ticks <= resend.since + 1 + resend.asleep:
                return  # as many answers as are needed may be on their way
            self.replica.decide_path(iid, lead, patient=False)
            if self.leading.get(iid) is not lead:
                return
        watch = self.open.get(iid)
        if isinstance(lead, Recovery) and watch is not None and watch.due <= self.ticks:
            self._recover(iid, watch)
        elif resend.due <= self.ticks:
            resend.wait = min(2 * resend.wait, RESEND_MOST)
            resend.due = self.ticks + resend.wait
            self._resend(iid, lead)

    def _resend(self, iid: InstanceId, lead: Lead) -> None:
        match lead:
            case Proposal():
                silent = [n for n in self.replica.peers if n not in lead.answers]
                if self.replica.timed is not None:
                    self.replica.timed.resend(iid, silent)
                    return
                i = self.replica.instances.touch(iid)
                assert i.command is not None
                assert i.initial is not None
                self.replica.broadcast(PreAccept(*iid, i.command, i.initial), silent)
            case Acceptance():
                accept = Accept(*iid, lead.ballot, lead.command, lead.deps)
                self.replica.broadcast(
                    accept, [n for n in self.replica.peers if n not in lead.votes]
                )
            case Recovery():
                self.replica.recoverer.resend(iid, lead)
