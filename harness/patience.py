"""Checks within a time and a memory: what is not decided by then is *unknown*, with how far it came.

A search counts its steps and configurations, and how long a step takes is found out by a short
search first. Should that be far off, or the check be one that cannot be told, a watch ends it; so
does Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType

from checker.history import History
from checker.linearizable.frontier import Budget
from checker.progress import Stopped
from checker.verdict import Outcome, Verdict
from harness.claims import takes
from harness.judge import INTERRUPTED, STOPPED
from workloads.kernel import Check

_BYTES = 500
"""Of a configuration, with its part of the tables that hold it."""
_FIRST_STEPS = 1_000_000
_STEPS_PER_SECOND = 2_000_000
"""Where nothing was measured."""
_SHARE = 0.8
"""Of the time or the memory that is left: what a search may take."""
_WATCH_EVERY_S, _GRACE_S = 0.05, 2.0


class LimitError(Stopped):
    """A check took more than it may. The message says of what."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """``seconds`` for each check, None: what the checkers think fit. ``memory_mib`` is what a check may
    take beside the history, None: most of what is free. ``tell`` is told when a check goes on for long.
    """

    seconds: float | None = None
    memory_mib: int | None = None
    tell: Callable[[str], None] = lambda _: None

    def bound(self, check: Check) -> Check:
        """The same check, with an end."""
        return partial(self._run, check)

    def _run(self, check: Check, history: History) -> Verdict:
        began = time.monotonic()
        so_far: list[Verdict] = []
        try:
            with watch(self.seconds, self.memory_mib):
                return self._search(check, history, so_far, began)
        except LimitError as error:
            reason = str(error)
        except MemoryError:
            reason = "out of memory"
        except KeyboardInterrupt:
            reason = INTERRUPTED
        why = f"{reason} after {time.monotonic() - began:.1f} s"
        if not so_far:
            return Verdict(
                outcome=Outcome.UNKNOWN,
                summary=f"{why}; nothing was decided by then",
                details={STOPPED: reason},
            )
        last = so_far[-1]
        details = {**last.details, STOPPED: reason}
        return replace(last, summary=f"{why}; {last.summary}", details=details)

    def _search(
        self, check: Check, history: History, so_far: list[Verdict], began: float
    ) -> Verdict:
        """Twice, if need be: the short search decides most histories, and measures the machine."""
        if not takes(check, "budget"):
            return check(history)
        search: Callable[..., Verdict] = check
        limit = self._limit(Budget(steps=_FIRST_STEPS))
        first = search(history, budget=limit)
        if first.outcome is not Outcome.UNKNOWN or not first.details.get("undecided"):
            return first
        if STOPPED in first.details:
            return first
        so_far.append(first)
        took = time.monotonic() - began
        budget = self._limit(Budget())
        if self.seconds is not None:
            steps = first.details.get("steps")
            rate = steps / took if isinstance(steps, int) and took > 0 else _STEPS_PER_SECOND
            left = int((self.seconds - took) * _SHARE * rate)
            if left <= 0:
                return first
            budget = replace(budget, steps=left)
        self.tell(f"{first.summary}; searching on")
        return search(history, budget=budget)

    def _limit(self, budget: Budget) -> Budget:
        if self.memory_mib is not None:
            budget = replace(budget, configurations=(self.memory_mib << 20) // _BYTES)
        return budget if self.seconds is None else replace(budget, steps_per_answer=0)


@contextmanager
def watch(seconds: float | None, memory_mib: int | None) -> Iterator[None]:
    """Raise LimitError inside after so many seconds, or when the process has grown by so much.

    Only in the main thread: that is the one which signals reach; others are not watched. Where the error
    comes up in what nothing can be raised from (a finalizer, a callback of the garbage collector),
    Python drops it; the check is told again, at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    end = None if seconds is None else time.monotonic() + seconds
    most = resident_bytes() + (free_bytes() if memory_mib is None else memory_mib << 20)

    def look(number: int, frame: FrameType | None) -> None:
        del number, frame
        late = end is not None and time.monotonic() >= end
        if late or resident_bytes() > most:
            # What the check has decided, it may say in peace; should it go on, it is told again.
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S, _GRACE_S)
            raise LimitError("out of time" if late else "out of memory")

    told = sys.unraisablehook

    def drop(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, LimitError):
            signal.setitimer(signal.ITIMER_REAL, _WATCH_EVERY_S, _WATCH_EVERY_S)
        else:
            told(unraisable)

    before = signal.signal(signal.SIGALRM, look)
    sys.unraisablehook = drop
    signal.setitimer(signal.ITIMER_REAL, _WATCH_EVERY_S, _WATCH_EVERY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = told


def resident_bytes() -> int:
    """What this process holds in memory."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def free_bytes() -> int:
    """What this process may take of the memory that nobody uses, others being left a share."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(int(kib) * 1024 * _SHARE)
