"""The primitives that every interpreter of a fault plan knows, and the plan itself.

Nodes are numbers, links are directed pairs ``(src, dst)``. An interesting fault (halves, a ring of
majorities, a rolling restart) is a pure function to a :class:`Fault`, which carries its own cure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Link: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing arrives over these links any more, established connections included."""

    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Mend:
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Weather:
    """How a link treats packets. Permille are of packets; a packet's delay is ms ± jitter_ms."""

    delay_ms: int = 0
    jitter_ms: int = 0
    loss_permille: int = 0
    duplicate_permille: int = 0
    reorder_permille: int = 0
    """Of packets that overtake the delayed ones (so it needs a delay)."""


CLEAR = Weather()


@dataclass(frozen=True, slots=True)
class Shape:
    """Give these links this weather; ``CLEAR`` ends it."""

    links: tuple[Link, ...]
    weather: Weather


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9 of the node under test: what was not persisted is gone."""

    node: int


@dataclass(frozen=True, slots=True)
class Start:
    node: int


@dataclass(frozen=True, slots=True)
class Pause:
    """SIGSTOP: the node keeps its memory and its connections, and does nothing."""

    node: int


@dataclass(frozen=True, slots=True)
class Resume:
    node: int


# --- disks: what is persisted is a journal of checked records, one a step (protocols.kernel) --------


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Each sync takes ``ms`` longer; 0 ends it. What waits for the sync waits with it."""

    node: int
    ms: int


@dataclass(frozen=True, slots=True)
class LoseUnsynced:
    """As when the power fails: what was written and not synced is gone. The node dies, if it lives.

    ``torn``: only a part is gone, and the first record of that part is half there.
    """

    node: int
    torn: bool = False


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Damage a record that was durable, with good ones behind it: it is found at the next start."""

    node: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Undo the damage of :class:`Corrupt`, as from a good copy."""

    node: int


@dataclass(frozen=True, slots=True)
class FillDisk:
    """There are ``left_bytes`` more, and then every write fails (ENOSPC): the one that meets the end is half there.

    A node ends by that, if it is right: it cannot keep what it would promise. It may be started, and ends again.
    """

    node: int
    left_bytes: int


@dataclass(frozen=True, slots=True)
class FreeDisk:
    """There is space again. Nobody is started by that."""

    node: int


@dataclass(frozen=True, slots=True)
class Wipe:
    """The disk is gone, and an empty one in its place. The node dies, if it lives.

    It is told so at its next start (``protocols.kernel``: ``Started.lost``). Nothing brings back what
    was lost; what the protocol makes of it is the protocol's affair.
    """

    node: int


# --- clocks: now_ms is the wall clock, which jumps; timers run by a monotonic one, which does not ---


@dataclass(frozen=True, slots=True)
class BumpClock:
    """The wall clock jumps by ``ms``: forward, or back if that is negative."""

    node: int
    ms: int


@dataclass(frozen=True, slots=True)
class StrobeClock:
    """The wall clock jumps by ``ms`` and back again, in turns, every ``period_ms``."""

    node: int
    ms: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class SetDrift:
    """Both clocks run too fast by ``ppm`` millionths (too slow if negative); 0 ends it."""

    node: int
    ppm: int


@dataclass(frozen=True, slots=True)
class ResetClock:
    """The wall clock shows what it would without the clock faults so far, and these end."""

    node: int


# --- members: who takes part, of a protocol that can change that (protocols.membership) -------------


@dataclass(frozen=True, slots=True)
class Join:
    """The node is to become a member, and is asked for until it is one, or is to leave again."""

    node: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The node is to be a member no more. Its process is left alone."""

    node: int


# --- leadership, of a protocol that can hand it over (protocols.handover) ---------------------------


@dataclass(frozen=True, slots=True)
class Lead:
    """The node is to lead: whoever does is asked to hand over, until it is so or its window ends.

    Nothing is broken, so there is no cure.
    """

    node: int


LinkAction: TypeAlias = Cut | Mend | Shape
ProcessAction: TypeAlias = Kill | Start | Pause | Resume
DiskAction: TypeAlias = SlowDisk | LoseUnsynced | Corrupt | Restore | FillDisk | FreeDisk | Wipe
ClockAction: TypeAlias = BumpClock | StrobeClock | SetDrift | ResetClock
MemberAction: TypeAlias = Join | Leave
NodeAction: TypeAlias = ProcessAction | DiskAction | ClockAction | MemberAction | Lead
Action: TypeAlias = LinkAction | NodeAction


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do when a window opens and when it closes. ``name`` says which fault, for people."""

    name: str
    begin: tuple[Action, ...]
    end: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A fault that is on during [at_ms, at_ms + for_ms) of the trial.

    ``fault`` is a Fault, or the *name* of one in the table ``nemesis.FAULTS``, which is resolved
    to a Fault when the window opens (its targets may depend on who leads then).
    """

    at_ms: int
    for_ms: int
    fault: Fault | str


Plan: TypeAlias = Sequence[Window]
