"""Work that makes many objects and throws few away, done without looking for garbage.

CPython looks for reference cycles whenever so many new objects have survived, each time among more
of them: for hundreds of thousands of small lists that takes as long as making them, and finds none.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_yet() -> Iterator[None]:
    """Do not look for cycles within; what is dropped is freed all the same."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
