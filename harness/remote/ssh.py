"""A host reached over SSH: the only Remote that there is, for hosts made here and for hosts far away."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self, TypeVar

import paramiko

from harness.errors import CommandError, CommandTimeout, ConnectError
from harness.remote.seam import Completed, Host
from harness.remote.ssh_channel import Outputs, requesting
from harness.remote.ssh_connection import Link, open_link
from harness.remote.ssh_files import Files
from harness.remote.ssh_stream import SshStream

T = TypeVar("T")

_SESSIONS = 5
"""Commands at once on a connection. A stock sshd allows 10 sessions; streams and files need some, too."""

_OPEN_TIMEOUT_S = 10.0
_FILE_ATTEMPTS = 3
_BACKOFF_S = 0.1
_NO_STATUS = -1  # paramiko's, where the server sent none


class Tunnel(Protocol):
    """The part of a socket that a TCP connection through SSH has."""

    def sendall(self, s: bytes, /) -> None: ...
    def recv(self, nbytes: int, /) -> bytes: ...
    def settimeout(self, timeout: float | None, /) -> None: ...
    def close(self) -> None: ...


class SshRemote:
    """One connection, opened at first use, shared by threads, opened again when it broke.

    Connecting, ``put`` and ``get`` are repeated (a few times, with growing pauses); a command never is.
    """

    def __init__(self, host: Host, *, connect_timeout_s: float = 10.0) -> None:
        self.host = host
        self._connect_timeout_s = connect_timeout_s
        self._link: Link | None = None
        self._files: Files | None = None
        self._closed = False
        self._linking = threading.Lock()
        self._filing = threading.Lock()
        self._sessions = threading.BoundedSemaphore(_SESSIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        check: bool = True,
        root: bool = False,
    ) -> Completed:
        """See Remote. A command killed by signal n has status 128 + n, as in a shell.

        On CommandTimeout the command may still run. A process left in the background must not keep its
        stdout or stderr, or the command does not end.
        """
        argv = self._with_privileges(argv, root=root)
        deadline = time.monotonic() + timeout_s
        if not self._sessions.acquire(timeout=timeout_s):
            raise CommandTimeout(self.host.name, "too many commands at once", argv=argv)
        try:
            # The shell stays, to tell us of a signal: the protocol's message for it is lost in paramiko.
            with self._session(f"{shlex.join(argv)}; exit $?", argv, deadline) as channel:
                completed = self._finish(channel, argv, stdin, deadline, timeout_s)
        finally:
            self._sessions.release()
        if check and completed.status != 0:
            raise CommandError(
                self.host.name,
                "the command failed",
                argv=argv,
                status=completed.status,
                stderr=completed.stderr,
            )
        return completed

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """See Remote. Raises CommandError naming the path: a full disk, no directory, no permission."""
        self._repeat(lambda files: files.put(data, path, mode))

    def get(self, path: str) -> bytes:
        return self._repeat(lambda files: files.get(path))

    def stream(self, argv: Sequence[str], *, root: bool = False) -> SshStream:
        argv = self._with_privileges(argv, root=root)
        channel = self._open_session()
        deadline = time.monotonic() + _OPEN_TIMEOUT_S
        self._start(channel, f"exec {shlex.join(argv)}", argv, deadline)
        return SshStream(self.host.name, argv, channel)

    def open_tunnel(self, address: str, port: int, *, timeout_s: float = _OPEN_TIMEOUT_S) -> Tunnel:
        """A TCP connection from the host to ``address`` (as the host sees it).

        Raises ConnectionRefusedError if nothing listens there, TimeoutError, or ConnectError if the host
        itself is not reached.
        """
        transport = self._transport()
        try:
            return transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout_s
            )
        except paramiko.ChannelException as error:
            raise ConnectionRefusedError(
                f"{self.host.name}: {address}:{port}: {error.text}"
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            if transport.is_active():
                raise TimeoutError(f"{self.host.name}: {address}:{port}: {error}") from error
            raise ConnectError(self.host.name, f"the connection broke: {error}") from error

    def close(self) -> None:
        """End the connection and its thread. Idempotent; commands that run end with ConnectError."""
        with self._linking:
            self._closed = True
            link, self._link = self._link, None
        if link is not None:
            link.close()

    # The connection

    def _transport(self) -> paramiko.Transport:
        with self._linking:
            if self._closed:
                raise ConnectError(self.host.name, "this way to it was closed")
            if self._link is not None and not self._link.alive:
                self._link.close()
                self._link = None
            if self._link is None:
                self._link = open_link(self.host, self._connect_timeout_s)
            return self._link.transport

    def _open_session(self) -> paramiko.Channel:
        """A channel for one command. Nothing was started yet, so all of this may be repeated.

        If the connection is broken, which is often only noticed by this, on a new one. If the server has
        no session free, on the same one: it counts a session for a moment longer than we do. (Where two
        are refused at once, paramiko tells only one of the two threads so.)
        """
        deadline, pause = time.monotonic() + _OPEN_TIMEOUT_S, 0.005
        while True:
            transport = self._transport()
            try:
                return transport.open_session(timeout=_OPEN_TIMEOUT_S)
            except (paramiko.SSHException, EOFError, OSError) as error:
                if time.monotonic() + pause > deadline:
                    raise self._no_session(transport, error) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _no_session(self, transport: paramiko.Transport, error: Exception) -> ConnectError:
        if isinstance(error, paramiko.ChannelException):
            problem = "has no session free; MaxSessions in its sshd_config bounds them"
            return ConnectError(self.host.name, problem)
        transport.close()  # it does not answer: let the next one try another
        return ConnectError(self.host.name, f"the connection broke: {error}")

    # Commands

    def _with_privileges(self, argv: Sequence[str], *, root: bool) -> tuple[str, ...]:
        sudo = root and self.host.sudo and self.host.user != "root"
        return ("sudo", "-n", *argv) if sudo else tuple(argv)

    @contextmanager
    def _session(
        self, line: str, argv: tuple[str, ...], deadline: float
    ) -> Iterator[paramiko.Channel]:
        channel = self._open_session()
        try:
            self._start(channel, line, argv, deadline)
            yield channel
        finally:
            channel.close()

    def _start(
        self, channel: paramiko.Channel, line: str, argv: tuple[str, ...], deadline: float
    ) -> None:
        try:
            with requesting(channel, deadline):
                channel.exec_command(line)
        except (paramiko.SSHException, EOFError, OSError) as error:
            channel.close()
            if time.monotonic() >= deadline:
                raise CommandTimeout(self.host.name, "did not start in time", argv=argv) from error
            problem = f"the connection broke: {error}"
            raise ConnectError(self.host.name, problem, argv=argv) from error

    def _finish(
        self,
        channel: paramiko.Channel,
        argv: tuple[str, ...],
        stdin: bytes,
        deadline: float,
        timeout_s: float,
    ) -> Completed:
        outputs = Outputs(channel)
        with _fed(channel, stdin):
            outputs.collect()
            while not outputs.ended:
                if not outputs.wait(deadline):
                    raise self._timed_out(channel, argv, outputs, timeout_s)
                outputs.collect()
            outputs.collect()
            if not channel.status_event.wait(max(deadline - time.monotonic(), 0.0)):
                raise self._timed_out(channel, argv, outputs, timeout_s)
        status, stderr = channel.exit_status, outputs.stderr.decode(errors="replace")
        if status == _NO_STATUS:
            problem = "the connection broke while this ran; whether it had its effect is not known"
            raise ConnectError(self.host.name, problem, argv=argv, stderr=stderr)
        return Completed(argv, status, outputs.stdout.decode(errors="replace"), stderr)

    def _timed_out(
        self, channel: paramiko.Channel, argv: tuple[str, ...], outputs: Outputs, timeout_s: float
    ) -> CommandTimeout:
        problem = f"did not end within {timeout_s:g} s"
        if channel.exit_status_ready():
            problem = f"ended, but left a process that holds its output for {timeout_s:g} s"
        stderr = outputs.stderr.decode(errors="replace")
        return CommandTimeout(self.host.name, problem, argv=argv, stderr=stderr)

    # Files

    def _open_files(self) -> Files:
        if self._files is None or not self._files.alive:
            self._files = Files(self.host, self._open_session, self.run)
        return self._files

    def _forget_files(self) -> None:
        """Its session is of no use any more. The connection may be: if not, the next to use it will see."""
        with self._filing:
            files, self._files = self._files, None
        if files is not None:
            files.close()

    def _repeat(self, action: Callable[[Files], T]) -> T:
        """Do what is idempotent again when the connection breaks under it."""
        for attempt in range(_FILE_ATTEMPTS):
            try:
                with self._filing:
                    return action(self._open_files())
            except (paramiko.SSHException, EOFError, TimeoutError) as error:
                self._forget_files()
                if attempt == _FILE_ATTEMPTS - 1:
                    raise ConnectError(self.host.name, f"the connection broke: {error}") from error
            time.sleep(_BACKOFF_S * 3**attempt)
        raise AssertionError("the last attempt returns or raises")


@contextmanager
def _fed(channel: paramiko.Channel, stdin: bytes) -> Iterator[None]:
    """Feed a command's stdin while its output is read: it may do neither without the other."""

    def feed() -> None:
        try:
            channel.sendall(stdin)
        except OSError:
            return  # it ended without reading all of it, which is its right
        channel.shutdown_write()

    if not stdin:
        channel.shutdown_write()
        yield
        return
    feeder = threading.Thread(target=feed, name="ssh-stdin", daemon=True)
    feeder.start()
    try:
        yield
    finally:
        if feeder.is_alive():
            channel.close()  # nobody reads it any more
        feeder.join()
