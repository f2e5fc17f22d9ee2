"""The page and its JSON over HTTP, on loopback, for one session.

Only this machine may ask, and only under a name of this machine: a page from elsewhere that made a
browser resolve its own name to 127.0.0.1 is refused by the Host header, and one that posts here by its
Origin and its content type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from harness.errors import HarnessError, UsageError
from harness.play import answers
from harness.play.acts import perform
from harness.play.session import Session
from harness.play.view import Record
from harness.simulated import keep, play

LOOPBACK = "127.0.0.1"
MOST_BYTES = 64_000
FILES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript")
        for name in ("main", "api", "player", "stage", "history", "panel", "tools", "dom")
    },
}
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
)

Query: TypeAlias = Mapping[str, str]
Body: TypeAlias = Mapping[str, object]


class ConflictError(Exception):
    """The page does not know what was done meanwhile, from another one."""


class Playground:
    """What may be asked of a session. One thing at a time."""

    def __init__(self, session: Session, store: Path, start: int) -> None:
        self._session, self._store, self._start = session, store, start
        self._lock = Lock()
        self.reads: Mapping[str, Callable[[Query], Record]] = {
            "/api/about": self.about,
            "/api/moments": self._of_this_version(self.moments),
            "/api/verdict": self._of_this_version(self.verdict),
            "/api/node": self.node,
        }
        self.writes: Mapping[str, Callable[[Body], Record]] = {
            "/api/act": self.act,
            "/api/save": self.save,
        }

    def locked(self, function: Callable[[], Record]) -> Record:
        """What ``function`` gives, while nothing else happens to the session."""
        with self._lock:
            return function()

    def about(self, query: Query) -> Record:
        step = number(query, "step") if "step" in query else self._start
        return answers.about(self._session, step)

    def moments(self, query: Query) -> Record:
        have = number(query, "have") if "have" in query else None
        return answers.moments(self._session, number(query, "from"), number(query, "count"), have)

    def verdict(self, query: Query) -> Record:
        return answers.verdict(self._session, number(query, "step"))

    def node(self, query: Query) -> Record:
        return answers.node(self._session, number(query, "step"), number(query, "node"))

    def act(self, body: Body) -> Record:
        self._same_version(whole(body, "version"))
        step, act = whole(body, "step"), body.get("act")
        if not isinstance(act, dict):
            raise UsageError(f"act is {act!r}, not an object")
        perform(self._session, step, act)
        return answers.changed(self._session, step)

    def save(self, body: Body) -> Record:
        """Keep what is seen after a step as a run, played to its end and judged."""
        self._same_version(whole(body, "version"))
        trial = self._session.saved(whole(body, "step"))
        played = play(trial)
        path, reproduce = keep(self._store, trial, played)
        return {
            "path": str(path),
            "outcome": played.results.outcome.value,
            "reproduce": reproduce,
            "replay": f"harness replay {path}",
        }

    def _of_this_version(self, read: Callable[[Query], Record]) -> Callable[[Query], Record]:
        """``read``, where the page asks about the session as it is. What the page itself did may have
        overtaken its question, so an old version is no mistake: it is told that it is one.
        """

        def told(query: Query) -> Record:
            is_old = number(query, "version") != self._session.version
            return {"outdated": True} if is_old else read(query)

        return told

    def _same_version(self, version: int) -> None:
        if version != self._session.version:
            raise ConflictError


def number(query: Query, name: str) -> int:
    """A whole number of a query, not below 0. Raises UsageError."""
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UsageError(
            f"{name} is {text!r}, not a whole number" if text else f"there is no {name}"
        )
    return int(text)


def whole(body: Body, name: str) -> int:
    """A whole number of a body, not below 0. Raises UsageError."""
    value = body.get(name)
    if type(value) is not int or value < 0:
        raise UsageError(f"{name} is {value!r}, not a whole number")
    return value


class Server(ThreadingHTTPServer):
    """Bound to loopback. ``url`` is what to type."""

    daemon_threads = True

    def __init__(self, playground: Playground, port: int = 0) -> None:
        self.playground = playground
        super().__init__((LOOPBACK, port), Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}
        self.url = f"http://{LOOPBACK}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "harness", ""
    timeout = 60

    def handle(self) -> None:
        """Requests, until the browser has gone: it says no goodbye."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if not self._is_for_us():
            return
        if split.path in FILES:
            name, kind = FILES[split.path]
            text = files("harness.play").joinpath("page", name).read_bytes()
            self._send(HTTPStatus.OK, text, kind)
            return
        read = self.server.playground.reads.get(split.path)
        if read is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {split.path}")
            return
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self._answer(lambda: read(query))

    def do_POST(self) -> None:
        if not self._is_for_us():
            return
        write = self.server.playground.writes.get(self.path)
        if write is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {self.path} to post to")
            return
        body = self._body()
        if body is not None:
            self._answer(lambda: write(body))

    def log_message(self, format: str, *args: object) -> None:
        """A page that asks thirty times a second is no news."""

    # --- what comes in ----------------------------------------------------------------------------

    def _is_for_us(self) -> bool:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        ours = host in self.server.hosts and origin in (None, f"http://{host}")
        if not ours:
            self._refuse(HTTPStatus.FORBIDDEN, f"only {self.server.url} is served, not {host!r}")
        return ours

    def _body(self) -> Body | None:
        """The JSON object that was posted; None if it was none, and that was said."""
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.BAD_REQUEST, "what is posted is application/json")
            return None
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._refuse(
                HTTPStatus.BAD_REQUEST, f"a body has a length of at most {MOST_BYTES} bytes"
            )
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}")
            return None
        if not isinstance(body, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
            return None
        return body

    # --- what goes out ----------------------------------------------------------------------------

    def _answer(self, function: Callable[[], Record]) -> None:
        try:
            told = self.server.playground.locked(function)
        except ConflictError:
            self._refuse(
                HTTPStatus.CONFLICT, "the session was changed from another page: load it again"
            )
        except UsageError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except HarnessError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, json.dumps(told).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self.close_connection = True  # what else was sent is not read
        self._send(status, json.dumps({"error": sentence}).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
