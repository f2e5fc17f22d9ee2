"""What this machine can do for a run, found by trying it, and what to type for what it cannot.

Pure data: who calls :func:`examine` prints it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.compiled.loader import look
from harness.errors import HarnessError
from harness.remote import sandbox
from harness.remote.clock_shim import COMPILERS
from harness.remote.cluster import LocalCluster
from harness.remote.hosts_packages import install
from harness.remote.rootless import program
from harness.remote.seam import Remote

_OLDEST = (3, 11)
_PACKAGES = ("click", "fabric", "networkx", "numpy", "paramiko", "rich", "scipy")
_PROGRAMS = {
    "sshd": "serves the hosts that are made on this machine",
    "ssh-keygen": "makes their keys",
    "ip": "makes their network",
    "iptables": "cuts links between them",
    "tc": "slows links down",
}
_ENOUGH_DISK_MIB = 1024
_PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    """False: a run that needs it will not work."""
    detail: str
    """What is there, or what is wrong."""
    remedy: str = ""
    """What to type, if not ok."""


def examine() -> list[Finding]:
    """Look at everything; takes about a second, changes nothing. Never raises for what it finds."""
    return [
        _python(),
        _packages(),
        *(_program(name, why) for name, why in _PROGRAMS.items()),
        _privileges(),
        _disk(),
        _compiler(),
        _simulator(),
        *_in_sandbox(),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= _OLDEST
    wanted = ".".join(map(str, _OLDEST))
    return Finding(
        "python", ok, f"{version} at {sys.executable}", "" if ok else f"use {wanted} or newer"
    )


def _packages() -> Finding:
    missing = [name for name in _PACKAGES if not _installed(name)]
    if missing:
        remedy = f"{sys.executable} -m pip install {' '.join(missing)}"
        return Finding("packages", False, f"missing: {', '.join(missing)}", remedy)
    return Finding(
        "packages", True, ", ".join(f"{p} {importlib.metadata.version(p)}" for p in _PACKAGES)
    )


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _program(name: str, why: str) -> Finding:
    found = program(name)
    if found is None:
        return Finding(name, False, f"not installed; it {why}", install([name]))
    return Finding(name, True, found)


def _privileges() -> Finding:
    """Neither root nor sudo is needed: it decides how hosts are made."""
    if os.geteuid() == 0:
        return Finding("user", True, "root")
    sudo = program("sudo")
    able = sudo is not None and _runs([sudo, "-n", "true"]) is None
    return Finding("user", True, f"uid {os.geteuid()}, {'can' if able else 'cannot'} sudo -n")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free >> 20
    detail = f"{free} MiB free at {Path.cwd()}"
    if free < _ENOUGH_DISK_MIB:
        return Finding(
            "disk", False, detail, f"free {_ENOUGH_DISK_MIB} MiB, or pass another --store"
        )
    return Finding("disk", True, detail)


def _compiler() -> Finding:
    """Our own nodes need none."""
    found = next(filter(None, map(program, COMPILERS)), None)
    lacks = (
        f"none; for the clocks of other systems than ours, and `harness compile`: {install(['cc'])}"
    )
    return Finding("C compiler", True, found or lacks)


def _simulator() -> Finding:
    """Compiled or interpreted: it works either way."""
    try:
        return Finding("simulator", True, look().words)
    except HarnessError as error:
        return Finding("simulator", False, str(error), "harness compile")


def _in_sandbox() -> list[Finding]:
    """What is found by making a sandbox and a host in it."""
    if sandbox.inside():
        return probe_inside()
    try:
        mode = sandbox.probe()
    except (HarnessError, subprocess.TimeoutExpired) as error:
        return [_barred(str(error))]
    probe = sandbox.python("from harness.doctor import print_inside; print_inside()")
    line = sandbox.command(probe)
    try:
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [
            Finding(
                "hosts",
                False,
                f"making one took more than {_PROBE_TIMEOUT_S:.0f} s",
                "try again when it is less busy",
            )
        ]
    namespaces = Finding("namespaces", True, _MODES[mode])
    if done.returncode != 0:
        return [
            namespaces,
            Finding("hosts", False, done.stderr.strip()[-400:], "report this as a bug"),
        ]
    return [namespaces, *(Finding(**each) for each in json.loads(done.stdout))]


_MODES = {
    "root": "as root",
    "auto": "rootless, with users of their own (mode auto)",
    "keep": "rootless, as this user (mode keep)",
}


def _barred(problem: str) -> Finding:
    lines = problem.splitlines()
    told = [line for line in lines if not line.startswith("  ") or line.startswith("  tried ")]
    remedies = [line.strip().removeprefix("type: ") for line in lines if line not in told]
    return Finding("namespaces", False, "\n".join(told), "; ".join(remedies))


def print_inside() -> None:
    """The other end of :func:`examine`, run in a sandbox."""
    print(json.dumps([asdict(finding) for finding in probe_inside()]))  # noqa: T201  for a pipe


def probe_inside() -> list[Finding]:
    """Whether a host can be made and reached in this sandbox, then what faults can do to it."""
    try:
        from harness.remote.ssh import SshRemote  # noqa: PLC0415  it may be missing what it imports
    except ImportError as error:
        return [Finding("hosts", False, f"not tried: {error}", "install the packages")]
    began = time.monotonic()
    try:
        with LocalCluster(1, size_mib=16) as cluster, SshRemote(cluster.hosts[0]) as remote:
            python = remote.run([remote.host.python, "--version"]).stdout.strip()
            took = time.monotonic() - began
            made = f"one made and reached over SSH in {took:.2f} s; {python}"
            looks = (_filter, _weather, _fuse)
            return [Finding("hosts", True, made), *(look(remote) for look in looks)]
    except HarnessError as error:
        problem, _, remedy = str(error).partition("\n  type: ")
        return [Finding("hosts", False, problem, remedy or "harness --debug hosts -n 1 -- true")]


def _filter(remote: Remote) -> Finding:
    """A rule as a partition needs it, by each backend that is installed."""
    works, problems = [], []
    for name in ("iptables", "iptables-legacy", "iptables-nft"):
        if path := program(name):
            problem = _rule(remote, path, "filter", "INPUT", "DROP")
            if problem is None:
                works.append(name)
            else:
                problems.append(f"{name}: {problem}")
    if works:
        return Finding("partitions", True, f"by {', '.join(works)}")
    return Finding("partitions", False, "; ".join(problems) or "no iptables", install(["iptables"]))


def _weather(remote: Remote) -> Finding:
    name = "delay and loss"
    if tc := program("tc"):
        problem = _undone(
            remote,
            [tc, "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "1ms"],
            [tc, "qdisc", "del", "dev", "eth0", "root"],
        )
        if problem is None:
            return Finding(name, True, "by tc netem")
    problems = []
    queue = ("NFQUEUE", "--queue-num", "4242", "--queue-bypass")
    for path in filter(None, map(program, ("iptables-legacy", "iptables"))):
        problem = _rule(remote, path, "mangle", "PREROUTING", *queue)
        if problem is None:
            return Finding(name, True, "by NFQUEUE (this kernel has no netem)")
        problems.append(problem)
    remedy = "run on a kernel that has sch_netem or nfnetlink_queue (the other faults work)"
    return Finding(name, False, "; ".join(problems) or "neither tc nor iptables", remedy)


def _fuse(remote: Remote) -> Finding:
    """A luxury: power cuts are played without it, too."""
    able = remote.run(["sh", "-c", "[ $(id -u) = 0 ] && : <>/dev/fuse"], check=False, root=True)
    lacks = "not here: `--lossy` needs root and /dev/fuse (--nemesis disk does without)"
    return Finding("FUSE", True, "for `--lossy`" if able.status == 0 else lacks)


def _rule(remote: Remote, path: str, table: str, chain: str, *target: str) -> str | None:
    do, undo = (
        [path, "-w", "-t", table, verb, chain, "-s", "192.0.2.1", "-j", *target]
        for verb in ("-A", "-D")
    )
    return _undone(remote, do, undo)


def _undone(remote: Remote, do: list[str], undo: list[str]) -> str | None:
    """Try something on the host and take it back; None, or the problem."""
    for argv in (do, undo):
        done = remote.run(argv, check=False, root=True)
        if done.status != 0:
            return done.stderr.strip() or f"status {done.status}"
    return None


def _runs(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"
