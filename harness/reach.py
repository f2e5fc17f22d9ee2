"""How clients get to the nodes: directly, or through SSH where a host is reached by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.remote.seam import Host
from harness.remote.ssh import SshRemote
from harness.systems.http_client import Connect, Connection, connect_to

DIRECT_TIMEOUT_S = 1.0


class Reach:
    """Opens connections to ports of hosts; finds out, once for each host, which way works.

    A refused connection is an answer: the host is there, and nothing listens. Silence is not: then
    the way through SSH is tried, and kept if it works.
    """

    def __init__(
        self,
        hosts: Mapping[int, Host],
        remotes: Mapping[int, SshRemote],
        *,
        tunnel: bool,
        say: Callable[[str], None],
    ) -> None:
        self.hosts, self.remotes, self.say = hosts, remotes, say
        self.way: dict[int, str] = dict.fromkeys(hosts, "ssh") if tunnel else {}

    def __call__(self, node: int, port: int, timeout_s: float) -> Connect:
        """A function that opens one connection to ``port`` of the node's host. It raises OSError."""

        def connect() -> Connection:
            way = self.way.get(node)
            if way == "ssh":
                return self.through_ssh(node, port, timeout_s)
            host = self.hosts[node]
            if way == "direct":
                return connect_to(host.address, port, timeout_s)()
            try:
                connection = connect_to(host.address, port, min(timeout_s, DIRECT_TIMEOUT_S))()
            except ConnectionRefusedError:
                raise
            except OSError:
                connection = self.through_ssh(node, port, timeout_s)
                self.way[node] = "ssh"
                self.say(
                    f"{host.name}: port {port} is not reached directly: clients go through SSH"
                )
                return connection
            connection.close()
            self.way[node] = "direct"
            return connect_to(host.address, port, timeout_s)()

        return connect

    def through_ssh(self, node: int, port: int, timeout_s: float) -> Connection:
        """A connection from the host to itself, carried by SSH."""
        tunnel = self.remotes[node].open_tunnel("127.0.0.1", port, timeout_s=timeout_s)
        tunnel.settimeout(timeout_s)
        return tunnel
