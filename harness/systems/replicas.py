"""Our own protocols as a system: a zipapp on each host, run by its ``python3``.

On a host, node i lives in ``DIRECTORY/n<i+1>``: ``node.pyz``, ``node.json``, ``log``, ``pid``,
``data/``, ``clock`` and ``disk`` (the pages of what may be broken), and ``disk-lost`` once the disk was
wiped. :mod:`harness.systems.daemon` has the process in hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from itertools import count
from pathlib import PurePosixPath

from harness.errors import UsageError
from harness.node import clock, disk
from harness.node.config import TCP, UNIX
from harness.remote.hosts_root import SHARED
from harness.remote.seam import Host, Remote, on_all
from harness.systems import bundle, daemon, http_client
from harness.systems.http_client import Connect, HttpClient
from harness.systems.kernel import ClockPage, DataDirectory
from harness.systems.ports import HTTP_PORT, PEER_PORT
from workloads.kernel import Client

HEALTH_TIMEOUT_S = 1.0
ADMINISTRATOR = -1
"""The process that asks for changes of membership, and for other leaders."""

_PAGES = """
head -c "$2" /dev/zero >"$1/clock" && head -c "$3" /dev/zero >"$1/disk"
"""
_RUN = """
lost=; [ -e disk-lost ] && lost=--disk-lost
exec "$0" "$1/node.pyz" run --config "$1/node.json" $lost
"""
# The notes are the checkers', and what they tell has been.
_WIPE = (
    daemon.STOP
    + """
size() { find data -type f ! -name notes.jsonl -printf '%s\n' | { n=0; while read -r s; do n=$((n + s)); done; echo $n; }; }
cd -- "$1" && : >disk-lost && size && find data -mindepth 1 ! -name notes.jsonl -delete; size
"""
)
_DISK = 'PYTHONPATH="$1/node.pyz" exec "$2" -m harness.node.disk "$1" "$3" $4\n'


class Replicas:
    """A cluster of one protocol. Implements ``System``, and all that a system may have besides.

    ``directory`` is absolute, and the same on all hosts. ``extra_modules`` ship along; the module
    of a ``protocol`` given as ``package.module:Class`` does so by itself. ``connect`` opens
    connections where the hosts' addresses are not to be reached directly: it is given the node, the
    port on its host, and the time-out in seconds. ``admin``: the nodes answer the admin's paths, to those
    who ask from the cluster's network. ``transport``: how the nodes speak to each other; ``unix`` needs hosts
    that share ``SHARED``.

    Raises UsageError for what cannot be meant.
    """

    def __init__(
        self,
        protocol: str,
        *,
        hosts: Mapping[int, Host],
        directory: str,
        rtt_ms: int = 20,
        options: Mapping[str, object] | None = None,
        peer_port: int = PEER_PORT,
        http_port: int = HTTP_PORT,
        cluster: str = "",
        admin: bool = False,
        transport: str = TCP,
        extra_modules: Sequence[str] = (),
        connect: Callable[[int, int, float], Connect] | None = None,
    ) -> None:
        path = PurePosixPath(directory)
        if not path.is_absolute() or len(path.parts) < 3 or ".." in path.parts:
            raise UsageError(f"a directory of its own, such as /opt/harness/a, not {directory!r}")
        self.name = protocol
        self.zipapp = bundle.build([*extra_modules, *_module_of(protocol)])
        self._hosts = dict(hosts)
        self._directory = path
        self._peer_port, self._http_port = peer_port, http_port
        self._connect = connect or self._connect_directly
        self._serials: dict[int, Iterator[int]] = {}
        self._config: dict[str, object] = {
            "protocol": protocol,
            "cluster": cluster,
            "peers": {
                str(node): f"unix:{SHARED}/{cluster}-n{node + 1}.sock"
                if transport == UNIX
                else _join(host.peer_address, peer_port + node)
                for node, host in self._hosts.items()
            },
            "zones": [host.zone for host in self._hosts.values()],
            "rtt_ms": rtt_ms,
            "options": dict(options or {}),
            "transport": transport,
            "admin": _networks(self._hosts.values()) if admin else [],
        }

    # --- on the hosts -----------------------------------------------------------------------------

    def install(self, node: int, remote: Remote) -> None:
        """Put the node's files there, in place of whatever an earlier run has left.

        Raises CapabilityError if the host has no python3 of 3.11 or later, or a port is taken;
        RemoteError, naming the host, for a full disk and the like.
        """
        host, directory = self._hosts[node], self._home(node)
        port = self._http_port + node
        daemon.prepare(remote, directory, [self._peer_port + node, port])
        remote.put(
            self.zipapp, f"{directory}/node.pyz", mode=0o755
        )  # first: it says if a disk is full
        pages = map(str, (clock.PAGE_BYTES, disk.PAGE_BYTES))
        daemon.run(remote, _PAGES, directory, *pages)
        config = {
            **self._config,
            "id": node,
            "http": _join(_any_interface(host.address), port),
            "data": f"{directory}/data",
            "clock": f"{directory}/clock",
            "disk": f"{directory}/disk",
        }
        remote.put((json.dumps(config, indent=1) + "\n").encode(), f"{directory}/node.json")

    def start(self, node: int, remote: Remote) -> None:
        home = self._home(node)
        daemon.start(remote, home, ["sh", "-c", _RUN, self._hosts[node].python, home])

    def wait_ready(self, node: int, remote: Remote, timeout_s: float) -> None:
        """Until the node answers. Raises NotReadyError, at once where the process has ended."""

        def ask(left_s: float) -> object:
            return self.health(node, min(left_s, HEALTH_TIMEOUT_S))

        daemon.await_serving(remote, self._home(node), node, timeout_s, ask)

    def pid(self, node: int, remote: Remote) -> int | None:
        return daemon.pid(remote, self._home(node))

    def wipe(self, node: int, remote: Remote) -> tuple[int, int]:
        before, after = daemon.run(remote, _WIPE, self._home(node)).stdout.split()
        return int(before), int(after)

    def data(self, node: int) -> DataDirectory:
        return DataDirectory(f"{self._home(node)}/data", kept=("notes.jsonl",))

    def disk(self, node: int, remote: Remote, verb: str, *amounts: str) -> Mapping[str, object]:
        python = self._hosts[node].python
        done = daemon.run(remote, _DISK, self._home(node), python, verb, " ".join(amounts))
        said: dict[str, object] = json.loads(done.stdout)
        return said

    def clock(self, node: int) -> ClockPage:
        return ClockPage(f"{self._home(node)}/clock", self._http_port + node)

    def logs(self, node: int) -> Mapping[str, str]:
        home = self._home(node)
        return {
            "log": f"{home}/log",
            "notes.jsonl": f"{home}/data/notes.jsonl",
            "node.json": f"{home}/node.json",
        }

    def remove(self, node: int, remote: Remote) -> None:
        daemon.remove(remote, self._home(node))

    # --- from the controller ----------------------------------------------------------------------

    def client(self, node: int, process: int, timeout_s: float) -> Client:
        connect = self.connect(node, timeout_s)
        return HttpClient(connect, process, self._serials.setdefault(process, count(1)))

    def connect(self, node: int, timeout_s: float) -> Connect:
        """Opens connections to where a node serves clients."""
        return self._connect(node, self._http_port + node, timeout_s)

    def health(self, node: int, timeout_s: float = HEALTH_TIMEOUT_S) -> dict[str, object]:
        """What ``GET /health`` says. Raises OSError, or RemoteError where the host is not reached."""
        answer: dict[str, object] = http_client.get(self.connect(node, timeout_s), "/health")
        return answer

    def leaders(self) -> tuple[int, ...]:
        """The nodes that say of themselves that they lead. A node that does not answer does not."""
        nobody: dict[int, dict[str, object]] = {node: {} for node in self._hosts}
        answers = on_all(nobody, self.health)
        return tuple(
            node
            for node, health in answers.items()
            if isinstance(health, dict) and health.get("leader") == node
        )

    def nodes(self) -> tuple[int, ...]:
        return tuple(self._hosts)

    def membership(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        """What each node that answers says of who is a member."""
        nobody: dict[int, dict[str, object]] = {node: {} for node in self._hosts}
        found = {}
        for node, health in on_all(nobody, self.health).items():
            match health:
                case {"members": [int(version), [*members]]}:
                    found[node] = (version, tuple(members))
        return found

    def change(self, node: int, f: str, value: object) -> None:
        client = self.client(node, ADMINISTRATOR, HEALTH_TIMEOUT_S)
        try:
            client.invoke(f, "", value)
        finally:
            client.close()

    def _connect_directly(self, node: int, port: int, timeout_s: float) -> Connect:
        return http_client.connect_to(self._hosts[node].address, port, timeout_s)

    def _home(self, node: int) -> str:
        return str(self._directory / f"n{node + 1}")


def _module_of(protocol: str) -> list[str]:
    """What must ship besides ``protocols`` for this protocol."""
    module, colon, _ = protocol.partition(":")
    return [module] if colon and module.split(".")[0] != "protocols" else []


def _networks(hosts: Iterable[Host]) -> list[str]:
    """From where admins ask: where the hosts are (to the /24, or /64), and the hosts themselves."""
    found = {"127.0.0.0/8": None, "::1/128": None}
    for host in hosts:
        try:
            address = ip_address(host.peer_address)
        except ValueError:  # a name: reached through SSH, then, from the host itself
            continue
        bits = 24 if address.version == 4 else 64
        found[str(ip_network(f"{address}/{bits}", strict=False))] = None
    return list(found)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _any_interface(address: str) -> str:
    return "::" if ":" in address else "0.0.0.0"  # noqa: S104  clients come from anywhere
