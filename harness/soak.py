"""A soak: trials of many configurations, of many protocols, until the time is over."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from checker.verdict import Outcome
from harness.crew import Crew, play_all
from harness.matrix.cells import lines, served
from harness.search.strategies import Strategy, strategy
from harness.simulated import Short, lost, play_short
from harness.trial import Trial
from workloads import CLAIMS


def bases(protocols: Sequence[str], workloads: Sequence[str], base: Trial) -> list[Trial]:
    """One base trial for each protocol (and its special options) and each workload that it keeps.

    None named: all of the tables. A protocol that is in no table is taken with ``register``. What a
    protocol does not claim is left out: that it breaks is no news.
    """
    found = [
        replace(
            base,
            protocol=line.protocol,
            workload=workload,
            options={**base.options, **line.options},
            # Members that change need spares.
            nodes=max(base.nodes, line.nodes) if line.nemeses else base.nodes,
        )
        for line in lines()
        for workload in workloads or CLAIMS
        if (not protocols or line.protocol in protocols)
        and workload not in line.breaks
        and served(line, workload)
    ]
    own = [name for name in protocols if ":" in name]
    return found + [
        replace(base, protocol=name, workload=workload)
        for name in own
        for workload in workloads or ("register",)
    ]


def trials(
    chosen: Sequence[Trial], search: str, seed: str, *, until_s: float, most: int | None
) -> Iterator[Trial]:
    """The bases in turn, each time with the next seed, until ``until_s`` (of the monotonic clock)."""
    strategies: list[Strategy] = [strategy(search, base) for base in chosen]
    for number in count():
        if time.monotonic() >= until_s or number == most:
            return
        yield strategies[number % len(strategies)].propose(f"{seed}/{number}")


@dataclass
class Tally:
    """What came of one protocol's trials."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    ops: int = 0
    faults: int = 0
    simulated_ms: int = 0
    cpu_s: float = 0.0

    def add(self, short: Short) -> None:
        self.outcomes[short.outcome] += 1
        self.ops += short.ops
        self.faults += short.windows
        self.simulated_ms += short.simulated_ms
        self.cpu_s += short.cpu_s


class Record:
    """``trials.jsonl``: a line for each trial, as it comes, so that whoever dies has lost nothing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a", encoding="utf-8")

    def add(self, short: Short) -> None:
        line = {
            "outcome": short.outcome.value,
            "summary": short.summary,
            "digest": short.digest,
            "reproduce": short.trial.command("sim"),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def soak(waiting: Iterator[Trial], crew: Crew, record: Record) -> Iterator[Short]:
    """Play the trials, record each, hand on each."""
    for short in play_all(waiting, crew, play_short, lost):
        record.add(short)
        yield short
