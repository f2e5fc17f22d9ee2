"""One simulated machine: the replica that lives on it, its disk, its timers, its connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from checker.history import node_process
from harness.sim.agenda import Entry
from harness.sim.clients import Call
from harness.sim.content import restored
from harness.sim.network import MS, Wire
from harness.sim.setup import Setup
from protocols.amnesia import new_replica
from protocols.kernel import Cluster, Replica, RequestId, Started, request_ids

if TYPE_CHECKING:
    from harness.sim.carrier import Carry
    from harness.sim.disk import Late


class Alarm:
    """A timer that is set. It is on the agenda once, perhaps for a sooner time than ``due_ns``."""

    __slots__ = ("due_ns", "listed_ns")

    def __init__(self, due_ns: int) -> None:
        self.due_ns = self.listed_ns = due_ns


class Node:
    """``replica`` is None while the node is down; ``parked`` gathers events while it is paused;
    ``awake`` is the replica while neither is so.

    ``disk`` is what is durable: copies, so that no object outlives its incarnation. ``late`` is
    there while syncs take time; ``cached`` are the records that a dead process wrote and did not sync,
    ``torn`` whether one of them is half there, ``damaged`` whether a durable record is bad, ``wiped``
    whether an earlier disk is gone. The wall clock is ``skew_ns`` before virtual time, and gains ``drift_ppm``. Its notes are of ``process``.
    """

    __slots__ = (
        "alarms", "awake", "cached", "calls", "carry", "damaged", "disk", "draw", "drift_ppm", "id",
        "incarnation", "late", "parked", "process", "replica", "request_ids", "skew_ns", "torn",
        "wiped", "wires",
    )  # fmt: skip

    def __init__(self, id: int, setup: Setup) -> None:
        self.id = id
        self.process = node_process(id)
        self.replica: Replica[Any] | None = None
        self.awake: Replica[Any] | None = None
        self.incarnation = 0
        self.disk: dict[str, object] = {}
        self.late: Late | None = None
        self.cached: list[dict[str, object]] = []
        self.torn = self.damaged = self.wiped = False
        self.alarms: dict[str, Alarm] = {}
        self.calls: dict[RequestId, Call] = {}
        self.parked: list[Entry] | None = None
        self.request_ids: Iterator[RequestId] = iter(())
        self.wires = [
            Wire(setup.seed, id, dst, setup.network) for dst in range(setup.options.nodes)
        ]
        self.draw = Random(f"{setup.seed}/timer/{id}").getrandbits
        self.skew_ns = Random(f"{setup.seed}/clock/{id}").randint(0, setup.skew_ms) * MS
        self.drift_ppm = 0
        self.carry: Carry
        """Carries out what its replica says."""

    def boot(self, protocol: type[Replica[Any]], cluster: Cluster) -> Started:
        """A new incarnation of the replica; what it must be started with is returned."""
        assert self.replica is None
        for record in self.cached:
            self.keep(record)
        self.cached.clear()
        self.torn = False
        self.incarnation += 1
        self.request_ids = request_ids(self.id, self.incarnation)
        lost = self.wiped and not self.disk
        self.replica = self.awake = new_replica(protocol, self.id, cluster, lost=lost)
        return Started(self.durable(), lost)

    def wipe(self) -> None:
        """Replace the disk of a node that is down by an empty one."""
        assert self.replica is None
        self.disk.clear()
        self.cached.clear()
        self.torn = self.damaged = False
        self.wiped = True

    def keep(self, record: Mapping[str, object]) -> None:
        """Make a record durable: values by key, None for one that is forgotten."""
        for key, value in record.items():
            if value is None:
                self.disk.pop(key, None)
            else:
                self.disk[key] = value

    def durable(self) -> dict[str, object]:
        """What is on the disk, as JSON gives it back."""
        return {key: restored(value) for key, value in self.disk.items()}

    def crash(self) -> list[Call]:
        """Lose all but the disk; the calls whose connection breaks are returned."""
        broken = list(self.calls.values())
        broken += [a for *_, a, _ in self.parked or () if isinstance(a, Call)]
        self.replica = self.awake = self.parked = None
        self.alarms.clear()
        self.calls.clear()
        return broken
