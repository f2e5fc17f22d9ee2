"""Files to and from a host: by SFTP, and by ``cat`` where the server has no SFTP."""

from __future__ import annotations

import binascii
import contextlib
import errno
import io
import posixpath
import secrets
import time
from collections.abc import Callable

import paramiko

from harness.errors import CommandError, ConnectError
from harness.remote.seam import Completed, Host
from harness.remote.ssh_channel import requesting

_TIMEOUT_S = 20.0

_PUT = """\
umask 077
cat > "$1" && chmod "$2" "$1" && mv -f "$1" "$3" || { s=$?; rm -f "$1"; exit $s; }
"""
_GONE = 44
_GET = f'[ -e "$1" ] || exit {_GONE}; exec base64 "$1"'  # what a command prints is text


class Files:
    """The files of a host over one connection. Not thread-safe.

    Raises CommandError (and FileNotFoundError by ``get``) for what the host answers; paramiko's SSHException,
    EOFError and TimeoutError where the connection breaks.
    """

    def __init__(
        self,
        host: Host,
        open_session: Callable[[], paramiko.Channel],
        run: Callable[..., Completed],
    ) -> None:
        self._host, self._run_command = host, run
        self._channel = open_session()
        self._sftp = _start_sftp(self._channel)

    @property
    def alive(self) -> bool:
        """Whether it can still be used. Without SFTP each file has a connection of its own."""
        return self._sftp is None or not self._channel.closed

    def close(self) -> None:
        self._channel.close()

    def put(self, data: bytes, path: str, mode: int) -> None:
        part = f"{path}.{secrets.token_hex(4)}.part"
        if self._sftp is None:
            argv = ["sh", "-c", _PUT, "sh", part, f"{mode:o}", path]
            done = self._run(argv, data)
            if done.status != 0:
                raise self._refused(path, len(data), done.stderr.strip())
            return
        try:
            self._sftp.putfo(io.BytesIO(data), part, file_size=len(data), confirm=True)
            self._sftp.chmod(part, mode)
            self._sftp.posix_rename(part, path)
        except TimeoutError:
            raise
        except OSError as error:
            if self._channel.closed:
                raise paramiko.SSHException(str(error)) from error
            with contextlib.suppress(OSError):  # it may not even have come to be
                self._sftp.remove(part)
            raise self._refused(path, len(data), _reason(error)) from error

    def get(self, path: str) -> bytes:
        if self._sftp is None:
            return self._cat(path)
        try:
            with self._sftp.open(path, "rb") as file:
                file.prefetch()
                return file.read()
        except (FileNotFoundError, TimeoutError):
            raise
        except OSError as error:
            if self._channel.closed:
                raise paramiko.SSHException(str(error)) from error
            raise CommandError(self._host.name, f"cannot read {path}: {_reason(error)}") from error

    def _cat(self, path: str) -> bytes:
        done = self._run(["sh", "-c", _GET, "sh", path])
        if done.status == _GONE:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        if done.status != 0:
            raise CommandError(self._host.name, f"cannot read {path}: {done.stderr.strip()}")
        return binascii.a2b_base64(done.stdout)

    def _run(self, argv: list[str], stdin: bytes = b"") -> Completed:
        try:
            return self._run_command(argv, stdin=stdin, timeout_s=_TIMEOUT_S, check=False)
        except ConnectError as error:  # a command is not repeated, but a file is
            raise paramiko.SSHException(str(error)) from error

    def _refused(self, path: str, size: int, reason: str) -> CommandError:
        """SFTP has no word for a full disk (it says "Failure"): ask how much room there is."""
        directory = posixpath.dirname(path) or "."
        free = self._run(["df", "-Pk", directory]).stdout.splitlines()
        match free[-1].split() if len(free) > 1 else []:
            case [_, _, _, available, _, where] if int(available) * 1024 < size:
                reason = (
                    f"the disk is full ({available} KiB free on {where}, {size // 1024} needed)"
                )
        return CommandError(self._host.name, f"cannot write {path}: {reason}")


def _start_sftp(channel: paramiko.Channel) -> paramiko.SFTPClient | None:
    """None if the server has no such subsystem."""
    transport = channel.get_transport()
    try:
        with requesting(channel, time.monotonic() + _TIMEOUT_S):
            channel.invoke_subsystem("sftp")
        channel.settimeout(_TIMEOUT_S)
        return paramiko.SFTPClient(channel)
    except (paramiko.SSHException, EOFError):
        channel.close()
        if transport.is_active():
            return None
        raise


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "no such directory"
        case errno.EACCES:
            return "permission denied"
        case _:
            return str(error)
