"""One part less, with much other luck: of what a failure needs, most is circumstances, and the rest is chance.

A plan by hand fails in one trial of fifty. So does the same plan with a window less, or with two in one, and
no neighbour with the luck that it has says so: it takes as many seeds as it took to find it at first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from harness.shrink.freeze import script_of, with_faults, with_script
from harness.shrink.merging import FEW, one_window_less
from harness.shrink.search import Search
from harness.shrink.size import MOST_OPS, MOST_WINDOWS
from harness.trial import Trial

T = TypeVar("T")

TRIALS = 600
MOST_SEEDS = 30


def other_luck(search: Search, turn: int = 0) -> bool:
    """Try what is nearer to small by one part, with seeds of this ``turn``; whether one of them fails."""
    less = list(one_less(search.best))
    if not less:
        return False
    number = min(MOST_SEEDS, max(1, TRIALS // len(less)))
    seeds = [f"{turn}/{n}" for n in range(number)]
    return (
        search.attempt([replace(trial, seed=seed) for seed in seeds for trial in less], ())
        is not None
    )


def one_less(trial: Trial) -> Iterator[Trial]:
    """Where there are too many windows, the trial without one, or with two as one; without a quarter of its
    windows or ops, where it has far too many.
    """
    plan, ops = list(trial.windows()), script_of(trial)
    if len(plan) > MOST_WINDOWS:
        yield from (
            with_faults(trial, some) for some in without_a_part(plan, large=len(plan) > FEW)
        )
    if MOST_WINDOWS < len(plan) <= FEW:
        yield from (with_faults(trial, some) for some in one_window_less(plan))
    if len(ops) > MOST_OPS:
        yield from (with_script(trial, some) for some in without_a_part(ops, large=True))


def without_a_part(items: Sequence[T], *, large: bool) -> Iterator[list[T]]:
    """All but one, or all but a quarter.

    >>> list(without_a_part("abcdefgh", large=True))
    [['c', 'd', 'e', 'f', 'g', 'h'], ['a', 'b', 'e', 'f', 'g', 'h'], ['a', 'b', 'c', 'd', 'g', 'h'], ['a', 'b', 'c', 'd', 'e', 'f']]
    """
    size = max(1, len(items) // 4) if large else 1
    yield from ([*items[:n], *items[n + size :]] for n in range(0, len(items), size))
