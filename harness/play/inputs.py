"""What people do to a run while they look at it, and the trial that has it all.

Each input lies in the future of the event at which it was made, and says which that was: going back
before it and doing something else forgets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from harness.shrink.freeze import with_faults, with_script
from harness.trial import Trial
from nemesis.actions import Fault, Plan, Window
from nemesis.plan import concern_the_same
from workloads.script import ScriptedOp

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Ask:
    """An op for a client to ask for."""

    made_at: int
    op: ScriptedOp


@dataclass(frozen=True, slots=True)
class Break:
    """A fault that begins, and stays on until it is cured, or the clients' time is over."""

    made_at: int
    at_ms: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Cure:
    """The end of the fault that ``broken`` began."""

    made_at: int
    at_ms: int
    broken: Break


@dataclass(frozen=True, slots=True)
class Finish:
    """The clients' time is over; all is healed, and final ops are asked for."""

    made_at: int
    at_ms: int


Input: TypeAlias = Ask | Break | Cure | Finish


def ends_of(inputs: Sequence[Input]) -> dict[Break, int | None]:
    """When each fault made by hand ends, in ms; None: it has not been cured."""
    ends: dict[Break, int | None] = {made: None for made in inputs if isinstance(made, Break)}
    for made in inputs:
        if isinstance(made, Cure):
            ends[made.broken] = made.at_ms
    return ends


def trial_with(base: Trial, inputs: Sequence[Input]) -> Trial:
    """The trial ``base``, frozen, with all that was done to it."""
    finished = [made.at_ms for made in inputs if isinstance(made, Finish)]
    time_ms = finished[-1] if finished else base.time_ms
    trial = replace(base, time_ms=time_ms)
    own = base.windows()
    asked = [made.op for made in inputs if isinstance(made, Ask)]
    made_windows = []
    for made, end_ms in ends_of(inputs).items():
        until_ms = min(time_ms, next_own_ms(own, made), time_ms if end_ms is None else end_ms)
        made_windows.append(Window(made.at_ms, until_ms - made.at_ms, made.fault))
    if made_windows:
        trial = with_faults(trial, (*own, *made_windows))
    if asked:
        trial = with_script(trial, [*(base.script() or ()), *asked])
    return trial


def next_own_ms(own: Plan, made: Break) -> int:
    """When the trial's own plan next has to do with what a fault made by hand is about."""
    later = (w for w in own if w.at_ms >= made.at_ms and concern_the_same(w.fault, made.fault))
    return min((window.at_ms for window in later), default=1 << 62)


def own_now(own: Plan, fault: Fault, at_ms: int) -> Window | None:
    """The window of the trial's own plan that is on at ``at_ms`` and is about what ``fault`` is."""
    on = (window for window in own if window.at_ms <= at_ms < window.at_ms + window.for_ms)
    return next((window for window in on if concern_the_same(window.fault, fault)), None)


def is_frozen(trial: Trial) -> bool:
    """Whether nothing in it is drawn: every op is given, and every target of its faults."""
    return trial.ops is not None and all(isinstance(w.fault, Fault) for w in trial.windows())
