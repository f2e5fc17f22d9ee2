"""Our own protocols as a system: a zipapp on each host, run by its ``python3``.

On a host, node i lives in ``DIRECTORY/n<i+1>``: ``node.pyz``, ``node.json``, ``log``, ``pid``,
``data/``, ``clock`` and ``disk`` (the pages of what
may be broken), and ``disk-lost`` once the disk was wiped. All that is done there is done by the short shell scripts below, each in one round trip.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from itertools import count
from pathlib import PurePosixPath

from harness.errors import CapabilityError, NotReadyError, RemoteError, UsageError
from harness.node import clock, disk
from harness.node.config import TCP, UNIX
from harness.remote.hosts_root import SHARED
from harness.remote.seam import Completed, Host, Remote, on_all
from harness.systems import bundle, http_client
from harness.systems.http_client import Connect, HttpClient
from harness.systems.kernel import ClockPage
from harness.systems.ports import HTTP_PORT, PEER_PORT
from workloads.kernel import Client

HEALTH_TIMEOUT_S = 1.0
ADMINISTRATOR = -1
"""The process that asks for changes of membership."""
_POLL_S = 0.05
_LOG_LINES = 20

# Every script is given DIRECTORY as $1. A pid file alone proves nothing, since pids are used again:
# the process must also have the directory among its arguments (between fork and exec of ``_START``,
# the shell's own arguments).
_PID = """
pid_of() {
    pid=$(cat "$1/pid" 2>/dev/null) && [ -n "$pid" ] &&
    grep -qzxF -e "$1" -e "$1/node.pyz" "/proc/$pid/cmdline" 2>/dev/null
}
"""
_STOP = (
    _PID
    + """
if pid_of "$1"; then
    kill -9 "$pid"
    tries=0
    while [ -e "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" && [ $tries -lt 100 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
fi
"""
)
_PREPARE = (
    _STOP
    + """
command -v "$2" >/dev/null || exit 127
rm -rf -- "$1" && mkdir -p -- "$1/data" && head -c "$5" /dev/zero >"$1/clock" &&
head -c "$6" /dev/zero >"$1/disk" || exit 3
exec "$2" - "$3" "$4" <<'PYTHON'
import socket, sys
if sys.version_info < (3, 11):
    sys.exit("python %d.%d" % sys.version_info[:2])
for port in sys.argv[1:]:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("", int(port)))
    except OSError as error:
        sys.exit("port %s: %s" % (port, error))
    s.close()
PYTHON
"""
)
_START = (
    _PID
    + """
cd -- "$1" || exit 1
pid_of "$1" && exit 0
lost=; [ -e disk-lost ] && lost=--disk-lost
setsid nohup "$2" "$1/node.pyz" run --config "$1/node.json" $lost </dev/null >>log 2>&1 &
echo $! >pid.new && mv pid.new pid
"""
)
# The notes are the checkers', and what they tell has been.
_WIPE = (
    _STOP
    + """
size() { find data -type f ! -name notes.jsonl -printf '%s\n' | { n=0; while read -r s; do n=$((n + s)); done; echo $n; }; }
cd -- "$1" && : >disk-lost && size && find data -mindepth 1 ! -name notes.jsonl -delete; size
"""
)
_DISK = 'PYTHONPATH="$1/node.pyz" exec "$2" -m harness.node.disk "$1" "$3" $4\n'
_SHOW_PID = _PID + 'pid_of "$1" && echo "$pid" || true\n'
# With the last of the nodes on a host goes what they shared.
_REMOVE = _STOP + 'rm -rf -- "$1" && { rmdir -- "${1%/*}" 2>/dev/null || true; }\n'


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
        ports = (self._peer_port + node, self._http_port + node)
        done = _run(
            remote,
            _PREPARE,
            directory,
            host.python,
            *map(str, (*ports, clock.PAGE_BYTES, disk.PAGE_BYTES)),
            check=False,
        )
        if done.status != 0:
            raise CapabilityError(f"{host.name}: {_why_not(host, directory, done)}")
        remote.put(self.zipapp, f"{directory}/node.pyz", mode=0o755)
        config = {
            **self._config,
            "id": node,
            "http": _join(_any_interface(host.address), ports[1]),
            "data": f"{directory}/data",
            "clock": f"{directory}/clock",
            "disk": f"{directory}/disk",
        }
        remote.put((json.dumps(config, indent=1) + "\n").encode(), f"{directory}/node.json")

    def start(self, node: int, remote: Remote) -> None:
        _run(remote, _START, self._home(node), self._hosts[node].python)

    def wait_ready(self, node: int, remote: Remote, timeout_s: float) -> None:
        """Until the node answers. Raises NotReadyError, at once where the process has ended."""
        deadline = time.monotonic() + timeout_s
        problem = "it was given no time"
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.health(node, min(left, HEALTH_TIMEOUT_S))
            except (OSError, RemoteError) as error:
                problem = str(error)
            else:
                return
            if self.pid(node, remote) is None:
                problem = "its process has ended"
                break
            time.sleep(_POLL_S)
        home, name = self._home(node), self._hosts[node].name
        log = remote.run(["tail", "-n", str(_LOG_LINES), f"{home}/log"], check=False)
        raise NotReadyError(
            f"{name}: n{node + 1} does not serve: {problem}; the end of {home}/log:\n"
            f"{log.stdout.strip() or '(empty)'}"
        )

    def pid(self, node: int, remote: Remote) -> int | None:
        shown = _run(remote, _SHOW_PID, self._home(node)).stdout.strip()
        return int(shown) if shown else None

    def wipe(self, node: int, remote: Remote) -> tuple[int, int]:
        before, after = _run(remote, _WIPE, self._home(node)).stdout.split()
        return int(before), int(after)

    def disk(self, node: int, remote: Remote, verb: str, *amounts: str) -> Mapping[str, object]:
        python = self._hosts[node].python
        done = _run(remote, _DISK, self._home(node), python, verb, " ".join(amounts))
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
        _run(remote, _REMOVE, self._home(node))

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

    def change(self, node: int, f: str, value: list[int]) -> None:
        client = self.client(node, ADMINISTRATOR, HEALTH_TIMEOUT_S)
        try:
            client.invoke(f, "", value)
        finally:
            client.close()

    def _connect_directly(self, node: int, port: int, timeout_s: float) -> Connect:
        return http_client.connect_to(self._hosts[node].address, port, timeout_s)

    def _home(self, node: int) -> str:
        return str(self._directory / f"n{node + 1}")


def _run(remote: Remote, script: str, *arguments: str, check: bool = True) -> Completed:
    return remote.run(["sh", "-c", script, "sh", *arguments], check=check)


def _why_not(host: Host, directory: str, done: Completed) -> str:
    said = done.stderr.strip()
    if done.status == 127:
        return f"there is no {host.python}: install it (apt-get install python3), or name another"
    if done.status == 3:
        return f"cannot make {directory}: {said}"
    if said.startswith("python "):
        return f"{host.python} is {said}, and a node needs 3.11 or later"
    if said.startswith("port "):
        return f"{said}; choose other ports, or end what listens there"
    return f"{host.python} does not work (status {done.status}): {said}"


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
