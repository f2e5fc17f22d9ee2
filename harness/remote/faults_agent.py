"""The controller's end of the agents: one request at a time to each, all agents at once."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import CapabilityError, RemoteError
from harness.node import clock as clock_module
from harness.remote import agent as agent_module
from harness.remote import lossy as lossy_module
from harness.remote import netem as netem_module
from harness.remote.agent import OWN_FOLDER
from harness.remote.seam import Remote, Stream, on_all, raise_first

T = TypeVar("T")

_ANSWER_TIMEOUT_S = 10.0
_HELLO_TIMEOUT_S = 30.0
"""It may first undo what a crashed run has left."""


class AgentLink:
    """One agent on one host. Thread-safe; all waits are bounded."""

    def __init__(self, remote: Remote, folder: str) -> None:
        self.remote, self.folder = remote, folder
        for module in (agent_module, netem_module, lossy_module, clock_module):
            source = Path(str(module.__file__))
            remote.put(source.read_bytes(), f"{folder}/{source.name}")
        self._stream: Stream = remote.stream(
            [remote.host.python, f"{folder}/{Path(str(agent_module.__file__)).name}"], root=True
        )
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def netem(self) -> str:
        return f"{self.folder}/{Path(str(netem_module.__file__)).name}"

    @property
    def lossy(self) -> str:
        return f"{self.folder}/{Path(str(lossy_module.__file__)).name}"

    def ask(
        self, do: str, *, timeout_s: float = _ANSWER_TIMEOUT_S, **fields: Any
    ) -> dict[str, Any]:
        """The agent's answer. Raises RemoteError for what it could not do, or if it is gone."""
        with self._lock:
            number = next(self._numbers)
            self._stream.send(json.dumps({"id": number, "do": do, **fields}))
            deadline = time.monotonic() + timeout_s
            while True:
                line = self._stream.receive(max(0.0, deadline - time.monotonic()))
                answer = self._parse(line)
                if answer.get("id") == number:  # else it is late, for one who stopped waiting
                    break
        if "error" in answer:
            raise RemoteError(self.remote.host.name, f"the fault agent: {answer['error']}")
        return answer

    def _parse(self, line: str) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RemoteError(self.remote.host.name, f"the fault agent said {line[:200]!r}")
        return answer

    def close(self) -> None:
        self._stream.close()


class Agents:
    """The agents of all nodes."""

    def __init__(
        self, remotes: Mapping[int, Remote], tag: str, *, ledgers: str, lease_s: float
    ) -> None:
        self.remotes, self.tag = remotes, tag
        self._ledgers, self._lease_s = ledgers, lease_s
        self.links: dict[int, AgentLink] = {}
        self.living: dict[int, list[str]] = {}
        """Tags of other runs that are alive on a node's host."""
        self.swept: dict[int, list[str]] = {}
        """Tags of crashed runs whose traces were undone there."""
        self._closing = threading.Event()
        self._beats: threading.Thread | None = None

    def open(self, directory: str, pid_files: Mapping[int, str], *, leave_running: bool) -> None:
        """Put the agents on their hosts, below ``directory``, and start them.

        Raises the first host's RemoteError. The agents that did start undo nothing by then.
        """
        folder = f"{directory}/{OWN_FOLDER}"
        self._closing.clear()

        def begin(node: int) -> tuple[AgentLink, dict[str, Any]]:
            remote = self.remotes[node]
            remote.run(["mkdir", "-p", folder])
            link = AgentLink(remote, folder)
            try:
                greeting = link.ask(
                    "hello",
                    timeout_s=_HELLO_TIMEOUT_S,
                    tag=self.tag,
                    node=node,
                    ledgers=self._ledgers,
                    lease_s=self._lease_s,
                    pid_files=[pid_files[node]],
                    directories=[directory],
                    leave_running=leave_running,
                )
            except BaseException:
                link.close()
                raise
            return link, greeting

        begun = on_all(dict.fromkeys(self.remotes), begin)
        self.links = {n: done[0] for n, done in begun.items() if isinstance(done, tuple)}
        greetings = {node: greeting for node, (_, greeting) in raise_first(begun).items()}
        self.living = {node: g["living"] for node, g in greetings.items()}
        self.swept = {node: g["undone"] for node, g in greetings.items() if g["undone"]}
        peers = {
            node: [self.remotes[node].host.peer_address, greeting["port"]]
            for node, greeting in greetings.items()
        }
        self.tell("peers", peers=peers)
        self._beats = threading.Thread(target=self._beat, name="fault-agents", daemon=True)
        self._beats.start()

    def each(self, function: Callable[[int], T]) -> dict[int, T]:
        """``function`` of every node that has an agent, all at once. Raises the first error."""
        return raise_first(on_all(dict.fromkeys(self.links), function))

    def tell(self, do: str, **fields: Any) -> dict[int, dict[str, Any]]:
        """Ask all agents the same."""
        return self.each(lambda node: self.links[node].ask(do, **fields))

    def _beat(self) -> None:
        """Say that we are there, so that a host that loses us without a word will not wait for ever."""
        while not self._closing.wait(self._lease_s / 4):
            # A host that cannot be reached is found out, and named, by whoever needs it next.
            on_all(dict.fromkeys(self.links), lambda node: self.links[node].ask("beat"))

    def close(self) -> dict[int, list[str]]:
        """End the agents, each after it undid all faults on its host. Idempotent.

        What could not be undone, as text by node; a lost agent is such a problem.
        """
        self._closing.set()

        def end(node: int) -> list[str]:
            try:
                problems: list[str] = self.links[node].ask("bye", timeout_s=60.0)["problems"]
            except RemoteError as error:
                problems = [str(error)]
            finally:
                self.links[node].close()
            return problems

        ended = on_all(dict.fromkeys(self.links), end)
        self.links = {}
        if self._beats is not None:
            self._beats.join(_ANSWER_TIMEOUT_S)
            self._beats = None
        return {
            node: [str(problems)] if isinstance(problems, Exception) else problems
            for node, problems in ended.items()
            if problems
        }


def distinct_addresses(remotes: Mapping[int, Remote]) -> dict[int, str]:
    """Each node's address as the others see it. Raises CapabilityError where two nodes share one."""
    addresses = {node: remote.host.peer_address for node, remote in remotes.items()}
    if len(set(addresses.values())) < len(addresses):
        raise CapabilityError(
            f"faults between nodes need a host for each node, not {sorted(addresses.values())}"
        )
    return addresses
