"""The trials that showed something new, and how others are made of them.

As in AFL and in Mallory (CCS 2023): what found new states is likely to be near more of them. An entry
gets energy by how much of its own nobody had seen, less with each trial that was made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from random import Random

from harness.trial import Trial
from nemesis.actions import Window
from nemesis.plan import lanes

MOST = 200
"""Entries that are kept; the poorest goes first."""


@dataclass(slots=True)
class Entry:
    """A trial, how many features it was the first to show, and how often it was drawn."""

    trial: Trial
    found: int
    drawn: int = 0

    @property
    def energy(self) -> int:
        """At least 1."""
        return max(1, 64 * self.found // (1 + self.drawn))


class Corpus:
    """Entries, and all features that any trial has shown."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.seen: set[int] = set()

    def learn(self, trial: Trial, features: Collection[int]) -> int:
        """Keep the trial if it showed anything new; say how many features were."""
        found = sum(1 for feature in features if feature not in self.seen)
        if found:
            self.seen.update(features)
            self.entries.append(Entry(trial, found))
            if len(self.entries) > MOST:
                self.entries.remove(min(self.entries, key=lambda entry: entry.energy))
        return found

    def pick(self, random: Random) -> Trial:
        """An entry by its energy. There must be one."""
        weights = [entry.energy for entry in self.entries]
        (entry,) = random.choices(self.entries, weights)
        entry.drawn += 1
        return entry.trial

    def offspring(self, random: Random, seed: str) -> Trial:
        """A mutation of an entry, or a splice of two. There must be one."""
        trial = self.pick(random)
        change = random.choice(CHANGES)
        if change is _splice:
            return _splice(random, trial, self.pick(random), seed)
        return change(random, trial, trial, seed)


def reseed(random: Random, trial: Trial, other: Trial, seed: str) -> Trial:  # noqa: ARG001
    """The same faults at the same times, in other luck: targets, delays and ops are drawn anew."""
    return replace(_planned(trial, trial.windows()), seed=seed)


def shift(random: Random, trial: Trial, other: Trial, seed: str) -> Trial:  # noqa: ARG001
    """The same luck until the first of some windows that come earlier or later, shorter or longer."""
    step_ms = max(2, trial.time_ms // 50)
    moved = [
        replace(
            window,
            at_ms=max(0, window.at_ms + random.randint(-step_ms, step_ms)),
            for_ms=max(1, window.for_ms + random.randint(-step_ms, step_ms)),
        )
        if random.getrandbits(1)
        else window
        for window in trial.windows()
    ]
    return _planned(trial, moved)


def thin(random: Random, trial: Trial, other: Trial, seed: str) -> Trial:  # noqa: ARG001
    """A window less, and other luck."""
    windows = list(trial.windows())
    if len(windows) > 1:
        windows.pop(random.randrange(len(windows)))
    return replace(_planned(trial, windows), seed=seed)


def _splice(random: Random, trial: Trial, other: Trial, seed: str) -> Trial:
    """The one's windows up to some time, and the other's from then on.

    Only named faults travel between clusters of different sizes.
    """
    at_ms = random.randrange(max(1, trial.time_ms))
    first = [window for window in trial.windows() if window.at_ms < at_ms]
    then = [
        window
        for window in other.windows()
        if window.at_ms >= at_ms and (trial.nodes == other.nodes or isinstance(window.fault, str))
    ]
    return replace(_planned(trial, [*first, *then]), seed=seed)


Change = Callable[[Random, Trial, Trial, str], Trial]
CHANGES: tuple[Change, ...] = (reseed, reseed, shift, thin, _splice)


def _planned(trial: Trial, windows: Sequence[Window]) -> Trial:
    return trial.with_plan(fitting(windows, trial.time_ms))


def fitting(windows: Sequence[Window], time_ms: int) -> tuple[Window, ...]:
    """Those windows that can be played: inside the trial, and one at a time in each lane.

    >>> [w.at_ms for w in fitting([Window(5, 9, "kill-one"), Window(0, 6, "pause-one")], 20)]
    [0]
    """
    free_ms: dict[str, int] = {}
    kept = []
    for window in sorted(windows, key=lambda window: window.at_ms):
        of_lanes = lanes(window.fault)
        if window.at_ms + window.for_ms > time_ms:
            continue
        if any(window.at_ms < free_ms.get(lane, 0) for lane in of_lanes):
            continue
        free_ms.update(dict.fromkeys(of_lanes, window.at_ms + window.for_ms))
        kept.append(window)
    return tuple(kept)
