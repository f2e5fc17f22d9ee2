"""A client of a node: one kept HTTP/1.1 connection, plain blocking code, for one process.

By hand, since HTTP libraries cost 10 to 100 times as much CPU (PERFORMANCE.md section 3), and the
controller shares its cores with the nodes that it measures.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

from harness.errors import RemoteError
from workloads.kernel import Refused

BODY_BYTES_MAX = 64 << 20

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Connection(Protocol):
    """What of a socket is needed: a channel through SSH has it too."""

    def sendall(self, data: bytes, /) -> object: ...

    def recv(self, size: int, /) -> bytes:
        """Some bytes; none at the end. Raises OSError, after the client's time-out at the latest."""
        ...

    def close(self) -> None: ...


Connect = Callable[[], Connection]
"""Opens a connection; raises OSError or RemoteError. Nothing is sent before it returns."""


def receive(connection: Connection, size: int) -> bytes:
    """Some bytes, so many at most. Raises TimeoutError where none came in time, ConnectionResetError at the end."""
    try:
        data = connection.recv(size)
    except BlockingIOError as error:  # how SO_RCVTIMEO says that time is over
        raise TimeoutError("no answer in time") from error
    if not data:
        raise ConnectionResetError("the server closed the connection")
    return data


class ResponseError(OSError):
    """What came back is no answer of a node."""


class StatusError(ResponseError):
    """A node's answer that is no success: ``problem`` is its sentence, if it has one."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}: {body[:200]!r}")
        self.status = status
        try:
            self.problem = str(_parse(body)["error"])
        except (ResponseError, KeyError):
            self.problem = str(self)


def connect_to(host: str, port: int, timeout_s: float) -> Connect:
    """Over TCP, at once."""

    def connect() -> Connection:
        tcp = socket.create_connection((host, port), timeout_s)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's own time-outs, since Python's would cost a poll() before every call.
        seconds = int(timeout_s)
        limit = struct.pack("@ll", seconds, max(1, int((timeout_s - seconds) * 1e6)))
        tcp.settimeout(None)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        return tcp

    return connect


def exchange(connection: Connection, request: bytes) -> tuple[int, bytes]:
    """Send one request; the status and body of its answer.

    Raises OSError: TimeoutError if none came in time, ConnectionError if the connection ended,
    ResponseError if it was no HTTP answer.
    """
    try:
        connection.sendall(request)
        data = connection.recv(65536)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += _more(connection, data)
        head = data[:end]
        if head[:7] != b"HTTP/1." or not head[9:12].isdigit():
            raise ResponseError(f"not HTTP: {head[:100]!r}")
        _, named, rest = head.lower().partition(b"content-length:")
        length = rest.partition(b"\r\n")[0].strip()
        if not named or not length.isdigit() or int(length) > BODY_BYTES_MAX:
            raise ResponseError(f"no length: {head[:200]!r}")
        total = end + 4 + int(length)
        while len(data) < total:
            data += _more(connection, data)
    except BlockingIOError as error:  # how SO_RCVTIMEO and SO_SNDTIMEO say that time is over
        raise TimeoutError("no answer in time") from error
    if len(data) > total:
        raise ResponseError(f"more than an answer: {data[total:][:100]!r}")
    return int(head[9:12]), data[end + 4 :]


def _more(connection: Connection, so_far: bytes) -> bytes:
    if not so_far or not (data := connection.recv(65536)):
        raise ConnectionResetError("the node closed the connection")
    return data


def get(connect: Connect, path: str) -> Any:
    """One ``GET`` over a connection of its own; the JSON value of the answer. Raises OSError."""
    connection = connect()
    try:
        status, body = exchange(
            connection, f"GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n".encode()
        )
    finally:
        connection.close()
    if status != 200:
        raise StatusError(status, body)
    return _parse(body)


class HttpClient:
    """Asks one node, for one process. Its session is ``c<process>``.

    ``serials`` number the session's commands, and go on from one client of a process to the next: a
    session and a serial name one command for ever, and another of that name would get its answer.

    A connection that cannot be opened is Refused, since nothing was sent; so is the node's own word
    (409). After anything else the connection is given up: a late answer must not answer the next op.
    """

    def __init__(
        self, connect: Connect, process: int, serials: Iterator[int] | None = None
    ) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._session = _encode(f"c{process}")
        self._serials = count(1) if serials is None else serials

    def invoke(self, f: str, key: str, value: object) -> object:
        body = (
            f'{{"f":{_encode(f)},"key":{_encode(key)},"value":{_encode(value)},'
            f'"session":{self._session},"serial":{next(self._serials)}}}'
        ).encode()
        request = b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n\r\n%s"
        connection = self._open()
        try:
            status, answer = exchange(connection, request % (len(body), body))
            told = _parse(answer)
        except BaseException:
            self.close()
            raise
        if status == 200:
            return told["value"]
        if status == 409:
            raise Refused(str(told["error"]))
        self.close()
        raise ResponseError(f"status {status}: {answer[:200]!r}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection:
        """A connection that was not closed by the node, as far as can be known. Raises Refused."""
        if self._connection is not None and _has_ended(self._connection):
            self.close()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except (OSError, RemoteError) as error:
                raise Refused(f"cannot connect: {error}") from error
        return self._connection


def _has_ended(connection: Connection) -> bool:
    """Whether an idle connection has something to read, which can only be its end."""
    if not isinstance(connection, socket.socket):  # a channel through SSH says so itself
        return any(getattr(connection, word, False) for word in ("closed", "eof_received"))
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) is not None
    except BlockingIOError:
        return False
    except OSError:
        return True


def _parse(body: bytes) -> Any:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ResponseError(f"not JSON: {body[:200]!r}") from error
    if not isinstance(value, dict):
        raise ResponseError(f"not an object: {body[:200]!r}")
    return value
