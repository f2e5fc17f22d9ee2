"""Leases for clients, broken on purpose: multi-Paxos whose machine keeps them wrong, by a few lines each.

Z-n and D-n are in PROTOCOLS.md section 5 (*leases*, *sessions*).
"""

from __future__ import annotations

from typing import ClassVar

from protocols.answers import Answer
from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.leasing import Leases, Timekeeper
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.machine import Machine
from protocols.statemachine import KeyValue


class _Unfenced(KeyValue):
    def _execute(self, command: Command) -> Answer:
        if command.f != "guarded":
            return super()._execute(command)
        before = self.values.get(command.key)
        self.values[command.key] = command.value
        return Answer(before)


class Unfenced(MultiPaxos):
    """A lease without fencing: the resource takes the write of whoever once held the lock."""

    machine: ClassVar[type[Machine]] = _Unfenced


class _CountsAgain(Leases):
    def next_token(self, key: str) -> int:
        return self.held.get(key, (0, 0))[0] + 1


class _CountsAgainStore(KeyValue):
    leasing = _CountsAgain


class CountsAgain(MultiPaxos):
    """Tokens are counted from 1 again for a lease that was given back: they do not fence."""

    machine: ClassVar[type[Machine]] = _CountsAgainStore


class _AnyToken(Leases):
    def may_free(self, key: str, token: Json, *, due: bool) -> bool:
        return True


class _AnyTokenStore(KeyValue):
    leasing = _AnyToken


class ReleasesForOthers(MultiPaxos):
    """A release frees the lease whoever holds it by now, as `DEL lock` does at the end of a job that
    took too long (Redis' documentation, "Distributed Locks", has the cure)."""

    machine: ClassVar[type[Machine]] = _AnyTokenStore


class _ByTheWall(Timekeeper):
    def __init__(self, replica: MultiPaxos) -> None:
        super().__init__(replica.cluster.rtt_ms)
        self._replica = replica

    def tick(self) -> None:
        self.now = self._replica.now_ms

    def stamp(self, command: Command) -> Command:
        self.tick()
        return super().stamp(command)


class StampsTheWallClock(MultiPaxos):
    """Z4: the time in an entry is its leader's time of day, which may jump: then leases end."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.timekeeper = _ByTheWall(self)


class _OwnClock(Leases):
    now_ms = 0

    def read(self, earliest: int) -> int:
        return self.now_ms


class _OwnClockStore(KeyValue):
    leasing = _OwnClock


class AppliesByItsClock(MultiPaxos):
    """D4: a replica that runs an entry asks its own clock whether a lease is over, so that one grants
    what another refuses."""

    machine: ClassVar[type[Machine]] = _OwnClockStore

    def run(self, command: Command) -> Answer:
        assert isinstance(self.store, KeyValue)
        leases = self.store.leases
        assert isinstance(leases, _OwnClock)
        leases.now_ms = self.now_ms
        return super().run(command)


class _Instant(Timekeeper):
    def stamp(self, command: Command) -> Command:
        exact = super().stamp(command)
        exact.value = {**exact.value, "at": [self.now, self.now]}  # type: ignore[dict-item,misc]
        return exact


class RoundsDown(MultiPaxos):
    """Z1: the time of an entry is taken to be that of the tick before it: a lease is too short by up to
    one, which its holder does not know of."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.timekeeper = _Instant(self.timekeeper.period_ms)


class _CatchesUp(Timekeeper):
    def begin(self, now: int) -> None:
        self.now, self._ticking = max(self.now, now) + 20 * self.period_ms, True


class GuessesTheGap(MultiPaxos):
    """A new leader adds what it may have taken to elect it, at worst, to the time of the log: it is less as
    a rule."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.timekeeper = _CatchesUp(self.timekeeper.period_ms)


class _Revives(Leases):
    def may_refresh(self, key: str, token: Json) -> bool:
        return key in self.held


class _RevivesStore(KeyValue):
    leasing = _Revives


class RefreshesForOthers(MultiPaxos):
    """A refresh is for whoever comes: one that had lost its lease to another goes on with it."""

    machine: ClassVar[type[Machine]] = _RevivesStore


MUTANTS: dict[str, type[MultiPaxos]] = {
    "unfenced": Unfenced,
    "counts-again": CountsAgain,
    "releases-for-others": ReleasesForOthers,
    "stamps-the-wall-clock": StampsTheWallClock,
    "applies-by-its-clock": AppliesByItsClock,
    "rounds-down": RoundsDown,
    "guesses-the-gap": GuessesTheGap,
    "refreshes-for-others": RefreshesForOthers,
}
