"""What time it is for a node: its host's clocks, and what a clock fault adds to them.

The machine's clock is left alone, and with it all other processes. A fault is told by a *page*: a small
file that the process maps and whoever breaks its clock writes, so that a process that runs, one that
stands still, and one that is yet to start are told alike. Nothing must keep running for it: a strobe and a
drift are formulas of the host's monotonic clock. Its words are of 8 bytes, little-endian:

=== =========== ===================================================================================
0   version     odd while the others are being written; 0: never written
1   since       when these settings began, by the host's monotonic clock, in ns
2   wall        how far the wall clock was ahead then, in ns
3   monotonic   how far the monotonic clock was ahead then, in ns
4   ppm         by how many millionths both have been too fast since
5   strobe      how far, in ns, the wall clock is ahead besides in the first, third ... period since
6   period      of the strobe, in ns; 0: none
8   told        odd while those below are being written, by the shim of ``harness.remote.clock_shim``
9   at          when the process asked last, by the host's monotonic clock, in ns
10  wall        what it was told, in ns
11  monotonic   and what it would have been told of that clock
=== =========== ===================================================================================

This file is a program, too, which needs no other: it is sent to hosts, and writes and reads pages there
(``python3 clock.py PAGE bump MS``, ``strobe MS PERIOD_MS``, ``drift PPM``, ``reset``, ``look PORT COUNT``).
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace

PAGE_BYTES = 128
MS, MILLION = 1_000_000, 1_000_000

_TRIES = 1000
"""A writer needs microseconds; one that died in the middle of it must not stop who reads."""
_READ_WITHIN_NS = 20_000
_ANSWER_TIMEOUT_S = 1.0
_LOOK_EVERY_S = 0.0037
"""In no step with a strobe."""
_PHASES, _PHASE_NS = 16, 370_000
"""Nor with the ticks of a scheduler, by which a busy machine ends every sleep: these come after one."""
_LOOK_MOST_NS, _ENOUGH = 2_000 * MS, 12
"""A process whose disk is slow is asked no more often than that."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The words of a page, without its version."""

    since_ns: int = 0
    wall_ns: int = 0
    monotonic_ns: int = 0
    ppm: int = 0
    strobe_ns: int = 0
    period_ns: int = 0

    def ahead_ns(self, at_ns: int) -> tuple[int, int]:
        """How far the wall clock and the monotonic clock are ahead, at a time of the host's monotonic one.

        >>> Settings(since_ns=100, wall_ns=7, ppm=200_000, strobe_ns=1000, period_ns=50).ahead_ns(110)
        (1009, 2)
        >>> Settings(since_ns=100, wall_ns=7, strobe_ns=1000, period_ns=50).ahead_ns(150)
        (7, 0)
        """
        passed_ns = at_ns - self.since_ns
        gained_ns = passed_ns * self.ppm // MILLION
        strobed = self.period_ns and passed_ns // self.period_ns % 2 == 0
        wall_ns = self.wall_ns + gained_ns + (self.strobe_ns if strobed else 0)
        return wall_ns, self.monotonic_ns + gained_ns

    def _begun(self, at_ns: int) -> Settings:
        """Neither drift nor strobe from now on. The strobe has left no trace, the drift has."""
        wall_ns, monotonic_ns = replace(self, strobe_ns=0).ahead_ns(at_ns)
        return Settings(at_ns, wall_ns, monotonic_ns)

    def bumped(self, ms: int) -> Settings:
        return replace(self, wall_ns=self.wall_ns + ms * MS)

    def strobing(self, at_ns: int, ms: int, period_ms: int) -> Settings:
        return replace(self._begun(at_ns), strobe_ns=ms * MS, period_ns=period_ms * MS)

    def drifting(self, at_ns: int, ppm: int) -> Settings:
        return replace(self._begun(at_ns), ppm=ppm)

    def reset(self, at_ns: int) -> Settings:
        """The wall clock is right again. The monotonic one, which cannot go back, keeps its pace with it."""
        return replace(self._begun(at_ns), wall_ns=0)


class Clock:
    """The clocks of one process. ``page``: a path; empty: nobody will ever set them wrong.

    Raises OSError where the page cannot be mapped.
    """

    def __init__(self, page: str = "") -> None:
        self._words = _mapped(page, mmap.ACCESS_READ) if page else memoryview(bytes(8)).cast("q")
        self._version = 0
        self._settings = Settings()

    def now_ms(self) -> int:
        """The wall clock. Costs next to nothing while no fault has been told."""
        if self._words[0] == 0:
            return time.time_ns() // MS
        ahead_ns, _ = self._told().ahead_ns(time.monotonic_ns())
        return (time.time_ns() + ahead_ns) // MS

    def real_s(self, own_s: float) -> float:
        """How long what takes ``own_s`` by the monotonic clock takes by the host's, at its pace of now."""
        if self._words[0] == 0:
            return own_s
        return own_s * MILLION / (MILLION + self._told().ppm)

    def reading(self) -> dict[str, int]:
        """Both clocks, and the host's monotonic one, at one moment."""
        at_ns, wall_ns = wall_at()
        ahead_ns, monotonic_ahead_ns = self._told().ahead_ns(at_ns)
        return {
            "at_ns": at_ns,
            "wall_ns": wall_ns + ahead_ns,
            "monotonic_ns": at_ns + monotonic_ahead_ns,
        }

    def _told(self) -> Settings:
        words = self._words
        for _ in range(_TRIES):
            version = words[0]
            if version == self._version:
                break
            settings = Settings(*words[1:7].tolist())
            if not version % 2 and words[0] == version:
                self._version, self._settings = version, settings
        return self._settings


def wall_at() -> tuple[int, int]:
    """The host's monotonic clock and its wall clock, in ns, read so closely that nothing came between."""
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        wall_ns = time.time_ns()
        after_ns = time.monotonic_ns()
        if after_ns - before_ns < _READ_WITHIN_NS:
            break
    return (before_ns + after_ns) // 2, wall_ns


def _mapped(page: str, access: int) -> memoryview:
    fd = os.open(page, os.O_RDWR if access == mmap.ACCESS_WRITE else os.O_RDONLY)
    try:
        if os.fstat(fd).st_size < PAGE_BYTES:
            raise OSError(errno.EINVAL, f"a page has {PAGE_BYTES} bytes", page)
        return memoryview(mmap.mmap(fd, PAGE_BYTES, access=access)).cast("q")
    finally:
        os.close(fd)


# --- the program ----------------------------------------------------------------------------------


def write(page: str, verb: str, *amounts: int) -> None:
    """Set the clocks wrong, or right again. Raises OSError; KeyError for no such verb."""
    words = _mapped(page, mmap.ACCESS_WRITE)
    now, at_ns = Settings(*words[1:7].tolist()), time.monotonic_ns()
    verbs: dict[str, Callable[..., Settings]] = {
        "bump": now.bumped,
        "strobe": lambda ms, period_ms: now.strobing(at_ns, ms, period_ms),
        "drift": lambda ppm: now.drifting(at_ns, ppm),
        "reset": lambda: now.reset(at_ns),
    }
    changed = verbs[verb](*amounts)
    even = words[0] // 2 * 2  # whoever wrote before may have died of it
    words[0] = even + 1
    for number, word in enumerate(astuple(changed), 1):
        words[number] = word
    words[0] = even + 2


def look(page: str, port: int, count: int) -> list[list[int]]:
    """What the process says of its time, so many times: as it serves ``/health`` on this port, or, where
    that is 0, as the shim writes down what it told.

    For each: the host's monotonic time, and how far the wall clock and the monotonic one are ahead of the
    host's, in ns. Raises OSError where it says nothing, or is not of this host.
    """
    seen, began_ns = [], time.monotonic_ns()
    for told in _served(port, count) if port else _told_by_shim(page, count):
        host_at_ns, host_wall_ns = wall_at()
        at_ns, wall_ns, monotonic_ns = told
        wall_ahead_ns = wall_ns - at_ns - (host_wall_ns - host_at_ns)
        seen.append([at_ns, wall_ahead_ns, monotonic_ns - at_ns])
        if len(seen) >= _ENOUGH and time.monotonic_ns() - began_ns > _LOOK_MOST_NS:
            break
        if len(seen) < count:
            time.sleep(_LOOK_EVERY_S)
            _wait_busily(len(seen) % _PHASES * _PHASE_NS)
    return seen


def _wait_busily(for_ns: int) -> None:
    until_ns = time.monotonic_ns() + for_ns
    while time.monotonic_ns() < until_ns:
        pass


def _served(port: int, count: int) -> Iterator[tuple[int, int, int]]:
    with _connected(port) as connection, connection.makefile("rb") as answers:
        for _ in range(count):
            before_ns = time.monotonic_ns()
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            length = 0
            while (line := answers.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            told = json.loads(answers.read(length) or b"{}").get("clock", {})
            if not before_ns <= told.get("at_ns", 0) <= time.monotonic_ns():
                raise OSError(errno.EPROTO, "what answers does not say what time it is here")
            yield told["at_ns"], told["wall_ns"], told["monotonic_ns"]


def _connected(port: int) -> socket.socket:
    try:
        return socket.create_connection(("127.0.0.1", port), _ANSWER_TIMEOUT_S)
    except ConnectionRefusedError:
        return socket.create_connection(("::1", port), _ANSWER_TIMEOUT_S)


def _told_by_shim(page: str, count: int) -> Iterator[tuple[int, int, int]]:
    words = _mapped(page, mmap.ACCESS_READ)
    for _ in range(count):
        begun_ns = time.monotonic_ns()
        while True:
            version, at_ns, wall_ns, monotonic_ns = words[8:12].tolist()
            if version == words[8] and not version % 2 and at_ns >= begun_ns:
                break
            if time.monotonic_ns() > begun_ns + _ANSWER_TIMEOUT_S * MILLION * 1000:
                raise OSError(errno.ETIMEDOUT, "the process does not ask what time it is")
            time.sleep(0.0005)
        yield at_ns, wall_ns, monotonic_ns


def main(page: str, verb: str, *amounts: str) -> int:
    numbers = [int(amount) for amount in amounts]
    try:
        if verb == "look":
            sys.stdout.write(json.dumps(look(page, *numbers)) + "\n")
        else:
            write(page, verb, *numbers)
    except OSError as error:
        sys.stderr.write(f"clock: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
