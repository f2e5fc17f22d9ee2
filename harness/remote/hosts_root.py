"""The private root file system of a host made on this machine.

A size-limited file system in memory, into which the machine's programs (/usr) and settings (/etc) are
bound read-only or linked, with the host's own users, names, /var, /tmp, /run, /root, /home and /dev. Needs
no image, and nothing that a user namespace would refuse (an overlay of / would be).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.remote import namespaces as ns

SHARED = "/run/shared"
"""A directory that all hosts made here see, if they were asked to be made so."""

_USR_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_OWN = (
    *("var/lib", "var/log", "var/tmp", "var/cache", "opt", "srv", "home", "root", "proc", "sys"),
    *("dev/pts", "dev/shm", "dev/net", "tmp", "run/lock", "run/sshd", "mnt", "media", "etc"),
    ".machine-etc",
)
_OWN_ETC = {
    *("hosts", "hostname", "resolv.conf", "mtab", "machine-id", "nologin", "subuid", "subgid"),
    *("passwd", "group", "shadow", "gshadow", "passwd-", "group-", "shadow-", "gshadow-"),
}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "fuse", "net/tun")


@dataclass(frozen=True, slots=True)
class Login:
    """The one user who can log in to a host: root, or whoever one is in mode ``keep``."""

    user: str
    uid: int
    gid: int
    home: str
    known: bool = True
    """Whether the machine has a name for this user id."""

    @staticmethod
    def own() -> Login:
        uid, gid = os.getuid(), os.getgid()
        if uid == 0:
            return Login("root", 0, 0, "/root")
        try:
            user = pwd.getpwuid(uid).pw_name
        except KeyError:
            return Login(f"user{uid}", uid, gid, f"/home/user{uid}", known=False)
        return Login(user, uid, gid, f"/home/{user}")

    def line(self) -> str:
        """The user's line in passwd(5)."""
        return f"{self.user}:x:{self.uid}:{self.gid}::{self.home}:/bin/sh"


@dataclass(frozen=True, slots=True)
class Root:
    """What differs from host to host. ``directory`` is an empty one that exists."""

    directory: Path
    hostname: str
    hosts: str
    """The text of /etc/hosts."""
    size_mib: int
    read_only: Sequence[str] = ()
    """Further directories of the machine to be seen at the same place."""
    shared: Path | None = None
    """What is seen at ``SHARED``, and may be written."""


def enter_root(root: Root, login: Login) -> None:
    """Build it and make it this process's root, in a mount namespace of its own. Raises OSError."""
    top = root.directory
    ns.mount(None, "/", None, ns.REC | ns.PRIVATE)
    ns.mount(root.hostname, top, "tmpfs", ns.NODEV, f"size={root.size_mib}m,mode=755")
    for name in _OWN:
        (top / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (top / name).chmod(0o1777)
    (top / "var/run").symlink_to("/run")
    (top / "var/lock").symlink_to("/run/lock")
    _show_programs(top, root.read_only)
    if root.shared is not None:
        (top / SHARED.lstrip("/")).mkdir()
        ns.bind(root.shared, top / SHARED.lstrip("/"))
    _make_etc(top, root, login)
    _make_dev(top)
    ns.mount("proc", top / "proc", "proc", ns.NOSUID | ns.NODEV | ns.NOEXEC)
    _show_sys(top)
    ns.make_root(top)


def _show_sys(top: Path) -> None:
    try:
        ns.mount("sysfs", top / "sys", "sysfs", ns.NOSUID | ns.NODEV | ns.NOEXEC | ns.RDONLY)
    except PermissionError:
        # In a container that hides parts of /sys a user namespace may not have one of its own. The
        # machine's does, but for /sys/class/net, which shows the machine's interfaces.
        ns.bind("/sys", top / "sys", read_only=True)


def _show_programs(top: Path, read_only: Sequence[str]) -> None:
    for name in _USR_LINKS:
        real = Path("/", name)
        if real.is_symlink():
            (top / name).symlink_to(real.readlink())
        elif real.is_dir():
            (top / name).mkdir()
            ns.bind(real, top / name, read_only=True)
    for path in ("/usr", *read_only):
        shown = top / path.lstrip("/")
        shown.mkdir(parents=True, exist_ok=True)
        ns.bind(path, shown, read_only=True)


def _make_etc(top: Path, root: Root, login: Login) -> None:
    etc = top / "etc"
    ns.bind("/etc", top / ".machine-etc", read_only=True)
    for entry in Path("/etc").iterdir():
        if entry.name not in _OWN_ETC:
            (etc / entry.name).symlink_to(f"/.machine-etc/{entry.name}")
    others = [
        line
        for line in Path("/etc/passwd").read_text().splitlines()
        if line.split(":")[0] not in {login.user, "root"} and line.count(":") == 6
    ]
    users = [] if login.uid == 0 else ["root:x:0:0:root:/root:/bin/sh"]
    users.append(login.line())
    users += others
    # A star: no password fits, but sshd does not think the account locked, as it would by "!".
    passwords = [f"{line.split(':')[0]}:*:19000:0:99999:7:::" for line in users]
    (top / login.home.lstrip("/")).mkdir(exist_ok=True)
    (etc / "passwd").write_text("\n".join(users) + "\n")
    (etc / "shadow").write_text("\n".join(passwords) + "\n")
    (etc / "shadow").chmod(0o600)
    (etc / "group").write_text(Path("/etc/group").read_text())
    (etc / "hosts").write_text(root.hosts)
    (etc / "hostname").write_text(root.hostname + "\n")
    (etc / "resolv.conf").write_text("")  # there is no name server to ask


def _make_dev(top: Path) -> None:
    dev = top / "dev"
    for name in _DEVICES:
        if Path("/dev", name).exists():
            (dev / name).touch()
            ns.bind(Path("/dev", name), dev / name)
    options = "newinstance,ptmxmode=0666,mode=620"
    ns.mount("devpts", dev / "pts", "devpts", ns.NOSUID | ns.NOEXEC, options)
    ns.mount("shm", dev / "shm", "tmpfs", ns.NOSUID | ns.NODEV, "mode=1777")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"}
    links |= {name: f"/proc/self/fd/{n}" for n, name in enumerate(("stdin", "stdout", "stderr"))}
    for name, target in links.items():
        (dev / name).symlink_to(target)
