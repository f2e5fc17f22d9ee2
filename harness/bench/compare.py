"""An earlier benchmark beside this one: how much faster, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from harness.bench.result import ALL, BENCH, Benched, read
from harness.bench.table import ms, rate
from harness.errors import UsageError
from harness.store.find import find_history
from workloads.bench import DEFAULTS

HEAD = ("protocol", "nodes", "clients", "ok/s then", "now", "ratio", "p50 then", "now", "ratio", "p99 then", "now", "ratio", "µs/op then", "now", "ratio", "throughput is")  # fmt: skip
NOTE = (
    "a ratio is of now to then; its range is what the unevenness within each run, or between --repeat of them,"
    " makes of it; on a busy machine two runs differ by more: what is news is so again when run again"
)
FOLDER = "bench"
BUSIER = 0.2
"""Processors that others used: by so much more or less, and a throughput is another for that alone."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The same benchmark, then and now."""

    then: Benched
    now: Benched

    @property
    def ratio(self) -> float:
        """Of the throughputs; 0 where there was none then."""
        return self.now.throughput / self.then.throughput if self.then.throughput else 0.0

    @property
    def error(self) -> float:
        """Twice the standard error of the ratio, as a share of it, as far as the runs show it."""
        return 2 * sqrt(unevenness(self.then) ** 2 + unevenness(self.now) ** 2)

    @property
    def word(self) -> str:
        """``faster``, ``slower``, or ``the same`` as far as can be told."""
        if abs(self.ratio - 1) <= self.error * max(self.ratio, 1.0):
            return "the same"
        return "faster" if self.ratio > 1 else "slower"


def unevenness(one: Benched) -> float:
    """The relative standard error of a throughput: from all runs of it, or from the parts of one in
    time. Neighbouring parts are alike, so that the latter is rather too small.
    """
    line = one.measured.timeline
    first = int(line.measured_s[0] / line.width_s + 0.999)
    rates = one.repeats or line.ok[first:]
    if len(rates) < 2 or not sum(rates):
        return 1.0
    mean = sum(rates) / len(rates)
    spread = sqrt(sum((r - mean) ** 2 for r in rates) / (len(rates) - 1))
    return spread / mean / sqrt(len(rates))


def find(where: str, store: Path) -> tuple[Benched, ...]:
    """The benchmarks that ``--compare`` means: a file, a comparison's name, or a run.

    Raises UsageError where there is no such thing, or it is no benchmark.
    """
    for path in (Path(where), store / FOLDER / f"{where}.json"):
        if path.is_file():
            return read(path)
    run = find_history(where, root=store).parent
    if not (run / BENCH).is_file():
        raise UsageError(f"--compare {where}: {run} is no benchmark: there is no {BENCH} in it")
    return read(run / BENCH)


def pairs(then: Sequence[Benched], now: Sequence[Benched]) -> list[Pair]:
    """Those that were run both times: the same protocol, options and size; each with its own kind."""
    earlier = {_key(one): one for one in then}
    return [Pair(then=earlier[_key(one)], now=one) for one in now if _key(one) in earlier]


def _key(one: Benched) -> tuple[str, int, int]:
    return one.name, one.nodes, one.clients


def differences(pair: Pair) -> Iterator[str]:
    """What else was not the same: then a ratio is not of two versions alone."""
    for name in ("rate", "on", "keys", "nemesis", "wan", "transport"):
        a, b = getattr(pair.then, name), getattr(pair.now, name)
        if a != b:
            yield f"{pair.now.name}: {name} was {a} then and is {b} now"
    for name in dict.fromkeys([*pair.then.load, *pair.now.load]):
        default = DEFAULTS.get(name)
        a, b = pair.then.load.get(name, default), pair.now.load.get(name, default)
        if a != b:
            yield f"{pair.now.name}: {name} was {a} then and is {b} now"
    a, b = (one.usage.others if one.usage is not None else None for one in (pair.then, pair.now))
    if a is not None and b is not None and abs(a - b) > BUSIER:
        yield f"{pair.now.name}: others used {a:.1f} processors then and {b:.1f} now"
    for when, one in (("then", pair.then), ("now", pair.now)):
        if one.outcome != "valid":
            yield f"{one.name}: the history is {one.outcome} {when}"


def rows(found: Sequence[Pair]) -> Iterator[list[str]]:
    """Under :data:`HEAD`."""
    for pair in found:
        cells = [pair.now.name, str(pair.now.nodes), str(pair.now.clients)]
        cells += [rate(pair.then.throughput), rate(pair.now.throughput)]
        cells += [f"{pair.ratio:.2f} ± {pair.ratio * pair.error:.2f}"]
        for name in ("p50", "p99"):
            then, now = (_quantile(one, name) for one in (pair.then, pair.now))
            cells += _ratio(then, now, ms)
        costs = [None if one.usage is None else one.usage.op_us for one in (pair.then, pair.now)]
        yield [*cells, *_ratio(costs[0], costs[1], "{:,.0f}".format), pair.word]


def _ratio(then: float | None, now: float | None, text: Callable[[float], str]) -> list[str]:
    if not then or now is None:
        return ["-"] * 3
    return [text(then), text(now), f"{now / then:.2f}"]


def _quantile(one: Benched, name: str) -> float | None:
    value: float | None = getattr(one.measured.of(ALL, ALL).latency, name, None)
    return value
