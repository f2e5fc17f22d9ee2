"""What a replica knows of the instances: rows of records, and two tables of who conflicts."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from protocols.ballots import ZERO, Ballot
from protocols.epaxos.batching import READING, concerned
from protocols.epaxos.messages import Deps, InstanceId
from protocols.kernel import Command, Json, record
from protocols.wire import read_as

UNKNOWN, PREACCEPTED, ACCEPTED, COMMITTED, EXECUTED = range(5)
"""The phases of an instance, in order."""
AHEAD = 32
"""How many instances of its row an owner uses beyond those that are all committed, where it may lose its disk."""


@record
class Saved:
    """An instance as it is on disk."""

    promised: Ballot
    voted: Ballot
    phase: int
    noop: bool
    command: Command | None
    initial: Deps | None
    deps: Deps
    examined: Deps | None = None


@dataclass(slots=True)
class Instance:
    """One instance at one replica.

    ``promised`` and ``voted`` are two variables: with a single one, answering Recover makes an old
    vote look new (Sutra, arXiv 1906.10917). ``command`` is the owner's, known from any message;
    ``noop`` says that no-op was voted for or committed in its place. ``initial`` came with PreAccept,
    ``examined`` with the last Validate.
    """

    deps: Deps
    promised: Ballot = ZERO
    voted: Ballot = ZERO
    phase: int = UNKNOWN
    noop: bool = False
    command: Command | None = None
    initial: Deps | None = None
    examined: Deps | None = None

    @property
    def value(self) -> Command | None:
        """What was voted for: the command, or None for no-op."""
        return None if self.noop else self.command

    def saved(self) -> Saved:
        return Saved(
            self.promised,
            self.voted,
            min(self.phase, COMMITTED),  # what has been executed is in the checkpoint
            self.noop,
            self.command,
            self.initial,
            self.deps,
            self.examined,
        )

    @classmethod
    def restore(cls, value: Json) -> Instance:
        s = read_as(Saved, value)
        return cls(s.deps, s.promised, s.voted, s.phase, s.noop, s.command, s.initial, s.examined)

    def may_leave_out(self, iid: InstanceId) -> bool:
        """Whether it may be committed, as far as this replica had a part in it, without ``iid``."""
        row, number = iid
        return any(d is not None and number > d[row] for d in (self.initial, self.examined))


@dataclass(slots=True)
class Row:
    """The instances of one owner. Each mark says: everything from 1 up to here is so."""

    instances: dict[int, Instance] = field(default_factory=dict)
    forgotten: int = 0
    executed: int = 0
    committed: int = 0
    known: int = 0
    top: int = 0
    """The highest number heard of."""

    def advance(self) -> None:
        """Move the marks over what has become known, committed or executed."""
        if self.executed == self.top:
            return  # as are the others, which are never behind it
        found = self.instances
        while (i := found.get(self.known + 1)) is not None and (
            i.command is not None or i.phase >= COMMITTED
        ):
            self.known += 1
        while (i := found.get(self.committed + 1)) is not None and i.phase >= COMMITTED:
            self.committed += 1
        while (i := found.get(self.executed + 1)) is not None and i.phase == EXECUTED:
            self.executed += 1

    def jump(self, number: int) -> None:
        """Everything up to ``number`` has been executed elsewhere: forget it here."""
        for old in [k for k in self.instances if k <= number]:
            del self.instances[old]
        self.forgotten = max(self.forgotten, number)
        self.executed = max(self.executed, number)
        self.committed = max(self.committed, number)
        self.known = max(self.known, number)
        self.top = max(self.top, number)
        self.advance()


def union(one: Deps, other: Deps) -> Deps:
    """What either names: the greater number in each row. (A ``strict`` zip takes compiled code long.)"""
    return tuple([a if a > b else b for a, b in zip(one, other)])  # noqa: B905, FURB136


_Highest: TypeAlias = tuple[list[int], list[int]]


class Conflicts:
    """For each key and row, the highest number of an update, and of any command."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._none = [0] * rows
        self._keys: dict[str, _Highest] = {}

    def add(self, row: int, number: int, command: Command) -> None:
        for key in concerned(command):
            updates, both = self._key(key)
            if number > both[row]:  # noqa: PLR1730  not max: this is done twice for every command
                both[row] = number
            if command.f not in READING and number > updates[row]:
                updates[row] = number

    def of(self, command: Command) -> list[int]:
        """The highest number in each row that interferes with ``command``. Not to be changed."""
        highest = self._none
        which = 0 if command.f in READING else 1
        for key in concerned(command):
            found = self._keys.get(key)
            if found is not None:
                mine = found[which]
                highest = mine if highest is self._none else list(map(max, highest, mine))
        return highest

    def _key(self, key: str) -> _Highest:
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = ([0] * self.rows, [0] * self.rows)
        return found

    def snapshot(self) -> Json:
        return {key: [list(updates), list(both)] for key, (updates, both) in self._keys.items()}

    def merge(self, snapshot: Json) -> None:
        for key, saved in cast("dict[str, Any]", snapshot).items():
            for mine, theirs in zip(self._key(key), saved, strict=True):
                mine[:] = map(max, mine, theirs)


class Done(Conflicts):
    """The same of what was executed; and how many ``updates`` of each key that was, with retries."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.updates: dict[str, int] = {}

    def add(self, row: int, number: int, command: Command) -> None:
        super().add(row, number, command)
        if command.f not in READING:
            for key in concerned(command):
                self.updates[key] = self.updates.get(key, 0) + 1

    def snapshot(self) -> Json:
        return {"highest": super().snapshot(), "updates": dict(self.updates)}

    def merge(self, snapshot: Json) -> None:
        """Of each key the greater number: one of the two has executed all updates that the other has."""
        saved = cast("dict[str, Any]", snapshot)
        super().merge(saved["highest"])
        for key, count in saved["updates"].items():
            self.updates[key] = max(count, self.updates.get(key, 0))

    def ahead_of(self, snapshot: Json) -> list[str]:
        """The keys of which more updates were executed than the snapshot tells."""
        theirs = cast("dict[str, Any]", snapshot)["updates"]
        return [key for key, count in self.updates.items() if count > theirs.get(key, 0)]


class Instances:
    """All rows. ``known`` counts every command heard of, ``done`` only those that were executed.

    ``live`` has, for each key and row, the numbers that are known and not executed, ascending, so
    that a look at what is up to some number does not cost what lies above it.
    """

    def __init__(self, rows: int) -> None:
        self.rows = [Row() for _ in range(rows)]
        self.known = Conflicts(rows)
        self.done = Done(rows)
        self.live: dict[str, list[list[int]]] = {}
        self.none: Deps = (0,) * rows
        self.floor: Deps = self.none
        """Up to here everything is named as a dependency, of any command (``rejoining``)."""

    def get(self, iid: InstanceId) -> Instance | None:
        return self.rows[iid[0]].instances.get(iid[1])

    def touch(self, iid: InstanceId) -> Instance:
        """The record of this instance, a new one if need be."""
        row = self.rows[iid[0]]
        found = row.instances.get(iid[1])
        if found is None:
            assert iid[1] > row.forgotten
            found = row.instances[iid[1]] = Instance(self.none)
            row.top = max(row.top, iid[1])
        return found

    def forgotten(self, iid: InstanceId) -> bool:
        """Executed, and no longer here: older than what others are still told one by one."""
        return iid[1] <= self.rows[iid[0]].forgotten

    def learn(self, iid: InstanceId, instance: Instance, command: Command) -> None:
        """The owner's command is known; from now on others depend on it."""
        if instance.command is not None:
            return
        row, number = iid
        instance.command = command
        self.known.add(row, number, command)
        if instance.phase < EXECUTED:
            for key in concerned(command):
                if key not in self.live:
                    self.live[key] = [[] for _ in self.rows]
                insort(self.live[key][row], number)
        mark = self.rows[row]
        if number == mark.known + 1:
            mark.advance()

    def settle(self, iid: InstanceId, instance: Instance) -> None:
        """It has been executed, or is a no-op: nobody waits for it any more."""
        if instance.command is None:
            return
        for key in concerned(instance.command):
            live = self.live.get(key)
            if live is None:
                continue
            numbers = live[iid[0]]
            at = bisect_left(numbers, iid[1])
            if at < len(numbers) and numbers[at] == iid[1]:
                del numbers[at]
            if not any(live):
                del self.live[key]

    def interfering(
        self, command: Command, *, deps: Deps | None = None
    ) -> Iterator[tuple[InstanceId, Instance]]:
        """The live instances whose command interferes with this one: all, or those in ``deps``."""
        reading = command.f in READING
        for row, numbers in enumerate(self._live(concerned(command))):
            instances = self.rows[row].instances
            for number in numbers:
                if deps is not None and number > deps[row]:
                    break
                instance = instances[number]
                other = instance.command
                assert other is not None
                if not (reading and other.f in READING):
                    yield (row, number), instance

    def _live(self, keys: tuple[str, ...]) -> Sequence[Sequence[int]]:
        """What is live of any of these keys: for each row its numbers, ascending, each once."""
        found = [live for key in keys if (live := self.live.get(key)) is not None]
        if len(found) <= 1:
            return found[0] if found else ()
        return [sorted(set().union(*of_row)) for of_row in zip(*found, strict=True)]

    def deps(self, command: Command, row: int, initial: Deps | None = None) -> Deps:
        """The leader's dependencies for a new instance in ``row``, or an acceptor's merged ones.

        An acceptor leaves the leader's own row alone: the leader knows all of it that is older,
        and what is younger depends on this instance.
        """
        highest = tuple(self.known.of(command))
        if self.floor is not self.none:
            highest = union(highest, self.floor)
        if initial is None:
            return highest
        merged = list(union(initial, highest))
        merged[row] = initial[row]
        return tuple(merged)
