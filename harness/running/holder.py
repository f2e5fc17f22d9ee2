"""The process behind a running cluster: it makes the hosts, puts the nodes there, and stays.

It ends when it is told so, on SIGTERM, or when what it holds cannot be had; then all is taken down, and what
could not be is in ``ended.json``.
"""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from harness.deployment import Deployment
from harness.errors import HarnessError
from harness.node.config import UNIX
from harness.remote.cluster import LocalCluster
from harness.remote.distances import words
from harness.remote.seam import Host, on_all
from harness.report.progress import Progress
from harness.running.cluster import RunningCluster
from harness.running.control import Server
from harness.running.deployed import deployment_of
from harness.running.registry import Asked, Entry
from harness.transports import LOCAL
from harness.trial import Trial
from harness.wan import links_of


class Holder:
    """One cluster, from its hosts to their end."""

    def __init__(self, entry: Entry, asked: Asked) -> None:
        self.entry, self.asked = entry, asked
        self.progress = Progress()
        self.problems: list[str] = []
        self.told_to_end = False

    def run(self) -> None:
        """Make it, serve, take it down. Raises HarnessError where it cannot be made."""
        try:
            with ExitStack() as cleanup:
                cluster = self.made(cleanup)
                server = Server(self.entry.control, cluster.handle, self.progress.say)
                cleanup.callback(server.close)
                hosts = [asdict(host) for host in cluster.deployed.hosts.values()]
                self.entry.write("cluster.json", {"hosts": hosts})
                cluster.stop.wait()
                self.told_to_end = True
        finally:
            if self.told_to_end or not self.asked.adopted:  # else the nodes live on
                self.entry.write("ended.json", {"problems": self.problems})

    def made(self, cleanup: ExitStack) -> RunningCluster:
        """The cluster, up; ``cleanup`` takes it down."""
        hosts = self.hosts(cleanup)
        deployed = deployment_of(self.asked, hosts, self.progress.say)
        trial = Trial(
            protocol=self.asked.protocol,
            nodes=len(hosts),
            zones=",".join(self.asked.zones),
            wan=self.asked.wan,
        )
        deployed.bring_up(
            cleanup,
            self.progress,
            weather=None,
            rtt_ms=links_of(trial),
            clean=lambda: self.clean(deployed),
            installed=self.asked.adopted,
        )
        for word in words(deployed.distances):
            self.progress.say(word)
        cluster = RunningCluster(self.entry.name, self.asked, deployed, self.progress.say)
        cleanup.callback(self.heal, cluster)
        return cluster

    def hosts(self, cleanup: ExitStack) -> tuple[Host, ...]:
        if self.asked.on != LOCAL:
            return self.asked.hosts
        shared = self.asked.transport == UNIX
        cluster = LocalCluster(self.asked.nodes, zones=self.asked.zones, shared=shared)
        made = cleanup.enter_context(cluster)
        self.progress.say(f"{made.n} hosts made on this machine ({made.up_s:.1f} s)")
        return made.hosts

    def heal(self, cluster: RunningCluster) -> None:
        """End all faults, so that the nodes' end is an ordinary one."""
        cluster.faults.close()
        try:
            unproved = [proof for proof in cluster.faults.heal() if not proof["bit"]]
        except HarnessError as error:
            self.problems.append(f"not healed: {error}")
        else:
            self.problems += [
                f"not healed: {proof['action']}: {proof['saw']}" for proof in unproved
            ]

    def clean(self, deployed: Deployment) -> None:
        """Remove what was installed, unless it was there before and nobody said that it should end."""
        if self.asked.adopted and not self.told_to_end:
            return
        done = on_all(deployed.remotes, lambda n: deployed.system.remove(n, deployed.remotes[n]))
        self.problems += [
            f"{deployed.hosts[node].name} could not be cleaned: {result}"
            for node, result in done.items()
            if isinstance(result, Exception)
        ]


def hold(entry: Entry, asked: Asked) -> int:
    """Hold it until its end; the exit code."""
    sys.path.insert(0, str(Path.cwd()))  # where the user's own package.module:Class is
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Holder(entry, asked).run()
    except HarnessError as error:
        sys.stderr.write(f"harness: {error}\n")
        for note in getattr(error, "__notes__", ()):
            sys.stderr.write(f"harness: {note}\n")
        return error.exit_code
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)
