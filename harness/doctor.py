"""What this machine can do for a run, found by trying it, and what to type for what it cannot.

Pure data: who calls :func:`examine` prints it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.remote import sandbox
from harness.remote.cluster import LocalCluster
from harness.remote.hosts_packages import install
from harness.remote.rootless import program

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
        return [Finding("hosts", False, f"making one took more than {_PROBE_TIMEOUT_S:.0f} s")]
    namespaces = Finding("namespaces", True, _MODES[mode])
    if done.returncode != 0:
        return [namespaces, Finding("hosts", False, done.stderr.strip()[-400:])]
    return [namespaces, *(Finding(**each) for each in json.loads(done.stdout))]


_MODES = {
    "root": "as root",
    "auto": "rootless, with users of their own (mode auto)",
    "keep": "rootless, as this user (mode keep)",
}


def _barred(problem: str) -> Finding:
    remedies = re.findall(r"^  (?:type: )?((?!tried ).+)$", problem, re.MULTILINE)
    return Finding("namespaces", False, problem.partition("\n  type:")[0], "; ".join(remedies))


def print_inside() -> None:
    """The other end of :func:`examine`, run in a sandbox."""
    print(json.dumps([asdict(finding) for finding in probe_inside()]))  # noqa: T201  for a pipe


def probe_inside() -> list[Finding]:
    """What this sandbox's network can do, then whether a host can be made and reached in it."""
    return [_filter(), _weather(), _host()]


def _filter() -> Finding:
    """A rule as a partition needs it, by each backend that is installed."""
    works, problems = [], []
    for name in ("iptables", "iptables-legacy", "iptables-nft"):
        path = program(name)
        if path is None:
            continue
        problem = _rule(path, "filter", "INPUT", "DROP")
        if problem is None:
            works.append(name)
        else:
            problems.append(f"{name}: {problem}")
    if not works:
        return Finding(
            "partitions", False, "; ".join(problems) or "no iptables", install(["iptables"])
        )
    return Finding("partitions", True, f"by {', '.join(works)}")


def _weather() -> Finding:
    tc, iptables = program("tc"), program("iptables-legacy") or program("iptables")
    problem = _undone(
        [str(tc), "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
        [str(tc), "qdisc", "del", "dev", "lo", "root"],
    )
    if tc and problem is None:
        return Finding("delay and loss", True, "by tc netem")
    if iptables:
        queue = ("NFQUEUE", "--queue-num", "4242", "--queue-bypass")
        refused = _rule(iptables, "mangle", "PREROUTING", *queue)
        if refused is None:
            return Finding("delay and loss", True, "by NFQUEUE (this kernel has no netem)")
        problem = f"{problem}; {refused}"
    remedy = "run on a kernel that has sch_netem or nfnetlink_queue (the other faults work)"
    return Finding("delay and loss", False, problem or "no tc, no iptables", remedy)


def _host() -> Finding:
    try:
        from harness.remote.ssh import SshRemote  # noqa: PLC0415  slow to import, and may be missing
    except ImportError as error:
        return Finding("hosts", False, f"not tried: {error}", "install the packages")
    began = time.monotonic()
    try:
        with LocalCluster(1, size_mib=16) as cluster, SshRemote(cluster.hosts[0]) as remote:
            ran = remote.run([cluster.hosts[0].python, "--version"])
    except HarnessError as error:
        first, _, rest = str(error).partition("\n  type: ")
        return Finding("hosts", False, first, rest)
    detail = (
        f"one made and reached over SSH in {time.monotonic() - began:.2f} s; {ran.stdout.strip()}"
    )
    return Finding("hosts", True, detail)


def _rule(path: str, table: str, chain: str, *target: str) -> str | None:
    rule = ["-s", "192.0.2.1", "-j", *target]
    return _undone(
        [path, "-w", "-t", table, "-A", chain, *rule], [path, "-w", "-t", table, "-D", chain, *rule]
    )


def _undone(do: list[str], undo: list[str]) -> str | None:
    """Try something in this sandbox and take it back; None, or the problem."""
    return _runs(do) or _runs(undo)


def _runs(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"
