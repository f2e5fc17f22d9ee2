"""A system of somebody else's as a system under test: one program a node, and a client in Python.

What a product must say is what it is called, how it is started, and how it is spoken to; that it runs in
a directory of its own, is found, killed, started again and removed is done here. ``etcd`` is an example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar

from harness.errors import CapabilityError, UsageError
from harness.remote import clock_shim
from harness.remote.seam import Host, Remote
from harness.systems import daemon, debian
from harness.systems.http_client import Connect
from harness.systems.kernel import ClockPage, DataDirectory
from harness.systems.ports import HTTP_PORT, PEER_PORT
from harness.tables import nearest
from workloads.kernel import Client

PROGRAM = "program"
_ASK_S = 1.0


class Product(ABC):
    """Implements ``System``. ``directory`` is absolute, and the same on all hosts; ``cluster`` is a name that
    no other run has. ``connect`` opens connections to a port of a node's host, in a time. ``lanes`` are
    the sorts of faults that it will be given.
    """

    name: str
    packages: ClassVar[Sequence[str]]
    """Debian's packages that have the program and what it links to."""
    program: ClassVar[str]
    """Its path in them."""
    parts: ClassVar[Sequence[str]] = ("usr/bin",)
    """What of them hosts are given, besides shared libraries."""
    commands: ClassVar[Sequence[str]]
    """What its clients can be asked for (``workloads``)."""
    multi_key: ClassVar[bool] = False
    changes_members: ClassVar[bool] = False
    withstands: ClassVar[frozenset[str]] = frozenset({"network", "process", "packet", "disk"})
    """The lanes of faults (``nemesis.plan``) that can be done to it; of disks all but what must know files.
    Clocks can be set wrong where it asks libc for the time (``harness.remote.clock_shim``)."""
    knobs: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Its options besides ``program``, and what each may be, the default first; () for any text."""

    def __init__(
        self,
        *,
        hosts: Mapping[int, Host],
        directory: str,
        cluster: str,
        options: Mapping[str, object],
        connect: Callable[[int, int, float], Connect],
        lanes: Collection[str] = (),
    ) -> None:
        self.hosts, self.directory, self.cluster, self.reach = hosts, directory, cluster, connect
        self.options = {name: str(values[0]) for name, values in self.knobs.items() if values}
        self.options |= {name: str(value) for name, value in options.items()}
        self.lanes = frozenset(lanes)
        self.programs: dict[int, list[str]] = {}

    # --- what a product says ----------------------------------------------------------------------

    @abstractmethod
    def argv(self, node: int) -> Sequence[str]:
        """The program's arguments at a node: the same at every start."""

    @abstractmethod
    def ask(self, node: int, timeout_s: float) -> object:
        """Something that only a node that serves can answer. Raises OSError or RemoteError."""

    @abstractmethod
    def client(self, node: int, process: int, timeout_s: float) -> Client: ...

    def leaders(self) -> tuple[int, ...]:
        """Nodes that believe to lead, for faults that aim at them."""
        return ()

    # --- before any host --------------------------------------------------------------------------

    @classmethod
    def check(cls, options: Mapping[str, object]) -> None:
        """Raises UsageError for options that cannot be meant."""
        known = {PROGRAM: (), **cls.knobs}
        for name, value in options.items():
            if name not in known:
                raise UsageError(f"{cls.name} has no option {name!r}{nearest(name, known)}")
            if known[name] and value not in known[name]:
                raise UsageError(
                    f"--option {name}={value}: {cls.name} takes {', '.join(known[name])}"
                )

    @classmethod
    def fetch(cls, options: Mapping[str, object]) -> None:
        """Have what hosts are given, while there is a network. Raises CapabilityError."""
        if PROGRAM not in options:
            debian.unpacked(cls.packages)

    # --- on the hosts -----------------------------------------------------------------------------

    def install(self, node: int, remote: Remote) -> None:
        """A directory of its own, with the program in it where the host's own is not asked for.

        Raises CapabilityError where a port is taken, or the host has no such program.
        """
        daemon.prepare(remote, self.home(node), [self.peer_port(node), self.port(node)])
        self.programs[node] = self._installed(node, remote)
        if "clock" in self.lanes:
            shim = clock_shim.prepare(remote, self.home(node), self.clock(node).path)
            words = [f"{name}={value}" for name, value in shim.items()]
            self.programs[node] = ["env", *words, *self.programs[node]]

    def _installed(self, node: int, remote: Remote) -> list[str]:
        """The words that run the program there."""
        if given := self.options.get(PROGRAM):
            if remote.run(["test", "-x", given], check=False).status:
                raise CapabilityError(f"{remote.host.name}: {given} is no program")
            return [given]
        root, libraries = self._unpacked(node, remote)
        paths = ":".join(f"{root}/{path}" for path in libraries)
        return ["env", f"LD_LIBRARY_PATH={paths}", f"{root}/{self.program}"]

    def _unpacked(self, node: int, remote: Remote) -> tuple[str, Sequence[str]]:
        """Where the packages' files lie on the host then, and the folders of shared libraries in it."""
        packed, libraries = debian.packed(self.packages, self.parts)
        root = f"{self.home(node)}/program"
        remote.put(packed, f"{root}.tar.gz")
        script = 'mkdir -p -- "$1" && tar -xzf "$1.tar.gz" -C "$1" && rm -- "$1.tar.gz"'
        remote.run(["sh", "-c", script, "sh", root])
        return root, libraries

    def start(self, node: int, remote: Remote) -> None:
        daemon.start(remote, self.home(node), [*self.programs[node], *self.argv(node)])

    def wait_ready(self, node: int, remote: Remote, timeout_s: float) -> None:
        daemon.await_serving(
            remote, self.home(node), node, timeout_s, lambda s: self.ask(node, min(s, _ASK_S))
        )

    def pid(self, node: int, remote: Remote) -> int | None:
        return daemon.pid(remote, self.home(node))

    def clock(self, node: int) -> ClockPage:
        return ClockPage(f"{self.home(node)}/clock", None)

    def data(self, node: int) -> DataDirectory:
        return DataDirectory(f"{self.home(node)}/data")

    def logs(self, node: int) -> Mapping[str, str]:
        return {"log": f"{self.home(node)}/log"}

    def remove(self, node: int, remote: Remote) -> None:
        daemon.remove(remote, self.home(node))

    # --- where things are -------------------------------------------------------------------------

    def home(self, node: int) -> str:
        return f"{self.directory}/n{node + 1}"

    def port(self, node: int) -> int:
        """Where clients are served; nodes may share a host."""
        return HTTP_PORT + node

    def peer_port(self, node: int) -> int:
        return PEER_PORT + node

    def connect(self, node: int, timeout_s: float) -> Connect:
        return self.reach(node, self.port(node), timeout_s)
