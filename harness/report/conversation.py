"""What was said in a run, between nodes and clients: the events that a table or a diagram shows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from checker.history import INFO, INVOKE, NEMESIS, OK, Row
from checker.phrases import show
from checker.verdict import Outcome
from harness.sim import Seen
from harness.simulated import Played
from harness.trial import Trial

MS = 1_000_000
MARGIN_NS = 20 * MS
"""Shown before and after the evidence."""
SHORT_RUN = 250
"""A run of no more events than this is shown whole."""


UPDATES = ("write", "cas")
"""Their answer is no news."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is asked to be shown; None: whatever there is."""

    from_ns: int | None = None
    to_ns: int | None = None
    keys: frozenset[str] | None = None
    nodes: frozenset[int] | None = None


class Moment(NamedTuple):
    """One line. ``kind`` is a kind of Seen, or ``invoke``, ``ok``, ``fail``, ``info``, ``note``.

    ``node`` is where it happens; of a client's, the node that it asks. A message has ``src`` and
    ``sent_ns``. ``client`` is a thread. ``evident``: the verdict rests on it.
    """

    time_ns: int
    node: int
    kind: str
    text: str
    src: int | None = None
    sent_ns: int | None = None
    client: int | None = None
    process: int | None = None
    evident: bool = False
    row: int = -1


class Band(NamedTuple):
    """A fault while it is on: at these nodes, or over these links."""

    name: str
    from_ns: int
    to_ns: int
    nodes: tuple[int, ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Moments in order of time, and what they are about. ``omitted`` says what is not there."""

    trial: Trial
    moments: list[Moment]
    bands: list[Band]
    outcome: Outcome
    summary: str
    sentences: tuple[str, ...]
    omitted: str | None


def conversation(trial: Trial, played: Played, seen: Iterable[Seen], scope: Scope) -> Conversation:
    """The moments of a run within a scope: by default those around the evidence."""
    results = played.results
    verdict = next((v for v in results.checks.values() if v.outcome is results.outcome), None)
    evidence = frozenset(() if verdict is None else verdict.evidence)
    rows = played.run.rows
    everything = _merged(
        _of_rows(trial, rows, evidence), [_of_seen(s) for s in seen if s.kind != "nemesis"]
    )
    from_ns, to_ns = _span(scope, [rows[i] for i in sorted(evidence)], everything)
    shown = [
        m for m in everything if from_ns <= m.time_ns <= to_ns and (m.evident or _matches(m, scope))
    ]
    omitted = None
    if len(shown) < len(everything):
        omitted = (
            f"shown: {len(shown)} of {len(everything)} events, "
            f"{from_ns / MS:.3f} to {min(to_ns, everything[-1].time_ns) / MS:.3f} ms"
        )
    return Conversation(
        trial=trial,
        moments=shown,
        bands=[b for b in bands_of(rows) if b.from_ns <= to_ns and b.to_ns >= from_ns],
        outcome=results.outcome,
        summary="" if verdict is None else verdict.summary,
        sentences=() if verdict is None else verdict.explanation,
        omitted=omitted,
    )


def _span(scope: Scope, evidence: list[Row], everything: list[Moment]) -> tuple[int, int]:
    """From when to when: as asked, else around the evidence, else all."""
    first, last = 0, everything[-1].time_ns if everything else 0
    if evidence and len(everything) > SHORT_RUN and scope.from_ns is None and scope.to_ns is None:
        first = evidence[0].time_ns - MARGIN_NS
        last = evidence[-1].time_ns + MARGIN_NS
    return (
        max(0, first) if scope.from_ns is None else scope.from_ns,
        last if scope.to_ns is None else scope.to_ns,
    )


def _matches(moment: Moment, scope: Scope) -> bool:
    if moment.kind == "nemesis":
        return True
    at = {moment.node, moment.src}
    if scope.nodes is not None and not at & scope.nodes:
        return False
    return scope.keys is None or any(f'"{key}"' in moment.text for key in scope.keys)


def _of_seen(seen: Seen) -> Moment:
    return Moment(seen.time_ns, seen.node, seen.kind, str(seen.text), seen.src, seen.sent_ns)


def _of_rows(trial: Trial, rows: list[Row], evidence: frozenset[int]) -> list[Moment]:
    """The clients' rows, and the notes that are evidence."""
    moments = []
    for index, row in enumerate(rows):
        evident = index in evidence
        if row.process >= 0:
            kind = ("invoke", "ok", "fail", "info")[row.type]
            moments.append(
                Moment(
                    row.time_ns, row.node or 0, kind, _words(row), client=row.process % trial.threads,
                    process=row.process, evident=evident, row=index,
                )
            )  # fmt: skip
        elif row.process == NEMESIS:
            moments.append(Moment(row.time_ns, 0, "nemesis", fault_words(row), row=index))
        elif evident:
            text = f"{row.f} {json.dumps(row.value)}"
            node = -2 - row.process
            moments.append(Moment(row.time_ns, node, "note", text, evident=True, row=index))
    return moments


def _words(row: Row) -> str:
    """An op as its client knows it.

    >>> _words(Row(0, 0, INVOKE, "write", "x", 1)), _words(Row(0, 0, OK, "read", "x", None))
    ('write "x" 1', 'read "x" = nothing')
    """
    key = f'"{row.key}"'
    if row.type == INVOKE:
        return f"{row.f} {key}" + ("" if row.value is None else f" {show(row.value)}")
    if row.type == OK:
        return f"{row.f} {key}{' ' if row.f in UPDATES else ' = '}{show(row.value)}"
    return f"{row.f} {key}: {row.error or ('nobody knows' if row.type == INFO else 'refused')}"


def _merged(rows: list[Moment], seen: list[Moment]) -> list[Moment]:
    """By time; of one time, what nodes do comes before what clients are told and ask for then."""
    return sorted([*seen, *rows], key=lambda m: m.time_ns)


def fault_words(row: Row) -> str:
    """What a row of the nemesis says.

    >>> value = {"phase": "begin", "actions": [{"do": "kill", "node": 0}, {"do": "cut", "links": [[0, 1]]}]}
    >>> fault_words(Row(0, NEMESIS, INFO, "mine", None, value))
    'mine begins: kill n1, cut n1→n2'
    """
    value = row.value if isinstance(row.value, dict) else {}
    phase = {"begin": "begins", "end": "ends", "heal": "all"}.get(str(value.get("phase")), "")
    actions = ", ".join(action_words(action) for action in value.get("actions", ()))
    return f"{row.f} {phase}" + (f": {actions}" if actions else "")


def action_words(action: dict[str, Any]) -> str:
    if "node" in action:
        return f"{action['do']} n{action['node'] + 1}"
    links = " ".join(f"n{src + 1}→n{dst + 1}" for src, dst in action["links"])
    weather = " ".join(f"{name} {n}" for name, n in action.get("weather", {}).items())
    return f"{action['do']} {links}" + (f" ({weather or 'clear'})" if "weather" in action else "")


def bands_of(rows: list[Row]) -> list[Band]:
    """The faults of a history, each with when it was on. The heal ends them all."""
    begun: dict[object, Row] = {}
    bands = []
    for row in rows:
        if row.process != NEMESIS or not isinstance(row.value, dict):
            continue
        window = row.value.get("window")
        if row.value["phase"] == "begin":
            begun[window] = row
            continue
        over = list(begun) if row.value["phase"] == "heal" else [window]
        bands += [_band(begun.pop(w), row.time_ns) for w in over if w in begun]
    last_ns = rows[-1].time_ns if rows else 0
    return bands + [_band(row, last_ns) for row in begun.values()]


def _band(begin: Row, end_ns: int) -> Band:
    value = cast("dict[str, Any]", begin.value)
    nodes = tuple(a["node"] for a in value["actions"] if "node" in a)
    links = tuple((src, dst) for a in value["actions"] for src, dst in a.get("links", ()))
    return Band(begin.f, begin.time_ns, end_ns, nodes, links)


def message_words(text: str) -> tuple[str, str]:
    """A message's name, and its fields in short.

    >>> message_words('["Store",1099511628033,"r0",[1,1],1]')
    ('Store', 'n2#1 "r0" [1,1] 1')
    """
    name, *fields = json.loads(text)
    return name, " ".join(_field_words(field) for field in fields)


def _field_words(field: object) -> str:
    if type(field) is int and field >> 40:
        return request_words(field)
    return json.dumps(field, separators=(",", ":"))


def request_words(request: int) -> str:
    """A request id as people can tell it apart: the node, its incarnation after the first, a number.

    >>> from protocols.kernel import request_ids
    >>> request_words(next(request_ids(0, 1))), request_words(next(request_ids(2, 3)))
    ('n1#1', 'n3.3#1')
    """
    node, serial, incarnation = request & 255, request >> 8 & 0xFFFFFFFF, request >> 40
    return f"n{node + 1}{'' if incarnation == 1 else f'.{incarnation}'}#{serial}"


def request_of(moment: Moment) -> int:
    """The id of the request that this ``request`` or ``reply`` is about."""
    return int(moment.text.split(" ", 1)[0])
