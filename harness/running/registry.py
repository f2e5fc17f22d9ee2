"""Which clusters run: a directory for each, whose lock is held as long as anything of it lives.

::

    $XDG_RUNTIME_DIR/harness/ or /tmp/harness-UID/   ($HARNESS_RUNNING names another)
    ├── lock                 held while the list changes
    └── NAME/
        ├── lock             held by the holder and by what keeps it, from before it starts
        ├── asked.json       what it was made from
        ├── before.json      links and mounts of this machine that are none of it
        ├── holder.json      the process at the top of it
        ├── cluster.json     once it serves: its hosts
        ├── ended.json       once it has ended in order: what could not be undone
        ├── control          the holder's socket
        └── log

A lock, not a pid: it cannot be given to another process, it means the same in every namespace, and it ends
with its holder, however that ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.node.config import TCP
from harness.remote.seam import Host
from harness.tables import nearest
from harness.transports import LOCAL

PLACE = "HARNESS_RUNNING"
"""The environment variable that names another directory."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a cluster is made from."""

    protocol: str
    on: str
    """``local``, or how the inventory was named."""
    hosts: tuple[Host, ...] = ()
    """Of an inventory. Hosts made here are known once they are made."""
    nodes: int
    zones: tuple[str, ...] = ()
    rtt_ms: int = 20
    wan: str | None = None
    """The inventory whose round trips stand between the hosts."""
    options: Mapping[str, str] = field(default_factory=dict)
    tunnel: bool = False
    admin: bool = False
    transport: str = TCP
    tag: str
    """Names what is ours on the hosts."""
    adopted: bool = False
    """Whether the nodes were put there by a trial, and live on if the holder dies."""
    since: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Asked:
        hosts = tuple(Host(**host) for host in saved["hosts"])
        return cls(**{**saved, "hosts": hosts, "zones": tuple(saved["zones"])})


@dataclass(frozen=True)
class Entry:
    """One cluster's directory."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def alive(self) -> bool:
        """Whether anything of it lives: a holder that starts, serves or ends."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def made_ns(self) -> int:
        """When it was asked for; 0 for a directory that is no cluster's, or that has just gone."""
        try:
            return (self.path / "asked.json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def asked(self) -> Asked:
        """Raises UsageError for a directory that another version has written, or that is torn."""
        try:
            return Asked.from_json(json.loads((self.path / "asked.json").read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self.path}: not a cluster's directory ({error!r}): remove it if nothing of it runs"
            ) from error

    def hosts(self) -> tuple[Host, ...]:
        """Once it serves; () before."""
        return tuple(Host(**host) for host in self.read("cluster.json").get("hosts", ()))

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """A file of the directory, whole or not at all."""
        fresh = self.path / f"{name}.new"
        fresh.write_text(json.dumps(value) + "\n", encoding="utf-8")
        fresh.replace(self.path / name)

    def read(self, name: str) -> dict[str, Any]:
        """The file's value; {} where it was not written yet."""
        try:
            value: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return value

    def on_hosts_of_others(self) -> bool:
        """Whether it may have left something on hosts that do not end with their holder."""
        return bool((self.path / "asked.json").exists() and self.asked().on != LOCAL)


def folder() -> Path:
    """The directory of all clusters of this user. Raises UsageError where it is somebody else's."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    usual = f"{runtime}/harness" if runtime else f"/tmp/harness-{os.getuid()}"  # noqa: S108
    path = Path(os.environ.get(PLACE) or usual).absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another user: name another place in ${PLACE}")
    return path


def entries() -> list[Entry]:
    """All clusters that are known, the oldest first, dead ones included."""
    found = [Entry(path) for path in folder().iterdir() if path.is_dir()]
    return sorted(found, key=lambda entry: (entry.made_ns(), entry.name))


def claim(name: str | None, asked: Asked) -> tuple[Entry, int]:
    """A directory for a new cluster, and its lock, which the holder is to inherit.

    Raises UsageError where ``name`` is taken. Without a name it is the protocol's, or that and a number.
    """
    with listed():
        entry = Entry(folder() / (name or _free(asked.protocol)))
        if entry.path.exists():
            _refuse_taken(entry)
            shutil.rmtree(entry.path)
        entry.path.mkdir(mode=0o700)
        lock = os.open(entry.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        entry.write("asked.json", asked.to_json())
    return entry, lock


def _free(protocol: str) -> str:
    base = "".join(c if c.isalnum() or c in "-_." else "-" for c in protocol)
    known = {entry.name for entry in entries() if entry.alive() or entry.on_hosts_of_others()}
    return next(name for i in count(1) if (name := base if i == 1 else f"{base}-{i}") not in known)


def _refuse_taken(entry: Entry) -> None:
    if entry.alive():
        raise UsageError(
            f"a cluster {entry.name} runs already: `harness down {entry.name}` ends it,"
            " or give this one another --name"
        )
    if entry.on_hosts_of_others():
        raise UsageError(
            f"the holder of a cluster {entry.name} has died, and its hosts may have something of it:"
            f" `harness down {entry.name}` cleans them"
        )


def chosen(name: str | None) -> Entry:
    """The cluster of this name, or the youngest that lives. Raises UsageError if there is none."""
    known = entries()
    alive = [entry for entry in known if entry.alive()]
    if name is None:
        if not alive:
            raise UsageError("no cluster runs: `harness up -p multipaxos -n 3` makes one")
        return alive[-1]
    for entry in known:
        if entry.name == name:
            return entry
    others = nearest(name, [entry.name for entry in known]) if known else ": none runs"
    raise UsageError(f"there is no cluster {name!r}{others}")


def remove(entry: Entry) -> None:
    """Forget a cluster that has ended. Idempotent."""
    with listed():
        if entry.path.exists() and not entry.alive():
            shutil.rmtree(entry.path)


@contextmanager
def listed() -> Iterator[None]:
    """While inside, nobody else changes the list."""
    descriptor = os.open(folder() / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
