"""What a request's method, path, headers and body ask for.

==================================== =====================================================================
``GET /KEY``                         ``Command("read", KEY)``
``PUT /KEY``, ``POST /KEY``          ``Command("write", KEY, body)``: a JSON value, or text as text/plain
``POST /``                           any command: ``{"f", "key", "value", "session", "serial"}``
``GET /health``                      how the node is
``POST /store/set/``                 GoPaxos': ``{"key", "value"}``, a write
``GET /store/get/KEY``               a read
``GET /store/nop``                   a read of no key's value: who answers has caught up
the admin's paths                    :mod:`harness.node.admin`; 403 where that is off
==================================== =====================================================================

(So the names of these paths are keys only for ``POST /`` and ``/store``.) ``POST /`` takes Paxi's command, too:
``{"Key", "Value", "ClientID", "CommandID"}``, a read where the value is null. Paxi's headers ``Id`` and ``Cid``
name a command of ``GET``, ``PUT`` and ``POST /KEY`` for exactly-once execution: a client, which asks for one
thing at a time, and the number of this thing, upward.

Answers are ``{"ok":true,"value":...}`` with 200; ``{"ok":false,"error":...}`` with 409 for a command that
certainly had no effect, with 503 and Retry-After where none came (whether it took effect is not known), and
with 4xx or 5xx for what was no command at all. A read that failed is never a 200.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from harness.node.web import BadRequest, Request
from protocols.kernel import Command
from protocols.wire import loads

DEPTH_MAX = 50
"""What we parsed we must be able to write again, deep in a stack of calls."""
CLIENT_CHARS_MAX = 200
SERIAL_DIGITS_MAX = 18
NOP_KEY = "nop"
_METHODS = b"Allow: GET, PUT, POST\r\n"
_BAD_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")


def command_of(request: Request) -> Command:
    """The command that a request asks for. Raises BadRequest, never fatal."""
    method, path = request.method, request.path
    if method == "POST" and path == "/":
        return _read_command(_value(request))
    key = path_of(path)[1:]
    if key.startswith("store/"):
        return _of_store(request, key.removeprefix("store/"))
    if method == "GET":
        if not key:
            raise BadRequest(404, "GET /KEY or /health")
        return _named("read", key, None, request)
    if method not in ("PUT", "POST"):
        raise BadRequest(405, f"GET, PUT or POST, not {method[:20]!r}", headers=_METHODS)
    if not key:
        raise BadRequest(404, "PUT /KEY, or POST / with a command")
    return _named("write", key, _value(request), request)


def path_of(target: str) -> str:
    """The path without its query, its escapes undone. Raises BadRequest."""
    path = target.partition("?")[0]
    if not path.startswith("/"):
        raise BadRequest(400, f"not a path: {target[:100]!r}")
    return unescaped(path) if "%" in path else path


def unescaped(text: str) -> str:
    """Raises BadRequest for what is no escape, and for bytes that are no UTF-8: of those, two different
    texts would become the same.
    """
    if _BAD_ESCAPE.search(text):
        raise BadRequest(400, f"not an escape: {text[:100]!r}")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise BadRequest(400, f"not UTF-8: {text[:100]!r}") from None


def _named(f: str, key: str, value: object, request: Request) -> Command:
    """The command, with its session and serial if the headers name them."""
    if not request.client and not request.serial:
        return Command(f, key, value)
    if not request.client or not request.serial:
        raise BadRequest(400, "Id and Cid name a command together: one of them is missing")
    try:
        client = request.client.decode()
    except UnicodeDecodeError:
        raise BadRequest(400, "Id is not UTF-8") from None
    if len(client) > CLIENT_CHARS_MAX:
        raise BadRequest(400, f"Id has more than {CLIENT_CHARS_MAX} characters")
    serial = request.serial
    if not serial.isdigit() or len(serial) > SERIAL_DIGITS_MAX:
        raise BadRequest(400, f"Cid is a whole number, not {serial[:100]!r}")
    return Command(f, key, value, client, int(serial))


def _value(request: Request) -> object:
    """The body's value. Raises BadRequest."""
    body = request.body
    try:
        text = body.decode()
        value: object = text if request.text else loads(text)
    except (ValueError, RecursionError) as error:
        what = "text in UTF-8" if request.text else "JSON"
        raise BadRequest(400, f"the body is not {what}: {error}") from error
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise BadRequest(400, f"the body is nested more than {DEPTH_MAX} deep")
    return value


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


def _of_store(request: Request, rest: str) -> Command:
    """GoPaxos' paths."""
    verb, _, key = rest.partition("/")
    match request.method, verb:
        case "POST", "set":
            match _value(request):
                case {"key": str(key), "value": value, **more} if not more and key:
                    return _named("write", key, value, request)
            raise BadRequest(400, 'POST /store/set/ takes {"key": "...", "value": ...}')
        case "GET", "get" if key:
            return _named("read", key, None, request)
        case "GET", "nop" if not key:
            return _named("read", NOP_KEY, None, request)
        case _:
            raise BadRequest(404, "POST /store/set/, GET /store/get/KEY or GET /store/nop")


def _read_command(value: object) -> Command:
    match value:
        case {"f": str(f), "key": str(key), **rest}:
            argument = rest.pop("value", None)
            session, serial = rest.pop("session", ""), rest.pop("serial", 0)
        case {"Key": str() | int() as key, **rest} if not isinstance(key, bool):
            argument = rest.pop("Value", None)
            f, key = ("read" if argument is None else "write"), str(key)
            session, serial = rest.pop("ClientID", ""), rest.pop("CommandID", 0)
        case _:
            raise BadRequest(400, 'a command is {"f": "...", "key": "...", "value": ...}')
    if rest:
        raise BadRequest(400, f"a command has no {', '.join(map(str, rest))}")
    if not isinstance(session, str) or type(serial) is not int:
        raise BadRequest(400, "session is a string and serial an int")
    return Command(f, key, argument, session, serial)
