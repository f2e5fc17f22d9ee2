"""Hosts made on this machine, and SSH to them: for real, each test in a sandbox of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import (
    CapabilityError,
    CommandError,
    CommandTimeout,
    ConnectError,
    HostKeyError,
    LoginError,
    UsageError,
)
from harness.inventory import load, write_inventory
from harness.remote import cluster as cluster_module
from harness.remote.cluster import LocalCluster
from harness.remote.sandbox import RUNTIME
from harness.remote.seam import Host, on_all, raise_first
from harness.remote.ssh import SshRemote
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.sandboxed]

MIB = 1 << 20


@contextmanager
def hosts(n: int, **options) -> Iterator[list[SshRemote]]:
    """``n`` hosts and a way to each. Afterwards nothing is left of them: no thread, cable or mount."""
    threads = threading.active_count()
    with LocalCluster(n, **options) as cluster:
        remotes = [SshRemote(host) for host in cluster.hosts]
        try:
            yield remotes
        finally:
            for remote in remotes:
                remote.close()
    assert threading.active_count() == threads
    assert_nothing_left()


def assert_nothing_left() -> None:
    assert {name for _, name in socket.if_nameindex()} == {"lo"}
    assert "/.harness/" not in Path("/proc/self/mountinfo").read_text()
    assert not (RUNTIME / "cluster").exists()
    # This pytest, process 1, and nobody else.
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    assert pids == {1, os.getpid()}


def out(remote: SshRemote, script: str) -> str:
    return remote.run(["sh", "-c", script]).stdout.strip()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


# Hosts


def test_five_hosts_are_up_in_no_time():
    """Goal: well under a second; the bound is loose, for loaded machines (0.14 s when idle)."""
    with hosts(5) as remotes:
        assert [remote.host.name for remote in remotes] == ["n1", "n2", "n3", "n4", "n5"]
    with LocalCluster(5) as cluster:
        assert cluster.up_s < 3


def test_hosts_are_strangers_to_each_other():
    """Files, processes, names, interfaces and size of the disk are each host's own."""
    with hosts(2, size_mib=64) as (n1, n2):
        out(n1, "echo secret > /opt/file; echo x > /tmp/file; echo x > /etc/file")
        assert n2.run(["ls", "/opt/file", "/tmp/file", "/etc/file"], check=False).status == 2
        assert not Path("/opt/file").exists()
        assert not Path("/etc/file").exists()
        assert [out(n, "hostname") for n in (n1, n2)] == ["n1", "n2"]
        out(n1, "setsid sleep 987 > /dev/null 2>&1 < /dev/null &")
        wait_until(lambda: "sleep 987" in out(n1, "ps axo args"), 5, "n1 does not sleep")
        assert "sleep 987" not in out(n2, "ps axo args")
        assert out(n1, "df -Pm / | tail -1 | awk '{print $2}'") == "64"
        assert out(n2, "ip -br -4 addr show eth0").split()[2] == "10.77.0.2/24"


def test_the_machine_s_programs_cannot_be_changed_from_a_host():
    with hosts(1) as (n1,):
        touched = n1.run(["touch", "/usr/bin/x", "/.machine-etc/x"], check=False)
        assert touched.stderr.count("Read-only file system") == 2


def test_names_resolve_everywhere():
    with hosts(3) as remotes:
        for remote in remotes:
            assert out(remote, "getent hosts n3").split() == ["10.77.0.3", "n3"]
            assert out(remote, "getent hosts control").split()[0] == "10.77.0.254"
        assert socket.gethostbyname("n3") == "10.77.0.3"
    with pytest.raises(OSError, match=r"not known|failure"):
        socket.gethostbyname("n3")


def test_hosts_have_python_and_may_filter_packets():
    with hosts(1) as (n1,):
        version = n1.run(
            [
                n1.host.python,
                "-c",
                "import sys, ctypes, ssl; print(sys.version_info[:2] >= (3, 11))",
            ]
        )
        assert version.stdout.strip() == "True"
        n1.run(["iptables", "-A", "INPUT", "-s", "10.77.0.9", "-j", "DROP"], root=True)
        assert "10.77.0.9" in n1.run(["iptables", "-S"], root=True).stdout


def test_where_the_system_s_python_is_too_old_the_hosts_have_ours(monkeypatch):
    monkeypatch.setattr(cluster_module, "_OLDEST_PYTHON", 99)
    with hosts(1) as (n1,):
        assert n1.host.python.startswith(sys.base_prefix)
        ours = n1.run([n1.host.python, "-c", "import sys, ctypes, ssl; print(sys.version)"])
        assert ours.stdout.strip() == sys.version
        written = n1.run(["touch", f"{sys.base_prefix}/written"], check=False)
        assert "Read-only file system" in written.stderr


def test_sixty_hosts():
    with LocalCluster(60, size_mib=8) as cluster:
        assert len(cluster.hosts) == 60
        with SshRemote(cluster.hosts[59]) as n60:
            assert out(n60, "getent hosts n1").split() == ["10.77.0.1", "n1"]
    assert_nothing_left()
    with pytest.raises(UsageError, match="61 hosts: this machine makes 1 to 60"):
        LocalCluster(61)


def test_teardown_amid_a_partition_leaves_nothing():
    """Killed with TCP data in flight to a host that is cut off, which keeps a network namespace alive."""
    for _ in range(2):
        with hosts(2) as (n1, n2):
            sink = "import socket; s = socket.create_server(('', 7)); print(1, flush=True); s.accept()[0].recv(1); input()"
            listening = n2.stream([n2.host.python, "-c", sink])
            assert listening.receive(10) == "1"
            flood = "import socket; s = socket.create_connection(('n2', 7)); s.setblocking(False); print('open', flush=True); input(); print(s.send(bytes(1 << 17)), flush=True); input()"
            sending = n1.stream([n1.host.python, "-c", flood])
            assert sending.receive(10) == "open"
            n2.run(["iptables", "-I", "INPUT", "-s", "10.77.0.1", "-j", "DROP"], root=True)
            sending.send("now")
            assert int(sending.receive(10)) > 0


def test_a_host_that_cannot_be_made_leaves_nothing(monkeypatch, tmp_path):
    """Here: an sshd that does not start. The error says which host, and what its log says."""
    sshd = tmp_path / "sshd"
    sshd.write_text("#!/bin/sh\necho broken on purpose > /run/sshd/log\nexit 1\n")
    sshd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CapabilityError, match=r"n\d: .*") as caught, LocalCluster(3):
        pytest.fail("was made")
    assert "sshd" in str(caught.value)
    assert_nothing_left()


def test_a_second_cluster_in_a_sandbox_is_refused_and_the_first_unharmed():
    with hosts(1) as (n1,):
        with (
            pytest.raises(CapabilityError, match="this sandbox has hosts already"),
            LocalCluster(1),
        ):
            pytest.fail("was made")
        assert out(n1, "hostname") == "n1"
        assert socket.gethostbyname("n1") == "10.77.0.1"


def test_the_hosts_as_an_inventory(tmp_path):
    """What `harness hosts` writes is enough to reach them as hosts that are far away."""
    with LocalCluster(2, zones=["eu", "us"]) as cluster:
        path = tmp_path / "made.toml"
        path.write_text(write_inventory(cluster.hosts, name="made"))
        inventory = load(path)
        assert inventory.hosts == cluster.hosts
        assert [host.zone for host in inventory.hosts] == ["eu", "us"]
        with SshRemote(inventory.hosts[1]) as n2:
            assert out(n2, "hostname") == "n2"


# SSH: run


def test_run_tells_output_and_status():
    with hosts(1) as (n1,):
        done = n1.run(["sh", "-c", "echo out; echo err >&2; exit 3"], check=False)
        assert (done.status, done.stdout, done.stderr) == (3, "out\n", "err\n")
        assert n1.run(["sh", "-c", "kill -9 $$"], check=False).status == 128 + 9
        assert n1.run(["printf", "%s|", "a b", "$HOME", "'", ""]).stdout == "a b|$HOME|'||"
        with pytest.raises(
            CommandError, match=r"n1: the command failed\n +command: ls /nope\n +status: 2"
        ):
            n1.run(["ls", "/nope"])


def test_run_does_not_block_on_large_streams():
    """More than SSH's window on stdin, stdout and stderr at once; and a stdin that nobody reads."""
    with hosts(1) as (n1,):
        data = b"x" * (5 * MIB)
        assert n1.run(["cat"], stdin=data).stdout.encode() == data
        both = n1.run(["sh", "-c", "head -c 4000000 /dev/zero >&2; head -c 4000000 /dev/zero"])
        assert (len(both.stdout), len(both.stderr)) == (4_000_000, 4_000_000)
        assert n1.run(["true"], stdin=bytes(20 * MIB)).status == 0


def test_run_is_bounded_in_time():
    with hosts(1) as (n1,):
        with pytest.raises(CommandTimeout, match=r"did not end within 0\.2 s"):
            n1.run(["sleep", "60"], timeout_s=0.2)
        with pytest.raises(CommandTimeout, match="left a process that holds its output"):
            n1.run(["sh", "-c", "sleep 60 &"], timeout_s=0.2)
        assert out(n1, "echo still here") == "still here"


def test_many_threads_share_one_connection_and_leak_nothing():
    with hosts(1) as (n1,):
        out(n1, "true")
        files = open_files()
        many = dict.fromkeys(range(40), n1)
        for _ in range(3):
            printed = raise_first(on_all(many, lambda i: out(n1, f"echo {i}")))
        assert printed == {i: str(i) for i in range(40)}
        assert open_files() == files
        assert out(n1, "ps axo args | grep -c '[s]shd: .*notty'") == "1"


def test_a_stock_server_s_limits_are_kept():
    """Method: a second sshd with the limits that a stock one has (10 sessions); streams, files, commands."""
    with hosts(1) as (n1,), SshRemote(another_sshd(n1, "/^Max/d")) as stock:
        streams = [stock.stream(["cat"]) for _ in range(3)]

        def work(i: int) -> str:
            stock.put(b"%d" % i, f"/opt/{i}")
            streams[i % 3].send("x")
            return out(stock, f"cat /opt/{i}")

        for _ in range(3):
            many = dict.fromkeys(range(20), stock)
            assert raise_first(on_all(many, work)) == {i: str(i) for i in range(20)}


def another_sshd(n1: SshRemote, edit: str) -> Host:
    """The host by a second server, whose configuration was edited with sed."""
    out(
        n1,
        f"sed '{edit}; s/^Port.*/Port 2222/' /run/sshd/config > /run/sshd/second"
        " && exec /usr/sbin/sshd -f /run/sshd/second",
    )
    return replace(n1.host, port=2222)


def test_a_broken_connection_is_opened_again_but_no_command_is_repeated():
    """Method: cut our own connection by killing its sshd; the command that did so counts how often it ran."""
    with hosts(1) as (n1,):
        # The grandparent of the script is the login shell's parent: our connection's sshd.
        suicide = "echo ran >> /opt/count; kill -9 $(ps -o ppid= -p $PPID); sleep 5"
        for times in (1, 2):
            with pytest.raises(ConnectError, match="the connection broke while this ran"):
                n1.run(["sh", "-c", suicide])
            assert out(n1, "cat /opt/count").split() == ["ran"] * times
        with pytest.raises(ConnectError):
            n1.run(["sh", "-c", suicide])
        n1.put(b"again", "/opt/file")
        assert n1.get("/opt/file") == b"again"


def test_a_closed_remote_stays_closed():
    with hosts(1) as (n1,):
        out(n1, "true")
        n1.close()
        n1.close()
        with pytest.raises(ConnectError, match="n1: this way to it was closed"):
            n1.run(["true"])


# SSH: files


def test_put_and_get():
    with hosts(1) as (n1,):
        data = os.urandom(3 * MIB)
        n1.put(data, "/opt/data", mode=0o750)
        assert n1.get("/opt/data") == data
        n1.put(b"", "/opt/data")
        assert n1.get("/opt/data") == b""
        assert out(n1, "stat -c %a /opt/data; ls /opt") == "644\ndata"
        with pytest.raises(FileNotFoundError):
            n1.get("/opt/none")
        with pytest.raises(CommandError, match="n1: cannot write /none/x: no such directory"):
            n1.put(b"x", "/none/x")


def test_a_full_disk_is_told_and_leaves_the_old_file_alone():
    with hosts(1, size_mib=16) as (n1,):
        n1.put(b"old", "/opt/file")
        with pytest.raises(
            CommandError, match=r"n1: cannot write /opt/file: the disk is full \(\d+ KiB"
        ):
            n1.put(bytes(20 * MIB), "/opt/file")
        assert n1.get("/opt/file") == b"old"
        assert out(n1, "ls -A /opt") == "file"


def test_files_without_sftp():
    """Method: a second sshd on the host, whose configuration has no such subsystem."""
    with hosts(1, size_mib=16) as (n1,), SshRemote(another_sshd(n1, "/^Subsystem/d")) as plain:
        data = os.urandom(2 * MIB)
        plain.put(data, "/opt/a file", mode=0o600)
        assert plain.get("/opt/a file") == data
        assert out(plain, "stat -c %a '/opt/a file'") == "600"
        with pytest.raises(FileNotFoundError):
            plain.get("/opt/none")
        with pytest.raises(CommandError, match="the disk is full"):
            plain.put(bytes(20 * MIB), "/opt/a file")
        assert out(plain, "ls -A /opt") == "a file"
        assert plain.get("/opt/a file") == data


# SSH: streams and tunnels


def test_a_stream_speaks_line_by_line_and_tells_its_end():
    with hosts(1) as (n1,):
        stream = n1.stream(["sh", "-c", "read a; echo got $a; read b; echo bye >&2; exit 4"])
        stream.send("één")
        assert stream.receive(5) == "got één"
        with pytest.raises(CommandTimeout, match=r"no line within 0\.1 s"):
            stream.receive(0.1)
        stream.send("")
        with pytest.raises(
            ConnectError, match=r"(?s)the command has ended.*status: 4.*stderr: bye"
        ):
            stream.receive(5)
        with pytest.raises(ConnectError, match="the command has ended"):
            stream.send("more")
        stream.close()
        stream.close()


def test_closing_a_stream_ends_its_command():
    with hosts(1) as (n1,):
        stream = n1.stream(["cat"])
        stream.send("x")
        assert stream.receive(5) == "x"
        stream.close()
        wait_until(lambda: "cat" not in out(n1, "ps axo comm").split(), 5, "cat still runs")


def test_a_tunnel_reaches_what_only_the_host_reaches():
    with hosts(2) as (n1, n2):
        server = "import socket; s = socket.create_server(('10.77.0.2', 7)); print('up', flush=True); c = s.accept()[0]; c.sendall(c.recv(9).upper()); c.close()"
        stream = n2.stream([n2.host.python, "-c", server])
        assert stream.receive(10) == "up"
        tunnel = n1.open_tunnel("n2", 7)
        tunnel.settimeout(5)
        tunnel.sendall(b"hello")
        assert (tunnel.recv(100), tunnel.recv(100)) == (b"HELLO", b"")
        tunnel.close()
        with pytest.raises(ConnectionRefusedError, match="n1: n2:8"):
            n1.open_tunnel("n2", 8)


def test_tunnels_to_a_server_that_hangs_up_leave_the_connection_alone():
    """Clients that write while a node dies: messages for channels that were just closed (ssh_transport.py)."""
    with hosts(1) as (n1,):
        server = """
import socket
s = socket.create_server(("127.0.0.1", 7))
print("up", flush=True)
while True:
    c = s.accept()[0]; c.recv(100); c.close()
"""
        stream = n1.stream([n1.host.python, "-c", server])
        assert stream.receive(10) == "up"
        connection = out(n1, "echo $SSH_CLIENT")

        def client(_: int) -> int:
            refused = 0
            for _ in range(15):
                tunnel = n1.open_tunnel("127.0.0.1", 7)
                tunnel.settimeout(5)
                try:
                    for _ in range(1000):
                        tunnel.sendall(b"x" * 100)
                except OSError:
                    refused += 1
                finally:
                    tunnel.close()
            return refused

        hung_up = raise_first(on_all(dict.fromkeys(range(8), n1), client))
        assert sum(hung_up.values()) > 0  # else nothing was tried
        assert out(n1, "echo $SSH_CLIENT") == connection


# SSH: what goes wrong on the way


@pytest.fixture
def no_agent(monkeypatch, tmp_path):
    """Nobody's keys and known hosts but the test's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh"


def refusal(host: Host, kind: type[Exception], timeout_s: float = 10.0) -> str:
    with SshRemote(host, connect_timeout_s=timeout_s) as remote, pytest.raises(kind) as caught:
        remote.run(["true"])
    return str(caught.value)


def test_a_refused_login_names_user_and_key(no_agent):
    with hosts(1) as (n1,):
        other = no_agent / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        said = refusal(replace(n1.host, key=str(other)), LoginError)
        assert said == f"n1: user {n1.host.user} with key {other} was refused at 10.77.0.1"
        assert "user nobody with key" in refusal(replace(n1.host, user="nobody"), LoginError)
        assert "there is no key file /nope" in refusal(replace(n1.host, key="/nope"), LoginError)
        assert "no key to show" in refusal(replace(n1.host, key=None), LoginError)


def test_an_unknown_host_key_says_what_to_type(no_agent):
    with hosts(2) as (n1, n2):
        stranger = replace(n1.host, host_key=None)
        said = refusal(stranger, HostKeyError)
        assert f'host_key = "{n1.host.host_key}"' in said
        assert "ssh-keyscan 10.77.0.1 >> ~/.ssh/known_hosts" in said
        scanned = subprocess.run(
            ["ssh-keyscan", "10.77.0.1"], capture_output=True, text=True, check=True
        )
        (no_agent / "known_hosts").write_text(scanned.stdout)
        with SshRemote(stranger) as known:
            assert out(known, "hostname") == "n1"
        (no_agent / "known_hosts").write_text(f"10.77.0.1 {n2.host.host_key}\n")
        said = refusal(stranger, HostKeyError)
        assert "has changed" in said
        assert "ssh-keygen -R 10.77.0.1" in said
        said = refusal(replace(n1.host, host_key=n2.host.host_key), HostKeyError)
        assert "has changed" in said
        assert "the inventory's host_key" in said


def test_an_unreachable_host_is_told_in_time(no_agent):
    with hosts(1) as (n1,):
        began = time.monotonic()
        nobody = replace(n1.host, address="10.77.0.99")
        assert refusal(nobody, ConnectError, 0.5) == "n1: no answer from 10.77.0.99:22 within 0 s"
        assert time.monotonic() - began < 5
        assert (
            refusal(replace(n1.host, port=23), ConnectError)
            == "n1: nothing listens at 10.77.0.1:23"
        )
        assert "is not known" in refusal(replace(n1.host, address="n77"), ConnectError)
        assert "cannot reach" in refusal(replace(n1.host, address="192.0.2.1"), ConnectError)
        mute = socket.create_server(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        said = refusal(replace(n1.host, address="127.0.0.1", port=port), ConnectError, 0.5)
        assert said.startswith(f"n1: no SSH at 127.0.0.1:{port}")
        mute.close()


def test_through_a_jump_host(no_agent):
    with hosts(2) as (n1, n2):
        assert n1.host.host_key
        (no_agent / "known_hosts").write_text(f"n1 {n1.host.host_key}\n")
        behind = replace(n2.host, jump=f"{n1.host.user}@n1:22")
        with SshRemote(behind) as remote:
            assert out(remote, "hostname; echo $SSH_CLIENT").split()[:2] == ["n2", "10.77.0.1"]
            remote.put(b"x", "/opt/x")
            assert remote.get("/opt/x") == b"x"
        unreached = replace(behind, port=23)
        assert "does not reach 10.77.0.2:23" in refusal(unreached, ConnectError, 2)
