"""Stored simulated runs, played again: whether each row is the same, and what happened in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from harness.commit import commit
from harness.errors import UsageError
from harness.node.inspect import plain
from harness.sim import Run, Seen, Setup, states_at
from harness.sim.node import Node
from harness.simulated import Played, play, setup_of
from harness.store.find import STORE, find_history, read_object
from harness.store.record import HISTORY, PLAN, RESULTS, TRIAL
from harness.store.rows import encode
from harness.trial import Trial
from protocols.kernel import Json

SIMULATED = "sim"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A simulated run as it was stored. ``digest`` and ``commit`` are None where they are not known."""

    path: Path
    trial: Trial
    commit: str | None
    digest: str | None

    def lines(self) -> list[bytes]:
        """The rows of its history."""
        return (self.path / HISTORY).read_bytes().splitlines(keepends=True)


def load_simulated(where: str | Path, *, root: Path = STORE) -> Source:
    """Find a simulated run by path, name or time. Raises UsageError for anything else."""
    path = find_history(where, root=root).parent
    saved = read_object(path / TRIAL)
    if saved is None or "protocol" not in saved:
        raise UsageError(f"{path} does not say which trial made it: there is no {TRIAL}")
    trial = Trial.from_json(saved)
    if saved.get("on") != SIMULATED:
        again = trial.command("test", "--on", str(saved.get("on", "local")))
        raise UsageError(
            f"{path} was a trial on real hosts: its faults can be played again, its schedule cannot\n"
            f"  {again} --plan @{path / PLAN}"
        )
    results: Mapping[str, object] = read_object(path / RESULTS) or {}
    made_by, digest = saved.get("commit"), results.get("digest")
    return Source(
        path=path,
        trial=trial,
        commit=None if made_by is None else str(made_by),
        digest=None if digest is None else str(digest),
    )


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A run that was played again. ``differs`` says in words what is not the same; None: nothing."""

    played: Played
    seen: list[Seen]
    differs: str | None


def replay(source: Source) -> Replayed:
    """Play a stored run again, watched, and compare its history byte for byte."""
    seen: list[Seen] = []
    played = play(source.trial, watch=seen.append)
    return Replayed(played=played, seen=seen, differs=difference(source, played.run))


def difference(source: Source, run: Run) -> str | None:
    """The first row that is not the same, and whether the code is; None where all rows are."""
    stored = source.lines()
    again = [encode(index, row).encode("ascii") for index, row in enumerate(run.rows)]
    pairs = zip_longest(stored, again, fillvalue=b"(over)\n")
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    if place is None:
        if source.digest in (None, run.digest):
            return None
        where = f"all {len(stored)} rows are the same, but messages differ"
    else:
        texts = [
            (lines[place].decode(errors="replace") if place < len(lines) else "(over)").rstrip()
            for lines in (stored, again)
        ]
        where = f"row {place} of {len(stored)} differs\n  stored  {texts[0]}\n  now     {texts[1]}"
    now = commit()
    if source.commit != now:
        return f"{where}\n  the code is another: {source.commit} then, {now} now"
    if now is None or now.endswith("+"):
        return f"{where}\n  the code ({now}) has changes that no commit names, so it may be another"
    return f"{where}\n  the code is the same, {now}: this trial is not deterministic"


def states(setup: Setup, at_ms: int) -> dict[str, Json]:
    """What each node is and has on its disk after ``at_ms``, as JSON; by the names n1, n2 ..."""
    shown: dict[str, Json] = {}
    for node in states_at(setup, at_ms * 1_000_000):
        replica = node.replica
        shown[f"n{node.id + 1}"] = {
            "is": "down" if replica is None else "paused" if node.parked is not None else "up",
            "incarnation": node.incarnation,
            "state": None if replica is None else plain(replica.state()),
            "timers_due_ms": {name: alarm.due_ns / 1e6 for name, alarm in node.alarms.items()},
            "disk": node.durable(),
        }
    return shown


def nodes_of(source: Source, at_ms: int) -> list[Node]:
    """The nodes of a stored run as they are after ``at_ms``: live objects, to be looked at."""
    return states_at(setup_of(source.trial), at_ms * 1_000_000)


def states_of(source: Source, at_ms: int) -> dict[str, Json]:
    """The states of a stored run's nodes after ``at_ms``."""
    return states(setup_of(source.trial), at_ms)
