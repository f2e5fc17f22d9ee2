"""Everything sooner, closer together and shorter: the times of a trial, made small and round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from harness.shrink.freeze import script_of, with_faults, with_script
from harness.shrink.search import Search
from harness.trial import Trial
from nemesis.actions import Window
from workloads.script import MS, ScriptedOp

PAUSES_RTT = 4, 16, 64
"""Round trips: the longest is two elections."""

PAUSE_SEEDS = tuple(str(number) for number in range(20))

MOST_GAPS = 60
"""A history with more moments than these is looked at again when it has become shorter."""


def smaller_gaps(search: Search) -> None:
    """What comes after a pause comes sooner: at once, or after a part of it. The last pause first."""
    number = len(_moments_of(search.best)) - 1
    if number > MOST_GAPS:
        return
    while number >= 0:
        moments = [0, *_moments_of(search.best)]
        number = min(number, len(moments) - 2)
        if number < 0:
            return
        before, after = moments[number], moments[number + 1]
        gap = after - before
        gaps = [0, *(gap // share // MS * MS for share in (8, 2))]
        gaps = sorted({g for g in gaps if g < gap})
        search.attempt([_sooner(search.best, after, gap - g) for g in gaps])
        number -= 1


def squeezed(
    plan: Sequence[Window], ops: Sequence[ScriptedOp], most_ms: int
) -> tuple[list[Window], list[ScriptedOp]]:
    """All of it, with no longer pauses than that: times at which nothing begins or ends, as before the first op.

    >>> squeezed([Window(100, 50, "kill")], [ScriptedOp(142 * MS, 0, "read", "x")], 9)
    ([Window(at_ms=9, for_ms=17, fault='kill')], [ScriptedOp(at_ns=18000000, thread=0, f='read', key='x', value=None, node=None)])
    """
    sooner_ns, by = 0, {0: 0}
    for before, after in pairwise([0, *_moments(plan, ops)]):
        sooner_ns += max(0, after - before - most_ms * MS) // MS * MS
        by[after] = sooner_ns

    def moved(ns: int) -> int:
        return ns - by[ns]

    windows = []
    for window in plan:
        at_ms = moved(window.at_ms * MS) // MS
        end_ms = moved((window.at_ms + window.for_ms) * MS) // MS
        windows.append(replace(window, at_ms=at_ms, for_ms=end_ms - at_ms))
    return windows, [op._replace(at_ns=moved(op.at_ns)) for op in ops]


def last_begin_ms(plan: Sequence[Window], ops: Sequence[ScriptedOp]) -> int:
    """When the last of all has begun; 0 where there is nothing."""
    return max([0, *(w.at_ms + 1 for w in plan), *(op.at_ns // MS + 1 for op in ops)])


def shorter_pauses(search: Search) -> None:
    """All pauses at once are no longer than a few round trips: with other luck, since all luck is other then.

    What happens in them is mostly nothing, and a trial is played the sooner. So it is worth many seeds.
    """
    trial = search.best
    if trial.ops is None:
        return
    plan, ops = trial.windows(), script_of(trial)
    last_ms = last_begin_ms(plan, ops)
    for pause_rtt in PAUSES_RTT:
        closer = squeezed(plan, ops, pause_rtt * trial.rtt_ms)
        sooner_ms = last_ms - last_begin_ms(*closer)
        if sooner_ms < trial.time_ms // 4:
            return
        shorter = _with(trial, *closer, trial.time_ms - sooner_ms)
        if search.attempt([shorter], (*search.seeds, *PAUSE_SEEDS)) is not None:
            return


def _moments_of(trial: Trial) -> list[int]:
    return _moments(trial.windows(), trial.script() or ())


def _moments(plan: Sequence[Window], ops: Sequence[ScriptedOp]) -> list[int]:
    """When something begins or ends, in ns, ascending."""
    asked = [op.at_ns for op in ops]
    begins = [window.at_ms * MS for window in plan]
    ends = [(window.at_ms + window.for_ms) * MS for window in plan]
    return sorted({moment for moment in asked + begins + ends if moment > 0})


def _sooner(trial: Trial, from_ns: int, by_ns: int) -> Trial:
    """All that happens from a moment on happens that much sooner. Windows keep to whole ms."""

    def moved(ns: int) -> int:
        return ns - by_ns if ns >= from_ns else ns

    plan = []
    for window in trial.windows():
        at_ms = moved(window.at_ms * MS) // MS
        end_ms = moved((window.at_ms + window.for_ms) * MS) // MS
        plan.append(Window(at_ms, max(1, end_ms - at_ms), window.fault))
    time_ms = max(1, moved(trial.time_ms * MS) // MS)
    return _with(trial, plan, [op._replace(at_ns=moved(op.at_ns)) for op in trial.script() or ()],
                 time_ms)  # fmt: skip


def _with(trial: Trial, plan: list[Window], ops: list, time_ms: int) -> Trial:  # type: ignore[type-arg]
    timed = replace(with_faults(trial, plan), time_ms=time_ms)
    return timed if trial.ops is None else with_script(timed, ops)


def shorter_windows(search: Search) -> None:
    """Each window by itself is shorter: over sooner, or on later."""
    for number in reversed(range(len(search.best.windows()))):
        for begins_later in (False, True):
            plan = list(search.best.windows())
            at_ms, for_ms, fault = plan[number].at_ms, plan[number].for_ms, plan[number].fault
            shorter = sorted({max(1, for_ms // share) for share in (32, 4, 2)})
            windows = [
                Window(at_ms + for_ms - ms if begins_later else at_ms, ms, fault)
                for ms in shorter
                if ms < for_ms
            ]
            search.attempt(
                [
                    with_faults(search.best, [*plan[:number], window, *plan[number + 1 :]])
                    for window in windows
                ]
            )


def rounder_times(search: Search) -> None:
    """Ops at whole ms: all of them, else one by one."""
    ops = list(search.best.script() or ())
    if all(op.at_ns % MS == 0 for op in ops):
        return
    down = [op._replace(at_ns=op.at_ns // MS * MS) for op in ops]
    up = [op._replace(at_ns=-(-op.at_ns // MS) * MS) for op in ops]
    if search.attempt([with_script(search.best, some) for some in (down, up)]) is not None:
        return
    for number in range(len(ops)):
        ops = sorted(search.best.script() or (), key=lambda op: op.at_ns)
        candidates = []
        for at_ns in (ops[number].at_ns // MS * MS, -(-ops[number].at_ns // MS) * MS):
            if at_ns != ops[number].at_ns:
                rounded = [*ops[:number], ops[number]._replace(at_ns=at_ns), *ops[number + 1 :]]
                candidates.append(with_script(search.best, rounded))
        search.attempt(candidates)


def sooner_end(search: Search) -> None:
    """The trial is over when the last op has been asked for, or the last window has closed."""
    trial = search.best
    script = trial.script()
    if not script:
        return
    last_ms = max(op.at_ns for op in script) // MS + 1
    moments = _moments_of(trial)
    ends = sorted({last_ms, max(last_ms, moments[-1] // MS if moments else 0)})
    search.attempt([replace(trial, time_ms=ms) for ms in ends if ms < trial.time_ms])


REDUCTIONS: tuple[Callable[[Search], None], ...] = (
    sooner_end,
    smaller_gaps,
    shorter_windows,
    rounder_times,
    sooner_end,
)
