"""Faults of disks: what the system's own program on the host did to its files, and what came of that.

A sync that is slow is one that its process counted after the fault began. What a power cut forgets is
cut off the journal of a process that is gone. A process that meets a damaged record must end. Of a full disk tells
who refused the writes: the node, which counts them, or a file system of ours, which is asked for a new file, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, assert_never

from harness.errors import CapabilityError, RemoteError
from harness.remote.faults_process import Processes
from harness.remote.faults_record import Json, Proof, proof
from harness.remote.seam import Remote, on_all, raise_first
from harness.systems.kernel import HasData, HasJournal
from nemesis.actions import Corrupt, FillDisk, FreeDisk, Kill, LoseUnsynced, Restore, SlowDisk

JournalAction: TypeAlias = SlowDisk | LoseUnsynced | Corrupt | Restore | FillDisk | FreeDisk
End: TypeAlias = Callable[[Sequence[Kill]], object]
"""Kills processes."""

PATIENCE_S = 3.0
"""For a write or a sync that began after the fault: nodes that nobody asks for anything have none."""
_NO_SPACE, _SPACE = "no space", "made"
"""What comes of a new file (``harness.remote.agent``)."""


class Disks:
    """The disks of the nodes. ``slow`` are those whose syncs are known to take longer."""

    def __init__(self, remotes: Mapping[int, Remote], processes: Processes) -> None:
        self.remotes, self.processes = remotes, processes
        self.slow: set[int] = set()
        self._refused: dict[int, int] = {}
        """How many writes had been refused when a disk was filled, by node."""
        self.lossy = False
        """Whether the nodes' data is on a file system of ours, which knows what was synced."""

    def mount(self) -> None:
        """Put it there. Raises CapabilityError, naming the host, where that cannot be."""
        system = self.processes.system
        if not isinstance(system, HasData):
            raise CapabilityError(f"{system.name}: nobody has said where its data is")

        def mount(node: int) -> None:
            link, data = self.processes.agents.links[node], system.data(node)
            try:
                link.ask("disk", script=link.lossy, directory=data.path, kept=data.kept)
            except RemoteError as error:
                raise CapabilityError(
                    f"{self.remotes[node].host.name} cannot mount a file system of ours, which needs "
                    f"root and /dev/fuse ({error.problem})"
                ) from error

        self.processes.agents.each(mount)
        self.lossy = True

    def change(self, actions: Sequence[JournalAction], end: End) -> list[Proof]:
        """Carry the actions out, of one class and each of another node, all at once."""
        alive = [
            Kill(action.node)
            for action in actions
            if isinstance(action, LoseUnsynced) and self.processes.look(action.node) != "gone"
        ]
        if alive:
            end(alive)
        nodes = {action.node: action for action in actions}
        return [
            *raise_first(on_all(dict.fromkeys(nodes), lambda n: self._change(nodes[n]))).values()
        ]

    def _change(self, action: JournalAction) -> Proof:
        node = action.node
        saw: Mapping[str, Json]
        match action:
            case SlowDisk(_, ms):
                return self._slow(action, ms)
            case LoseUnsynced(_, torn) if self.lossy:
                link = self.processes.agents.links[node]
                forgot = link.ask("power", verb="tear" if torn else "lose")
                saw = {name: forgot[name] for name in ("files", "writes", "lost", "left")}
                return proof(action, "fuse", saw, saw["left"] == 0)
            case LoseUnsynced(_, torn):
                saw = self._do(node, "tear" if torn else "lose")
                has, synced, had = (
                    _number(saw, f"{name}_bytes") for name in ("has", "synced", "had")
                )
                lost = synced <= has < had if torn and synced < had else has == synced
                return proof(action, "disk", dict(saw), lost)
            case Corrupt():
                saw = self._do(node, "corrupt")
                if damaged := saw["damaged"] is not None:
                    self.processes.damaged.add(node)
                return proof(action, "disk", dict(saw), damaged)
            case Restore():
                saw = self._do(node, "restore")
                was = node in self.processes.damaged
                self.processes.damaged.discard(node)
                return proof(action, "disk", dict(saw), saw["restored"] is was)
            case FillDisk():
                return self._fill(action)
            case FreeDisk():
                return self._free(action)
            case _:
                assert_never(action)

    def _slow(self, action: SlowDisk, ms: int) -> Proof:
        node = action.node
        if ms:
            self.slow.add(node)
        # The sync that is under way, if one is, has begun before.
        enough = _number(self._do(node, "slow", str(ms)), "syncs") + 2
        deadline = time.monotonic() + PATIENCE_S
        while True:
            saw = self._do(node, "look")
            state = self.processes.look(node)
            if _number(saw, "syncs") >= enough:
                slowed_ms = _number(saw, "slowed_us") / 1000
                bit = slowed_ms >= ms if ms else slowed_ms < 1
                break
            if state != "running" or time.monotonic() > deadline:
                # It has not synced: there the page's word counts, until it does.
                saw = {**saw, "no sync of a process that is": state}
                bit = saw["slow_ms"] == ms
                break
        if bit and not ms:
            self.slow.discard(node)
        return proof(action, "disk", dict(saw), bit)

    def _fill(self, action: FillDisk) -> Proof:
        node = action.node
        if self.processes.look(node) == "gone":
            self.processes.killed.add(node)
        self.processes.full.add(node)
        saw = self._space(node, "fill", action.left_bytes)
        before = self._refused[node] = _number(saw, "refused")
        if self.lossy:
            tried = self.processes.agents.links[node].ask("space")["said"]
            self._refused[node] += tried == _NO_SPACE  # which was ours
            return proof(action, "fuse", {"a new file": tried}, tried == _NO_SPACE)
        deadline = time.monotonic() + PATIENCE_S
        while _number(saw, "refused") == before and time.monotonic() < deadline:
            state = self.processes.look(node)
            saw = self._space(node, "look")  # after that: who has ended since has counted why
            if state != "running" and _number(saw, "refused") == before:
                saw = {**saw, "no write of a process that is": state}
                break
        # Where it has not written yet, that will be seen at the end.
        bit = True if _number(saw, "refused") > before else None
        return proof(action, "disk", dict(saw), bit)

    def _free(self, action: FreeDisk) -> Proof:
        node = action.node
        saw = dict(self._space(node, "free"))
        now = _number(saw, "refused")
        saw["refused"] = now - self._refused.pop(node, now)
        # Who was refused a write may be about to end, and is to be started then.
        saw["state"] = self.processes.linger(node) if saw["refused"] else self.processes.look(node)
        # Who is gone though it was refused nothing, and nobody killed it, has ended for a reason of its own.
        explained = bool(saw["refused"] or saw["state"] != "gone" or node in self.processes.killed)
        self.processes.full.discard(node)
        self.processes.killed.discard(node)
        if not self.lossy:
            return proof(action, "disk", saw, saw["full"] is False and explained)
        saw["a new file"] = self.processes.agents.links[node].ask("space")["said"]
        return proof(action, "fuse", saw, saw["a new file"] == _SPACE and explained)

    def _space(self, node: int, verb: str, left_bytes: int | None = None) -> Mapping[str, Json]:
        """Who keeps the node's data is told, or asked: a file system of ours, or the node itself."""
        if self.lossy:
            return self.processes.agents.links[node].ask(
                "power", verb=verb, left_bytes=left_bytes or 0
            )
        return self._do(node, verb, *([] if left_bytes is None else [str(left_bytes)]))

    def heal(self, node: int) -> list[Proof]:
        """End what is still on at a node."""
        proofs = []
        if node in self.slow:
            proofs.append(self._slow(SlowDisk(node, 0), 0))
        if node in self.processes.full:
            proofs.append(self._free(FreeDisk(node)))
        if node in self.processes.damaged and self.processes.look(node) == "gone":
            proofs.append(self._change(Restore(node)))
        return proofs

    def _do(self, node: int, verb: str, *amounts: str) -> Mapping[str, Json]:
        system = self.processes.system
        if not isinstance(system, HasJournal):
            if self.lossy and verb in ("slow", "look"):
                ms = int(amounts[0]) if amounts else 0
                return self.processes.agents.links[node].ask("power", verb=verb, ms=ms)
            raise CapabilityError(f"{system.name}: nobody has said how its disk is broken")
        return system.disk(node, self.remotes[node], verb, *amounts)


def _number(said: Mapping[str, Json], name: str) -> int:
    number = said[name]
    assert isinstance(number, int), said
    return number
