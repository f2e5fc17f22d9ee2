"""The graph over values, fed while a trial runs: says at which row a register ceases to be one.

The same zones as :mod:`checker.linearizable.graph` (Gibbons, Korach 1997). Zones only grow, so a
contradiction, once there, stays; each completion moves one zone, which is compared with those around
it. What was certainly replaced before all open ops began is forgotten: to read it again is wrong, as
is to read what nobody wrote. So memory is that of open ops, of values still live, and of failures.

Only reads and writes of values written once: anything else raises Unsupported, and is for the check
at the end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable
from dataclasses import dataclass, field

from checker.history import FAIL, INVOKE, OK, Row
from checker.values import identity

_NEVER = 1 << 62
_BACK = "a value came back after another had replaced it"
_SWEEP = 1024
"""After so many completions of a key what is over is forgotten."""


class Unsupported(Exception):  # noqa: N818
    """This history is beyond the online check; the message says why."""


@dataclass
class _Zone:
    """``first_end`` is _NEVER as long as nobody was answered; ``last_begin`` an invocation."""

    name: Hashable
    first_end: int
    last_begin: int

    @property
    def forward(self) -> bool:
        return self.first_end < self.last_begin


@dataclass
class _Key:
    """Zones by the identity of their value; those answered also in order, by their lower end."""

    zones: dict[Hashable, _Zone]
    failed: set[Hashable] = field(default_factory=set)
    forward: list[tuple[int, int, _Zone]] = field(default_factory=list)
    backward: list[tuple[int, int, _Zone]] = field(default_factory=list)
    open: dict[int, tuple[int, str, Hashable]] = field(default_factory=dict)
    """By process: the row, f and identity of the value of what it asked."""
    completions: int = 0


class OnlineRegister:
    """Feed it the rows of a history in order; ``feed`` says whether all is well so far."""

    def __init__(self) -> None:
        self.keys: dict[Hashable, _Key] = {}
        self.row = 0
        self.anomaly: str | None = None

    def feed(self, row: Row) -> str | None:
        """Take the next row. Returns what is wrong, in a few words, from the row on where it is.

        Raises Unsupported for a cas, another op than a register's, and a value written twice.
        """
        place, self.row = self.row, self.row + 1
        if row.process < 0 or self.anomaly is not None:
            return self.anomaly
        if row.f not in ("read", "write"):
            raise Unsupported(f"row {place}: {row.f!r} is not judged online")
        key = self.keys.setdefault(identity(row.key), _Key({None: _Zone(None, -1, -1)}))
        if row.type == INVOKE:
            self.begin(key, row, place)
        elif (problem := self.end(key, row, place)) is not None:
            self.anomaly = f"row {place}, key {row.key}: {problem}"
        return self.anomaly

    def begin(self, key: _Key, row: Row, place: int) -> None:
        name = identity(row.value) if row.f == "write" else None
        if row.f == "write":
            if name in key.zones:
                raise Unsupported(f"row {place}: a value is written twice")
            key.zones[name] = _Zone(name, _NEVER, place)
        key.open[row.process] = place, row.f, name

    def end(self, key: _Key, row: Row, place: int) -> str | None:
        """A completion moves the zone of what was written or read, and is compared."""
        begun, f, name = key.open.pop(row.process)
        if f == "write":
            if row.type == FAIL:
                key.failed.add(name)
                zone = key.zones.pop(name)
                return "a value was read whose write failed" if zone.first_end < _NEVER else None
            return self.move(key, name, place, begun) if row.type == OK else None
        if row.type != OK:
            return None
        name = identity(row.value)
        if name not in key.zones:
            failed = name in key.failed
            return (
                "read of a failed write" if failed else "read of what was replaced or never written"
            )
        problem = self.move(key, name, place, begun)
        key.completions += 1
        if problem is None and key.completions % _SWEEP == 0:
            self.forget(key)
        return problem

    def move(self, key: _Key, name: Hashable, end: int, begin: int) -> str | None:
        zone = key.zones[name]
        if zone.first_end < _NEVER:
            _remove(key, zone)
        zone.first_end = min(zone.first_end, end)
        zone.last_begin = max(zone.last_begin, begin)
        problem = _conflict(key, zone)
        insort(*_entry(key, zone), key=_low)
        return problem

    def forget(self, key: _Key) -> None:
        """Forget zones that lie wholly before all that is open, and before another one that does.

        A later op of such a value would begin after that other value was certainly there.
        """
        horizon = min((row for row, _, _ in key.open.values()), default=self.row)
        over = [z for z in key.zones.values() if max(z.first_end, z.last_begin) < horizon]
        newest = max((zone.last_begin for zone in over), default=-1)
        for zone in over:
            if zone.first_end < newest and zone.last_begin < newest:
                _remove(key, zone)
                del key.zones[zone.name]


_Entry = tuple[int, int, _Zone]


def _low(entry: _Entry) -> int:
    return entry[0]


def _entry(key: _Key, zone: _Zone) -> tuple[list[_Entry], _Entry]:
    """The list that a zone belongs in, and its place there."""
    low, high = sorted((zone.first_end, zone.last_begin))
    return (key.forward if zone.forward else key.backward), (low, high, zone)


def _remove(key: _Key, zone: _Zone) -> None:
    several, entry = _entry(key, zone)
    place = bisect_left(several, entry[0], key=_low)
    while place < len(several) and several[place][0] == entry[0]:
        if several[place][2] is zone:
            del several[place]
            return
        place += 1


def _conflict(key: _Key, zone: _Zone) -> str | None:
    """Whether a zone overlaps a forward one, lies in one, or is one around a backward one."""
    _, (low, high, _) = _entry(key, zone)
    place = bisect_right(key.forward, low, key=_low)
    before = key.forward[place - 1] if place else None
    if not zone.forward:
        inside = before is not None and high < before[1]
        return _BACK if inside else None
    if before is not None and low < before[1]:
        return _BACK
    if place < len(key.forward) and key.forward[place][0] < high:
        return _BACK
    for i in range(bisect_right(key.backward, low, key=_low), len(key.backward)):
        begin, end, _ = key.backward[i]
        if begin >= high:
            break
        if end < high:
            return _BACK
    return None
