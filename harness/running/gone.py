"""That nothing is left on this machine of a cluster that has ended: looked for, not assumed.

That is: the processes that kept it and all below them (each by its pid and start time, so that a pid given to
another does not count), the namespaces that they alone were in, network links and mounts.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.remote.agent import read_stat
from harness.remote.cluster_maker import BRIDGE, veth
from harness.remote.homes import home_of
from harness.remote.sandbox import RUNTIME

_NAMESPACES = ("net", "mnt", "pid", "uts", "ipc", "user")


@dataclass(frozen=True)
class Traces:
    """What there is of a cluster on this machine while it lives."""

    processes: frozenset[tuple[int, int]]
    """Pid and start time."""
    namespaces: frozenset[str]
    """Those that none of the machine's other processes is in, such as ``net:[4026532281]``."""

    def left(self) -> list[str]:
        """What of it there is still, a phrase each."""
        found = [
            f"process {pid}"
            for pid, start in sorted(self.processes)
            if (stat := read_stat(pid)) is not None and stat[1] == start and stat[0] not in "ZX"
        ]
        held = _namespaces(_pids())
        return found + [f"namespace {each}" for each in sorted(self.namespaces & held)]


def traces_of(top: int) -> Traces:
    """Of the process ``top`` and all below it."""
    inside = {top, *_below(top)}
    alien = _namespaces(pid for pid in _pids() if pid not in inside)
    started = {(pid, stat[1]) for pid in inside if (stat := read_stat(pid)) is not None}
    return Traces(frozenset(started), frozenset(_namespaces(inside) - alien))


def links_and_mounts() -> list[str]:
    """The network links and mounts of this machine itself that can only be a cluster's."""
    links = [
        f"network link {name}" for _, name in socket.if_nameindex() if name in (BRIDGE, veth(1))
    ]
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    points = [line.split()[4] for line in lines]
    return links + [f"mount {each}" for each in points if Path(each).is_relative_to(RUNTIME)]


def pids_of_nodes(top: int, tag: str) -> dict[str, int]:
    """The machine's pids of the nodes of a cluster made here: ``n1`` -> pid.

    (Inside of its host, whose processes are apart, each has another.)
    """
    found = {}
    start = f"{home_of(tag)}/"
    for pid in _below(top):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        for word in words:
            if word.startswith(start) and word.endswith("/node.pyz"):
                found[word.removeprefix(start).removesuffix("/node.pyz")] = pid
    return found


def _pids() -> list[int]:
    return [int(name.name) for name in Path("/proc").iterdir() if name.name.isdigit()]


def _below(top: int) -> list[int]:
    """All descendants, by /proc/PID/stat: hosts' processes have their parents in other namespaces."""
    parents: dict[int, list[int]] = {}
    for pid in _pids():
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(pid)
    found, look = [], [top]
    while look:
        children = parents.get(look.pop(), [])
        found += children
        look += children
    return found


def _namespaces(pids: Iterable[int]) -> set[str]:
    found = set()
    for pid in pids:
        for kind in _NAMESPACES:
            try:
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
            except OSError:  # it ended, or it is another user's
                continue
    return found
