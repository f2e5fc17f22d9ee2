"""Faults that do less to the same nodes: weather with fewer properties, smaller jumps, plain kills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Corrupt,
    Fault,
    FillDisk,
    LoseUnsynced,
    SetDrift,
    Shape,
    SlowDisk,
    StrobeClock,
    Window,
    Wipe,
)
from nemesis.process import kill_nodes

_AMOUNTS = {
    SlowDisk: "ms",
    FillDisk: "left_bytes",
    BumpClock: "ms",
    StrobeClock: "ms",
    SetDrift: "ppm",
}
_PROPERTIES = "reorder_permille", "duplicate_permille", "loss_permille", "jitter_ms"


def milder(window: Window) -> list[Window]:
    """Windows with a milder fault, the mildest first; none for a fault that is only named.

    >>> at = Window(5, 9, Fault("clock-bump", (BumpClock(0, -250),), ()))
    >>> [window.fault.begin[0].ms for window in milder(at)]
    [-1, -10, -100]
    """
    fault = window.fault
    if isinstance(fault, str):
        return []
    made = [*_plain_kill(fault), *_fewer_properties(fault), *_smaller_amounts(fault)]
    return [replace(window, fault=each) for each in made]


def _plain_kill(fault: Fault) -> Iterator[Fault]:
    """A kill and a restart, without what was done to the disk."""
    actions = (*fault.begin, *fault.end)
    hit = [a.node for a in actions if isinstance(a, LoseUnsynced | Corrupt | FillDisk | Wipe)]
    if hit:
        yield kill_nodes("kill", sorted(set(hit)))


def _fewer_properties(fault: Fault) -> Iterator[Fault]:
    """Weather with one property gone, as long as some is left."""
    for gone in _PROPERTIES:
        begin = tuple(
            Shape(a.links, replace(a.weather, **{gone: 0})) if isinstance(a, Shape) else a
            for a in fault.begin
        )
        calm = any(isinstance(a, Shape) and a.weather == CLEAR for a in begin)
        if begin != fault.begin and not calm:
            yield replace(fault, begin=begin)


def _smaller_amounts(fault: Fault) -> Iterator[Fault]:
    """Amounts of at most 1, 10, 100 ... ms or millionths, in the same direction."""
    amounts = [getattr(a, _AMOUNTS[type(a)]) for a in fault.begin if type(a) in _AMOUNTS]
    most = 1
    while amounts and most < max(map(abs, amounts)):
        yield replace(fault, begin=tuple(_at_most(action, most) for action in fault.begin))
        most *= 10


def _at_most(action: Action, most: int) -> Action:
    name = _AMOUNTS.get(type(action))
    if name is None:
        return action
    amount = max(-most, min(most, getattr(action, name)))
    return replace(action, **{name: amount})
