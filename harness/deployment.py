"""One protocol on given hosts: the ways to them, the system, and what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from secrets import token_hex

from harness.errors import CapabilityError
from harness.node.config import TCP
from harness.reach import Reach
from harness.remote.faults import Injector
from harness.remote.faults_record import Proof
from harness.remote.homes import home_of
from harness.remote.seam import Host, Remote, on_all, raise_first
from harness.remote.ssh import SshRemote
from harness.report.progress import Progress
from harness.systems.product import Product
from harness.systems.replicas import Replicas
from nemesis.actions import Link

READY_S = 30.0


class Deployment:
    """Nothing is done on a host before it is asked for; ``close`` ends the connections.

    ``product`` is what runs, where that is none of our protocols; ``lanes`` are the sorts of faults to come.
    ``tag`` names what is ours on the hosts: another run's is another. Given, it means what an earlier
    process of ours has put there. ``lossy``: the nodes' data is on a file system that forgets what was not
    synced. ``leave_running``: the nodes live on when the controller dies.
    """

    def __init__(
        self,
        protocol: str,
        hosts: Sequence[Host],
        *,
        rtt_ms: int,
        options: Mapping[str, object],
        tunnel: bool = False,
        leave_running: bool = False,
        tag: str | None = None,
        admin: bool = False,
        lossy: bool = False,
        transport: str = TCP,
        product: type[Product] | None = None,
        lanes: Collection[str] = (),
        say: Callable[[str], None],
    ) -> None:
        self.hosts = dict(enumerate(hosts))
        self.weather = False
        """Whether packets can be delayed or lost, once it is up."""
        self.remotes = {node: SshRemote(host) for node, host in self.hosts.items()}
        self.tag = token_hex(4) if tag is None else tag
        home = home_of(self.tag)
        reach = Reach(self.hosts, self.remotes, tunnel=tunnel, say=say)
        self.system: Replicas | Product
        if product is not None:
            self.system = product(
                hosts=self.hosts,
                directory=home,
                cluster=self.tag,
                options=options,
                connect=reach,
                lanes=lanes,
            )
        else:
            self.system = Replicas(
                protocol,
                hosts=self.hosts,
                directory=home,
                rtt_ms=rtt_ms,
                options=options,
                cluster=self.tag,
                admin=admin,
                transport=transport,
                connect=reach,
            )
        self.injector = Injector(
            self.remotes, self.system, home, self.tag, leave_running=leave_running
        )
        self.lossy, self.lanes = lossy, frozenset(lanes)
        self.distances: list[Proof] = []
        """The proof that the hosts are as far apart as ``bring_up`` was told to make them."""

    def bring_up(
        self,
        cleanup: ExitStack,
        progress: Progress,
        *,
        weather: bool | None,
        rtt_ms: Mapping[Link, int] | None = None,
        clean: Callable[[], object],
        installed: bool = False,
    ) -> None:
        """Install, start, wait until all serve. ``cleanup`` then undoes it, with ``clean`` at its end.

        ``weather``: whether packets will be delayed or lost; None: if these hosts can. ``rtt_ms`` are
        round trips that are made to stand, before the system starts, until its end. ``installed``: the
        nodes run already. Raises HarnessError where a host or the system does not come up.
        """
        cleanup.callback(self.close)
        with progress.phase(f"connected to {len(self.hosts)} hosts"):
            self.on_nodes(lambda _, remote: remote.run(["true"]))
        cleanup.callback(clean)
        if not installed:
            with progress.phase(f"installed {self.system.name}"):
                self.on_nodes(self.system.install)
        with progress.phase("agents are on the hosts"):
            self.distances = self._prepare(weather, rtt_ms, progress)
        cleanup.callback(self.injector.close)
        with progress.phase("all nodes serve"):
            if not installed:
                self.on_nodes(self.system.start)
            self.wait_ready()

    def _prepare(
        self, weather: bool | None, rtt_ms: Mapping[Link, int] | None, progress: Progress
    ) -> list[Proof]:
        self.weather = weather is not False
        try:
            return self.injector.prepare(weather=self.weather, rtt_ms=rtt_ms, lossy=self.lossy)
        except CapabilityError as error:
            if weather is not None or rtt_ms:
                raise
            self.weather = False
            progress.say(f"packets cannot be delayed or lost: {error}")
            return self.injector.prepare(weather=False)

    def wait_ready(self) -> None:
        """Until all nodes serve. Raises NotReadyError for the first that does not."""
        self.on_nodes(lambda node, remote: self.system.wait_ready(node, remote, READY_S))

    def on_nodes(self, action: Callable[[int, Remote], object]) -> None:
        """Do ``action(node, remote)`` on all nodes at once; raise what the first of them raised."""
        raise_first(on_all(self.remotes, lambda node: action(node, self.remotes[node])))

    def close(self) -> None:
        on_all(self.remotes, lambda node: self.remotes[node].close())
