"""Which ways this user has to namespaces of their own, and why there is none.

=====  ====================================  ====================================================
mode   who one is inside                     needs
=====  ====================================  ====================================================
root   root                                  CAP_SYS_ADMIN
auto   root, with a range of other users     newuidmap (package uidmap) and a line in /etc/subuid
keep   oneself, with capabilities            user namespaces, nothing else
=====  ====================================  ====================================================

A user namespace with a single mapping to root is of no use: a stock sshd cannot call setgroups in it.
See user_namespaces(7).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CapabilityError
from harness.remote.hosts_packages import install

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Debian leaves the sbin directories out of an ordinary user's PATH."""

_NEEDED = (
    ("CAP_SETUID", 7),
    ("CAP_SETGID", 6),
    ("CAP_NET_ADMIN", 12),
    ("CAP_SYS_CHROOT", 18),
    ("CAP_SYS_ADMIN", 21),
)
"""What root must have to make hosts, and the kernel's number of each."""

Range = tuple[int, int]
"""First id outside, and how many."""


@dataclass(frozen=True, slots=True)
class Mode:
    name: str
    uids: Range | None = None
    gids: Range | None = None

    @property
    def user_namespace(self) -> bool:
        return self.name != "root"


def program(name: str) -> str | None:
    """Where a program is, looking where only root usually looks too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def modes() -> tuple[Mode, ...]:
    """The ways worth trying here, best first. A way that is listed may still be barred."""
    found = [Mode("root")] if os.geteuid() == 0 else []
    uids, gids = _subordinate("/etc/subuid", os.getuid()), _subordinate("/etc/subgid", os.getuid())
    if uids and gids and program("newuidmap") and program("newgidmap"):
        found.append(Mode("auto", uids, gids))
    if os.geteuid() != 0:
        found.append(Mode("keep"))
    return tuple(found)


def unfit(mode: Mode, setgroups: Path = Path("/proc/self/setgroups")) -> str | None:
    """Why hosts would be made by this mode, and then let nobody in; None if there is no reason."""
    if mode.name != "root" or not setgroups.exists() or setgroups.read_text().strip() != "deny":
        return None
    return "this root is alone in its user namespace (setgroups is denied), and sshd needs others"


def _subordinate(table: str, uid: int) -> Range | None:
    """The user's first range in a table of ``user:first:count`` (subuid(5))."""
    try:
        lines = Path(table).read_text().splitlines()
    except OSError:
        return None
    owners = {str(uid), _user_name(uid)}
    for line in lines:
        match line.split(":"):
            case [owner, first, count] if owner in owners and first.isdigit() and count.isdigit():
                return int(first), int(count)
    return None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def write_maps(mode: Mode, pid: int) -> None:
    """Say who the users of ``pid``'s new user namespace are outside. To be called from outside.

    Raises OSError with what newuidmap or the kernel said.
    """
    uid, gid = os.geteuid(), os.getegid()
    if mode.uids and mode.gids:
        _run_map_tool("newuidmap", pid, uid, mode.uids)
        _run_map_tool("newgidmap", pid, gid, mode.gids)
        return
    proc = Path(f"/proc/{pid}")
    (proc / "setgroups").write_text("deny")
    (proc / "uid_map").write_text(f"{uid} {uid} 1")
    (proc / "gid_map").write_text(f"{gid} {gid} 1")


def _run_map_tool(tool: str, pid: int, own: int, others: Range) -> None:
    first, count = others
    argv = [program(tool) or tool, *map(str, (pid, 0, own, 1, 1, first, count))]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise OSError(f"{tool}: {done.stderr.strip() or f'status {done.returncode}'}")


def barred(attempts: Sequence[tuple[Mode, str]]) -> CapabilityError:
    """The error that says that no way worked, why each did not, and what to type."""
    lines = ["this user cannot make hosts on this machine (namespaces are not permitted)"]
    lines += [f"  tried mode {mode.name}: {problem}" for mode, problem in attempts]
    lines += [f"  {remedy}" for remedy in _remedies()]
    return CapabilityError("\n".join(lines))


def _remedies() -> list[str]:
    if _in_container():
        container = [
            (
                "in a container: start it with --privileged, or with"
                " --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined"
                " --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
            )
        ]
    else:
        container = []
    if os.geteuid() == 0:
        lacking = missing_capabilities()
        if not lacking and not container:
            return ["run where root may make namespaces, and there are other users beside it"]
        lacks = [f"root lacks {' and '.join(lacking)} here: run where it has it"] if lacking else []
        return [*lacks, *container]
    switches = [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "65536"),
    ]
    remedies = [
        f"type: sudo sysctl -w {name.replace('/', '.')}={wanted}"
        for name, bad, wanted in switches
        if _sysctl(name) == bad
    ]
    if not program("newuidmap"):
        remedies.append(f"type: {install(['newuidmap'])}")
    return [*remedies, *container, "or run the same command as root (sudo)"]


def missing_capabilities(status: Path = Path("/proc/self/status")) -> list[str]:
    """Those that making hosts needs and this process does not have (capabilities(7))."""
    lines = status.read_text().splitlines()
    held = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return [name for name, number in _NEEDED if not held >> number & 1]


def _in_container() -> bool:
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
