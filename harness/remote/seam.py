"""The seam to a host: four verbs. Hosts made on this machine and hosts far away stand behind it alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A machine of the inventory, as it is reached, and as the other hosts reach it."""

    name: str
    address: str
    """Where the controller and, unless ``inner`` says otherwise, the other hosts find it."""
    port: int = 22
    user: str = "root"
    key: str | None = None
    """Path of a private key; None: the agent's and the user's default keys."""
    host_key: str | None = None
    """``ssh-ed25519 AAAA...``; None: what the user's known_hosts says."""
    jump: str | None = None
    """``user@address:port`` of a host to go through."""
    zone: str = ""
    sudo: bool = False
    """Run what needs root by ``sudo -n``."""
    python: str = "python3"
    inner: str | None = None
    """The IPv4 address that the other hosts of the cluster use for it, where that differs."""

    @property
    def peer_address(self) -> str:
        return self.inner or self.address


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command printed and how it ended."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


class Stream(Protocol):
    """A long-running command, spoken to line by line over its stdin and stdout."""

    def send(self, line: str) -> None: ...

    def receive(self, timeout_s: float) -> str:
        """The next line, without its newline. Raises CommandTimeout, or ConnectError at its end."""
        ...

    def close(self) -> None: ...


class Remote(Protocol):
    """One open way to one host. Thread-safe. All times are bounded; errors name the host."""

    host: Host

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        check: bool = True,
        root: bool = False,
    ) -> Completed:
        """Run a command to its end. Never repeated by itself.

        ``root`` asks for privileges (sudo where the host needs it). Raises CommandError for a
        status other than 0 if ``check``; CommandTimeout; ConnectError.
        """
        ...

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file, whole or not at all; repeated if the connection breaks."""
        ...

    def get(self, path: str) -> bytes:
        """Read a file. Raises FileNotFoundError."""
        ...

    def stream(self, argv: Sequence[str], *, root: bool = False) -> Stream: ...

    def close(self) -> None: ...


def on_all(
    remotes: Mapping[int, Remote] | Mapping[int, T],
    function: Callable[[int], T],
) -> dict[int, T | Exception]:
    """Do ``function(node)`` for all nodes at once; a result or an exception for each, never a raise."""

    def attempt(node: int) -> T | Exception:
        try:
            return function(node)
        except Exception as error:  # noqa: BLE001  handed to the caller, for each host
            return error

    if not remotes:
        return {}
    with ThreadPoolExecutor(len(remotes)) as pool:
        return dict(zip(remotes, pool.map(attempt, remotes), strict=True))


def raise_first(results: Mapping[int, T | Exception]) -> dict[int, T]:
    """The results, if all are; else raises the first node's exception with the others as notes."""
    errors = [r for r in results.values() if isinstance(r, Exception)]
    if errors:
        for other in errors[1:]:
            errors[0].add_note(str(other))
        raise errors[0]
    return {node: r for node, r in results.items() if not isinstance(r, Exception)}
