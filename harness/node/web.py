"""HTTP/1.1 with keep-alive, as bytes in and bytes out: the part of RFC 9112 that clients use.

By hand, since ``http.server`` is several times slower. What is read strictly, since two readers of one text
must not disagree on where a request ends: no folded or unnamed header fields, one Content-Length, no
chunked bodies (501), lines that end in CRLF. What the paths mean is :mod:`harness.node.routes`.
"""

from __future__ import annotations

from typing import NamedTuple

from protocols.wire import dumps

HEAD_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 1 << 20
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n".encode()
    for status, reason in _REASONS.items()
}
RETRY_AFTER = b"Retry-After: 1\r\n"


class BadRequest(Exception):  # noqa: N818  HTTP's own name for it
    """No command was taken from this, so it certainly had no effect.

    ``fatal``: where the next request starts is not known, so the connection has to be closed.
    """

    def __init__(
        self, status: int, problem: str, *, fatal: bool = False, headers: bytes = b""
    ) -> None:
        super().__init__(problem)
        self.status, self.problem, self.fatal = status, problem, fatal
        self.headers = headers or (RETRY_AFTER if status == 503 else b"")


class Request(NamedTuple):
    method: str
    path: str
    body: bytes
    keep_alive: bool
    client: bytes = b""
    """The header field ``Id``."""
    serial: bytes = b""
    """The header field ``Cid``."""
    text: bool = False
    """Whether the body is no JSON but plain text, by its Content-Type."""


class _Fields(NamedTuple):
    """What a head's fields say."""

    length: int
    keep_alive: bool
    client: bytes
    serial: bytes
    text: bool
    expects: bool


class RequestReader:
    """Cuts a stream of bytes into requests; a client may send the next before it has its answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self.waits = False
        """Whether the client sends the body only once it was told to go on (``CONTINUE``)."""

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def next(self) -> Request | None:
        """The next whole request, if there is one. Raises BadRequest, always fatal."""
        buffer = self._buffer
        self.waits = False
        if not buffer:
            return None
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_BYTES_MAX:
            if len(buffer) > HEAD_BYTES_MAX:
                raise BadRequest(431, "the head is too long", fatal=True)
            if b"\n\n" in buffer:  # else both sides would wait for ever
                raise BadRequest(400, "lines end in CR and LF", fatal=True)
            return None
        line, _, fields = buffer[:end].partition(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not line.isascii():
            raise BadRequest(400, f"not a request line: {line[:100]!r}", fatal=True)
        told = _read_fields(fields, keep_alive=words[2] == b"HTTP/1.1")
        start = end + 4
        if len(buffer) < start + told.length:
            self.waits = told.expects and len(buffer) == start
            return None
        self._buffer = buffer[start + told.length :]
        body = buffer[start : start + told.length]
        method, path = words[0].decode(), words[1].decode()
        return Request(method, path, body, told.keep_alive, told.client, told.serial, told.text)


def _read_fields(fields: bytes, *, keep_alive: bool) -> _Fields:
    length: int | None = None
    client = serial = b""
    text = expects = False
    for field in fields.split(b"\r\n") if fields else ():
        name, colon, value = field.partition(b":")
        if not colon or not name or name != name.strip() or b"\n" in field or b"\r" in field:
            raise BadRequest(400, f"not a header field: {field[:100]!r}", fatal=True)
        match name.lower():
            case b"content-length":
                told = _length(value.strip())
                if length not in (None, told):
                    raise BadRequest(400, "two different lengths", fatal=True)
                length = told
            case b"connection":
                keep_alive = value.strip().lower() != b"close" and (
                    keep_alive or value.strip().lower() == b"keep-alive"
                )
            case b"transfer-encoding":
                raise BadRequest(501, "give the body's Content-Length", fatal=True)
            case b"id":
                client = value.strip()
            case b"cid":
                serial = value.strip()
            case b"content-type":
                text = value.strip().lower().startswith(b"text/plain")
            case b"expect":
                expects = value.strip().lower() == b"100-continue"
    return _Fields(length or 0, keep_alive, client, serial, text, expects)


def _length(text: bytes) -> int:
    if not text.isdigit():
        raise BadRequest(400, f"not a length: {text[:100]!r}", fatal=True)
    length = int(text[:20])
    if length > BODY_BYTES_MAX:
        raise BadRequest(413, f"the body is over {BODY_BYTES_MAX} bytes", fatal=True)
    return length


def answer(value: str, ok: bool | None) -> tuple[int, str]:
    """The status and body of a replica's answer, whose value is JSON text."""
    if ok is None:
        return 504, failure(value)
    return (200, f'{{"ok":true,"value":{value}}}') if ok else (409, failure(value))


def refusal(bad: BadRequest) -> tuple[int, str]:
    return bad.status, failure(dumps(bad.problem))


def failure(text: str) -> str:
    return f'{{"ok":false,"error":{text}}}'


def response(status: int, body: str, *, keep_alive: bool = True, headers: bytes = b"") -> bytes:
    """``headers`` are whole lines."""
    data = body.encode()
    close = b"" if keep_alive else b"Connection: close\r\n"
    return b"%s%s%sContent-Length: %d\r\n\r\n%s" % (
        _STATUS_LINES[status], headers, close, len(data), data,
    )  # fmt: skip
