"""What clients say: HTTP/1.1 with keep-alive, as bytes in and bytes out.

=============== ===================================================================
``GET /KEY``    ``Command("read", KEY)``
``PUT /KEY``    ``Command("write", KEY, body)``, the body a JSON value; POST likewise
``POST /``      any command: ``{"f", "key", "value", "session", "serial"}``
``GET /health`` how the node is (so these two names are keys only for ``POST /``)
``GET /state``  the replica's whole state
=============== ===================================================================

Answers are ``{"ok":true,"value":...}`` with 200; ``{"ok":false,"error":...}`` with 409 for a command
that certainly had no effect, and with 4xx or 5xx for what was no command at all.

By hand, since ``http.server`` is several times slower: the part of RFC 9112 that clients use.
Chunked bodies are refused (501).
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from protocols.kernel import Command
from protocols.wire import dumps, loads

HEAD_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 1 << 20
DEPTH_MAX = 50
"""What we parsed we must be able to write again, deep in a stack of calls."""

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    503: "Service Unavailable",
}
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n".encode()
    for status, reason in _REASONS.items()
}


class BadRequest(Exception):  # noqa: N818  HTTP's own name for it
    """No command was taken from this, so it certainly had no effect.

    ``fatal``: where the next request starts is not known, so the connection has to be closed.
    """

    def __init__(self, status: int, problem: str, *, fatal: bool = False) -> None:
        super().__init__(problem)
        self.status, self.problem, self.fatal = status, problem, fatal


class Request(NamedTuple):
    method: str
    path: str
    body: bytes
    keep_alive: bool


class RequestReader:
    """Cuts a stream of bytes into requests; a client may send the next before it has its answer."""

    def __init__(self) -> None:
        self._buffer = b""

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def next(self) -> Request | None:
        """The next whole request, if there is one. Raises BadRequest, always fatal."""
        buffer = self._buffer
        if not buffer:
            return None
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_BYTES_MAX:
            if len(buffer) > HEAD_BYTES_MAX:
                raise BadRequest(431, "the head is too long", fatal=True)
            return None
        line, _, fields = buffer[:end].partition(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not line.isascii():
            raise BadRequest(400, f"not a request line: {line[:100]!r}", fatal=True)
        length, keep_alive = _read_fields(fields, keep_alive=words[2] == b"HTTP/1.1")
        start = end + 4
        if len(buffer) < start + length:
            return None
        self._buffer = buffer[start + length :]
        body = buffer[start : start + length]
        return Request(words[0].decode(), words[1].decode(), body, keep_alive)


def _read_fields(fields: bytes, *, keep_alive: bool) -> tuple[int, bool]:
    """(bytes of the body, whether the connection stays)."""
    length = 0
    for field in fields.split(b"\r\n") if fields else ():
        name, _, value = field.partition(b":")
        match name.lower():
            case b"content-length":
                text = value.strip()
                if not text.isdigit():
                    raise BadRequest(400, f"not a length: {text[:100]!r}", fatal=True)
                length = int(text[:20])
                if length > BODY_BYTES_MAX:
                    raise BadRequest(413, f"the body is over {BODY_BYTES_MAX} bytes", fatal=True)
            case b"connection":
                keep_alive = value.strip().lower() != b"close" and (
                    keep_alive or value.strip().lower() == b"keep-alive"
                )
            case b"transfer-encoding":
                raise BadRequest(501, "give the body's Content-Length", fatal=True)
    return length, keep_alive


def command_of(request: Request) -> Command:
    """The command that a request asks for. Raises BadRequest, never fatal."""
    method, path = request.method, request.path
    key = unquote(path[1:].partition("?")[0])
    if not path.startswith("/"):
        raise BadRequest(400, f"not a path: {path[:100]!r}")
    if method == "GET":
        if not key:
            raise BadRequest(404, "GET /KEY, /health or /state")
        return Command("read", key)
    if method not in ("PUT", "POST"):
        raise BadRequest(405, f"GET, PUT or POST, not {method[:20]!r}")
    try:
        value = loads(request.body.decode())
    except (ValueError, RecursionError) as error:
        raise BadRequest(400, f"the body is not JSON: {error}") from error
    if (
        request.body.count(b"[") + request.body.count(b"{") > DEPTH_MAX
        and _depth(value) > DEPTH_MAX
    ):
        raise BadRequest(400, f"the body is nested more than {DEPTH_MAX} deep")
    if key:
        return Command("write", key, value)
    if method == "PUT":
        raise BadRequest(404, "PUT /KEY, or POST / with a command")
    return _read_command(value)


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for outer in level
            if isinstance(outer, (list, dict))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _read_command(value: object) -> Command:
    match value:
        case {"f": str(f), "key": str(key), **rest}:
            argument = rest.pop("value", None)
            session, serial = rest.pop("session", ""), rest.pop("serial", 0)
            if rest:
                raise BadRequest(400, f"a command has no {', '.join(map(str, rest))}")
            if not isinstance(session, str) or type(serial) is not int:
                raise BadRequest(400, "session is a string and serial an int")
            return Command(f, key, argument, session, serial)
        case _:
            raise BadRequest(400, 'a command is {"f": "...", "key": "...", "value": ...}')


def answer(value: str, ok: bool) -> tuple[int, str]:
    """The status and body of a replica's answer, whose value is JSON text."""
    return (200, f'{{"ok":true,"value":{value}}}') if ok else (409, _failure(value))


def refusal(bad: BadRequest) -> tuple[int, str]:
    return bad.status, _failure(dumps(bad.problem))


def _failure(text: str) -> str:
    return f'{{"ok":false,"error":{text}}}'


def response(status: int, body: str, *, keep_alive: bool = True) -> bytes:
    data = body.encode()
    close = b"" if keep_alive else b"Connection: close\r\n"
    return b"%s%sContent-Length: %d\r\n\r\n%s" % (_STATUS_LINES[status], close, len(data), data)
