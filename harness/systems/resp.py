"""The protocol of Redis, version 2, over one connection: as much of it as a client of a test needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from harness.systems.http_client import Connect, Connection, receive

Reply: TypeAlias = "str | int | list[Reply] | None"


class ReplyError(OSError):
    """An error that the server answered; the connection goes on. ``kind`` is its first word."""

    @property
    def kind(self) -> str:
        return str(self).partition(" ")[0]


class Session:
    """Raises OSError where it cannot be opened; after any error but ReplyError it must be given up."""

    def __init__(self, connect: Connect) -> None:
        self._connection: Connection = connect()
        self._data = b""

    def ask(self, *words: str) -> Reply:
        """One command. Raises ReplyError; TimeoutError, ConnectionError and other OSErrors."""
        self._connection.sendall(_command(words))
        return self._reply()

    def close(self) -> None:
        self._connection.close()

    def _reply(self) -> Reply:
        kind, rest = (line := self._line())[:1], line[1:]
        match kind:
            case "+":
                return rest
            case "-":
                raise ReplyError(rest)
            case ":":
                return int(rest)
            case "$":
                return None if rest == "-1" else self._text(int(rest))
            case "*":
                return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        raise ConnectionError(f"no reply of Redis: {line[:100]!r}")

    def _line(self) -> str:
        while (end := self._data.find(b"\r\n")) < 0:
            self._more()
        line, self._data = self._data[:end], self._data[end + 2 :]
        return line.decode()

    def _text(self, length: int) -> str:
        while len(self._data) < length + 2:
            self._more()
        text, self._data = self._data[:length], self._data[length + 2 :]
        return text.decode()

    def _more(self) -> None:
        self._data += receive(self._connection, 65536)


def _command(words: Sequence[str]) -> bytes:
    coded = [word.encode() for word in words]
    return b"*%d\r\n" % len(coded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in coded)
