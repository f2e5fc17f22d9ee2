"""What ``harness test --on`` says when a host is not as it should be, and that it leaves nothing there."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.inventory import write_inventory
from harness.remote.cluster import LocalCluster
from harness.remote.seam import Host
from harness.remote.ssh import SshRemote

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.real, pytest.mark.sandboxed]

LOOK = b"""
ls -d /var/tmp/harness-* /run/nemesis/*.json 2>/dev/null
iptables -S | grep NEMESIS
ps axo args | grep -E '[n]ode.pyz|[a]gent.py'
true
"""


@contextmanager
def hosts(n: int = 3) -> Iterator[tuple[Host, ...]]:
    with LocalCluster(n, size_mib=64) as cluster:
        yield cluster.hosts


def on(host: Host, script: str | bytes) -> str:
    with SshRemote(host) as remote:
        stdin = script.encode() if isinstance(script, str) else script
        return remote.run(["sh", "-s"], stdin=stdin, root=True).stdout


def trial(folder: Path, hosts: tuple[Host, ...], *words: str) -> list[str]:
    """The command line of a short trial on these hosts."""
    inventory = folder / "lab.toml"
    inventory.write_text(write_inventory(hosts, name="lab"))
    words = ("--protocol", "multipaxos", "--time", "1", *words, "--store", str(folder / "store"))
    return [sys.executable, "-m", "harness", "test", "--on", str(inventory), *words]


def run(argv: list[str]) -> tuple[int, str]:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def assert_nothing_left(hosts: tuple[Host, ...]) -> None:
    assert {host.name: on(host, LOOK) for host in hosts} == {host.name: "" for host in hosts}


def test_a_trial_leaves_nothing_on_its_hosts(tmp_path):
    with hosts() as made:
        code, said = run(trial(tmp_path, made, "--nemesis", "partition"))
        assert code == 0, said
        assert_nothing_left(made)


def test_a_host_without_python_is_named(tmp_path):
    with hosts() as made:
        broken = (made[0], replace(made[1], python="/nonexistent"), made[2])
        code, said = run(trial(tmp_path, broken))
        assert code == 255
        assert "harness: n2: there is no /nonexistent: install it" in said
        assert_nothing_left(made)


def test_a_port_in_use_is_named(tmp_path):
    listen = (
        "import socket, time\n"
        "s = socket.create_server(('', 7001))\n"
        "open('/tmp/listens', 'w').close()\n"
        "time.sleep(60)\n"
    )
    with hosts() as made:
        on(
            made[1],
            f'{made[1].python} -c "{listen}" >/dev/null 2>&1 </dev/null &\n'
            "while [ ! -e /tmp/listens ]; do sleep 0.05; done\n",
        )
        code, said = run(trial(tmp_path, made))
        assert code == 255
        assert re.search(r"harness: n2: port 7001: .*in use; choose other ports", said)
        assert_nothing_left(made)


def test_a_full_disk_is_named(tmp_path):
    with hosts() as made:
        on(made[0], "dd if=/dev/zero of=/opt/fill bs=1M 2>/dev/null; true")
        code, said = run(trial(tmp_path, made))
        assert code == 255
        assert re.search(r"harness: n1: cannot write .*: the disk is full", said)
        assert_nothing_left(made)


def test_a_host_that_does_not_answer_is_named_with_the_time_that_it_had(tmp_path):
    with hosts(1) as made:
        code, said = run(trial(tmp_path, (replace(made[0], address="10.77.0.99"),)))
        assert code == 255
        assert re.search(r"n1: (no answer from|cannot reach) 10\.77\.0\.99:22", said)
        assert "within 0 s" not in said


def test_a_node_that_ends_by_itself_is_not_valid(tmp_path):
    """As after an assertion that failed: the others carry on, and all that clients saw is right."""
    with hosts() as made:
        argv = trial(tmp_path, made, "--time", "4", "--seed", "1")
        process = subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        heard: list[str] = []
        first = threading.Event()

        def hear() -> None:
            for line in process.stderr:
                heard.append(line)
                if "first op" in line:
                    first.set()

        listener = threading.Thread(target=hear)
        listener.start()
        assert first.wait(30), heard
        on(made[2], "kill -9 $(cat /var/tmp/harness-*/n3/pid)")
        out = process.stdout.read()
        listener.join()
        process.stdout.close()
        process.stderr.close()
        assert process.wait(30) == 1, out
        assert re.search(r"crashes +invalid +n3 ended by itself", out)
        assert_nothing_left(made)


def test_a_command_that_the_protocol_does_not_serve_is_refused_at_once(tmp_path):
    with hosts(1) as made:
        code, said = run(trial(tmp_path, made, "--protocol", "abd", "--workload", "cas"))
        assert code == 254
        assert "protocol abd does not offer cas, which workload cas asks for" in said
        assert not (tmp_path / "store").exists()
