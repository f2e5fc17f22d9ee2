"""Who used the processor while a benchmark ran: the client, the nodes, the machine.

A number of a benchmark is the system's only if the client had time to ask. The client is this
process: a controller with a thread for each client, which can use one processor at most.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from harness.bench.result import Usage
from harness.deployment import Deployment
from harness.errors import RemoteError
from harness.remote.seam import on_all

EVERY_S = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")
"""Linux counts CPU time in these for all to see; 100 a second wherever it has been asked."""


class Sample(NamedTuple):
    """CPU seconds used up to a moment, by this process and by all of this machine (or None)."""

    at_ns: int
    client_s: float
    machine_s: float | None


def machine_s() -> float | None:
    """CPU seconds that this machine has spent on anything since it came up; None where it does not say."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


class Sampler:
    """Looks at the clocks several times a second while inside, from a thread of its own."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="usage", daemon=True)
        self.samples: list[Sample] = []

    def _take(self) -> None:
        self.samples.append(Sample(self._clock_ns(), time.process_time(), machine_s()))

    def _look(self) -> None:
        while not self._done.wait(EVERY_S):
            self._take()

    def __enter__(self) -> Self:
        self._take()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        self._take()


def used(
    samples: Sequence[Sample],
    from_ns: int,
    until_ns: int,
    *,
    nodes: Sequence[float] = (),
    cores: int = 1,
    op_us: float | None = None,
) -> Usage:
    """Shares of a processor from one time to another, of what was seen before, between and after.

    >>> some = [Sample(0, 1.0, 5.0), Sample(1_000_000_000, 1.5, 7.0), Sample(2_000_000_000, 2.5, 8.0)]
    >>> used(some, 500_000_000, 1_500_000_000, cores=2)
    Usage(elapsed_s=1.0, client=0.75, nodes=(), machine=1.5, cores=2, op_us=None)
    """
    first, last = _at(samples, from_ns), _at(samples, until_ns)
    elapsed_s = max((last.at_ns - first.at_ns) / 1e9, 1e-9)
    machine = None
    if first.machine_s is not None and last.machine_s is not None:
        machine = round((last.machine_s - first.machine_s) / elapsed_s, 3)
    return Usage(
        elapsed_s=round(elapsed_s, 3),
        client=round((last.client_s - first.client_s) / elapsed_s, 3),
        nodes=tuple(round(share, 3) for share in nodes),
        machine=machine,
        cores=cores,
        op_us=None if op_us is None else round(op_us, 1),
    )


def _at(samples: Sequence[Sample], at_ns: int) -> Sample:
    """What would have been seen at a time, in proportion between two samples."""
    after = bisect_left(samples, at_ns, key=lambda sample: sample.at_ns)
    if after == 0 or after == len(samples):
        return samples[min(after, len(samples) - 1)]
    a, b = samples[after - 1], samples[after]
    share = (at_ns - a.at_ns) / (b.at_ns - a.at_ns)
    machine = None
    if a.machine_s is not None and b.machine_s is not None:
        machine = a.machine_s + share * (b.machine_s - a.machine_s)
    return Sample(at_ns, a.client_s + share * (b.client_s - a.client_s), machine)


# --- the nodes' -----------------------------------------------------------------------------------


class NodeTime(NamedTuple):
    """CPU seconds of a node's process; another process has another ``pid``."""

    pid: int
    cpu_s: float


def node_times(deployed: Deployment) -> Mapping[int, NodeTime]:
    """What each node has used so far. A node that does not run, or is not reached, is left out."""

    def look(node: int) -> NodeTime | None:
        remote = deployed.remotes[node]
        pid = deployed.system.pid(node, remote)
        if pid is None:
            return None
        done = remote.run(["cat", f"/proc/{pid}/stat"], check=False)
        return NodeTime(pid, cpu_of(done.stdout)) if done.status == 0 else None

    found = on_all(deployed.remotes, look)
    for error in found.values():
        if isinstance(error, Exception) and not isinstance(error, RemoteError):
            raise error
    return {node: seen for node, seen in found.items() if isinstance(seen, NodeTime)}


def cpu_of(stat: str) -> float:
    """CPU seconds in the text of ``/proc/PID/stat``, whatever the process is called.

    >>> cpu_of("7 (python3 (x)) S 1 7 7 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 1 0 0")
    2.0
    """
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def node_seconds(before: Mapping[int, NodeTime], after: Mapping[int, NodeTime]) -> dict[int, float]:
    """CPU seconds that each node used which is the same process still.

    >>> node_seconds({0: NodeTime(7, 1.0), 1: NodeTime(8, 1.0)}, {0: NodeTime(7, 2.0), 1: NodeTime(9, 0.1)})
    {0: 1.0}
    """
    return {
        node: end.cpu_s - before[node].cpu_s
        for node, end in sorted(after.items())
        if node in before and before[node].pid == end.pid
    }
