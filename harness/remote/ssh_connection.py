"""Opening an SSH connection, and saying in a sentence why it could not be opened.

Only the modules ``harness.remote.ssh*`` know fabric and paramiko. The inventory alone decides how a host is
reached: neither ~/.ssh/config nor fabric's own files are read, so that a run is the same for everybody.
"""

from __future__ import annotations

import binascii
import contextlib
import logging
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import fabric
import paramiko
from paramiko.config import SSHConfig
from paramiko.pkey import UnknownKeyType

from harness.errors import ConnectError, HostKeyError, LoginError, RemoteError
from harness.remote.seam import Host
from harness.remote.ssh_transport import OrderlyTransport

ATTEMPTS = 4
_BACKOFF_S = 0.05
_KEEPALIVE_S = 5
_SILENCE_S = 20.0
"""After so long without an answer of the other side's kernel, the connection counts as broken."""

# Without a handler of its own, logging would print paramiko's tracebacks on stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _UnknownHostKey(Exception):  # noqa: N818  never leaves this module
    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002
        hostname: str,  # noqa: ARG002
        key: paramiko.PKey,
    ) -> None:
        raise _UnknownHostKey(key)


@dataclass(slots=True)
class Link:
    """An open, authenticated connection; with the one to the jump host that it goes through."""

    transport: paramiko.Transport
    client: paramiko.SSHClient
    through: Link | None = None

    @property
    def alive(self) -> bool:
        return self.transport.is_active()

    def close(self) -> None:
        """Close it and wait for its thread to end."""
        _shut(self.client)
        if self.through is not None:
            self.through.close()


def open_link(host: Host, timeout_s: float) -> Link:
    """Connect and log in, trying again for as long as ``timeout_s`` where that may help.

    Raises ConnectError, HostKeyError, LoginError.
    """
    deadline = time.monotonic() + timeout_s
    for attempt in range(ATTEMPTS):
        try:
            return _open_once(host, max(deadline - time.monotonic(), 0.1), timeout_s)
        except ConnectError:
            pause = _BACKOFF_S * 3**attempt
            if attempt == ATTEMPTS - 1 or time.monotonic() + pause >= deadline:
                raise
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _open_once(host: Host, timeout_s: float, tried_s: float) -> Link:
    """One attempt; its errors speak of ``tried_s``, the time of all attempts."""
    _check_key_file(host)
    through = _open_once(_jump_host(host), timeout_s, tried_s) if host.jump else None
    with contextlib.ExitStack() as undo:
        if through is not None:
            undo.callback(through.close)
        with _explained(host, tried_s):
            sock = _socket(host, through, timeout_s)
            undo.callback(sock.close)
            connection = _connection(host, sock, timeout_s)
            undo.callback(_shut, connection.client)
            connection.open()
            connection.transport.set_keepalive(_KEEPALIVE_S)
        undo.pop_all()
        return Link(connection.transport, connection.client, through)


def _connection(
    host: Host, sock: socket.socket | paramiko.Channel, timeout_s: float
) -> fabric.Connection:
    connection = fabric.Connection(
        host.address,
        user=host.user,
        port=host.port,
        config=fabric.Config(ssh_config=SSHConfig(), lazy=True),
        connect_timeout=timeout_s,
        connect_kwargs={
            "sock": sock,
            "banner_timeout": timeout_s,
            "auth_timeout": timeout_s,
            "channel_timeout": timeout_s,
            "transport_factory": OrderlyTransport,
            # A key that is named is the one to use: others would only use up the server's patience.
            "allow_agent": host.key is None,
            "look_for_keys": host.key is None,
            **({"key_filename": _key_path(host)} if host.key else {}),
        },
    )
    client: paramiko.SSHClient = connection.client
    client.set_missing_host_key_policy(_Refuse())
    if host.host_key:
        key = _pinned(host, host.host_key)
        client.get_host_keys().add(known_as(host), key.get_name(), key)
    else:
        client.load_system_host_keys()
        with contextlib.suppress(OSError):  # not every machine has one
            client.load_system_host_keys("/etc/ssh/ssh_known_hosts")
    return connection


def _pinned(host: Host, line: str) -> paramiko.PKey:
    match line.split():
        case [kind, encoded, *_]:
            try:
                return paramiko.PKey.from_type_string(kind, binascii.a2b_base64(encoded))
            except (binascii.Error, paramiko.SSHException, UnknownKeyType) as error:
                raise HostKeyError(host.name, f"its host_key is not a key: {error}") from error
    raise HostKeyError(
        host.name, f'its host_key is not of the form "ssh-ed25519 AAAA...": {line!r}'
    )


def _socket(host: Host, through: Link | None, timeout_s: float) -> socket.socket | paramiko.Channel:
    if through is not None:
        target = (host.address, host.port)
        return through.transport.open_channel("direct-tcpip", target, ("", 0), timeout=timeout_s)
    sock = socket.create_connection((host.address, host.port), timeout_s)
    # Two small packets in a row, which is what a command is, would wait 40 ms for each other (Nagle).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_SILENCE_S * 1000))
    return sock


def _jump_host(host: Host) -> Host:
    assert host.jump is not None
    user, _, rest = host.jump.rpartition("@")
    address, _, port = rest.partition(":")
    return replace(
        host,
        name=f"{host.name} (jump host {address})",
        address=address,
        port=int(port or 22),
        user=user or host.user,
        host_key=None,
        jump=None,
    )


def _key_path(host: Host) -> str:
    return str(Path(host.key or "").expanduser())


def _check_key_file(host: Host) -> None:
    if host.key and not Path(_key_path(host)).is_file():
        raise LoginError(host.name, f"user {host.user}: there is no key file {host.key}")


def known_as(host: Host) -> str:
    """The host's name in a known_hosts file."""
    return host.address if host.port == 22 else f"[{host.address}]:{host.port}"


@contextlib.contextmanager
def _explained(host: Host, timeout_s: float) -> Iterator[None]:
    """Turn what paramiko and the kernel say into this project's errors."""
    try:
        yield
    except RemoteError:
        raise
    except _UnknownHostKey as error:
        raise _unknown_host_key(host, error.key) from None
    except paramiko.BadHostKeyException as error:
        raise _changed_host_key(host, error) from None
    except paramiko.AuthenticationException as error:
        raise _refused_login(host, error) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if str(error) == "No authentication methods available":  # it has no class of its own
            problem = f"user {host.user}: no key to show: neither in an ssh-agent nor in ~/.ssh"
            raise LoginError(host.name, problem) from error
        raise ConnectError(host.name, _unreachable(host, error, timeout_s)) from error


def _unknown_host_key(host: Host, key: paramiko.PKey) -> HostKeyError:
    line = f"{key.get_name()} {key.get_base64()}"
    port = "" if host.port == 22 else f"-p {host.port} "
    return HostKeyError(
        host.name,
        f"the host key of {known_as(host)} is not known: {key.get_name()} {key.fingerprint}\n"
        "  if that is the right one, either put it into the inventory:\n"
        f'    host_key = "{line}"\n'
        f"  or type: ssh-keyscan {port}{shlex.quote(host.address)} >> ~/.ssh/known_hosts",
    )


def _changed_host_key(host: Host, error: paramiko.BadHostKeyException) -> HostKeyError:
    seen, expected = error.key, error.expected_key
    where = "the inventory's host_key" if host.host_key else "~/.ssh/known_hosts"
    text = (
        f"the host key of {known_as(host)} has changed: it shows {seen.get_name()} {seen.fingerprint},"
        f" {where} says {expected.get_name()} {expected.fingerprint}\n"
        "  another machine may be answering. If it was reinstalled: "
    )
    if host.host_key:
        return HostKeyError(host.name, f'{text}host_key = "{seen.get_name()} {seen.get_base64()}"')
    return HostKeyError(host.name, f"{text}ssh-keygen -R {shlex.quote(known_as(host))}")


def _refused_login(host: Host, error: paramiko.AuthenticationException) -> LoginError:
    key = f"key {host.key}" if host.key else "the agent's and the default keys"
    if isinstance(error, paramiko.PasswordRequiredException):
        problem = (
            f"{key} is encrypted: load it into an ssh-agent and leave key out of the inventory"
        )
    else:
        problem = f"user {host.user} with {key} was refused at {known_as(host)}"
    return LoginError(host.name, problem)


def _unreachable(host: Host, error: Exception, timeout_s: float) -> str:
    where = f"{host.address}:{host.port}"
    match error:
        case socket.gaierror():
            return f"the address {host.address} is not known ({error.strerror})"
        case TimeoutError():
            return f"no answer from {where} within {timeout_s:.0f} s"
        case ConnectionRefusedError():
            return f"nothing listens at {where}"
        case paramiko.ChannelException():
            return f"the jump host {host.jump} does not reach {where}: {error.text}"
        case OSError(strerror=str(reason)):
            return f"cannot reach {where}: {reason}"
        case _:
            return f"no SSH at {where}: {str(error) or type(error).__name__}"


def _shut(client: paramiko.SSHClient) -> None:
    transport = client.get_transport()
    client.close()
    if transport is not None:
        transport.join(_SILENCE_S)
