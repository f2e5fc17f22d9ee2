"""Faults of processes: the signals, the starts, and what /proc says of them afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, assert_never

from harness.errors import CapabilityError
from harness.remote.faults_agent import Agents
from harness.remote.faults_proof import PATIENCE_S
from harness.remote.faults_record import Json, Proof, complaints, proof
from harness.remote.seam import Completed, Remote, on_all, raise_first
from harness.systems.kernel import HasDisk, System
from nemesis.actions import Action, Kill, Pause, Resume, Start, Wipe

Send: TypeAlias = Callable[[Sequence[Action], Mapping[int, int]], dict[int, Completed]]
"""Type what the actions say, given the pids of the nodes."""


REFUSES_WITHIN_S = 10.0
"""A process that must not run has to read its disk before it knows that."""


class Processes:
    """The nodes' processes. ``paused`` are the pids that were stopped and not yet woken, by node."""

    def __init__(self, remotes: Mapping[int, Remote], system: System, agents: Agents) -> None:
        self.remotes, self.system, self.agents = remotes, system, agents
        self.paused: dict[int, int] = {}
        self.damaged: set[int] = set()
        """Nodes that must not run, since their disk has lost what was durable."""
        self.full: set[int] = set()
        """Nodes that may end at any time, since there is no space for what they write."""
        self.killed: set[int] = set()
        """Those of them that were dead before, or have been killed: that they are gone needs no other reason."""

    def signal(self, actions: Sequence[Kill | Pause | Resume], send: Send) -> list[Proof]:
        """Kill, pause or resume, all at once. What does not run cannot be: that is no fault."""
        found = raise_first(on_all(_by_node(actions), self._find))
        pids = {node: pid for node, pid in found.items() if pid is not None}
        there = {action.node: action for action in actions if action.node in pids}
        for node, action in there.items():
            if isinstance(action, Pause):  # noted before it is stopped, so that heal wakes it
                self.paused[node] = pids[node]
        done = send(list(there.values()), pids)
        self.killed |= self.full & {n for n, a in there.items() if isinstance(a, Kill)}
        states = raise_first(
            on_all(_by_node(there.values()), lambda n: self.state(n, pids[n], _wanted(there[n])))
        )
        proofs = []
        for action in actions:
            node = action.node
            ended = node not in pids and node in self.damaged | self.full
            state = (
                "gone"
                if ended and isinstance(action, Kill)
                else states.get(node, "not running before")
            )
            bit = state in _wanted(action)
            if bit and not isinstance(action, Pause):
                self.paused.pop(node, None)
            saw: dict[str, Json] = {"pid": pids.get(node), "state": state}
            said = complaints({node: done[node]} if node in done else {})
            proofs.append(proof(action, "/proc", saw | said, bit))
        return proofs

    def _find(self, node: int) -> int | None:
        pid = self.paused.get(node) or self.system.pid(node, self.remotes[node])
        if pid is not None:
            self.agents.links[node].ask("watch", pid=pid)
        return pid

    def state(self, node: int, pid: int, until: Sequence[str]) -> str:
        """``running``, ``stopped`` or ``gone``: once it is one of ``until``, or after a second."""
        wait_ms = int(PATIENCE_S * 1000)
        answer = self.agents.links[node].ask("state", pid=pid, until=until, wait_ms=wait_ms)
        return str(answer["state"])

    def look(self, node: int) -> str:
        """``running``, ``stopped`` or ``gone``, now."""
        pid = self._find(node)
        return "gone" if pid is None else self.state(node, pid, ("running", "stopped", "gone"))

    def linger(self, node: int) -> str:
        """``gone``, or what it is after a second."""
        pid = self._find(node)
        return "gone" if pid is None else self.state(node, pid, ("gone",))

    def start_all(self, actions: Sequence[Start]) -> list[Proof]:
        return [*raise_first(on_all(_by_node(actions), self.start)).values()]

    def start(self, node: int) -> Proof:
        """Start the node's process if it does not run; see it run, or end where it must not."""
        remote = self.remotes[node]
        self.system.start(node, remote)
        deadline = time.monotonic() + PATIENCE_S
        while (pid := self.system.pid(node, remote)) is None and time.monotonic() < deadline:
            pass  # each look is a round trip to the host, which paces it
        state = "not running"
        if pid is not None:
            self.agents.links[node].ask("watch", pid=pid)
            state = self.state(node, pid, ("running",))
        saw: dict[str, Json] = {"pid": pid, "state": state}
        if node not in self.damaged:
            return proof(Start(node), "/proc", saw, state == "running" or node in self.full)
        deadline = time.monotonic() + REFUSES_WITHIN_S
        while pid is not None and state != "gone" and time.monotonic() < deadline:
            state = self.state(node, pid, ("gone",))
        saw |= {"state": state, "its disk is": "damaged"}
        return proof(Start(node), "/proc", saw, state in ("gone", "not running"))

    def wipe_all(self, actions: Sequence[Wipe]) -> list[Proof]:
        return [*raise_first(on_all(_by_node(actions), self._wipe)).values()]

    def _wipe(self, node: int) -> Proof:
        """Empty the node's disk."""
        if not isinstance(self.system, HasDisk):
            raise CapabilityError(f"{self.system.name}: nobody has said how its disk is wiped")
        had, has = self.system.wipe(node, self.remotes[node])
        gone = self.system.pid(node, self.remotes[node]) is None
        self.paused.pop(node, None)
        saw: dict[str, Json] = {
            "had_bytes": had,
            "has_bytes": has,
            "state": "gone" if gone else "running",
        }
        return proof(Wipe(node), "disk", saw, gone and has == 0)

    def prove_woken(self, node: int) -> list[Proof]:
        """After a heal: a process that was paused runs, or has died since."""
        pid = self.paused.get(node)
        if pid is None:
            return []
        state = self.state(node, pid, ("running", "gone"))
        if state != "stopped":
            del self.paused[node]
        saw: dict[str, Json] = {"pid": pid, "state": state}
        return [proof(Resume(node), "/proc", saw, state != "stopped")]


def _by_node(actions: Iterable[Any]) -> dict[int, Any]:
    return {action.node: action for action in actions}


def _wanted(action: Kill | Pause | Resume) -> tuple[str, ...]:
    match action:
        case Kill():
            return ("gone",)
        case Pause():
            return ("stopped",)
        case Resume():
            return ("running",)
        case _:
            assert_never(action)
