"""A playground that serves, for each test one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from harness.commands.play import BY_HAND
from harness.play.server import Playground, Server
from harness.play.session import Session
from harness.trial import Trial

Serve = Callable[[Trial], Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve a trial on a free port until the test is over."""
    running: list[tuple[Server, Thread]] = []

    def start(trial: Trial) -> Server:
        server = Server(
            Playground(Session(trial, by_hand=trial.ops == BY_HAND), tmp_path / "store", 0)
        )
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()
