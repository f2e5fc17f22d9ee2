"""Two windows made one: from the first's begin to the last's end, on both's targets.

Two of the same fault are that fault of more nodes or links. Two that do different things are one
compound fault, which begins with both and ends with both: as a power cut takes a node and a link with
it. It says more than either, so that it is only for those who have too many windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from harness.shrink.size import MOST_WINDOWS
from harness.shrink.targets import Target
from nemesis.actions import (
    Action,
    Cut,
    Fault,
    Join,
    Kill,
    Leave,
    Link,
    LoseUnsynced,
    MemberAction,
    Mend,
    Shape,
    Start,
    Window,
    Wipe,
)
from nemesis.plan import concern_the_same, lane_of

Merge: TypeAlias = Callable[[Window, Window], Window | None]


def merged(plan: Sequence[Window], *, by: Merge | None = None) -> Iterator[list[Window]]:
    """Plans with one window less: each two that can be are one, by :func:`together` unless said otherwise.

    A pause in between goes, so that more may be hit for longer: what is left is to be reduced again.

    >>> from nemesis.process import kill_nodes
    >>> first, second = Window(5, 9, kill_nodes("kill", [0])), Window(20, 4, kill_nodes("kill", [1]))
    >>> [(w.at_ms, w.for_ms, w.fault.begin) for [w] in merged([first, second])]
    [(5, 19, (Kill(node=0), Kill(node=1)))]
    """
    for j in range(len(plan)):
        for i in reversed(range(j)):
            window = (by or together)(plan[i], plan[j])
            if window is not None:
                rest = [w for n, w in enumerate(plan) if n not in (i, j)]
                yield sorted([*rest, window], key=lambda w: w.at_ms)


def together(one: Window, other: Window) -> Window | None:
    """Both as one; None where they do different things, or different ones to the same.

    >>> leave = Window(5, 9, Fault("leave", (Leave(0),), (Join(0),)))
    >>> join = Window(20, 9, Fault("join", (Join(3),), (Leave(3),)))
    >>> together(leave, join).fault.begin, together(leave, join).fault.end
    ((Leave(node=0), Join(node=3)), (Leave(node=3), Join(node=0)))
    """
    if isinstance(one.fault, str) or isinstance(other.fault, str):
        return None
    if _sorts(one.fault) != _sorts(other.fault):
        return None
    return _both(one, other, one.fault.name)


def compound(one: Window, other: Window) -> Window | None:
    """Both as one fault that does both; None where they do different things to the same, or one is only named.

    >>> from nemesis.process import kill_nodes, pause_nodes
    >>> both = compound(Window(5, 9, kill_nodes("kill", [0])), Window(8, 9, pause_nodes("pause", [1])))
    >>> both.at_ms, both.for_ms, both.fault.begin, both.fault.end
    (5, 12, (Kill(node=0), Pause(node=1)), (Start(node=0), Resume(node=1)))
    """
    if isinstance(one.fault, str) or isinstance(other.fault, str):
        return None
    return _both(one, other, _named(one.fault, other.fault))


def while_one(one: Window, other: Window, *, which: int) -> Window | None:
    """Both as one fault, which is on only while the first was, or (``which`` is 1) the second."""
    both, alone = compound(one, other), (one, other)[which]
    return None if both is None else replace(both, at_ms=alone.at_ms, for_ms=alone.for_ms)


def restarting(one: Window, other: Window, *, at_end: bool) -> Window | None:
    """The one fault, and as it begins (or ends) the other's nodes restart, which is no window of its own then.

    None where the other does more than that, as a cut, which is nothing if it is over at once.

    >>> from nemesis.process import kill_nodes
    >>> cut = Window(5, 90, Fault("cut", (Cut(((0, 1),)),), (Mend(((0, 1),)),)))
    >>> both = restarting(cut, Window(7, 4, kill_nodes("kill", [2])), at_end=False)
    >>> both.at_ms, both.for_ms, both.fault.begin
    (5, 90, (Cut(links=((0, 1),)), Kill(node=2), Start(node=2)))
    """
    first, second = one.fault, other.fault
    if isinstance(first, str) or isinstance(second, str) or concern_the_same(first, second):
        return None
    restart = (*second.begin, *second.end)
    if not all(isinstance(action, Kill | LoseUnsynced | Wipe | Start) for action in restart):
        return None
    begin, end = first.begin, first.end
    begin, end = (begin, end + restart) if at_end else (begin + restart, end)
    return replace(one, fault=Fault(_named(first, second), begin, end))


def _turned(merge: Merge, one: Window, other: Window) -> Window | None:
    return merge(other, one)


def _named(one: Fault, other: Fault) -> str:
    return "+".join(dict.fromkeys([*one.name.split("+"), *other.name.split("+")]))


def _sorts(fault: Fault) -> set[object]:
    """What it does, whatever it does it to. A member joins as it leaves: the other way round."""
    return {
        action.weather
        if isinstance(action, Shape)
        else MemberAction
        if isinstance(action, MemberAction)
        else type(action)
        for action in fault.begin
    }


def _both(one: Window, other: Window, name: str) -> Window | None:
    """From when the first begins to when the last ends."""
    if isinstance(one.fault, str) or isinstance(other.fault, str):
        return None
    begin = _union(one.fault.begin, other.fault.begin)
    end = _union(one.fault.end, other.fault.end)
    if begin is None or end is None:
        return None
    undone = [_undone(a) for a in begin[::-1] if isinstance(a, MemberAction)]
    end = (*(a for a in end if not isinstance(a, MemberAction)), *undone)
    at_ms = min(one.at_ms, other.at_ms)
    until_ms = max(one.at_ms + one.for_ms, other.at_ms + other.for_ms)
    return Window(at_ms, until_ms - at_ms, Fault(name, begin, end))


def _undone(action: MemberAction) -> MemberAction:
    return Leave(action.node) if isinstance(action, Join) else Join(action.node)


def _union(one: Sequence[Action], other: Sequence[Action]) -> tuple[Action, ...] | None:
    """What both do; None where that is something else to the same. Of a member the latest word counts."""
    first, second = _by_target(one), _by_target(other)
    for place in first.keys() & second.keys():
        if place[0] != lane_of(Join(0)) and first[place] != second[place]:
            return None
    links: dict[Cut | Mend | Shape, dict[Link, None]] = {}
    members: dict[int, Action] = {}
    others: dict[Action, None] = {}
    for action in (*one, *other):
        match action:
            case Cut(some) | Mend(some) | Shape(some):
                links.setdefault(replace(action, links=()), {}).update(dict.fromkeys(some))
            case Join(node) | Leave(node):
                members.pop(node, None)
                members[node] = action
            case _:
                others[action] = None
    of_links = [replace(action, links=tuple(sorted(some))) for action, some in links.items()]
    return (*of_links, *others, *members.values())


def _by_target(actions: Sequence[Action]) -> Mapping[tuple[str, Target], list[Action]]:
    """What is done to each node or link, of each lane."""
    done: dict[tuple[str, Target], list[Action]] = {}
    for action in actions:
        match action:
            case Cut(links) | Mend(links) | Shape(links):
                for link in links:
                    done.setdefault((lane_of(action), link), []).append(replace(action, links=()))
            case _:
                done.setdefault((lane_of(action), action.node), []).append(action)
    return done


FEW = 8
"""Of no more windows all pairs are tried in every way: of more, some go otherwise."""


def one_window_less(plan: Sequence[Window]) -> Iterator[list[Window]]:
    """Plans with two as one: of the same fault; and of different ones, where there are too many, and few."""
    yield from merged(plan)
    if MOST_WINDOWS < len(plan) <= FEW:
        for by in OF_DIFFERENT:
            yield from merged(plan, by=by)


OF_DIFFERENT: tuple[Merge, ...] = (
    compound,
    *(partial(while_one, which=n) for n in (0, 1)),
    *(partial(restarting, at_end=at_end) for at_end in (False, True)),
    *(partial(_turned, partial(restarting, at_end=at_end)) for at_end in (False, True)),
)
"""How two that do different things may be one."""
