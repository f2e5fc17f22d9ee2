"""The faults that are open on a running cluster, and what ends one of them while others go on.

A fault carries its cure, but where two overlap the cure of one may undo the other: what is mended, cleared,
started or resumed is only what no other fault holds. So at every moment the cluster is as the open faults
say together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from harness.errors import HarnessError, UsageError
from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Cut,
    Fault,
    FillDisk,
    FreeDisk,
    Kill,
    Link,
    Mend,
    Pause,
    ResetClock,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Weather,
)

Proof = dict[str, Any]


def cure(fault: Fault, others: Sequence[Fault]) -> tuple[Action, ...]:
    """What ends ``fault`` while ``others`` (in the order in which they began) stay open.

    >>> one, both = (Cut(((0, 1),)),), (Cut(((0, 1), (1, 0))),)
    >>> cure(Fault("a", both, (Mend(((0, 1), (1, 0))),)), [Fault("b", one, ())])
    (Mend(links=((1, 0),)),)
    """
    return tuple(action for ending in fault.end for action in _cured(ending, others))


def _cured(ending: Action, others: Sequence[Fault]) -> Iterator[Action]:
    begun = [action for fault in others for action in fault.begin]
    killed = {action.node for action in begun if isinstance(action, Kill)}
    paused = {action.node for action in begun if isinstance(action, Pause)}
    match ending:
        case Mend(links):
            cut = {link for action in begun if isinstance(action, Cut) for link in action.links}
            if left := tuple(link for link in links if link not in cut):
                yield Mend(left)
        case Shape(links):
            yield from _shapes(links, [action for action in begun if isinstance(action, Shape)])
        case Start(node):
            if node not in killed:
                yield ending
                if node in paused:
                    yield Pause(node)
        case Resume(node):
            if node not in killed | paused:
                yield ending
        case ResetClock(node):
            yield ending
            yield from (
                action
                for action in begun
                if isinstance(action, BumpClock | StrobeClock | SetDrift) and action.node == node
            )
        case SlowDisk(node):
            held = [a for a in begun if isinstance(a, SlowDisk) and a.node == node]
            yield held[-1] if held else ending
        case FreeDisk(node):
            if not any(isinstance(a, FillDisk) and a.node == node for a in begun):
                yield ending
        case _:
            yield ending


def _shapes(links: Sequence[Link], held: Sequence[Shape]) -> Iterator[Shape]:
    """The weather that the last of the others gives each link, or none."""
    latest = {link: shape.weather for shape in held for link in shape.links}
    by_weather: dict[Weather, list[Link]] = {}
    for link in links:
        by_weather.setdefault(latest.get(link, CLEAR), []).append(link)
    for weather, some in by_weather.items():
        yield Shape(tuple(some), weather)


@dataclass
class Open:
    """A fault that is on."""

    fault: Fault
    began_s: float
    until_s: float | None


class OpenFaults:
    """Begins and ends faults; those that were given a time end by themselves. Thread-safe.

    ``perform`` and ``heal`` are the injector's.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[Action]], list[Proof]],
        heal: Callable[[], list[Proof]],
        say: Callable[[str], None],
    ) -> None:
        self._perform, self._heal, self._say = perform, heal, say
        self._numbers = count(1)
        self._lock = threading.RLock()
        self.open: dict[int, Open] = {}
        self._timers: dict[int, threading.Timer] = {}

    def begin(self, fault: Fault, for_s: float | None) -> tuple[int, list[Proof]]:
        """The fault's number, and what was seen of it. It is open even where it was broken off."""
        with self._lock:
            number = next(self._numbers)
            now = time.monotonic()
            self.open[number] = Open(fault, now, None if for_s is None else now + for_s)
            proofs = self._perform(fault.begin)
            if for_s is not None:
                self._timers[number] = timer = threading.Timer(for_s, self._time_is_over, [number])
                timer.daemon = True
                timer.start()
            return number, proofs

    def end(self, number: int) -> list[Proof]:
        """Raises UsageError for one that is not open."""
        with self._lock:
            if number not in self.open:
                raise UsageError(f"there is no open fault {number}")
            self._forget_timer(number)
            ended = self.open.pop(number).fault
            return self._perform(cure(ended, [each.fault for each in self.open.values()]))

    def restart(self, node: int) -> list[Proof]:
        """Kill the node if it lives, and start it. No open fault holds it dead or still any more."""
        with self._lock:
            for each in self.open.values():
                each.fault = _without(each.fault, node)
            for number in [n for n, each in self.open.items() if not each.fault.begin]:
                self._forget_timer(number)
                del self.open[number]
            self._perform([Kill(node)])
            return self._perform([Start(node)])

    def heal(self) -> list[Proof]:
        """End all of them; what was seen of it."""
        with self._lock:
            for number in list(self.open):
                self._forget_timer(number)
            self.open.clear()
            return self._heal()

    def close(self) -> None:
        """No timer fires any more."""
        with self._lock:
            for number in list(self._timers):
                self._forget_timer(number)

    def _forget_timer(self, number: int) -> None:
        if (timer := self._timers.pop(number, None)) is not None:
            timer.cancel()

    def _time_is_over(self, number: int) -> None:
        with self._lock:
            if number not in self._timers:  # ended meanwhile
                return
            name = self.open[number].fault.name
            try:
                healed = all(proof["bit"] for proof in self.end(number))
            except HarnessError as error:
                self._say(f"{name} could not be ended: {error}")
            else:
                self._say(f"{name} end: {'it healed' if healed else 'NOT PROVED'}")


def _without(fault: Fault, node: int) -> Fault:
    """The fault without what it does to one node itself, not to its links."""

    def kept(actions: Sequence[Action]) -> tuple[Action, ...]:
        return tuple(
            action
            for action in actions
            if isinstance(action, Cut | Mend | Shape) or action.node != node
        )

    return Fault(fault.name, kept(fault.begin), kept(fault.end))
