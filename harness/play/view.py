"""A moment of a simulated run as JSON for the page: nodes, messages on their way, links, what just happened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias, cast

from checker.history import NEMESIS, Row
from checker.phrases import show
from harness.play.brief import BALLOTS, attributes, ballot_words, card, words
from harness.report.conversation import fault_words, request_words
from harness.sim.agenda import MESSAGE, TO_ITSELF
from harness.sim.network import Wire
from harness.sim.node import Node
from harness.sim.parcel import Parcel
from harness.sim.seen import LOST, Seen
from harness.sim.simulator import Simulator
from nemesis.actions import CLEAR, Fault, Weather
from protocols.kernel import Command
from protocols.wire import Codec

Json: TypeAlias = object
Record: TypeAlias = dict[str, Json]

PHASES = ("before", "main", "heal", "final")
DOWN: Record = {"role": "", "ballot": None, "log": None, "data": None, "fields": {}}


def node(node: Node, state: Record) -> Record:
    """What a node is, with the ``state`` of its replica."""
    return {
        "id": node.id,
        "up": node.replica is not None,
        "paused": node.parked is not None,
        "damaged": node.damaged,
        "incarnation": node.incarnation,
        "waiting": len(node.parked or ()),
        "durable": len(node.disk),
        "timers": {name: alarm.due_ns for name, alarm in sorted(node.alarms.items())},
        **state,
    }


def state_of(node: Node) -> Record:
    """The state of its replica, in short."""
    return DOWN if node.replica is None else card(node.replica)


def flights(simulator: Simulator, codec: Codec) -> list[Record]:
    """The messages that are on their way, by when they arrive. Of two of one text, the later is a double.

    An ``id`` is the message's for as long as it flies, in whichever replay.
    """
    there = sorted(e for e in simulator.agenda.heap if e[2] in {MESSAGE, TO_ITSELF})
    sent: set[tuple[int, int, int, str]] = set()
    ids: Counter[tuple[int, int, int, int]] = Counter()
    found: list[Record] = []
    for due_ns, _, kind, dst, a, b in there:
        src = dst if kind == TO_ITSELF else cast("Wire", a).src
        parcel = cast("Parcel", b)
        sent_ns, text = parcel.sent_ns, parcel.text
        path, which = (src, dst, sent_ns, due_ns), (src, dst, sent_ns, text)
        name, said = message(codec, text)
        found.append(
            {
                "id": ".".join(map(str, (*path, ids[path]))), "src": src, "dst": dst, "name": name,
                "words": said, "sent_ns": sent_ns, "due_ns": due_ns, "double": which in sent,
                "doomed": kind == MESSAGE and cast("Wire", a).cut,
            }
        )  # fmt: skip
        sent.add(which)
        ids[path] += 1
    return found


@lru_cache(maxsize=4_096)
def message(codec: Codec, text: str) -> tuple[str, str]:
    """A message's name, and its fields by their names, in short; asked for at each moment until it arrives."""
    msg = codec.decode(text)
    fields = (f"{name} {field_words(name, value)}" for name, value in attributes(msg).items())
    return type(msg).__name__, ", ".join(fields)


def field_words(name: str, value: object) -> str:
    """A field of a message: request ids and ballots as people can tell them apart.

    >>> from protocols.kernel import request_ids
    >>> field_words("request", next(request_ids(1, 1))), field_words("ballot", (3, 0)), field_words("slot", 4)
    ('n2#1', '3.n1', '4')
    """
    if type(value) is int and value >> 40:
        return request_words(value)
    if name in BALLOTS:
        return ballot_words(value)
    return words(value, 1)


def links(simulator: Simulator) -> list[Record]:
    """The directed links that are not as they should be."""
    return [
        {"src": node.id, "dst": dst, "cut": wire.cut, "weather": weather_words(wire.weather)}
        for node in simulator.nodes
        for dst, wire in enumerate(node.wires)
        if wire.cut or wire.weather != CLEAR
    ]


def weather_words(weather: Weather) -> str:
    """In a few words; none for clear weather.

    >>> weather_words(Weather(delay_ms=50, jitter_ms=10, loss_permille=200)), weather_words(CLEAR)
    ('+50±10 ms, 20 % lost', '')
    """
    said = []
    if weather.delay_ms:
        jitter = f"±{weather.jitter_ms}" if weather.jitter_ms else ""
        said.append(f"+{weather.delay_ms}{jitter} ms")
    for permille, what in (
        (weather.loss_permille, "lost"),
        (weather.duplicate_permille, "twice"),
        (weather.reorder_permille, "overtake"),
    ):
        if permille:
            said.append(f"{permille / 10:g} % {what}")
    return ", ".join(said)


def faults(simulator: Simulator) -> list[Record]:
    """The windows that are open."""
    plan = simulator.setup.plan
    return [
        {"window": i, "name": _name(plan[i].fault), "at_ms": plan[i].at_ms}
        for i in simulator.windows.still_open()
    ]


def _name(fault: Fault | str) -> str:
    return fault if isinstance(fault, str) else fault.name


def events(codec: Codec, seen: Sequence[Seen], rows: Sequence[Row]) -> list[Record]:
    """What was seen in a step, in words; ``rows`` are those that it added to the history."""
    told = [_event(codec, one) for one in seen if one.kind != "nemesis"]
    told += [
        {"kind": "nemesis", "node": -1, "name": row.f, "words": fault_words(row)}
        for row in rows
        if row.process == NEMESIS
    ]
    return told


def _event(codec: Codec, seen: Seen) -> Record:
    told: Record = {"kind": seen.kind, "node": seen.node}
    if seen.kind == "message" or seen.kind in LOST or seen.kind == "<- itself":
        name, said = message(codec, seen.text)
        src = seen.node if seen.src is None else seen.src
        told |= {"name": name, "words": said, "src": src, "sent_ns": seen.sent_ns}
    elif seen.kind == "request":
        number, _, command = seen.text.partition(" ")
        told |= {"name": request_words(int(number)), "words": words(Command(*json.loads(command)))}
    elif seen.kind == "reply":
        number, ok, value = seen.text.split(" ", 2)
        said = "" if ok == "True" else "refused: "
        told |= {"name": request_words(int(number)), "words": said + show(json.loads(value))}
    else:
        told |= {"name": seen.text, "words": ""}
    return told


def row(index: int, row: Row, threads: int) -> Record | None:
    """A row of the history, for the page: a client's or the nemesis'; None for a node's note."""
    if row.process == NEMESIS:
        value = cast("Record", row.value)
        return {
            "row": index, "time_ns": row.time_ns, "nemesis": True, "f": row.f,
            "phase": value.get("phase"), "window": value.get("window"), "words": fault_words(row),
        }  # fmt: skip
    if row.process < 0:
        return None
    return {
        "row": index, "time_ns": row.time_ns, "process": row.process,
        "thread": row.process % threads, "type": int(row.type), "f": row.f, "key": row.key,
        "value": row.value, "error": row.error, "node": row.node,
    }  # fmt: skip
