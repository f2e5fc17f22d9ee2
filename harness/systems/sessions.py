"""A client that has one session with a server, for one process: opened when it is needed, given up after an error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, Protocol, TypeVar

from harness.errors import RemoteError
from harness.systems import optimistic
from workloads.kernel import Refused


class Closes(Protocol):
    def close(self) -> None: ...


S = TypeVar("S", bound=Closes)


class SessionClient(ABC, Generic[S]):
    """Implements ``Client``. ``begin`` opens a session; raises OSError or RemoteError. ``timeout_s``: for an op."""

    unopened: ClassVar[str] = "cannot connect"
    """What it means that no session can be opened."""

    def __init__(self, begin: Callable[[], S], timeout_s: float) -> None:
        self._begin, self._timeout_s = begin, timeout_s
        self._opened: S | None = None

    @abstractmethod
    def ask(self, f: str, key: str, value: object) -> object:
        """The answer, by way of ``session``. Raises Refused where nothing was changed; OSError."""

    def undone(self, error: OSError) -> bool:  # noqa: ARG002
        """Whether that says for certain that nothing was changed."""
        return False

    @property
    def session(self) -> S:
        assert self._opened is not None
        return self._opened

    def invoke(self, f: str, key: str, value: object) -> object:
        """Raises Refused where nothing was changed; OSError where nobody knows."""
        if self._opened is None:
            try:
                self._opened = self._begin()
            except (OSError, RemoteError) as error:
                raise Refused(f"{self.unopened}: {error}") from error
        try:
            return self.ask(f, key, value)
        except OSError as error:
            # What is open in it ends with it; and a late answer must not answer the next request.
            self.close()
            if f in optimistic.READS or self.undone(error):
                raise Refused(str(error)) from error
            raise

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
