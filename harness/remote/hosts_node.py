"""One host made on this machine: its namespaces, its process 1, its SSH server.

Two processes a host. *Outer* leaves the maker's namespaces and waits; *init* is process 1 of the new pid
namespace: it builds the root, sets the network up, starts a stock sshd and reaps. When outer or the maker
dies, the kernel kills init, and with it all that runs on the host.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shlex
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from harness.remote import namespaces as ns
from harness.remote.hosts_root import Login, Root, enter_root
from harness.remote.rootless import SYSTEM_PATH

BUILT, UP = b"built", b"up"

_CONFIG = Path("/run/sshd/config")
_LOG = Path("/run/sshd/log")
_SSHD_TIMEOUT_S = 20.0

# UsePAM, StrictModes: neither works for users that exist on this host alone. UseDNS: nobody answers.
# Max...: a run of sixty clients and a fault on all hosts at once must not be throttled.
_SSHD_CONFIG = f"""\
Port 22
HostKey /run/sshd/host_key
AuthorizedKeysFile /run/sshd/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
PidFile none
MaxSessions 200
MaxStartups 200:30:400
Subsystem sftp internal-sftp
SetEnv PATH={SYSTEM_PATH}
"""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    root: Root
    address: str
    host_key: str
    """The private key's text."""
    authorized_key: str
    sshd: str
    ip: str


@dataclass(slots=True)
class Node:
    """A host as its maker holds it."""

    spec: NodeSpec
    outer: int
    init: int
    """Pid of the host's process 1, as the maker sees it."""
    reports: int
    """From it come BUILT, then UP, or an error's text."""
    proceed: int
    """A byte written here says that eth0 has been moved in."""

    def expect(self, report: bytes) -> None:
        """Wait until init reports so. Raises OSError with the host's name and what it said instead."""
        said = os.read(self.reports, 4096)
        if said != report:
            name = self.spec.root.hostname
            raise OSError(f"{name}: {said.decode(errors='replace') or 'died while it was made'}")

    def kill(self) -> None:
        """End all that runs on the host, and wait until it has."""
        if os.waitpid(self.outer, os.WNOHANG)[0] == 0:
            with contextlib.suppress(ProcessLookupError):  # it ends by itself just now
                os.kill(self.init or self.outer, signal.SIGKILL)
            os.waitpid(self.outer, 0)
        os.close(self.reports)
        os.close(self.proceed)


def start_node(spec: NodeSpec, login: Login) -> Node:
    """Fork a host into new namespaces; it then waits for its network. Raises OSError."""
    reports_in, reports_out = os.pipe()
    proceed_in, proceed_out = os.pipe()
    pid_in, pid_out = os.pipe()
    maker = os.getpid()
    outer = os.fork()
    if outer == 0:
        _be_outer(spec, login, maker, (reports_out, proceed_in, pid_out))
    for fd in (reports_out, proceed_in, pid_out):
        os.close(fd)
    packed = os.read(pid_in, 4)
    os.close(pid_in)
    node = Node(
        spec, outer, struct.unpack("i", packed)[0] if packed else 0, reports_in, proceed_out
    )
    if not packed:
        node.expect(BUILT)
    return node


def _be_outer(spec: NodeSpec, login: Login, maker: int, pipes: tuple[int, int, int]) -> NoReturn:
    reports, proceed, pid_out = pipes
    try:
        ns.die_with_parent()
        if os.getppid() != maker:  # it died before we asked to die with it
            os._exit(1)
        _keep_open(pipes)
        ns.unshare(ns.NEWNET | ns.NEWPID | ns.NEWUTS | ns.NEWIPC)
        init = os.fork()
        if init == 0:
            os.close(pid_out)
            ns.die_with_parent()
            _be_init(spec, login, reports, proceed)
        os.write(pid_out, struct.pack("i", init))
        _keep_open(())
        os.waitpid(init, 0)
    except BaseException as error:  # noqa: BLE001  told to the maker, which says which host it was
        os.write(reports, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    os._exit(0)


def _keep_open(pipes: tuple[int, ...]) -> None:
    """Let go of the maker's standard streams and of its pipes to the other hosts."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    first = 3
    for fd in (*sorted(pipes), _most_descriptors()):
        os.closerange(first, fd)
        first = fd + 1


def _most_descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _be_init(spec: NodeSpec, login: Login, reports: int, proceed: int) -> NoReturn:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    ns.unshare(ns.NEWNS)
    socket.sethostname(spec.root.hostname)
    os.umask(0o022)
    enter_root(spec.root, login)
    _write_sshd_files(spec, login)
    os.write(reports, BUILT)
    if not os.read(proceed, 1):
        os._exit(1)  # the maker gave up
    _set_network(spec)
    sshd = _start_sshd(spec)
    _await_listening(sshd)
    os.write(reports, UP)
    os.close(reports)
    os.close(proceed)
    _reap_for_ever()


def _write_sshd_files(spec: NodeSpec, login: Login) -> None:
    _CONFIG.write_text(f"{_SSHD_CONFIG}AllowUsers {login.user}\n")
    _CONFIG.with_name("authorized_keys").write_text(spec.authorized_key)
    key = _CONFIG.with_name("host_key")
    key.touch(mode=0o600)
    key.write_text(spec.host_key)


def _set_network(spec: NodeSpec) -> None:
    batch = f"link set lo up\naddr add {spec.address}/24 dev eth0\nlink set eth0 up\n"
    done = subprocess.run(
        [spec.ip, "-batch", "-"], input=batch, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"ip: {done.stderr.strip()}")


def _start_sshd(spec: NodeSpec) -> int:
    pid = os.fork()
    if pid == 0:
        _become_sshd(spec)
    return pid


def _become_sshd(spec: NodeSpec) -> NoReturn:
    _keep_open(())
    os.setsid()  # a Ctrl-C at the harness's terminal is none of its business
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    argv = [spec.sshd, "-D", "-f", str(_CONFIG), "-E", str(_LOG)]
    os.execve(spec.sshd, argv, {"PATH": SYSTEM_PATH})  # noqa: S606  a shell would be in the way


def _await_listening(sshd: int) -> None:
    """Wait for the kernel's table of sockets to show port 22 in state LISTEN (0A), proc(5)."""
    deadline = time.monotonic() + _SSHD_TIMEOUT_S
    while " 00000000:0016 00000000:0000 0A " not in Path("/proc/net/tcp").read_text():
        if os.waitpid(sshd, os.WNOHANG)[0] == sshd:
            raise OSError(f"sshd ended: {_log_tail()}")
        if time.monotonic() > deadline:
            raise OSError(f"sshd does not listen after {_SSHD_TIMEOUT_S:.0f} s: {_log_tail()}")
        time.sleep(0.002)


def _log_tail() -> str:
    lines = _LOG.read_text().splitlines() if _LOG.exists() else []
    return "; ".join(lines[-3:]) or f"nothing in its log; try {shlex.quote('sshd -t')}"


def _reap_for_ever() -> NoReturn:
    while True:
        signal.sigwaitinfo({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            continue  # sshd itself was killed: the host stays, as a machine without sshd does
