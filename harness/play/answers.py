"""What the page is told: moments, rows, what was done, what is wrong. JSON from a session, no I/O."""

from __future__ import annotations

import pkgutil
from typing import Any

from checker.history import History
from checker.verdict import Outcome
from harness.errors import UsageError
from harness.judge import Results
from harness.node.inspect import plain
from harness.play.inputs import MS, Ask, Break, Cure, Finish, Input, ends_of
from harness.play.session import Session
from harness.play.timeline import Moment
from harness.play.view import Json, Record, row
from harness.report.anomaly import anomalies, numbered
from protocols import PROTOCOLS
from protocols.kernel import Replica

MOST_AT_ONCE = 200
ROWS_BEFORE = 400
"""Of a long history so many rows before the first moment are told."""


def about(session: Session, step: int) -> Record:
    """All that the page needs to begin with, standing after ``step``."""
    trial = session.trial
    workload, replica = trial.made_workload(), trial.replica()
    offered = replica.commands
    commands = [f for f in workload.commands or offered or () if offered is None or f in offered]
    return {
        "protocol": trial.protocol,
        "workload": trial.workload,
        "nodes": trial.nodes,
        "threads": trial.threads,
        "zones": list(trial.places()),
        "seed": trial.seed,
        "network": trial.network,
        "keys": [f"r{i}" for i in range(trial.keys)],
        "commands": commands,
        "messages": [cls.__name__ for cls in replica.messages],
        "hands_over": replica.hands_over(trial.cluster()),
        "initial": [one["fields"] for one in _nodes(session.timeline.moment(0))],
        "about": described(trial.protocol, replica),
        **changed(session, step),
    }


def described(protocol: str, replica: type[Replica[Any]]) -> str:
    """What a protocol is, in a line: its module says it; of another class, such as a mutant, itself."""
    module = PROTOCOLS.get(protocol, "").partition(":")[0]
    said = (pkgutil.resolve_name(module) if module else replica).__doc__ or ""
    return next(iter(said.strip().splitlines()), "")


def _nodes(moment: Moment) -> list[Record]:
    nodes = moment.shown["nodes"]
    assert isinstance(nodes, list)
    return nodes


def changed(session: Session, step: int) -> Record:
    """What is another after something was done at ``step``."""
    trial = session.trial
    return {
        "version": session.version,
        "time_ms": trial.time_ms,
        "inputs": inputs(session.inputs),
        "command": trial.command("sim"),
        **moments(session, step, 1, None),
    }


def moments(session: Session, first: int, count: int, have_rows: int | None) -> Record:
    """Moments from a step on, with the rows of the history up to the last of them that the page
    has not (it has those below ``have_rows``; None: it has none).
    """
    found = session.timeline.moments(first, min(count, MOST_AT_ONCE))
    last = found[-1]
    least = max(0, found[0].rows - ROWS_BEFORE)
    from_row = least if have_rows is None else max(have_rows, least)
    return {
        "moments": [moment.shown for moment in found],
        "rows": {"from": from_row, "rows": _rows(session, from_row, last)},
        "last": session.timeline.last,
    }


def _rows(session: Session, first: int, last: Moment) -> list[Json]:
    history, threads = session.timeline.rows(last.rows), session.trial.threads
    told = (row(i, history[i], threads) for i in range(first, len(history)))
    return [one for one in told if one is not None]


def inputs(made: list[Input]) -> list[Record]:
    """What was done by hand, in order: for marks on the line of time, and to cure it again."""
    ends = ends_of(made)
    told: list[Record] = []
    for one in made:
        match one:
            case Ask(step, op):
                words = f"{op.f} {op.key} at n{(op.node or 0) + 1}"
                told.append({"kind": "ask", "step": step, "time_ns": op.at_ns, "words": words})
            case Break(step, at_ms, fault):
                nodes = sorted({a.node for a in fault.begin if hasattr(a, "node")})
                links = [list(k) for a in fault.begin for k in getattr(a, "links", ())]
                told.append(
                    {
                        "kind": "break", "step": step, "time_ns": at_ms * MS, "at_ms": at_ms,
                        "words": fault.name, "until_ms": ends[one], "nodes": nodes, "links": links,
                        "sort": type(fault.begin[0]).__name__.lower(),
                    }
                )  # fmt: skip
            case Cure(step, at_ms, broken):
                words = f"end of {broken.fault.name}"
                told.append({"kind": "cure", "step": step, "time_ns": at_ms * MS, "words": words})
            case Finish(step, at_ms):
                words = "the clients stop, all is healed"
                told.append({"kind": "finish", "step": step, "time_ns": at_ms * MS, "words": words})
    return told


def node(session: Session, step: int, number: int) -> Record:
    """The whole state of a node's replica. Raises UsageError for a node that there is not."""
    if not 0 <= number < session.trial.nodes:
        raise UsageError(f"there is no node {number}: there are 0 to {session.trial.nodes - 1}")
    replica = session.timeline.node(step, number)
    return {"state": plain(replica.state()) if isinstance(replica, Replica) else None}


def verdict(session: Session, step: int) -> Record:
    """What the checks say of the history so far, and the anomalies as ops, edges and sentences."""
    history, results = session.judged(step)
    return {
        "outcome": results.outcome.value,
        "checks": [
            {"name": name, "outcome": said.outcome.value, "summary": said.summary}
            for name, said in results.checks.items()
            if name != "stats" or said.outcome is Outcome.INVALID
        ],
        "anomalies": _anomalies(history, results),
    }


def _anomalies(history: History, results: Results) -> list[Record]:
    return [
        {
            "title": found.title,
            "sentences": found.sentences(),
            "ops": [int(op) for op in found.graph],
            "edges": [_edge(*edge) for edge in numbered(found.graph)],
        }
        for found in anomalies(history, results.checks)
    ]


def _edge(tail: int, head: int, data: dict[str, Any]) -> Record:
    return {
        "tail": tail, "head": head, "number": data["number"], "label": data["label"],
        "sentence": data["sentence"], "against": data["against"],
    }  # fmt: skip
