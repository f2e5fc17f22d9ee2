"""An earlier benchmark beside this one: how much faster, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from harness.bench.result import ALL, BENCH, Benched, read
from harness.bench.table import ms, rate
from harness.errors import UsageError
from harness.store.find import find_history

HEAD = ("protocol", "nodes", "clients", "ok/s then", "now", "ratio", "p50 then", "now", "ratio", "p99 then", "now", "ratio", "throughput is")  # fmt: skip
NOTE = (
    "a ratio is of now to then; the range is what the unevenness within each run makes of it, and two"
    " runs on a busy machine differ by more: what is news is so again when both are run again"
)
FOLDER = "bench"


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
    """The relative standard error of a run's throughput, from its parts in time.

    Neighbouring parts are alike, so that it is rather too small.
    """
    line = one.measured.timeline
    first = int(line.measured_s[0] / line.width_s + 0.999)
    rates = line.ok[first:]
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
    for name in ("rate", "on", "load", "keys", "nemesis", "wan"):
        a, b = getattr(pair.then, name), getattr(pair.now, name)
        if a != b:
            yield f"{pair.now.name}: {name} was {a} then and is {b} now"
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
            if then and now is not None:
                cells += [ms(then), ms(now), f"{now / then:.2f}"]
            else:
                cells += ["-"] * 3
        yield [*cells, pair.word]


def _quantile(one: Benched, name: str) -> float | None:
    value: float | None = getattr(one.measured.of(ALL, ALL).latency, name, None)
    return value
