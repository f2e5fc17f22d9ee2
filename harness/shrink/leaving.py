"""Leaving out: what of a list of things a failure needs. Delta debugging (Zeller, Hildebrandt, 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from harness.trial import Trial

T = TypeVar("T")


class Taker(Protocol):
    """What tries candidates in batches of at most ``jobs``: the place of the one taken, or None."""

    jobs: int

    def attempt(self, candidates: Sequence[Trial]) -> int | None: ...


def leave_out(
    search: Taker,
    items: Callable[[], list[T]],
    build: Callable[[list[T]], Trial],
    *,
    parts: int = 0,
) -> None:
    """Delta debugging: try without halves, quarters ... and single ones of the items, from the end.

    ``items`` gives those of the best trial, ``build`` makes a trial of some of them. With ``parts``
    none that is smaller than one of so many.
    """
    if items() and search.attempt([build([])]) is not None:
        return
    size = max(1, len(items()) // 2)
    least = len(items()) // parts if parts else 1
    while items():
        end = len(items())
        while end > 0:
            left = items()
            ends = range(end, 0, -size)[: search.jobs]
            place = search.attempt([build(left[: max(0, at - size)] + left[at:]) for at in ends])
            end = ends[-1 if place is None else place] - size
        size //= 2
        if size < least or size == 0:
            return
