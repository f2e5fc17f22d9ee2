"""What a fault hits, one target at a time: faults with fewer targets, and with fewer nodes around."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeAlias

from nemesis.actions import Action, Cut, Fault, Mend, Shape, Window

Target: TypeAlias = int | tuple[int, int]
"""A node, or a link."""


def targets_of(fault: Fault | str) -> tuple[Target, ...]:
    """The nodes and links that a fault hits; none of a fault that is only named.

    >>> from nemesis.actions import Kill, Start
    >>> targets_of(Fault("f", (Cut(((0, 1), (1, 0))), Kill(2)), (Mend(((0, 1), (1, 0))), Start(2))))
    ((0, 1), (1, 0), 2)
    """
    if isinstance(fault, str):
        return ()
    return tuple(dict.fromkeys(t for action in fault.begin for t in _of(action)))


def _of(action: Action) -> tuple[Target, ...]:
    match action:
        case Cut(links) | Mend(links) | Shape(links, _):
            return links
        case _:
            return (action.node,)


def nodes_of(target: Target) -> tuple[int, ...]:
    """The nodes that a target concerns."""
    return (target,) if isinstance(target, int) else target


def only(window: Window, kept: Collection[Target]) -> Window | None:
    """The window with these targets alone; None where nothing is left of it."""
    return _rebuilt(window, lambda target: target if target in kept else None)


def renumbered(window: Window, numbers: Mapping[int, int]) -> Window | None:
    """The window among the nodes that keep a number; None where nothing is left of it."""

    def renumber(target: Target) -> Target | None:
        if any(node not in numbers for node in nodes_of(target)):
            return None
        if isinstance(target, int):
            return numbers[target]
        return numbers[target[0]], numbers[target[1]]

    return _rebuilt(window, renumber)


def _rebuilt(window: Window, change: Callable[[Target], Target | None]) -> Window | None:
    fault = window.fault
    if isinstance(fault, str):
        return window
    begin = tuple(new for action in fault.begin for new in _changed(action, change))
    end = tuple(new for action in fault.end for new in _changed(action, change))
    if not begin:
        return None
    return Window(window.at_ms, window.for_ms, Fault(fault.name, begin, end))


def _changed(action: Action, change: Callable[[Target], Target | None]) -> tuple[Action, ...]:
    kept = [new for target in _of(action) if (new := change(target)) is not None]
    if not kept:
        return ()
    links = tuple(target for target in kept if not isinstance(target, int))
    nodes = tuple(target for target in kept if isinstance(target, int))
    match action:
        case Cut() | Mend():
            return (type(action)(links),)
        case Shape(_, weather):
            return (Shape(links, weather),)
        case _:
            return (replace(action, node=nodes[0]),)
