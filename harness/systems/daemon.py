"""A program in a directory of its own on a host: prepared, started, found by its pid, ended, removed.

All that is done on the host is done by the short shell scripts below, each in one round trip.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from harness.errors import CapabilityError, NotReadyError, RemoteError
from harness.remote.seam import Completed, Host, Remote

_POLL_S = 0.05
_LOG_LINES = 20

# Every script is given the directory as $1. A pid file alone proves nothing, since pids are used
# again: the process must also be at home in the directory, or below it, as it is from its fork on.
_PID = """
home=$(cd -- "$1" 2>/dev/null && pwd -P)
pid_of() {
    pid=$(cat "$1/pid" 2>/dev/null) && [ -n "$pid" ] && [ -n "$home" ] &&
    case "$(readlink "/proc/$pid/cwd")" in "$home" | "$home"/*) ;; *) false ;; esac
}
"""
STOP = (
    _PID
    + """
if pid_of "$1"; then
    kill -9 "$pid"
    tries=0
    while [ -e "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" && [ $tries -lt 100 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
fi
"""
)
_PREPARE = (
    STOP
    + """
command -v "$2" >/dev/null || exit 127
rm -rf -- "$1" && mkdir -p -- "$1/data" || exit 3
exec "$2" - "$3" <<'PYTHON'
import socket, sys
if sys.version_info < (3, 11):
    sys.exit("python %d.%d" % sys.version_info[:2])
for port in sys.argv[1].split():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("", int(port)))
    except OSError as error:
        sys.exit("port %s: %s" % (port, error))
    s.close()
PYTHON
"""
)
_START = (
    _PID
    + """
pid_of "$1" && exit 0
cd -- "$1" || exit 1
shift
setsid nohup "$@" </dev/null >>log 2>&1 &
echo $! >pid.new && mv pid.new pid
"""
)
_SHOW_PID = _PID + 'pid_of "$1" && echo "$pid" || true\n'
# With the last of the nodes on a host goes what they shared.
_REMOVE = STOP + 'rm -rf -- "$1" && { rmdir -- "${1%/*}" 2>/dev/null || true; }\n'


def prepare(remote: Remote, home: str, ports: Sequence[int]) -> None:
    """An empty ``home`` with ``data/`` in it, in place of whatever an earlier run has left.

    Raises CapabilityError if it cannot be made, a port is taken, or the host has no python3 of 3.11
    or later, which our agents need there.
    """
    words = [remote.host.python, " ".join(map(str, ports))]
    done = run(remote, _PREPARE, home, *words, check=False)
    if done.status:
        raise CapabilityError(f"{remote.host.name}: {_why_not(remote.host, home, done)}")


def start(remote: Remote, home: str, argv: Sequence[str]) -> None:
    """Start it, with ``home`` as its directory and ``home/log`` as its output, unless it runs."""
    run(remote, _START, home, *argv)


def pid(remote: Remote, home: str) -> int | None:
    shown = run(remote, _SHOW_PID, home).stdout.strip()
    return int(shown) if shown else None


def remove(remote: Remote, home: str) -> None:
    """End it and delete ``home``. Idempotent."""
    run(remote, _REMOVE, home)


def await_serving(
    remote: Remote, home: str, node: int, timeout_s: float, ask: Callable[[float], object]
) -> None:
    """Until ``ask(left_s)`` raises neither OSError nor RemoteError.

    Raises NotReadyError with the end of the log, at once where the process has ended.
    """
    deadline = time.monotonic() + timeout_s
    problem = "it was given no time"
    while (left := deadline - time.monotonic()) > 0:
        try:
            ask(left)
        except (OSError, RemoteError) as error:
            problem = str(error)
        else:
            return
        if pid(remote, home) is None:
            problem = "its process has ended"
            break
        time.sleep(_POLL_S)
    log = remote.run(["tail", "-n", str(_LOG_LINES), f"{home}/log"], check=False)
    raise NotReadyError(
        f"{remote.host.name}: n{node + 1} does not serve: {problem}; the end of {home}/log:\n"
        f"{log.stdout.strip() or '(empty)'}"
    )


def run(remote: Remote, script: str, *arguments: str, check: bool = True) -> Completed:
    return remote.run(["sh", "-c", script, "sh", *arguments], check=check)


def _why_not(host: Host, home: str, done: Completed) -> str:
    said = done.stderr.strip()
    if done.status == 127:
        return f"there is no {host.python}: install it (apt-get install python3), or name another"
    if done.status == 3:
        return f"cannot make {home}: {said}"
    if said.startswith("python "):
        return f"{host.python} is {said}, and a node needs 3.11 or later"
    if said.startswith("port "):
        return f"{said}; choose other ports, or end what listens there"
    return f"{host.python} does not work (status {done.status}): {said}"
