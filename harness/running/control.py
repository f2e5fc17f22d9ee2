"""How commands speak to a holder: lines of JSON over a Unix socket, a request and its answer.

A request is ``{"do": NAME, ...}``; what comes back is ``{"answer": {...}}``, or ``{"refused": SENTENCE,
"code": N}`` for what could not be done.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import HarnessError, UsageError

Answer: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Mapping[str, Any]], Answer]

ANSWER_S = 120.0
"""Longer than any request takes: each of its parts is bounded."""


class NotThereError(HarnessError):
    """Nobody answers at the socket."""


class Control:
    """One connection to a holder."""

    def __init__(self, path: Path, *, answer_s: float = ANSWER_S) -> None:
        """``answer_s``: give a holder up that says nothing for so long. Raises NotThereError."""
        self._path, self._answer_s = path, answer_s
        self._waits = False
        """Whether an answer is due that nobody waited for."""
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(self._answer_s)
        try:
            with _short(self._path) as address:
                self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise NotThereError(f"nobody answers at {self._path}: {error.strerror}") from error
        self._lines = self._socket.makefile("rb")

    def ask(self, do: str, **fields: Any) -> Answer:
        """Raises UsageError or HarnessError with the holder's sentence; NotThereError if it is gone."""
        if self._waits:  # somebody was interrupted: that answer is not this one's
            self.close()
            self._connect()
        self._waits = True
        try:
            self._socket.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise NotThereError(f"the cluster's holder does not answer: {error}") from error
        if not line:
            raise NotThereError("the cluster's holder has ended")
        self._waits = False
        said = json.loads(line)
        if "refused" in said:
            usage = said["code"] == UsageError.exit_code
            raise (UsageError if usage else HarnessError)(said["refused"])
        answer: Answer = said["answer"]
        return answer

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Server:
    """Answers requests, each connection in a thread of its own, until it is closed."""

    def __init__(self, path: Path, handle: Handler, say: Callable[[str], None]) -> None:
        with _short(path) as address:
            self._server = _Threads(address, _Connection)
        self._server.handle_one, self._server.say = handle, say
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="control"
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Threads(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    handle_one: Handler
    say: Callable[[str], None]


class _Connection(socketserver.StreamRequestHandler):
    server: _Threads

    def handle(self) -> None:
        """Answer line by line until the client goes."""
        try:
            for line in self.rfile:
                self.wfile.write(json.dumps(self._answer(line)).encode() + b"\n")
        except OSError as error:
            self.server.say(f"a client has gone: {error}")

    def _answer(self, line: bytes) -> Answer:
        try:
            return {"answer": self.server.handle_one(_request(line))}
        except HarnessError as error:
            return {"refused": str(error), "code": error.exit_code}
        except Exception as error:  # noqa: BLE001  a bug of ours: for the one who asked, and the log
            self.server.say(f"{line[:200]!r}: {error!r}")
            return {"refused": f"this is a bug of the harness: {error!r}", "code": 255}


def _request(line: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict) or not isinstance(request.get("do"), str):
        raise UsageError(f"not a request: {line[:100]!r}")
    return request


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The socket's address. Of a path it may have but 107 bytes, so it starts at an open directory."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
