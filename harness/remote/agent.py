"""What runs on each host while faults do: it proves them, and undoes them if the controller dies.

One file, standard library only (Python >= 3.10): it is sent to the host and run there as
``python3 agent.py`` over SSH, as root if the host has that. It reads JSON lines, each with an ``id``
and what to ``do``, and answers each in turn with one line of that id (``error`` if it could not).

- **Probes**: UDP datagrams between the agents show which links are open, one way each, how slow and
  how lossy. They take the same way as the node's own packets, and no other's word for it.
- **Processes**: whether a pid runs, is stopped, or is gone, from /proc.
- **Dead man's switch**: at the end of its input, however the controller ended, or after ``lease_s``
  without a word, it undoes all on this host: wakes what was stopped, ends the helper's weather, runs
  the commands that it was given for this, and (unless told to leave it) kills the node under test
  and removes its directory.
- **Ledger**: what it would undo is in a file, so that the next run's agent does it if this one was
  killed too.
- **Weather**: it starts ``netem.py`` beside it, where the kernel has no netem, and hands it rules.
- **Power**: it starts ``lossy.py``, a file system, if it is asked to, hands it what a power cut does and how much
  space there is, and tries whether there is any.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

OWN_FOLDER = "agent"
"""The folder on the host, below the run's directory, that holds this file and nothing of others."""
_NEW_FILE = ".is-there-space"

_UNDO_TIMEOUT_S = 20
_HELPER_TIMEOUT_S = 5
_OTHER_AGENT_TIMEOUT_S = 10
_ROUNDS_KEPT = 8
_POLL_S = 0.003


# --- processes ------------------------------------------------------------------------------------


def read_stat(pid: int) -> tuple[str, int] | None:
    """``(state letter, start time)`` of a process, or None if there is none.

    The start time tells a process from a later one that was given the same pid.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


class Processes:
    """The processes that we were asked about, each by its pid and its start time."""

    def __init__(self) -> None:
        self.started: dict[int, int] = {}

    def state(self, pid: int) -> str:
        """``running``, ``stopped`` or ``gone`` (a zombie is gone, and so is a pid given to another)."""
        stat = read_stat(pid)
        if stat is None or stat[0] in "ZX":
            return "gone"
        if self.started.setdefault(pid, stat[1]) != stat[1]:
            return "gone"
        return "stopped" if stat[0] in "Tt" else "running"

    def watch(self, pid: int) -> str:
        """From now on this pid means the process that has it now."""
        self.started.pop(pid, None)
        return self.state(pid)

    def signal_all(self, number: int) -> None:
        for pid in list(self.started):
            if self.state(pid) != "gone":
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)


# --- probes ---------------------------------------------------------------------------------------

_PROBE, _ECHO = 1, 2
_DATAGRAM = struct.Struct("!IBHHIIQ")  # run, kind, source, destination, round, sequence, time in ns


class Probes:
    """A UDP socket that sends datagrams to the other agents, echoes theirs, and remembers both."""

    def __init__(self, tag: str, node: int) -> None:
        self.run, self.node = zlib.crc32(tag.encode()), node
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("", 0))
        self.socket.setblocking(False)
        self.peers: dict[int, tuple[str, int]] = {}
        self.heard: OrderedDict[int, dict[int, list[int]]] = OrderedDict()
        self.echoed: dict[int, dict[int, int]] = {}
        self.round = -1

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def begin(self, number: int) -> None:
        self.round, self.echoed = number, {}

    def send(self, dst: int, sequence: int) -> str | None:
        """Send a datagram; what the kernel said if it would not."""
        fields = (self.run, _PROBE, self.node, dst, self.round, sequence, time.monotonic_ns())
        try:
            self.socket.sendto(_DATAGRAM.pack(*fields), self.peers[dst])
        except OSError as error:
            return str(error)
        return None

    def receive(self) -> None:
        """Take all that has come: echo probes, and note echoes with their round trip."""
        while True:
            try:
                data, sender = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier datagram: silence is what we measure
                continue
            if len(data) != _DATAGRAM.size:
                continue
            run, kind, src, dst, number, sequence, sent_ns = _DATAGRAM.unpack(data)
            if run != self.run:
                continue
            if kind == _PROBE and dst == self.node:
                self._note(number, src, sequence)
                with contextlib.suppress(OSError):
                    echo = (run, _ECHO, src, dst, number, sequence, sent_ns)
                    self.socket.sendto(_DATAGRAM.pack(*echo), sender)
            elif kind == _ECHO and src == self.node and number == self.round:
                rtt_us = (time.monotonic_ns() - sent_ns) // 1000
                self.echoed.setdefault(dst, {}).setdefault(sequence, rtt_us)

    def _note(self, number: int, src: int, sequence: int) -> None:
        if number not in self.heard:
            self.heard[number] = {}
            while len(self.heard) > _ROUNDS_KEPT:
                self.heard.popitem(last=False)
        self.heard[number].setdefault(src, []).append(sequence)

    def report(self, number: int) -> dict[str, dict[str, int]]:
        """Who was heard in a round: datagrams, distinct ones, and ones that were overtaken."""
        return {
            str(src): {
                "count": len(came),
                "distinct": len(set(came)),
                "overtaken": sum(later < earlier for earlier, later in itertools.pairwise(came)),
            }
            for src, came in self.heard.get(number, {}).items()
        }


class Burst:
    """One round of probes under way: datagrams to each of some nodes, at a pace, until enough came back."""

    def __init__(self, probes: Probes, request: Mapping[str, Any]) -> None:
        self.probes = probes
        self.to: list[int] = request["to"]
        self.expect: list[int] = request.get("expect", [])
        self.count, self.need = request["count"], request.get("need", 1)
        self.gap_ns = request.get("gap_us", 1000) * 1000
        self.settle_ns = request.get("settle_ms", 0) * 1_000_000
        self.wait_ns = request["wait_ms"] * 1_000_000
        self.errors: dict[int, str] = {}
        self.sent = 0
        self.next_ns = self.last_ns = time.monotonic_ns()
        probes.begin(request["round"])

    def go_on(self) -> float | None:
        """Send what is due. Returns the seconds to wait for, or None when the round is over."""
        now_ns = time.monotonic_ns()
        while self.sent < self.count and self.next_ns <= now_ns:
            for node in self.to:
                error = self.probes.send(node, self.sent)
                if error is not None:
                    self.errors[node] = error
            self.sent += 1
            self.next_ns += self.gap_ns
            self.last_ns = now_ns = time.monotonic_ns()
        if self.sent < self.count:
            return max(0, self.next_ns - now_ns) / 1e9
        echoed = self.probes.echoed
        complete = all(len(echoed.get(node, ())) >= self.need for node in self.expect)
        until_ns = self.last_ns + (self.settle_ns if complete else self.wait_ns)
        return (until_ns - now_ns) / 1e9 if now_ns < until_ns else None

    def result(self) -> dict[str, Any]:
        rtts = {str(node): list(echoes.values()) for node, echoes in self.probes.echoed.items()}
        return {"sent": self.sent, "rtt_us": rtts, "errors": self.errors}


# --- helpers --------------------------------------------------------------------------------------


class Helper:
    """A script beside us as a child process; it ends with us, since its input does."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._name = Path(script).stem
        self._child = subprocess.Popen(
            [sys.executable, script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.greeting = self._hear()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises RuntimeError if the helper died or is stuck."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(request).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._why()) from None
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        ready, _, _ = select.select([self._child.stdout.fileno()], [], [], _HELPER_TIMEOUT_S)
        line = self._child.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError(self._why())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _why(self) -> str:
        self._child.kill()
        said = self._child.communicate()[1].decode(errors="replace").strip().splitlines()
        return f"the {self._name} helper ended: {said[-1] if said else 'no word'}"

    def close(self) -> None:
        """It lets go of what it holds; then it ends."""
        with contextlib.suppress(OSError):
            if self._child.stdin is not None:
                self._child.stdin.close()
        try:
            self._child.wait(_HELPER_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()


# --- undoing --------------------------------------------------------------------------------------


def run_all(commands: Iterable[Sequence[str]]) -> list[str]:
    """Run each to its end, bounded in time; what went wrong, as text."""
    problems = []
    for argv in commands:
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_UNDO_TIMEOUT_S,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(f"{argv[0]}: {error}")
            continue
        if done.returncode:
            problems.append(f"{argv}: status {done.returncode}: {done.stderr.decode()[-500:]}")
    return problems


def undo(entry: Mapping[str, Any], processes: Processes) -> list[str]:
    """All that a ledger's entry says; what could not be undone, as text. May be repeated."""
    for pid, start in entry.get("processes", []):
        processes.started.setdefault(pid, start)
    processes.signal_all(signal.SIGCONT)
    problems = run_all(entry.get("undo", []))
    if entry.get("leave_running"):
        return problems
    for path in entry.get("pid_files", []):
        with contextlib.suppress(OSError, ValueError):
            processes.watch(int(Path(path).read_text(encoding="ascii")))
    processes.signal_all(signal.SIGKILL)
    for directory in entry.get("directories", []):
        if len(Path(directory).parts) < 3:
            problems.append(f"{directory}: too near the root to be removed")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return problems


class Ledger:
    """What is to be undone here, as a file of this run; and those of runs that are no more."""

    def __init__(self, folder: str, tag: str) -> None:
        self.folder, self.tag = Path(folder), tag
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to another user")
        self.path = self.folder / f"{tag}.json"

    def write(self, entry: Mapping[str, Any]) -> None:
        stat = read_stat(os.getpid())
        assert stat is not None
        whole = {**entry, "agent": [os.getpid(), stat[1]]}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(whole), encoding="utf-8")
        fresh.replace(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def others(self) -> dict[str, tuple[dict[str, Any], bool]]:
        """Tag -> what that run's agent wrote, and whether the agent lives."""
        found = {}
        for path in sorted(self.folder.glob("*.json")):
            try:
                entry = json.loads(path.read_text(encoding="utf-8"))
                pid, start = entry["agent"]
            except (OSError, ValueError, KeyError, TypeError):
                continue  # gone meanwhile, or torn by a crash: nothing to go by
            stat = read_stat(pid)
            lives = stat is not None and stat[0] not in "ZX" and stat[1] == start
            found[path.stem] = (entry, lives and pid != os.getpid())
        return found

    def sweep(self) -> tuple[list[str], list[str], list[str]]:
        """Undo what the dead left: ``(tags that live, tags undone, problems)``.

        Waits for a dying agent of our own tag; raises RuntimeError if it does not die.
        """
        deadline = time.monotonic() + _OTHER_AGENT_TIMEOUT_S
        while self.others().get(self.tag, ({}, False))[1]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"another run with the tag {self.tag!r} is alive on this host")
            select.select([], [], [], 0.05)
        living, undone, problems = [], [], []
        for tag, (entry, lives) in self.others().items():
            if lives:
                living.append(tag)
                continue
            problems += undo(entry, Processes())
            (self.folder / f"{tag}.json").unlink(missing_ok=True)
            undone.append(tag)
        return living, undone, problems


# --- the agent ------------------------------------------------------------------------------------


class Agent:
    """Answers requests until ``bye`` or the end of its input."""

    def __init__(self, hello: Mapping[str, Any]) -> None:
        self.processes = Processes()
        self.probes = Probes(hello["tag"], hello["node"])
        self.ledger = Ledger(hello["ledgers"], hello["tag"])
        self.lease_s: float = hello["lease_s"]
        self.living, self.undone, self.problems = self.ledger.sweep()
        self.entry: dict[str, Any] = {
            name: hello[name] for name in ("pid_files", "directories", "leave_running")
        }
        self.weather: Helper | None = None
        self.disk: Helper | None = None
        self.burst: tuple[int, Burst] | None = None
        self._write_ledger()
        self.answers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "arm": self.arm,
            "peers": self.set_peers,
            "heard": lambda request: {"from": self.probes.report(request["round"])},
            "watch": self.watch,
            "state": self.state,
            "queue": self.open_queue,
            "weather": self.set_weather,
            "disk": self.open_disk,
            "power": self.power,
            "space": self.space,
            "beat": lambda _: {},
        }

    def greeting(self) -> dict[str, Any]:
        return {
            "port": self.probes.port,
            "pid": os.getpid(),
            "living": self.living,
            "undone": self.undone,
            "problems": self.problems,
        }

    def _write_ledger(self) -> None:
        self.ledger.write({**self.entry, "processes": list(self.processes.started.items())})

    def arm(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """These commands undo what is about to be done; and what they leave is nobody else's."""
        self.entry["undo"] = request["undo"]
        self._write_ledger()
        return {}

    def set_peers(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.probes.peers = {int(n): (a, p) for n, (a, p) in request["peers"].items()}
        return {}

    def watch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        state = self.processes.watch(request["pid"])
        self._write_ledger()
        return {"state": state}

    def state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The state of ``pid``, once it is one of those ``until``, or after ``wait_ms``."""
        deadline = time.monotonic() + request["wait_ms"] / 1000
        while True:
            state = self.processes.state(request["pid"])
            if state in request["until"] or time.monotonic() >= deadline:
                return {"state": state}
            select.select([], [], [], _POLL_S)

    def open_queue(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.weather is None:
            self.weather = Helper(request["script"], str(request["first"]))
        return {"queue": self.weather.greeting["queue"]}

    def set_weather(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.weather is None:
            raise RuntimeError("weather before a queue")
        return self.weather.ask({"rules": request["rules"]})

    def open_disk(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.disk is None:
            self.disk = Helper(request["script"], request["directory"], *request["kept"])
        return self.disk.greeting

    def power(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.disk is None:
            raise RuntimeError("power before a disk")
        amounts = {name: request.get(name, 0) for name in ("ms", "left_bytes")}
        return self.disk.ask({"do": request["verb"], **amounts})

    def space(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """What comes of a new file on the file system of ours: ``made``, or ``no space``."""
        if self.disk is None:
            raise RuntimeError("space before a disk")
        path = Path(self.disk.greeting["mounted"], _NEW_FILE)
        try:
            path.touch()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return {"said": "no space"}
        path.unlink()
        return {"said": "made"}

    def wait_s(self) -> float:
        """How long there is nothing to do but listen, at most."""
        if self.burst is None:
            return self.lease_s
        number, burst = self.burst
        rest_s = burst.go_on()
        if rest_s is None:
            self.burst = None
            say({"id": number, **burst.result()})
            return 0.0
        return rest_s

    def answer(self, request: Mapping[str, Any]) -> None:
        number = request.get("id")
        try:
            if request["do"] == "probe":
                self.burst = (request["id"], Burst(self.probes, request))
                return
            say({"id": number, **self.answers[request["do"]](request)})
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            say({"id": number, "error": f"{type(error).__name__}: {error}"})

    def end(self, *, orderly: bool) -> list[str]:
        """Undo everything. After an orderly end the node under test runs on."""
        entry = {**self.entry, "processes": list(self.processes.started.items())}
        if orderly:
            entry["leave_running"] = True
        if self.disk is not None:  # what uses it is through, or is killed; then it can be removed
            self.disk.close()
        problems = undo(entry, self.processes)
        if self.weather is not None:
            self.weather.close()
        own = Path(__file__).resolve().parent
        if own.name == OWN_FOLDER:
            shutil.rmtree(own, ignore_errors=True)
            with contextlib.suppress(OSError):  # others still use what it is in
                own.parent.rmdir()
        if not problems:  # else the next run's agent tries again
            self.ledger.remove()
        return problems


def say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


class Input:
    """The lines of a file descriptor, as they come."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._pending = b""
        self.ended = False

    def lines(self) -> list[bytes]:
        try:
            data = os.read(self.descriptor, 65_536)
        except OSError:
            data = b""
        self.ended = not data
        *whole, self._pending = (self._pending + data).split(b"\n")
        return whole


def serve(agent: Agent, source: Input, waiting: list[bytes]) -> bool:
    """Answer until the end. True for an orderly one (``bye``)."""
    probes = agent.probes.socket
    heard = time.monotonic()
    while True:
        while waiting and agent.burst is None:
            request = json.loads(waiting.pop(0))
            if request["do"] == "bye":
                say({"id": request["id"], "problems": agent.end(orderly=True)})
                return True
            agent.answer(request)
        if source.ended or time.monotonic() - heard > agent.lease_s:
            return False
        ready, _, _ = select.select([probes.fileno(), source.descriptor], [], [], agent.wait_s())
        if probes.fileno() in ready:
            agent.probes.receive()
        if source.descriptor in ready:
            waiting += source.lines()
            heard = time.monotonic()


def main() -> None:
    # Whoever ends the session must not end us before we have undone: the end of input is enough.
    for number in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    source = Input(sys.stdin.fileno())
    waiting: list[bytes] = []
    while not waiting and not source.ended:
        waiting += source.lines()
    if not waiting:
        return
    hello = json.loads(waiting.pop(0))
    try:
        agent = Agent(hello)
    except (OSError, RuntimeError) as error:
        say({"id": hello["id"], "error": f"{type(error).__name__}: {error}"})
        return
    orderly = False
    try:
        say({"id": hello["id"], **agent.greeting()})
        orderly = serve(agent, source, waiting)
    finally:
        if not orderly:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            agent.end(orderly=False)


if __name__ == "__main__":
    main()
