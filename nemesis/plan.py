"""Making and checking fault plans: which faults, when, and for how long.

Faults of one sort (network cuts, processes, packets, disks, clocks, members, leaders) take turns; sorts overlap freely. A window is
long enough for a protocol to notice and to recover inside it, and is followed by a gap in which it
recovers from the cure: with time-outs not in proportion to the windows, a plan finds little
(PERFORMANCE.md 1.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random
from typing import assert_never

from nemesis import KINDS
from nemesis.actions import (
    Action,
    BumpClock,
    Corrupt,
    Cut,
    Fault,
    FillDisk,
    FreeDisk,
    Join,
    Kill,
    Lead,
    Leave,
    Link,
    LinkAction,
    LoseUnsynced,
    MemberAction,
    Mend,
    NodeAction,
    Pause,
    Plan,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Weather,
    Window,
    Wipe,
)
from nemesis.encoding import (
    action_to_json,
    actions_to_json,
    fault_to_json,
    plan_from_json,
    plan_to_json,
)
from nemesis.resolution import factory, is_scenario, resolve, scenario
from nemesis.scenario import Stage

__all__ = [
    "action_to_json", "actions_to_json", "concern_the_same", "factory", "fault_to_json", "lane_of", "lanes", "make_plan",
    "plan_from_json", "plan_to_json", "resolve", "touched", "validate",
]  # fmt: skip

LANES = ("network", "process", "packet", "disk", "clock", "membership", "leadership")

# A period is a window and the gap after it. 11.5 s makes windows of 5-8 s and gaps of 4-6 s.
LONGEST_PERIOD_MS = 11_500
SHORT_TRIAL_MS = 10_000

_ANY_ZONES = ("a", "a", "b", "b", "c")

MOST_PPM = 500_000
"""A clock that runs at half its pace, or at one and a half times."""


def lane_of(action: Action) -> str:
    """The sort of an action: two windows of one lane may not be on at the same time.

    >>> lane_of(Kill(0))
    'process'
    """
    match action:
        case Cut() | Mend():
            return "network"
        case Kill() | Start() | Pause() | Resume():
            return "process"
        case Shape():
            return "packet"
        case SlowDisk() | LoseUnsynced() | Corrupt() | Restore() | FillDisk() | FreeDisk() | Wipe():
            return "disk"
        case BumpClock() | StrobeClock() | SetDrift() | ResetClock():
            return "clock"
        case Join() | Leave():
            return "membership"
        case Lead():
            return "leadership"
        case _:
            assert_never(action)


def lanes(fault: Fault | str) -> tuple[str, ...]:
    """The lanes that a fault is in, by its actions. Raises ValueError for an unknown name."""
    if isinstance(fault, str):
        return _lanes_of_name(fault)
    found = {lane_of(action) for action in (*fault.begin, *fault.end)}
    return tuple(lane for lane in LANES if lane in found)


@cache
def _lanes_of_name(name: str) -> tuple[str, ...]:
    if not is_scenario(name):
        return lanes(resolve(name, Random(0), range(5), zones=_ANY_ZONES))
    windows = scenario(name, Random(0), range(5), Stage(0, 1_000, 10))
    found = {lane for window in windows for lane in lanes(window.fault)}
    return tuple(lane for lane in LANES if lane in found)


def make_plan(
    random: Random, names: Sequence[str], time_ms: int, *, interval_ms: int | None = None
) -> tuple[Window, ...]:
    """Windows over ``time_ms`` of the faults ``names``, sorted by time.

    A name of ``nemesis.KINDS`` ("partition", "kill" ...) stands for its kinds, gone through in
    shuffled rounds. ``interval_ms`` is the mean time from one window of a lane to its next; None:
    about 11.5 s, less in trials so short that fewer than five would fit. A trial of any length
    above a few ms has at least one window, begins calm, and ends calm, so that recovery is seen.
    Raises ValueError for an unknown name, or an interval that is not positive.
    """
    if interval_ms is not None and interval_ms <= 0:
        raise ValueError(f"interval_ms is {interval_ms}, not a positive number")
    by_lane: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(names):
        for kind in KINDS.get(name, (name,)):
            by_lane.setdefault(lanes(kind), []).append(kind)
    period_ms = period(time_ms, interval_ms)
    windows: list[Window] = []
    for rows in _apart(by_lane):
        windows += _take_turns(random, list(dict.fromkeys(rows)), time_ms, period_ms)
    return tuple(sorted(windows, key=lambda window: window.at_ms))


def _apart(by_lane: dict[tuple[str, ...], list[str]]) -> list[list[str]]:
    """The names by turns: a fault of the user's own that is in two lanes makes one of them."""
    turns: list[tuple[set[str], list[str]]] = []
    for lane, names in by_lane.items():
        joined = (set(lane), list(names))
        for turn in [turn for turn in turns if turn[0] & joined[0]]:
            turns.remove(turn)
            joined = (turn[0] | joined[0], turn[1] + joined[1])
        turns.append(joined)
    return [names for _, names in turns]


def period(time_ms: int, interval_ms: int | None = None) -> int:
    """The mean time from the beginning of a window to the beginning of the next, in ms.

    >>> period(300_000), period(60_000), period(2_000)
    (11500, 9230, 606)
    """
    if interval_ms is None:
        # 6 windows in a minute; 3 in a trial of seconds, since a protocol needs its time in each.
        tenths = 33 if time_ms < SHORT_TRIAL_MS else 65
        return min(LONGEST_PERIOD_MS, time_ms * 10 // tenths)
    return min(interval_ms, time_ms * 6 // 10)


def _take_turns(
    random: Random, names: Sequence[str], time_ms: int, period_ms: int
) -> Iterator[Window]:
    """Windows that do not overlap: 44 to 70 % of a period on, 35 to 52 % off."""
    at_ms = random.randint(period_ms // 4, period_ms // 3)
    last_end_ms = time_ms - period_ms // 3
    round_: list[str] = []
    while True:
        for_ms = random.randint(period_ms * 44 // 100, period_ms * 70 // 100)
        if for_ms <= 0 or at_ms + for_ms > last_end_ms:
            return
        round_ = round_ or random.sample(names, len(names))
        yield Window(at_ms, for_ms, round_.pop())
        at_ms += for_ms + random.randint(period_ms * 35 // 100, period_ms * 52 // 100)


def validate(plan: Plan, nodes: Sequence[int], zones: Sequence[str] = ()) -> None:
    """Refuse a plan that cannot be meant. Raises ValueError, naming the window (counted from 0).

    Windows of one lane do not overlap, unless each says which nodes or links it is about, and none is
    the same; links and nodes exist; a fault's ``end`` cures what its ``begin`` did; a named fault
    can be resolved on these nodes, in these zones.

    >>> validate([Window(0, 10, "kill-one"), Window(5, 10, "pause-one")], range(3))
    Traceback (most recent call last):
    ValueError: window 1 (pause-one): overlaps window 0 (kill-one), also of the process lane
    """
    before: dict[str, list[tuple[int, str, frozenset[int | Link] | None]]] = {}
    for number, window in sorted(enumerate(plan), key=lambda item: item[1].at_ms):
        name = window.fault if isinstance(window.fault, str) else window.fault.name
        label = f"window {number} ({name})"
        try:
            _validate_window(window, nodes, zones)
            of_lanes = lanes(window.fault)
        except ValueError as error:
            raise ValueError(f"{label}: {error}") from error
        for lane in of_lanes:
            own = touched(window.fault, lane)
            on = [other for other in before.get(lane, ()) if window.at_ms < other[0]]
            for _, other, theirs in on:
                if own is None or theirs is None or own & theirs:
                    raise ValueError(f"{label}: overlaps {other}, also of the {lane} lane")
            before[lane] = [*on, (window.at_ms + window.for_ms, label, own)]


def touched(fault: Fault | str, lane: str) -> frozenset[int | Link] | None:
    """The nodes and links to which a fault does something of this lane; None where only its opening says
    which, or all are concerned: who is a member, or leads, is everybody's affair.

    >>> touched(Fault("mine", (Kill(2), Join(3)), (Start(2), Leave(3))), "process")
    frozenset({2})
    """
    if isinstance(fault, str):
        return None
    found: list[int | Link] = []
    for action in (*fault.begin, *fault.end):
        if lane_of(action) == lane:
            if isinstance(action, MemberAction | Lead):
                return None
            found += action.links if isinstance(action, LinkAction) else [action.node]
    return frozenset(found)


def concern_the_same(one: Fault | str, other: Fault | str) -> bool:
    """Whether two faults do something of one lane to one node or link, so that they must not overlap."""
    for lane in set(lanes(one)) & set(lanes(other)):
        mine, theirs = touched(one, lane), touched(other, lane)
        if mine is None or theirs is None or mine & theirs:
            return True
    return False


def _validate_window(window: Window, nodes: Sequence[int], zones: Sequence[str]) -> None:
    if window.at_ms < 0:
        raise ValueError(f"at_ms is {window.at_ms}, before the trial begins")
    if window.for_ms <= 0:
        raise ValueError(f"for_ms is {window.for_ms}, not a positive number")
    fault = window.fault
    if isinstance(fault, str):
        fault = resolve(fault, Random(0), nodes, zones=zones)
    for action in (*fault.begin, *fault.end):
        _validate_action(action, nodes)
    if open_ := sorted(_left_open(fault)):
        raise ValueError(f"its end leaves {', '.join(open_)}")


def _validate_action(action: Action, nodes: Sequence[int]) -> None:
    match action:
        case Cut(links) | Mend(links):
            _validate_links(links, nodes)
        case Shape(links, weather):
            _validate_links(links, nodes)
            _validate_weather(weather)
        case _:
            if action.node not in nodes:
                raise ValueError(f"there is no node {action.node}: there are {_listed(nodes)}")
            _validate_amount(action)


def _validate_amount(action: NodeAction) -> None:
    match action:
        case SlowDisk(_, ms) if ms < 0:
            raise ValueError(f"a sync that takes {ms} ms longer")
        case FillDisk(_, left_bytes) if left_bytes < 0:
            raise ValueError(f"a full disk with {left_bytes} bytes left")
        case StrobeClock(_, _, period_ms) if period_ms <= 0:
            raise ValueError(f"a clock that jumps every {period_ms} ms")
        case SetDrift(_, ppm) if abs(ppm) > MOST_PPM:
            raise ValueError(f"a drift of {ppm} ppm: at most {MOST_PPM} either way")


def _validate_links(links: Sequence[Link], nodes: Sequence[int]) -> None:
    if not links:
        raise ValueError("an action without links")
    for src, dst in links:
        for node in (src, dst):
            if node not in nodes:
                raise ValueError(f"there is no node {node}: there are {_listed(nodes)}")
        if src == dst:
            raise ValueError(f"a link from node {src} to itself")


def _validate_weather(weather: Weather) -> None:
    if min(weather.delay_ms, weather.jitter_ms) < 0:
        raise ValueError("a delay below 0 ms")
    if weather.jitter_ms > weather.delay_ms:
        raise ValueError(f"jitter of {weather.jitter_ms} ms around {weather.delay_ms} ms")
    for name in ("loss_permille", "duplicate_permille", "reorder_permille"):
        if not 0 <= getattr(weather, name) <= 1000:
            raise ValueError(f"{name} is {getattr(weather, name)}, not in 0..1000")
    if weather.reorder_permille and not weather.delay_ms:
        raise ValueError("reordering needs a delay to overtake")


def _left_open(fault: Fault) -> Iterator[str]:
    """What ``begin`` did and ``end`` does not cure, in words."""
    broken: dict[tuple[str, object], str] = {}
    for action in (*fault.begin, *fault.end):
        match action:
            case Cut(links):
                broken.update({("cut", link): f"link {link[0]}>{link[1]} cut" for link in links})
            case Mend(links):
                for link in links:
                    broken.pop(("cut", link), None)
            case Shape(links, weather):
                for link in links:
                    broken.pop(("shape", link), None)
                    if weather != Weather():
                        broken["shape", link] = f"link {link[0]}>{link[1]} shaped"
            case Kill(node):
                broken["dead", node] = f"node {node} dead"
            case Start(node):
                broken.pop(("dead", node), None)
            case Pause(node):
                broken["paused", node] = f"node {node} paused"
            case Resume(node):
                broken.pop(("paused", node), None)
            case LoseUnsynced(node) | Wipe(node):
                broken["dead", node] = f"node {node} dead"
            case SlowDisk(node, ms):
                broken.pop(("slow", node), None)
                if ms:
                    broken["slow", node] = f"node {node}'s disk slow"
            case Corrupt(node):
                broken["corrupt", node] = f"node {node}'s disk corrupt"
            case Restore(node):
                broken.pop(("corrupt", node), None)
            case FillDisk(node):
                broken["full", node] = f"node {node}'s disk full"
            case FreeDisk(node):
                broken.pop(("full", node), None)
            case BumpClock(node) | StrobeClock(node) | SetDrift(node):
                broken["clock", node] = f"node {node}'s clock wrong"
            case ResetClock(node):
                broken.pop(("clock", node), None)
            case Join(node) | Leave(node):
                if not broken.pop(("member", node), None):
                    done = "joined" if isinstance(action, Join) else "gone"
                    broken["member", node] = f"node {node} {done}"
            case Lead():
                pass
            case _:
                assert_never(action)
    yield from broken.values()


def _listed(nodes: Sequence[int]) -> str:
    return ", ".join(map(str, nodes))
