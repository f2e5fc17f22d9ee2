"""Replicas on a stage: a test, or chance, says which message arrives next; the transcript says all.

A transcript has one line an event, and below it, indented, what the replica said to do. Everything
passes through the wire codec and the disk through JSON, as under the real interpreters.
``UPDATE_GOLDEN=1`` writes the golden files anew, to be reviewed as a diff.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protocols.kernel import (
    CancelTimer,
    Cluster,
    Command,
    Event,
    Fired,
    Note,
    Persist,
    Received,
    Replica,
    Reply,
    Requested,
    Send,
    SetTimer,
    Started,
    request_ids,
)
from protocols.wire import Codec, dumps, loads

GOLDEN = Path(__file__).parent / "golden"


class Stage:
    """A cluster whose every step is asked for. ``wires[src, dst]`` are the messages under way."""

    def __init__(
        self, protocol: type[Replica[Any]], n: int = 3, options: Mapping[str, object] | None = None
    ) -> None:
        self.protocol = protocol
        self.codec = Codec(protocol.messages)
        self.cluster = Cluster(tuple(range(n)), rtt_ms=20, options=options or {})
        self.replicas: dict[int, Replica[Any]] = {}
        self.disks: list[dict[str, str]] = [{} for _ in range(n)]
        self.timers: list[dict[str, None]] = [{} for _ in range(n)]
        self.incarnations = [0] * n
        self.wires: dict[tuple[int, int], deque[str]] = defaultdict(deque)
        self.replies: dict[int, Reply] = {}
        self.notes: list[tuple[int, Note]] = []
        self.lines: list[str] = []
        self.sent = 0

    # --- events -----------------------------------------------------------------------------------

    def start(self, *nodes: int) -> None:
        """Start these nodes (all, if none is named) with what is on their disks."""
        for node in nodes or self.cluster.nodes:
            assert node not in self.replicas
            self.incarnations[node] += 1
            self.ids = getattr(self, "ids", {})
            self.ids[node] = request_ids(node, self.incarnations[node])
            self.replicas[node] = self.protocol(node, self.cluster)
            durable = {key: loads(text) for key, text in self.disks[node].items()}
            self.step(node, Started(durable), f"starts with {', '.join(durable) or 'nothing'}")

    def kill(self, *nodes: int) -> None:
        for node in nodes or self.cluster.nodes:
            del self.replicas[node]
            self.timers[node].clear()
            self.lines.append(f"n{node} is killed")

    def fire(self, node: int, timer: str) -> None:
        del self.timers[node][timer]
        self.step(node, Fired(timer), f"timer {timer}")

    def request(self, node: int, command: Command) -> int:
        request = next(self.ids[node])
        self.step(node, Requested(request, command), f"is asked for {command}")
        return request

    def deliver(self, src: int, dst: int, place: int = 0) -> Any:
        """Let the oldest message from ``src`` to ``dst`` (or that at ``place``) arrive."""
        wire = self.wires[src, dst]
        text = wire[place]
        del wire[place]
        msg = self.codec.decode(text)
        if dst in self.replicas:
            self.step(dst, Received(src, msg), f"<- n{src} {msg}")
        return msg

    def drop(self, src: int, dst: int) -> None:
        """Lose all that is under way from ``src`` to ``dst``."""
        for text in self.wires.pop((src, dst), ()):
            self.lines.append(f"n{dst} never gets from n{src} {self.codec.decode(text)}")

    def quiet(self, *nodes: int) -> None:
        """Lose all that is under way (from or to these, if any is named)."""
        for link in list(self.wires):
            if not nodes or {*link} & {*nodes}:
                self.drop(*link)

    def put(self, src: int, dst: int, msg: Any) -> None:
        """Let this be under way, whoever said it."""
        self.wires[src, dst].append(self.codec.encode(msg))

    def tell(self, src: int, dst: int, msg: Any) -> list[Any]:
        """Lose all that is under way, and deliver this; what is answered."""
        self.quiet()
        self.put(src, dst, msg)
        self.deliver(src, dst)
        return [self.codec.decode(text) for text in self.wires.pop((dst, src), ())]

    def settle(self, *nodes: int, limit: int = 10_000) -> None:
        """Deliver all between these nodes (default: all), in order, until no more is said."""
        among = nodes or self.cluster.nodes
        while busy := [link for link, wire in self.wires.items() if wire and set(link) <= {*among}]:
            for link in busy:
                while self.wires[link]:
                    limit -= 1
                    assert limit, "they never stop talking"
                    self.deliver(*link)

    def elect(self, node: int, *among: int) -> None:
        """Let ``node`` lose its patience, and win."""
        while not any(self.wires.values()):
            self.fire(node, "watch")
        self.settle(*(among or self.cluster.nodes))
        assert self.replicas[node].leader() == node

    # --- effects ----------------------------------------------------------------------------------

    def step(self, node: int, event: Event, text: str) -> None:
        self.lines.append(f"n{node} {text}")
        effects = self.replicas[node].step(event)
        for effect in effects:
            if isinstance(effect, Persist):
                self.persist(node, effect)
        for effect in effects:
            self.lines.append(f"    {self.carry_out(node, effect)}")

    def persist(self, node: int, effect: Persist) -> None:
        if effect.value is None:
            self.disks[node].pop(effect.key, None)
        else:
            self.disks[node][effect.key] = dumps(effect.value)

    def carry_out(self, node: int, effect: object) -> str:
        match effect:
            case Send(dst, msg):
                self.sent += 1
                self.wires[node, dst].append(self.codec.encode(msg))
                return f"-> n{dst} {msg}"
            case SetTimer(timer, least, most):
                self.timers[node][timer] = None
                return f"set timer {timer} {least}..{most} ms"
            case CancelTimer(timer):
                self.timers[node].pop(timer, None)
                return f"cancel timer {timer}"
            case Persist(key, value):
                return f"forget {key}" if value is None else f"persist {key} = {dumps(value)}"
            case Reply(request, value, ok):
                assert request not in self.replies, "answered twice"
                self.replies[request] = effect
                return f"reply {dumps(value)}{'' if ok else ' (failed)'}"
            case Note(kind, value):
                self.notes.append((node, effect))
                return f"note {kind} {dumps(value)}"
        raise TypeError(effect)

    # --- what was seen ----------------------------------------------------------------------------

    def transcript(self) -> str:
        return "\n".join(self.lines) + "\n"

    def decided(self) -> dict[int, object]:
        """What was decided in each slot. Fails when two nodes disagree."""
        decided: dict[int, object] = {}
        for node, note in self.notes:
            if note.kind == "decided":
                slot, what = note.value  # type: ignore[misc]
                first = decided.setdefault(slot, what)
                assert first == what, f"slot {slot}: n{node} decided {what}, another {first}"
        return decided


def assert_golden(name: str, stage: Stage) -> None:
    """The transcript is that of ``tests/golden/NAME.transcript``, or becomes it (see the module)."""
    path = GOLDEN / f"{name}.transcript"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(stage.transcript())
    assert path.read_text() == stage.transcript(), f"UPDATE_GOLDEN=1 writes {path} anew"
