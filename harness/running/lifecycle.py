"""How a cluster begins and ends, seen from the command that asks for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, NotReadyError
from harness.remote import sandbox
from harness.remote.homes import home_of
from harness.running import registry
from harness.running.control import Answer, Control, NotThereError
from harness.running.gone import Traces, links_and_mounts, traces_of
from harness.running.registry import Asked, Entry
from harness.transports import LOCAL

END_S = 60.0
"""After so long a holder that was told to end is killed."""
KILLED_S = 20.0
LOOK_S = 15.0
_HOLD = "from harness.running.start import main; main()"
_POLL_S = 0.02


def begin(asked: Asked, name: str | None, say: Callable[[str], None]) -> Entry:
    """Make a cluster that outlives this process, and wait until it serves.

    ``say`` is given the lines of its log meanwhile. Raises UsageError where the name is taken,
    NotReadyError with the end of the log if it does not come up; then, and on Ctrl-C, nothing is left, but
    of nodes that were there before: those are `harness down`'s to end.
    """
    entry, lock = registry.claim(name, asked)
    try:
        entry.write("before.json", {"there": links_and_mounts()})
        with entry.log.open("ab") as log:
            process = subprocess.Popen(
                [*sandbox.python(_HOLD), str(entry.path), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
    finally:
        os.close(lock)
    try:
        _await_serving(entry, process, say)
    except BaseException:
        process.terminate()
        process.wait(END_S)
        if not asked.adopted:
            registry.remove(entry)
        raise
    return entry


def _await_serving(
    entry: Entry, process: subprocess.Popen[bytes], say: Callable[[str], None]
) -> None:
    with entry.log.open(encoding="utf-8", errors="replace") as log:
        while True:
            ended = process.poll() is not None
            for line in log:
                say(line.rstrip("\n"))
            if ended:
                raise NotReadyError(f"the cluster did not come up (status {process.returncode})")
            if entry.read("cluster.json"):
                return
            time.sleep(_POLL_S)


def connected(entry: Entry) -> Control:
    """Raises NotThereError that says what became of the cluster."""
    try:
        return Control(entry.control)
    except (NotThereError, FileNotFoundError) as error:
        what = "starts, or ends" if entry.alive() else "has died: `harness ps` says what is left"
        raise NotThereError(f"the holder of {entry.name} {what}") from error


def status(entry: Entry) -> Answer:
    """Raises NotThereError where nobody answers: it starts, ends, or its holder is stuck."""
    control = Control(entry.control, answer_s=LOOK_S)
    try:
        return control.ask("status")
    finally:
        control.close()


@dataclass
class Ended:
    """What was seen of a cluster's end."""

    processes: int = 0
    namespaces: int = 0
    hosts: int = 0
    """Of an inventory, looked at."""
    before: bool = False
    """Whether another command had ended it, and seen that nothing is left."""
    left: list[str] = field(default_factory=list)
    """What is still there, or could not be undone; none: nothing is left."""


def end(entry: Entry, say: Callable[[str], None]) -> Ended:
    """End a cluster, dead or alive, and look whether anything is left of it.

    It is forgotten only if nothing is left, so that this may be tried again. Raises HarnessError if its
    processes do not end.
    """
    if not entry.path.exists():
        return Ended(before=True)
    asked = entry.asked()
    ended = Ended()
    traces = _end_holder(entry)
    if traces is not None:
        ended.processes, ended.namespaces = len(traces.processes), len(traces.namespaces)
        ended.left += traces.left()
    before = entry.read("before.json").get("there", [])
    ended.left += [each for each in links_and_mounts() if each not in before]
    home = home_of(asked.tag)
    ended.left += [f"the directory {home}"] if Path(home).exists() and asked.on == LOCAL else []
    said = entry.read("ended.json")
    ended.left += said.get("problems", [])
    if asked.on != LOCAL:
        ended.hosts = len(asked.hosts)
        from harness.running import gone_hosts  # noqa: PLC0415  half a second of imports: not before

        if not said:  # it did not end in order: what it would have done is done from here
            ended.left += gone_hosts.clean(asked, say)
        ended.left += gone_hosts.left(asked)
    if not ended.left:
        registry.remove(entry)
    return ended


def _end_holder(entry: Entry) -> Traces | None:
    """Let the holder end, by force if it does not; what there was of it, or None if it was dead."""
    if not entry.alive():
        return None
    pid = entry.read("holder.json").get("pid")
    traces = traces_of(pid) if pid is not None else None
    try:
        control = Control(entry.control, answer_s=LOOK_S)
        try:
            control.ask("down")
        finally:
            control.close()
    except (NotThereError, FileNotFoundError):  # it starts, or ends, or is stuck
        _signal(pid, signal.SIGTERM)
    if not _within(END_S, lambda: not entry.alive()):
        _signal(pid, signal.SIGKILL)  # all that it made here dies with it
        if not _within(KILLED_S, lambda: not entry.alive()):
            raise HarnessError(
                f"{entry.name} does not end: see {entry.log}, and processes below {pid}"
            )
    if traces is not None:  # what dies with the sandbox dies soon, but not at once
        _within(KILLED_S, lambda: not traces.left())
    return traces


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _within(timeout_s: float, condition: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
