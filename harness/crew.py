"""Who plays the trials of a campaign: processes of this machine, or the workers of a cluster.

Both are executors of :mod:`concurrent.futures`, so that a campaign is written once. A trial is a
few hundred bytes, and so is what is kept of it; results come as they are ready. Whoever dies while
it plays a trial loses that trial only: it is played again, elsewhere, a few times at most.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import Generic, Protocol, TypeVar

from harness.commit import commit
from harness.errors import ClusterError, UsageError
from harness.workers import begin

ATTEMPTS = 3
"""How often a trial is played whose player dies: it may be the trial that kills."""

Work = TypeVar("Work")
Result = TypeVar("Result")


class Crew(Protocol):
    """Some players. ``hands`` may change while a campaign goes on."""

    def hands(self) -> int:
        """How many trials can be played at once."""
        ...

    def executor(self) -> Executor: ...

    def mend(self) -> None:
        """Somebody died, and the executor is of no use any more: have another."""
        ...

    def close(self) -> None: ...


class LocalCrew:
    """Processes of this machine."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        # Ctrl-C reaches every process of the terminal's: these end at once and without a word.
        return ProcessPoolExecutor(
            self._jobs,
            mp_context=get_context("forkserver"),
            initializer=begin,
            initargs=(signal.SIG_DFL,),
        )

    def hands(self) -> int:
        return self._jobs

    def executor(self) -> Executor:
        return self._pool

    def mend(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class ClusterCrew:
    """The workers of a dask scheduler, wherever they run: ``pip install harness[cluster]``.

    Workers may come and go. They must have this very code, since a trial is named by what it is to
    be played with. Raises UsageError where dask is not installed, where nobody answers at
    ``address``, and where a worker has other code.
    """

    def __init__(self, address: str, *, patience_s: int = 10) -> None:
        try:
            from distributed import Client  # noqa: PLC0415  an extra
        except ImportError as error:
            raise UsageError("--scheduler needs dask: pip install 'harness[cluster]'") from error
        try:
            self._client = Client(address, timeout=patience_s, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"--scheduler {address}: nobody answers: {error}") from error
        self._address = address
        self._executor: Executor = self._client.get_executor(pure=False)
        self._known: set[str] = set()
        self._meet()

    def _meet(self) -> None:
        """Ask workers that were not met before which code they have."""
        new = [name for name in self._client.nthreads() if name not in self._known]
        if not new:
            return
        for name, theirs in self._client.run(commit, workers=new, on_error="return").items():
            if isinstance(theirs, BaseException):
                raise UsageError(f"the worker at {name} has no harness: {theirs!r}")
            if theirs != commit():
                raise UsageError(
                    f"the worker at {name} has commit {theirs}, and here is {commit()}"
                )
            self._known.add(name)

    def hands(self) -> int:
        """The threads of all workers there are now. A worker plays best with one."""
        try:
            self._meet()
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"the scheduler at {self._address} is gone: {error}") from error

    def executor(self) -> Executor:
        return self._executor

    def mend(self) -> None:
        """Nothing to do: the scheduler gives a dead worker's trials to others by itself."""

    def close(self) -> None:
        self._client.close()


def play_all(
    waiting: Iterable[Work],
    crew: Crew,
    play: Callable[[Work], Result],
    lost: Callable[[Work, str], Result],
) -> Iterator[Result]:
    """Play all, twice as many on their way as there are hands; results come as they are ready.

    What comes next is asked for when somebody is free, so that it may depend on earlier results.
    ``play`` is a function of a module, since it travels by its name. What nobody survives becomes
    ``lost(work, why)``. Closing the iterator ends it after what is being played. Raises what
    ``play`` raises.
    """
    source = iter(waiting)
    running: dict[Future[Result], _Played[Work]] = {}
    suspects: list[_Played[Work]] = []
    try:
        while True:
            if suspects:  # one at a time, so that who kills its player kills no other's trial
                some = [suspects.pop()] if not running else []
            else:
                free = max(2 * crew.hands(), 1) - len(running)
                some = [_Played(work, 1) for work in islice(source, max(free, 0))]
            for trial in some:
                running[crew.executor().submit(play, trial.work)] = trial
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(_died(future) for future in done):
                wait(running)  # all that this executor had under way is lost with it
                dead = [running.pop(future) for future in list(running) if _died(future)]
                crew.mend()
                for trial in dead:
                    if trial.attempt < ATTEMPTS:
                        suspects.append(_Played(trial.work, trial.attempt + 1))
                    else:
                        yield lost(trial.work, f"whoever played it died, {ATTEMPTS} times")
                done = set(running)
            for future in done:
                trial = running.pop(future)
                error = future.exception()
                if type(error).__name__ == "KilledWorker":  # dask's, who has tried again itself
                    yield lost(trial.work, f"whoever played it died: {error}")
                else:
                    yield future.result()
    finally:
        for future in running:
            future.cancel()


@dataclass(frozen=True)
class _Played(Generic[Work]):
    work: Work
    attempt: int


def _died(future: Future[Result]) -> bool:
    """Whether there is no result since the player died."""
    return future.done() and (
        future.cancelled() or isinstance(future.exception(), (BrokenExecutor, CancelledError))
    )
