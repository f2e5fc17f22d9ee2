"""What changes while one looks at it: a live line on a terminal, elsewhere a plain one now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text


@contextmanager
def followed(
    console: Console, line: Callable[[], Text], say: Callable[[], None], *, every_s: float
) -> Iterator[None]:
    """While inside: keep ``line`` up to date on a terminal; elsewhere ``say`` it every so often."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            live.get_renderable = line  # type: ignore[method-assign]
            yield
        return
    done = threading.Event()

    def speak() -> None:
        while not done.wait(every_s):
            say()

    speaker = threading.Thread(target=speak, name="progress", daemon=True)
    speaker.start()
    try:
        yield
    finally:
        done.set()
        speaker.join()
