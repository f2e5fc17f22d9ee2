"""A long-running command on a host, spoken to line by line: the Stream of :mod:`harness.remote.seam`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import paramiko

from harness.errors import CommandTimeout, ConnectError
from harness.remote.ssh_channel import Outputs

_SEND_TIMEOUT_S = 30.0
_END_TIMEOUT_S = 2.0
_STDERR_KEPT = 1 << 14


class SshStream:
    """Sending and receiving may be done by two threads at once."""

    def __init__(self, host: str, argv: Sequence[str], channel: paramiko.Channel) -> None:
        channel.settimeout(_SEND_TIMEOUT_S)
        self._host, self._argv, self._channel = host, tuple(argv), channel
        self._outputs = Outputs(channel)
        self._sending, self._receiving = threading.Lock(), threading.Lock()

    def send(self, line: str) -> None:
        """Raises ConnectError if the command has ended, or takes nothing for 30 s."""
        assert "\n" not in line, line
        with self._sending:
            if self._outputs.ended:  # the server may take more for a moment, for nobody
                raise self._ended()
            try:
                self._channel.sendall(f"{line}\n".encode())
            except (OSError, paramiko.SSHException) as error:
                raise self._ended() from error

    def receive(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        outputs = self._outputs
        with self._receiving:
            while True:
                outputs.collect()
                del outputs.stderr[:-_STDERR_KEPT]
                line, newline, rest = outputs.stdout.partition(b"\n")
                if newline:
                    outputs.stdout = rest
                    return line.decode(errors="replace")
                if outputs.ended:
                    raise self._ended()
                if not outputs.wait(deadline):
                    raise CommandTimeout(
                        self._host, f"printed no line within {timeout_s:g} s", argv=self._argv
                    )

    def _ended(self) -> ConnectError:
        self._channel.status_event.wait(_END_TIMEOUT_S)
        status = self._channel.exit_status
        return ConnectError(
            self._host,
            "the command has ended" if status >= 0 else "the command or the connection was killed",
            argv=self._argv,
            status=status if status >= 0 else None,
            stderr=self._outputs.stderr.decode(errors="replace"),
        )

    def close(self) -> None:
        """End the command's stdin, and forget it. Idempotent."""
        self._channel.close()
