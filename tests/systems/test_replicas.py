"""Replicas on hosts: installed, started, killed, found again and removed, by shell scripts alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import CapabilityError, NotReadyError, UsageError
from harness.remote.seam import Host
from harness.systems.kernel import HandsOver
from harness.systems.replicas import Replicas
from tests.node.processes import free_ports
from tests.systems.local_remote import LocalRemote
from tests.waiting import wait_until
from workloads.kernel import Refused

LEDGER = "tests.node.replicas:Ledger"


class Deployment:
    """Three hosts that are all this machine."""

    def __init__(self, directory: Path, protocol: str = LEDGER, **options: object) -> None:
        base = free_ports(6)[0]
        self.hosts = {
            i: Host(name=f"h{i + 1}", address="127.0.0.1", python=sys.executable) for i in range(3)
        }
        self.system = Replicas(
            protocol,
            hosts=self.hosts,
            directory=str(directory),
            peer_port=base,
            http_port=base + 3,
            options=options,
        )
        self.remotes = {i: LocalRemote(host) for i, host in self.hosts.items()}

    def up(self, *nodes: int) -> None:
        for verb in ("install", "start"):
            for node in nodes:
                getattr(self.system, verb)(node, self.remotes[node])
        for node in nodes:
            self.system.wait_ready(node, self.remotes[node], 20)

    def pid(self, node: int) -> int | None:
        return self.system.pid(node, self.remotes[node])

    def remove(self) -> None:
        for node, remote in self.remotes.items():
            self.system.remove(node, remote)


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path / "a b'c")  # a path that a careless script breaks on
    yield deployment
    deployment.remove()


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_from_nothing_to_an_answer_and_back(deployment: Deployment, tmp_path: Path) -> None:
    deployment.up(0, 1, 2)
    client = deployment.system.client(2, 0, 5.0)
    assert client.invoke("write", "x", 5) == 5
    assert client.invoke("read", "x", None) == 5
    with pytest.raises(Refused):
        client.invoke("dance", "x", None)
    client.close()
    pids = [deployment.pid(node) for node in range(3)]
    for name, path in deployment.system.logs(2).items():  # n3 itself stored what it answered
        wait_until(lambda: deployment.remotes[2].get(path), 10, f"{name} has something")  # noqa: B023

    deployment.remove()
    assert [deployment.pid(node) for node in range(3)] == [None] * 3
    assert not any(is_alive(pid) for pid in pids if pid is not None)
    assert list(tmp_path.iterdir()) == []
    deployment.remove()


def test_start_is_idempotent_and_comes_back_with_what_was_durable(deployment: Deployment) -> None:
    deployment.up(0, 1, 2)
    first = deployment.pid(0)
    assert first is not None
    deployment.system.start(0, deployment.remotes[0])
    assert deployment.pid(0) == first
    client = deployment.system.client(0, 0, 5.0)
    client.invoke("write", "x", 5)

    os.kill(first, signal.SIGKILL)
    wait_until(lambda: deployment.pid(0) is None, 10, "it is seen to be dead")
    deployment.system.start(0, deployment.remotes[0])
    deployment.system.wait_ready(0, deployment.remotes[0], 20)

    assert deployment.pid(0) not in (None, first)
    assert client.invoke("read", "x", None) == 5
    client.close()


def test_the_pid_of_another_process_is_not_taken_for_ours(deployment: Deployment) -> None:
    """After a reboot the pid in the file may be anybody's: never to be killed."""
    deployment.up(0)
    pid = deployment.pid(0)
    home = Path(deployment.system.logs(0)["log"]).parent
    (home / "pid").write_text(f"{os.getpid()}\n")
    assert deployment.pid(0) is None
    deployment.system.remove(0, deployment.remotes[0])

    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_install_replaces_what_an_earlier_run_has_left_running(deployment: Deployment) -> None:
    deployment.up(0)
    first = deployment.pid(0)
    deployment.system.install(0, deployment.remotes[0])

    assert first is not None
    assert not is_alive(first)
    assert deployment.pid(0) is None


def test_a_process_that_gets_another_client_goes_on_numbering_its_commands(
    tmp_path: Path,
) -> None:
    """Goal: a session and a serial name one command for ever. The driver makes new clients for a
    process after a phase, or to ask another node; a log-based protocol would take the first command
    of such a client for a retry of the process' very first, and answer with that one's answer."""
    sent: list[bytes] = []

    class Silent:
        def sendall(self, data: bytes) -> None:
            sent.append(data)

        def recv(self, _size: int) -> bytes:
            return b""

        def close(self) -> None: ...

    hosts = {i: Host(name="h", address="127.0.0.1") for i in range(2)}
    system = Replicas("abd", hosts=hosts, directory=str(tmp_path / "x"), connect=lambda *_: Silent)
    for node, process in ((0, 7), (1, 7), (0, 8)):
        with pytest.raises(ConnectionError):
            system.client(node, process, 1.0).invoke("read", "x", None)

    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in sent]
    assert [(b["session"], b["serial"]) for b in bodies] == [("c7", 1), ("c7", 2), ("c8", 1)]


def test_leaders_are_those_that_say_so_themselves(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "leaders", leader=1)
    assert isinstance(deployment.system, HandsOver)
    try:
        deployment.up(0, 1)
        assert deployment.system.leaders() == (1,)
        deployment.system.remove(1, deployment.remotes[1])
        assert deployment.system.leaders() == ()
    finally:
        deployment.remove()


def test_a_node_that_does_not_come_up_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "broken", protocol="epaxoss")
    try:
        deployment.system.install(0, deployment.remotes[0])
        deployment.system.start(0, deployment.remotes[0])
        with pytest.raises(NotReadyError, match=r"(?s)h1: n1 .* did you mean 'epaxos'\?"):
            deployment.system.wait_ready(0, deployment.remotes[0], 20)
    finally:
        deployment.remove()


def test_a_host_without_python_is_named_before_anything_is_left_there(
    deployment: Deployment, tmp_path: Path
) -> None:
    host = Host(name="bare", address="127.0.0.1", python="python9")
    deployment.system._hosts[0] = host
    with pytest.raises(CapabilityError, match="bare: there is no python9"):
        deployment.system.install(0, LocalRemote(host))
    assert not (tmp_path / "a b'c").exists()


def test_an_old_python_is_named_with_its_version(deployment: Deployment, tmp_path: Path) -> None:
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\ncat >/dev/null\necho 'python 3.8' >&2\nexit 1\n")
    old.chmod(0o755)
    host = Host(name="old", address="127.0.0.1", python=str(old))
    deployment.system._hosts[0] = host
    with pytest.raises(CapabilityError, match=r"is python 3\.8, and a node needs 3\.11"):
        deployment.system.install(0, LocalRemote(host))


def test_a_port_in_use_is_told_at_install(deployment: Deployment) -> None:
    port = int(deployment.system._http_port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CapabilityError, match=str(port)):
        deployment.system.install(0, deployment.remotes[0])


@pytest.mark.parametrize("directory", ["relative/path", "/", "/tmp", "/opt/../etc", ""])
def test_a_directory_that_must_not_be_removed_is_refused(directory: str) -> None:
    with pytest.raises(UsageError, match="directory of its own"):
        Replicas("abd", hosts={}, directory=directory)


def test_what_a_node_is_told_names_all_and_their_inner_addresses(tmp_path: Path) -> None:
    hosts = {
        0: Host(
            name="a", address="203.0.113.1", inner="10.0.0.1", zone="eu", python=sys.executable
        ),
        1: Host(name="b", address="203.0.113.2", zone="us", python=sys.executable),
    }
    system = Replicas("abd", hosts=hosts, directory=str(tmp_path / "x"), rtt_ms=7, cluster="c")
    system.install(1, LocalRemote(hosts[1]))
    told = json.loads((tmp_path / "x" / "n2" / "node.json").read_text())
    system.remove(1, LocalRemote(hosts[1]))

    assert told["peers"] == {"0": "10.0.0.1:7000", "1": "203.0.113.2:7001"}
    assert (told["id"], told["zones"], told["rtt_ms"]) == (1, ["eu", "us"], 7)
    assert told["http"] == "0.0.0.0:8001"
