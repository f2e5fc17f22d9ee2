"""Agents as processes of this machine, spoken to over pipes: a Stream and a Remote without SSH or root."""

from __future__ import annotations

import contextlib
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.errors import CommandError, CommandTimeout, ConnectError
from harness.remote.seam import Completed, Host


class PipeStream:
    """A child process as a Stream."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._pending = b""

    def send(self, line: str) -> None:
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise ConnectError("here", "the command has ended") from error

    def receive(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise CommandTimeout("here", "no line")
                data = self.process.stdout.raw.read(65_536)
                if not data:
                    raise ConnectError("here", "the command has ended")
                self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def close(self) -> None:
        """End its input, as a controller that dies does, and wait for the end."""
        with contextlib.suppress(BrokenPipeError):  # what it did not read before it died
            self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class LocalRemote:
    """This machine as a host at an address of the loopback network, with a root of its own for files."""

    def __init__(self, name: str, address: str) -> None:
        self.host = Host(name=name, address=address, python=sys.executable)
        self.typed: list[tuple[str, ...]] = []
        self.answers: dict[str, Completed] = {}
        """What commands say whose text has this in it, in place of running them."""

    def run(self, argv, *, stdin=b"", timeout_s=30.0, check=True, root=False) -> Completed:
        self.typed.append(tuple(argv))
        known = [a for part, a in self.answers.items() if any(part in word for word in argv)]
        answer = known[0] if known else self._really(argv, stdin, timeout_s)
        if check and answer.status != 0:
            raise CommandError(
                self.host.name, "failed", argv=argv, status=answer.status, stderr=answer.stderr
            )
        return answer

    def _really(self, argv, stdin: bytes, timeout_s: float) -> Completed:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, timeout=timeout_s, check=False
        )
        return Completed(tuple(argv), done.returncode, done.stdout.decode(), done.stderr.decode())

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        Path(path).write_bytes(data)
        Path(path).chmod(mode)

    def get(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def stream(self, argv, *, root=False) -> PipeStream:
        return PipeStream(argv)

    def close(self) -> None:
        """Nothing is kept open."""


def said(text: str, status: int = 0) -> Completed:
    return Completed((), status, text, "")
