"""What a system under test is to the harness: how it is put on hosts, started, killed and spoken to.

One file a system. A system never speaks SSH itself: it is given the remotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.remote.seam import Remote
from workloads.kernel import Client


class System(Protocol):
    """All methods of a ``node`` are called from several threads, one thread a node."""

    name: str

    def install(self, node: int, remote: Remote) -> None: ...

    def start(self, node: int, remote: Remote) -> None:
        """Start the process (again) and return once it was started, ready or not. Idempotent."""
        ...

    def wait_ready(self, node: int, remote: Remote, timeout_s: float) -> None:
        """Raises NotReadyError, with the end of the node's log, if it does not serve in time."""
        ...

    def pid(self, node: int, remote: Remote) -> int | None:
        """The pid of the running process on its host, or None where none runs."""
        ...

    def client(self, node: int, process: int, timeout_s: float) -> Client:
        """A client of ``node`` for one process; connects lazily, so it never raises."""
        ...

    def logs(self, node: int) -> Mapping[str, str]:
        """Which files are worth keeping: name in the store -> path on the host."""
        ...

    def remove(self, node: int, remote: Remote) -> None:
        """Stop the process and delete all that was installed. Idempotent; works after a crash."""
        ...


@runtime_checkable
class HasDisk(Protocol):
    def wipe(self, node: int, remote: Remote) -> tuple[int, int]:
        """End the process and empty its disk, so that at its next start it knows that it has lost it.

        How many bytes there were, and are then. Logs for people, and notes for the checkers, stay.
        """
        ...


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Where a node has, on its host, what is to survive a power cut; there before it starts."""

    path: str
    kept: tuple[str, ...] = ()
    """Names of files that are not its own, such as notes for the checkers: these survive in any case."""


@runtime_checkable
class HasData(Protocol):
    """A system whose files can be put on another file system."""

    def data(self, node: int) -> DataDirectory: ...


@runtime_checkable
class HasJournal(Protocol):
    """A system whose durable state can be broken as ``harness.node.disk`` does it."""

    def disk(self, node: int, remote: Remote, verb: str, *amounts: str) -> Mapping[str, object]:
        """Run one of its verbs on the node's host; what it says. Raises RemoteError.

        All but ``slow`` and ``look`` are for a node that is dead.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClockPage:
    """Where the clocks of a node are set wrong, on its host (``harness.node.clock``), and looked at."""

    path: str
    port: int | None
    """Where its process answers ``/health``, with ``clock``; None: it was started with the shim
    (``harness.remote.clock_shim``), which writes into the page what it told the process."""


@runtime_checkable
class HasClock(Protocol):
    """A system whose processes read their clocks through a page."""

    def clock(self, node: int) -> ClockPage: ...


@runtime_checkable
class HasMembers(Protocol):
    """A system whose members can be changed while it runs (``protocols.membership``)."""

    def nodes(self) -> tuple[int, ...]: ...

    def membership(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        """By node that answers: the newest configuration that it knows, its version and members."""
        ...

    def change(self, node: int, f: str, value: object) -> None:
        """Ask a node for a change. Raises where it cannot be asked."""
        ...


@runtime_checkable
class HandsOver(Protocol):
    """A system whose leader can be asked to let another node lead (``protocols.handover``)."""

    def nodes(self) -> tuple[int, ...]: ...

    def leaders(self) -> tuple[int, ...]:
        """Nodes that believe to lead now, by asking them; () if nobody says so."""
        ...

    def change(self, node: int, f: str, value: object) -> None:
        """Ask a node for a change. Raises where it cannot be asked."""
        ...
