"""The sandbox as its user meets it: status, signals, terminal; and that nothing is ever left of it."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import CapabilityError
from harness.remote import sandbox
from harness.remote.rootless import SYSTEM_PATH
from tests.waiting import wait_until

pytestmark = pytest.mark.real

MAKE = """
import signal, sys, time
from harness.remote.cluster import LocalCluster
with LocalCluster(3) as cluster:
    print("up", flush=True)
    {then}
print("ended in order", flush=True)
"""


@pytest.fixture(autouse=True, scope="module")
def _possible() -> None:
    try:
        sandbox.probe()
    except CapabilityError as error:
        pytest.skip(str(error))


def code(then: str) -> list[str]:
    lines = MAKE.format(then=then)
    return sandbox.python(f"exec({lines!r})")


def run(*argv: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        sandbox.command(argv), capture_output=True, text=True, timeout=60, check=False, **options
    )


@contextmanager
def waiting_cluster() -> Iterator[subprocess.Popen[str]]:
    with sandbox.spawn(code("time.sleep(600)"), stdout=subprocess.PIPE) as launcher:
        try:
            assert launcher.stdout is not None
            assert launcher.stdout.readline() == "up\n"
            yield launcher
        finally:
            launcher.kill()


def children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *descendants(child))]


def state_of_the_machine() -> tuple[object, ...]:
    """What a sandbox must not change: interfaces, mounts, rules' namespaces, places for files."""
    places = ("/", "/tmp", "/run", "/dev/shm", "/var/run/netns")
    return (
        sorted(name for _, name in socket.if_nameindex()),
        sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        Path("/.harness").exists(),
        Path("/etc/hosts").read_text(),
        socket.gethostname(),
        [place for place in places if Path(place, "harness").exists()],
    )


def test_nothing_can_be_put_where_it_would_be_lost():
    """/ is made for the sandbox, and ends with it; what lies below is the machine's own."""
    lost = run("sh", "-c", "mkdir /store")
    assert lost.returncode == 1
    assert "Read-only file system" in lost.stderr
    assert run("sh", "-c", "touch /.harness/x").returncode == 0


def test_the_status_is_that_of_the_command():
    assert run("sh", "-c", "exit 7").returncode == 7
    assert run("sh", "-c", "kill -9 $$").returncode == 128 + 9
    missing = run("no-such-program")
    assert (missing.returncode, missing.stderr) == (
        127,
        "harness: no-such-program: No such file or directory\n",
    )


def test_streams_directory_and_files_are_the_user_s(tmp_path):
    script = 'read line; echo "got $line in $(pwd)"; echo err >&2; echo made > file; id -u'
    done = run("sh", "-c", script, cwd=tmp_path, input="words\n")
    uid = os.geteuid() if sandbox_mode() != "auto" else 0
    assert done.stdout == f"got words in {tmp_path}\n{uid}\n"
    assert done.stderr == "err\n"
    assert (tmp_path / "file").read_text() == "made\n"
    assert (tmp_path / "file").stat().st_uid == os.geteuid()


def sandbox_mode() -> str:
    return sandbox.probe()


def test_it_hides_nothing_of_the_real_files():
    """All that can be seen at the top, outside, can be seen inside, with one directory more."""
    inside = set(run("ls", "-A", "/").stdout.split())
    assert inside == {entry.name for entry in Path("/").iterdir()} | {".harness"}
    for place in ("/tmp", "/run", "/usr/bin"):
        names = {entry.name for entry in Path(place).iterdir()}
        seen = set(run("ls", "-A", place).stdout.split("\n")) - {""}
        assert len(names ^ seen) <= 5, f"{place} differs by more than what comes and goes"


def test_inside_is_known_inside():
    asked = sandbox.python("from harness.remote import sandbox as s; print(s.inside(), s.mode())")
    assert run(*asked).stdout.split() == ["True", sandbox_mode()]
    assert not sandbox.inside()
    assert sandbox.mode() is None


def test_two_at_once_do_not_meet():
    """Both have hosts of the same names and addresses."""
    before = state_of_the_machine()
    with waiting_cluster(), waiting_cluster():
        third = run(*code("print([host.address for host in cluster.hosts])"))
        assert third.stdout.startswith("up\n['10.77.0.1', '10.77.0.2', '10.77.0.3']")
        assert state_of_the_machine() == before


@pytest.mark.parametrize("victim", ["launcher", "outer", "init", "command"])
def test_kill_9_of_any_part_leaves_nothing(victim):
    before = state_of_the_machine()
    with waiting_cluster() as launcher:
        all_of_it = [launcher.pid, *descendants(launcher.pid)]
        assert len(all_of_it) >= 11  # four, the maker, and two for each host, beside the sshds
        outer = children(launcher.pid)[0]
        init = children(outer)[0]
        parts = {"launcher": launcher.pid, "outer": outer, "init": init}
        parts["command"] = children(init)[0]
        os.kill(parts[victim], signal.SIGKILL)
        assert launcher.wait(10) == (-9 if victim == "launcher" else 137)
        wait_until(lambda: not any(map(alive, all_of_it)), 10, "some of it is still alive")
    assert state_of_the_machine() == before


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_signal_to_the_launcher_reaches_the_command():
    then = """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
    """.strip()
    with sandbox.spawn(code(then), stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert [launcher.stdout.readline() for _ in range(2)] == ["up\n", "ready\n"]
        launcher.terminate()
        assert launcher.wait(20) == 5


def test_ctrl_c_reaches_the_command_once_and_it_ends_in_order():
    """Method: a terminal of our own, with the launcher in its foreground. A second Ctrl-C would be seen."""
    then = """
    try:
        print("ready", flush=True)
        while True:  # not pause(): a signal just before it would be slept through
            time.sleep(0.05)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        time.sleep(0.3)
    """.strip()
    lines = MAKE.format(then=then)
    controller, terminal = pty.openpty()
    argv = ["setsid", "--ctty", *sandbox.command(sandbox.python(f"exec({lines!r})"))]
    with subprocess.Popen(
        argv, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as launcher:
        os.close(terminal)
        assert launcher.stdout is not None
        assert launcher.stderr is not None
        assert [launcher.stdout.readline() for _ in range(2)] == ["up\n", "ready\n"]
        os.write(controller, b"\x03")
        assert launcher.stdout.read() == "interrupted\nended in order\n"
        assert launcher.stderr.read() == ""
        assert launcher.wait(20) == 0
    os.close(controller)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are run by an ordinary user already")
def test_an_ordinary_user_has_hosts_too():
    """Method: a user without a name, so without a line in /etc/subuid: mode keep."""
    root, uid, python = str(Path(__file__).parents[2]), "61234", "/usr/bin/python3"
    if not all(map(shutil.which, ("setpriv", "ssh"))):
        pytest.skip("no setpriv or no ssh client")
    inside = f"""
import subprocess, sys
sys.path.insert(0, {root!r})
from harness.remote import sandbox
from harness.remote.cluster import LocalCluster
with LocalCluster(2) as cluster:
    host, known = cluster.hosts[1], sandbox.RUNTIME / "known"
    known.write_text(host.address + " " + host.host_key)
    ssh = ["ssh", "-F", "none", "-i", host.key, "-o", f"UserKnownHostsFile={{known}}"]
    command = "hostname; id -u; iptables -A INPUT -j DROP && echo cut"
    said = subprocess.check_output([*ssh, f"{{host.user}}@{{host.address}}", command], text=True)
    print(sandbox.mode(), said)
"""
    load = f"import sys; sys.path.insert(0, {root!r}); from harness.remote import cluster, sandbox"
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", python, "-c"]
    if subprocess.run([*user, load], capture_output=True, check=False).returncode != 0:
        pytest.skip("this project or a recent system python3 is not readable for an ordinary user")
    enter = f"{load}; sandbox.enter([{python!r}, '-c', {inside!r}])"
    environment = {"PATH": SYSTEM_PATH, "HOME": "/nonexistent"}
    done = subprocess.run(
        [*user, enter],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        env=environment,
    )
    if "namespaces are not permitted" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.split() == ["keep", "n2", uid, "cut"], done.stderr


def test_where_it_cannot_be_made_it_says_what_to_type():
    """Method: a process that may not make namespaces (all capabilities dropped, limit of them 0)."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can take its own capabilities away here")
    argv = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *sandbox.command(["true"])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 255
    assert "this user cannot make hosts on this machine" in done.stderr
    assert "tried mode root: unshare(0x6c020000): Operation not permitted" in done.stderr
    assert "Traceback" not in done.stderr
    assert sys.executable not in done.stderr
