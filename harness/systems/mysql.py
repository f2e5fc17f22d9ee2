"""A session with a server that speaks MySQL's protocol, over whatever connection there is to its host.

PyMySQL speaks the protocol; it wants a socket, of which a channel through SSH is not all.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from socket import socket
from typing import Any, cast

from pymysql import MySQLError
from pymysql.connections import Connection as MySQL
from pymysql.constants.CLIENT import FOUND_ROWS

from harness.systems.http_client import Connect, Connection, receive

NOT_READY = 1047
"""The server takes no commands: it has not begun with this one."""
LOCKED, DEADLOCK = 1205, 1213
"""Waited too long for a lock; chosen to give way, which has undone the transaction."""


class ServerError(OSError):
    """An error that the server answered; the session goes on. ``number`` is MySQL's."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"{number}: {text}")
        self.number = number


class Session:
    """Raises OSError where it cannot be opened; after any error but ServerError it must be given up."""

    def __init__(self, connect: Connect) -> None:
        self._mysql = MySQL(
            user="root", autocommit=True, defer_connect=True, client_flag=FOUND_ROWS
        )
        wire = _Wire(connect())
        try:
            self._mysql.connect(cast(socket, wire))
        except MySQLError as error:
            wire.close()
            raise _as_ours(error) from error
        except OSError:
            wire.close()
            raise

    def ask(self, statement: str, values: Sequence[object] = ()) -> tuple[int, list[Any]]:
        """How many rows it met, and those that it answered. Raises ServerError, or OSError."""
        try:
            with self._mysql.cursor() as cursor:
                met = cursor.execute(statement, tuple(values))
                return met, list(cursor.fetchall())
        except MySQLError as error:
            raise _as_ours(error) from error

    def close(self) -> None:
        """At once: whoever waits for an answer that never comes does not say farewell either."""
        self._mysql._force_close()  # type: ignore[attr-defined]  # noqa: SLF001


class _Wire:
    """As much of a socket as PyMySQL asks for. Its time-outs are the connection's own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sendall, self.close = connection.sendall, connection.close

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._connection))

    def settimeout(self, _seconds: float | None) -> None: ...

    def setsockopt(self, *_: int) -> None: ...


class _Incoming(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = receive(self._connection, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _as_ours(error: MySQLError) -> OSError:
    number, text = (*error.args, "", "")[:2]
    if isinstance(number, int) and not 2000 <= number < 3000:  # those are the client's own
        return ServerError(number, str(text))
    return ConnectionError(str(error))
