"""Two windows made one: from the first's begin to the last's end, on both's targets.

Two of the same fault are that fault of more nodes or links. Two that do different things to different
nodes or links are one compound fault, which begins with both and ends with both: as a power cut takes a
node and a link with it. It says more than either, so that it is only for those who have too many windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from nemesis.actions import (
    Action,
    Cut,
    Fault,
    Kill,
    Link,
    Mend,
    Pause,
    Resume,
    Shape,
    Start,
    Weather,
    Window,
)
from nemesis.plan import touched


def merged(
    plan: Sequence[Window], *, by: Callable[[Window, Window], Window | None] | None = None
) -> Iterator[list[Window]]:
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
    """Both as one; None where they do different things, or what they do cannot be added up."""
    if isinstance(one.fault, str) or isinstance(other.fault, str):
        return None
    begin = _union(one.fault.begin, other.fault.begin)
    end = _union(one.fault.end, other.fault.end)
    if begin is None or end is None:
        return None
    return replace(_span(one, other), fault=Fault(one.fault.name, begin, end))


def compound(one: Window, other: Window) -> Window | None:
    """Both as one fault that does both; None where they touch the same, or one is only named.

    >>> from nemesis.process import kill_nodes, pause_nodes
    >>> both = compound(Window(5, 9, kill_nodes("kill", [0])), Window(8, 9, pause_nodes("pause", [1])))
    >>> both.at_ms, both.for_ms, both.fault.begin, both.fault.end
    (5, 12, (Kill(node=0), Pause(node=1)), (Start(node=0), Resume(node=1)))
    """
    if isinstance(one.fault, str) or isinstance(other.fault, str):
        return None
    first, second = touched(one.fault), touched(other.fault)
    if first is None or second is None or first & second:
        return None
    names = dict.fromkeys([*one.fault.name.split("+"), *other.fault.name.split("+")])
    fault = Fault(
        "+".join(names), one.fault.begin + other.fault.begin, one.fault.end + other.fault.end
    )
    return replace(_span(one, other), fault=fault)


def _span(one: Window, other: Window) -> Window:
    """From when the first begins to when the last ends."""
    at_ms = min(one.at_ms, other.at_ms)
    until_ms = max(one.at_ms + one.for_ms, other.at_ms + other.for_ms)
    return replace(one, at_ms=at_ms, for_ms=until_ms - at_ms)


def _union(one: Sequence[Action], other: Sequence[Action]) -> tuple[Action, ...] | None:
    """What both do, where all of it is of one kind."""
    actions = (*one, *other)
    if len({type(action) for action in actions}) > 1:
        return None
    if all(isinstance(action, Kill | Start | Pause | Resume) for action in actions):
        return tuple(dict.fromkeys(actions))
    links: dict[Link, None] = {}
    weathers: set[Weather] = set()
    for action in actions:
        if not isinstance(action, Cut | Mend | Shape):
            return None
        links |= dict.fromkeys(action.links)
        if isinstance(action, Shape):
            weathers.add(action.weather)
    if len(weathers) > 1:
        return None
    both = tuple(sorted(links))
    return (
        Shape(both, *weathers)
        if weathers
        else Cut(both)
        if isinstance(actions[0], Cut)
        else Mend(both),
    )
