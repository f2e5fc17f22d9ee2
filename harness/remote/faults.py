"""Carrying faults out on hosts, and proving that they bite and that they heal.

What is typed comes from ``nemesis.shell``; this sends it, one command a host and action, all hosts at
once, and then looks: by datagrams between the hosts' agents, and by the processes' states. What was
seen is data, for the history. A fault that did not bite is no exception (ARCHITECTURE.md 2.2).
"""

from __future__ import annotations

import shlex
import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from harness.errors import CapabilityError, RemoteError
from harness.remote import distances
from harness.remote.agent import OWN_FOLDER
from harness.remote.faults_agent import Agents, distinct_addresses
from harness.remote.faults_clock import Clocks, clock_program
from harness.remote.faults_disk import Disks
from harness.remote.faults_handover import Handovers
from harness.remote.faults_members import Members
from harness.remote.faults_process import Processes
from harness.remote.faults_proof import Network, Prober
from harness.remote.faults_record import Json, Proof, complaints, proof
from harness.remote.seam import Completed, Remote, on_all, raise_first
from harness.systems.kernel import HandsOver, HasClock, HasMembers, System
from nemesis import shell
from nemesis.actions import (
    CLEAR,
    Action,
    ClockAction,
    Corrupt,
    Cut,
    FillDisk,
    FreeDisk,
    Lead,
    Link,
    LoseUnsynced,
    MemberAction,
    Mend,
    ResetClock,
    Restore,
    Resume,
    Shape,
    SlowDisk,
    Start,
    Weather,
    Wipe,
)
from nemesis.shell import Facts, HostFacts

LEDGERS = "/run/nemesis"
"""Where agents keep what they would undo. Below /run, since a reboot heals too."""
LEASE_S = 30.0


class Injector:
    """The faults of one run on its hosts. Thread-safe: one ``perform`` or ``heal`` at a time.

    ``directory`` is the run's own on every host (absolute): the agents are put below it, and if the
    controller dies they remove it, after they killed the process of ``pid_files`` (by node; None:
    ``DIRECTORY/n<node + 1>/pid``), unless ``leave_running``. ``tag`` tells this run's chains from
    those of others: 1 to 20 letters, digits, ``-`` and ``_``. ``lease_s``: an agent that hears
    nothing for so long takes the controller for dead.
    """

    def __init__(
        self,
        remotes: Mapping[int, Remote],
        system: System,
        directory: str,
        tag: str,
        *,
        pid_files: Mapping[int, str] | None = None,
        leave_running: bool = False,
        ledgers: str = LEDGERS,
        lease_s: float = LEASE_S,
    ) -> None:
        self.remotes, self.system, self.directory = dict(remotes), system, directory
        self.addresses = distinct_addresses(remotes)
        self.facts = Facts(
            tag=tag, hosts={n: HostFacts(address=a) for n, a in self.addresses.items()}
        )
        self.network = Network(tuple(sorted(self.remotes)))
        self.agents = Agents(self.remotes, tag, ledgers=ledgers, lease_s=lease_s)
        self.prober = Prober(self.agents, self.network)
        self.processes = Processes(self.remotes, system, self.agents)
        self.clocks = Clocks(self.remotes, self.processes)
        self.disks = Disks(self.remotes, self.processes)
        self.members = Members(system) if isinstance(system, HasMembers) else None
        self.handovers = Handovers(system) if isinstance(system, HandsOver) else None
        self._pid_files = pid_files or {n: f"{directory}/n{n + 1}/pid" for n in self.remotes}
        self._leave_running = leave_running
        self._netem = False
        self._lock = threading.RLock()

    # --- before -----------------------------------------------------------------------------------

    def prepare(
        self,
        *,
        weather: bool = True,
        rtt_ms: Mapping[Link, int] | None = None,
        lossy: bool = False,
    ) -> list[Proof]:
        """Start the agents, undo what crashed runs have left, and make ready on every host.

        ``weather``: whether packets will be delayed or lost, so that it is found out now how.
        ``rtt_ms`` are round trips that stand from now on, whatever faults come and go; the proof
        that they do is returned. ``lossy``: the nodes' data is on a file system that forgets what was not
        synced (``harness.remote.lossy``). Raises CapabilityError, naming the host, for what it lacks, or if
        hosts do not hear each other before any fault; RemoteError. Then nothing is left on the hosts.
        """
        far = rtt_ms or {}
        with self._lock:
            try:
                self._look(weather=weather, far=bool(far))
                self._find_clocks()
                self.agents.open(self.directory, self._pid_files, leave_running=self._leave_running)
                if lossy:
                    self.disks.mount()
                if weather or far:
                    self._find_weather()
                self._set_up()
                self._measure_base()
                return [self._stand_apart(far)] if far else []
            except BaseException:
                self.agents.close()
                raise

    def _look(self, *, weather: bool, far: bool) -> None:
        everyone = list(self.addresses.values())

        def look(node: int) -> tuple[HostFacts, bool]:
            printed = self.remotes[node].run(shell.look(everyone), root=True).stdout
            try:
                return shell.seen(self.addresses[node], printed)
            except ValueError as error:
                raise CapabilityError(f"{self._name(node)}: {error}") from error

        looked = raise_first(on_all(self.remotes, look))
        self.facts = replace(self.facts, hosts={node: host for node, (host, _) in looked.items()})
        enough = len(looked) <= shell.MOST_NODES
        # Weather upon distances is more than netem can do (nemesis.shell_weather.distances).
        self._netem = weather != far and enough and all(netem for _, netem in looked.values())

    def _find_clocks(self) -> None:
        if not isinstance(self.system, HasClock):
            return
        folder, system = f"{self.directory}/{OWN_FOLDER}", self.system
        hosts = {
            node: replace(host, clock=clock_program(self.remotes[node], folder, system.clock(node)))
            for node, host in self.facts.hosts.items()
        }
        self.facts = replace(self.facts, hosts=hosts)

    def _find_weather(self) -> None:
        """Where the kernels lack netem, start the helpers, and note which queue each has."""
        if self._netem:
            return
        first = 1024 + zlib.crc32(self.facts.tag.encode()) % 60_000

        def open_queue(node: int) -> int:
            link = self.agents.links[node]
            try:
                queue: int = link.ask("queue", script=link.netem, first=first)["queue"]
            except RemoteError as error:
                raise CapabilityError(
                    f"{self._name(node)} can neither delay nor lose packets: its kernel has no "
                    f"netem, and no NFQUEUE that we may use ({error.problem})"
                ) from error
            return queue

        queues = self.agents.each(open_queue)
        hosts = {n: replace(host, queue=queues[n]) for n, host in self.facts.hosts.items()}
        self.facts = replace(self.facts, hosts=hosts)

    def _set_up(self) -> None:
        def set_up(node: int) -> None:
            undo = [list(shell.tear_down(self.facts, node))]
            self.agents.links[node].ask("arm", undo=undo)
            commands = [
                shell.sweep(self.facts.hosts[node], self.agents.living[node]),
                shell.set_up(self.facts, node),
            ]
            self.remotes[node].run(_one_after_the_other(commands), root=True)

        self.agents.each(set_up)

    def _measure_base(self) -> None:
        if deaf := self.prober.measure_base():
            ways = ", ".join(f"{self._name(a)} to {self._name(b)}" for a, b in deaf)
            raise CapabilityError(
                f"no UDP datagram came back from {ways}: the hosts must reach each other, "
                "and a firewall between them must let UDP pass"
            )

    def _stand_apart(self, rtt_ms: Mapping[Link, int]) -> Proof:
        """Make the distances, which end with the agents."""
        added = distances.apart_us(rtt_ms, self.network.base_us)
        self.facts = replace(self.facts, apart_us=added)
        self.network.apart_us = added
        self._tell_helpers({})

        def stand(node: int) -> None:
            self.remotes[node].run(shell.stand_apart(self.facts, node), root=True)

        raise_first(on_all(self.remotes, stand))
        return distances.prove(self.prober, rtt_ms)

    # --- while it runs ----------------------------------------------------------------------------

    def perform(self, actions: Sequence[Action]) -> list[Proof]:
        """Carry the actions out, in order, neighbours of one sort at once; a proof for each.

        Raises RemoteError if a host or its agent is lost.
        """
        with self._lock:
            proofs: list[Proof] = []
            groups = [(kind, list(group)) for kind, group in groupby(actions, _sort)]
            while groups:
                kind, group = groups.pop(0)
                if kind is Cut and groups and groups[0][0] is Lead:
                    proofs += self._cut_and_lead(group, groups.pop(0)[1])
                else:
                    proofs += self._perform_alike(kind, group)
            return proofs

    def _cut_and_lead(self, cuts: list[Any], leads: list[Any]) -> list[Proof]:
        """Ask for the handover while the cut is still being proved: what a leader takes in the meantime, and
        does not hear that anybody has, keeps it from handing over.
        """
        with ThreadPoolExecutor(1) as asking:
            began = time.monotonic()
            done = self._change_links(cuts)
            handed = asking.submit(self._perform_alike, Lead, leads)
            proofs = self._prove_links(cuts, done)
            ms = round((time.monotonic() - began) * 1000)
            return [*({**each, "ms": ms} for each in proofs), *handed.result()]

    def _perform_alike(self, kind: object, actions: list[Any]) -> list[Proof]:
        began = time.monotonic()
        if kind in (Cut, Mend):
            proofs = self._links(actions)
        elif kind is Shape:
            proofs = [self._shape(action) for action in actions]
        elif kind is MemberAction:
            assert self.members is not None, "changes of membership of a system that has none"
            proofs = self.members.change(actions)
        elif kind is Lead:
            assert self.handovers is not None, "a handover by a system that knows of none"
            proofs = self.handovers.lead(actions)
        elif kind is Start:
            proofs = self.processes.start_all(actions)
        elif kind is Wipe:
            proofs = self.processes.wipe_all(actions)
        elif kind in (SlowDisk, LoseUnsynced, Corrupt, Restore, FillDisk, FreeDisk):
            proofs = self.disks.change(
                actions, lambda kills: self.processes.signal(kills, self._send)
            )
        elif kind is ClockAction:
            proofs = self.clocks.change(actions, self._send, self.facts)
        else:
            proofs = self.processes.signal(actions, self._send)
        ms = round((time.monotonic() - began) * 1000)
        return [{**each, "ms": ms} for each in proofs]

    def standing(self) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
        """The members, and who is down, as far as the system says (``Members.standing``)."""
        return (None, ()) if self.members is None else self.members.standing()

    def _send(
        self, actions: Iterable[Action], pids: Mapping[int, int] | None = None
    ) -> dict[int, Completed]:
        """Type what the actions say, one command a host. A command's failure is for the proof."""
        facts = replace(self.facts, pids=pids or {})
        commands: dict[int, list[shell.Argv]] = {}
        for action in actions:
            for node, argv in shell.commands(action, facts):
                commands.setdefault(node, []).append(argv)

        def send(node: int) -> Completed:
            argv = _one_after_the_other(commands[node])
            return self.remotes[node].run(argv, root=True, check=False)

        return raise_first(on_all(dict.fromkeys(commands), send))

    # --- cuts and weather -------------------------------------------------------------------------

    def _links(self, actions: Sequence[Cut | Mend]) -> list[Proof]:
        return self._prove_links(actions, self._change_links(actions))

    def _change_links(self, actions: Sequence[Cut | Mend]) -> dict[int, Completed]:
        done = self._send(actions)
        for action in actions:
            if isinstance(action, Cut):
                self.network.cut |= set(action.links)
            else:
                self.network.cut -= set(action.links)
        return done

    def _prove_links(
        self, actions: Sequence[Cut | Mend], done: Mapping[int, Completed]
    ) -> list[Proof]:
        links = {link for action in actions for link in action.links}
        good, saw = self.prober.prove_links(links)
        saw |= complaints(done)
        return [
            proof(action, "udp", saw, all(good[link] for link in action.links))
            for action in actions
        ]

    def _shape(self, action: Shape) -> Proof:
        assert self._netem or self._has_helpers, "weather that prepare was not told of"
        changed = dict(self.network.weather)
        for link in action.links:
            changed.pop(link, None)
            if action.weather != CLEAR:
                changed[link] = action.weather
        if action.weather != CLEAR:
            self._tell_helpers(changed)
        done = self._send([action])
        self.network.weather = changed
        counts = self._tell_helpers(changed) if action.weather == CLEAR else {}
        bit, saw = self.prober.prove_weather(action.links, action.weather)
        if counts:
            saw["helpers"] = self._named(counts)
        failed = complaints(done)
        return proof(action, "udp", saw | failed, bit and not failed)

    @property
    def _has_helpers(self) -> bool:
        return all(host.queue is not None for host in self.facts.hosts.values())

    def _tell_helpers(self, weather: Mapping[Link, Weather]) -> dict[int, dict[str, Any]]:
        """Give each helper the whole weather of what it receives; their counters."""
        if not self._has_helpers:
            return {}

        def tell(node: int) -> dict[str, Any]:
            rules = {
                self.addresses[src]: {
                    **asdict(weather.get((src, node), CLEAR)),
                    "apart_us": self.network.apart_us.get((src, node), 0),
                }
                for src in self.addresses
                if (src, node) in weather or (src, node) in self.network.apart_us
            }
            return self.agents.links[node].ask("weather", rules=rules)

        return self.agents.each(tell)

    def packet_counts(self) -> dict[str, dict[str, int]]:
        """By host, what its helper did so far: packets ``handled``, ``delayed``, ``lost`` and so on.

        Those that the kernel dropped because the helper was too slow are ``missed``, and, as far as
        it may be seen, ``queue_dropped`` and ``user_dropped``: losses that nobody asked for.
        """
        with self._lock:
            return self._named(self._tell_helpers(self.network.weather))

    def _named(self, counts: Mapping[int, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        return {
            self._name(node): {what: n for what, n in of_node.items() if what != "id"}
            for node, of_node in counts.items()
        }

    # --- after ------------------------------------------------------------------------------------

    def heal(self, *, start: bool = True) -> list[Proof]:
        """End all faults: mend, clear, resume and (``start``) start what is dead; and prove it.

        Distances stay, and are part of the proof.
        May be repeated, and called after a ``perform`` that was broken off. Every host is healed as
        far as it can be reached: one that cannot is a proof that did not bite.
        """
        with self._lock:
            if not self.agents.links:
                return []
            began = time.monotonic()
            results = on_all(self.remotes, lambda node: self._heal_host(node, start))
            self.network.cut.clear()
            self.network.weather.clear()
            proofs: list[Proof] = []
            for node, result in results.items():
                if isinstance(result, Exception):
                    name = self._name(node)
                    action: Json = {"do": "heal", "node": node}
                    saw: Json = {"error": f"{name}: {result}"}
                    proofs.append({"action": action, "probe": "ssh", "saw": saw, "bit": False})
                else:
                    proofs += result
            if not any(isinstance(result, Exception) for result in results.values()):
                try:
                    proofs += self._prove_healed()
                except RemoteError as error:  # an agent or its helper is gone: nothing is proved
                    saw = {"error": str(error)}
                    proofs.append(
                        {"action": {"do": "heal"}, "probe": "udp", "saw": saw, "bit": False}
                    )
            ms = round((time.monotonic() - began) * 1000)
            return [{**each, "ms": ms} for each in proofs]

    def _heal_host(self, node: int, start: bool) -> list[Proof]:
        remote = self.remotes[node]
        commands = [shell.heal(self.facts, node)]
        if node in self.processes.paused:
            facts = replace(self.facts, pids=self.processes.paused)
            ((_, wake),) = shell.commands(Resume(node), facts)
            # It may have died since.
            commands.append((*shell.shell('"$@" 2>/dev/null', "true"), "sh", *wake))
        if node in self.clocks.wrong:
            commands += [argv for _, argv in shell.commands(ResetClock(node), self.facts)]
        remote.run(_one_after_the_other(commands), root=True)
        proofs = self.processes.prove_woken(node) + self.disks.heal(node)
        if start and self.system.pid(node, remote) is None:
            proofs.append(self.processes.start(node))
        return proofs + self.clocks.prove_right(node, self.facts)

    def _prove_healed(self) -> list[Proof]:
        counts = self._tell_helpers({})
        links = tuple(self.network.links)
        if not links:
            return []
        good, saw = self.prober.prove_links(links)
        clear, measured = self.prober.prove_weather(links, CLEAR)
        if counts:
            measured["helpers"] = self._named(counts)
        return [
            proof(Mend(links), "udp", saw, all(good.values())),
            proof(Shape(links, CLEAR), "udp", measured, clear),
        ]

    def close(self) -> list[str]:
        """End the agents and leave nothing of ours on the hosts. Idempotent; never raises for a host.

        What could not be undone, a sentence each. The system's processes are left as they are.
        """
        if self.members is not None:
            self.members.close()
        with self._lock:
            problems = []
            for node, texts in self.agents.close().items():
                done = on_all({node: self.remotes[node]}, self._tear_down)[node]
                if done is not None:
                    problems.append(f"{self._name(node)}: {'; '.join(texts)}; {done}")
            return problems

    def _tear_down(self, node: int) -> None:
        """What the agent should have done, without it."""
        self.remotes[node].run(shell.tear_down(self.facts, node), root=True)

    def _name(self, node: int) -> str:
        return self.remotes[node].host.name


def _sort(action: Action) -> object:
    """Neighbours of one sort are done at once: all of a class, and all of clocks or of membership."""
    for family in (MemberAction, ClockAction):
        if isinstance(action, family):
            return family
    return type(action)


def _one_after_the_other(commands: Sequence[shell.Argv]) -> shell.Argv:
    """One command that runs them all, up to the first that fails."""
    if len(commands) == 1:
        return commands[0]
    return shell.shell(" &&\n".join(shlex.join(argv) for argv in commands))
