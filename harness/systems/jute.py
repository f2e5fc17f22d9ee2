"""ZooKeeper's protocol over one connection: as much of it as a client of a test needs.

A request is a length, a number of its own and a type, and the fields in order (jute, of Hadoop): numbers
big-endian, texts and data with their length before them, -1 for none. Answers come in the order of requests.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from harness.systems.http_client import Connect, Connection, receive

SESSION_MS = 60_000
NO_NODE, BAD_VERSION, NODE_EXISTS = -101, -103, -110
ANY_VERSION = -1
_CREATE, _DELETE, _GET, _SET, _SYNC, _CHECK, _MULTI, _MULTI_READ = 1, 2, 4, 5, 9, 13, 14, 22
_FAILED, _STAT_BYTES, _VERSION_AT = -1, 68, 32
_OPEN_TO_ALL = (
    struct.pack(">ii", 1, 31) + struct.pack(">i5s", 5, b"world") + struct.pack(">i6s", 6, b"anyone")
)
_LAST = struct.pack(">i?i", -1, 1, -1)


class ServerError(OSError):
    """An error that the server answered; the session goes on. ``code`` is ZooKeeper's."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ZooKeeper says {code}")
        self.code = code


@dataclass(frozen=True)
class Op:
    """One of a ``multi``."""

    type: int
    body: bytes


def create(path: str, data: bytes) -> Op:
    return Op(_CREATE, _text(path) + _data(data) + _OPEN_TO_ALL + struct.pack(">i", 0))


def delete(path: str, version: int) -> Op:
    return Op(_DELETE, _text(path) + struct.pack(">i", version))


def set_data(path: str, data: bytes, version: int) -> Op:
    return Op(_SET, _text(path) + _data(data) + struct.pack(">i", version))


def check(path: str, version: int) -> Op:
    return Op(_CHECK, _text(path) + struct.pack(">i", version))


class Session:
    """Raises OSError where it cannot be opened; after any error but ServerError it must be given up."""

    def __init__(self, connect: Connect) -> None:
        self._connection: Connection = connect()
        self._number = 0
        hello = struct.pack(">iqiqi16s?", 0, 0, SESSION_MS, 0, 16, b"", 0)
        try:
            self._send(hello)
            self._receive()
        except OSError:
            self.close()
            raise

    def do(self, op: Op) -> None:
        """Raises ServerError; TimeoutError, ConnectionError and other OSErrors."""
        self._ask(op.type, op.body)

    def multi(self, ops: Sequence[Op]) -> None:
        """All of these or none. Raises ServerError with the code of the first that could not be done."""
        body = b"".join(_headed(op.type, op.body) for op in ops) + _LAST
        reader = _Reader(self._ask(_MULTI, body))
        if (
            reader.header() == _FAILED
        ):  # and so are all, those before the one that could not be done by 0
            codes = [reader.number(), *(reader.number() for _ in ops[1:] if reader.header())]
            raise ServerError(next(filter(None, codes)))

    def get_all(self, paths: Sequence[str]) -> list[tuple[bytes, int] | None]:
        """What is there and its version (None: nothing), as of one moment."""
        body = b"".join(_headed(_GET, _text(path) + b"\0") for path in paths) + _LAST
        reader = _Reader(self._ask(_MULTI_READ, body))
        found: list[tuple[bytes, int] | None] = []
        for _ in paths:
            if reader.header() != _FAILED:
                found.append(reader.node())
            elif (code := reader.number()) == NO_NODE:
                found.append(None)
            else:
                raise ServerError(code)
        return found

    def sync(self) -> None:
        """Have this server catch up with its leader."""
        self._ask(_SYNC, _text("/"))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, type_: int, body: bytes) -> bytes:
        self._number += 1
        self._send(struct.pack(">ii", self._number, type_) + body)
        told = self._receive()
        number, _, code = struct.unpack_from(">iqi", told)
        if number != self._number:
            raise ConnectionError(f"an answer to {number}, not to {self._number}")
        if code:
            raise ServerError(code)
        return told[16:]

    def _send(self, body: bytes) -> None:
        self._connection.sendall(struct.pack(">i", len(body)) + body)

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            data += receive(self._connection, length - len(data))
        return data


class _Reader:
    """Reads an answer's fields in order."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        (found,) = struct.unpack_from(">i", self._data, self._at)
        self._at += 4
        return int(found)

    def header(self) -> int:
        """The type of the next answer of a ``multi``."""
        found = self.number()
        self._at += 5
        return found

    def node(self) -> tuple[bytes, int]:
        """Data, and the version in what is said about it."""
        length = max(0, self.number())
        data = self._data[self._at : self._at + length]
        (version,) = struct.unpack_from(">i", self._data, self._at + length + _VERSION_AT)
        self._at += length + _STAT_BYTES
        return data, int(version)


def _headed(type_: int, body: bytes) -> bytes:
    """A request among several."""
    return struct.pack(">i?i", type_, 0, -1) + body


def _text(text: str) -> bytes:
    return _data(text.encode())


def _data(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data
