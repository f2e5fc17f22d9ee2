"""A system that does nothing but run, for trials of faults; and a controller that can be killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from harness.remote.faults import Injector
from harness.remote.seam import Host, Remote
from harness.remote.ssh import SshRemote
from nemesis.actions import Cut, Link, Pause

_PID = 'pid=$(cat "$1/pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null'
_START = f'{_PID} && exit; cd "$1" && date >>journal && setsid nohup sleep 1000 </dev/null >log 2>&1 & echo $! >"$1/pid"'
_WIPE = f'{_PID} && kill -9 "$pid"; cd "$1" && wc -c <journal; rm journal; echo 0'


class Sleepers:
    """As much of ``System`` as the injector uses: ``sleep 1000`` on each host."""

    name = "sleepers"

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def home(self, node: int) -> str:
        return f"{self.directory}/n{node + 1}"

    def install(self, node: int, remote: Remote) -> None:
        remote.run(["mkdir", "-p", self.home(node)])

    def start(self, node: int, remote: Remote) -> None:
        remote.run(["sh", "-c", _START, "sh", self.home(node)])

    def pid(self, node: int, remote: Remote) -> int | None:
        show = f'{_PID} && echo "$pid" || true'
        said = remote.run(["sh", "-c", show, "sh", self.home(node)]).stdout.strip()
        return int(said) if said else None

    def wipe(self, node: int, remote: Remote) -> tuple[int, int]:
        before, after = remote.run(["sh", "-c", _WIPE, "sh", self.home(node)]).stdout.split()
        return int(before), int(after)


def injector(
    remotes: Mapping[int, Remote], tag: str, rtt_ms: Mapping[Link, int] | None = None, **options
) -> Injector:
    """Sleepers on all hosts, started, and an injector that is prepared."""
    system = Sleepers(f"/var/tmp/{tag}")
    for node, remote in remotes.items():
        system.install(node, remote)
        system.start(node, remote)
    made = Injector(remotes, system, system.directory, tag, **options)
    made.prepare(rtt_ms=rtt_ms)
    return made


def main() -> None:
    """Break things on the hosts given as JSON, say so, and wait to be killed."""
    described = json.loads(sys.argv[1])
    remotes = {node: SshRemote(Host(**host)) for node, host in enumerate(described)}
    made = injector(remotes, "doomed")
    proofs = made.perform((Cut(((0, 1), (1, 0))), Pause(2)))
    print(json.dumps([proof["bit"] for proof in proofs]), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
