"""What an SSH channel lacks: an end to waiting for its request, and reading both streams of a command at once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import paramiko

_CHUNK = 1 << 16


class _Arrivals(threading.Event):
    """Set when anything arrives on either stream, or they end.

    paramiko clears the event when *one* of the two streams was read empty, which would lose what arrived on
    the other: so only :meth:`rearm` clears, before both are looked at.
    """

    def clear(self) -> None:
        return

    def rearm(self) -> None:
        super().clear()


class Outputs:
    """Collects what a command prints, both streams as they come (one alone would block the other)."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._arrivals = _Arrivals()
        channel.in_buffer.set_event(self._arrivals)
        channel.in_stderr_buffer.set_event(self._arrivals)

    @property
    def ended(self) -> bool:
        """Whether both streams have ended and all of them was collected."""
        over = bool(self.channel.eof_received) or self.channel.closed
        return over and not (self.channel.recv_ready() or self.channel.recv_stderr_ready())

    def collect(self) -> None:
        """Take what is there."""
        self._arrivals.rearm()
        while self.channel.recv_ready():
            self.stdout += self.channel.recv(_CHUNK)
        while self.channel.recv_stderr_ready():
            self.stderr += self.channel.recv_stderr(_CHUNK)

    def wait(self, deadline: float) -> bool:
        """Wait for more, or the end, until ``deadline`` (of time.monotonic); whether it came."""
        return self._arrivals.wait(max(deadline - time.monotonic(), 0.0))


@contextlib.contextmanager
def requesting(channel: paramiko.Channel, deadline: float) -> Iterator[None]:
    """Within it, a request (a command, a subsystem) waits for the server's answer until ``deadline`` only.

    paramiko waits without end; closing the channel makes it give up, with SSHException.
    """
    watch = threading.Timer(max(deadline - time.monotonic(), 0.0), channel.close)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()
