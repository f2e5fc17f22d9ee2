"""What goes wrong before a connection is there, on this machine's loopback. The rest: tests/real/test_hosts.py."""

from __future__ import annotations

import socket
import threading

import pytest

from harness.errors import ConnectError, HostKeyError, LoginError
from harness.remote.seam import Host
from harness.remote.ssh import SshRemote
from harness.remote.ssh_connection import _jump_host, known_as


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def refusal(kind, **host):
    threads = threading.active_count()
    with (
        SshRemote(Host(name="n1", **host), connect_timeout_s=0.3) as remote,
        pytest.raises(kind) as caught,
    ):
        remote.run(["true"])
    assert threading.active_count() == threads
    return str(caught.value)


def test_nothing_listens(closed_port):
    said = refusal(ConnectError, address="127.0.0.1", port=closed_port)
    assert said == f"n1: nothing listens at 127.0.0.1:{closed_port}"


def test_something_else_listens():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        said = refusal(ConnectError, address="127.0.0.1", port=mute.getsockname()[1])
    assert said.startswith("n1: no SSH at 127.0.0.1:")


def test_a_key_that_is_not_there():
    said = refusal(LoginError, address="127.0.0.1", user="me", key="/no/such")
    assert said == "n1: user me: there is no key file /no/such"


@pytest.mark.parametrize("line", ["nonsense", "ssh-ed25519 !!!", "ssh-xyz AAAA"])
def test_a_host_key_that_is_none(line):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        said = refusal(HostKeyError, address="127.0.0.1", port=mute.getsockname()[1], host_key=line)
    assert "its host_key is not" in said


def test_closing_what_was_never_opened():
    remote = SshRemote(Host(name="n1", address="192.0.2.1"))
    remote.close()
    with pytest.raises(ConnectError, match="n1: this way to it was closed"):
        remote.run(["true"])


def test_names_in_known_hosts():
    assert known_as(Host(name="n1", address="a")) == "a"
    assert known_as(Host(name="n1", address="a", port=2222)) == "[a]:2222"


@pytest.mark.parametrize(
    ("jump", "expected"),
    [
        ("gate", ("me", "gate", 22)),
        ("you@gate", ("you", "gate", 22)),
        ("you@gate:23", ("you", "gate", 23)),
    ],
)
def test_jump_hosts(jump, expected):
    """The pinned key is the host's, not the jump host's."""
    host = Host(name="n1", address="a", user="me", host_key="ssh-ed25519 AAAA", jump=jump)
    gate = _jump_host(host)
    assert (gate.user, gate.address, gate.port) == expected
    assert (gate.host_key, gate.jump) == (None, None)


@pytest.mark.parametrize(
    ("user", "sudo", "root", "expected"),
    [
        ("me", True, True, ("sudo", "-n", "id")),
        ("me", True, False, ("id",)),
        ("me", False, True, ("id",)),  # it has what it needs, as in rootless hosts made here
        ("root", True, True, ("id",)),
    ],
)
def test_who_needs_sudo(user, sudo, root, expected):
    remote = SshRemote(Host(name="n1", address="a", user=user, sudo=sudo))
    assert remote._with_privileges(["id"], root=root) == expected
