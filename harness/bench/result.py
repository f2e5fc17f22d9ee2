"""What a benchmark measured, as records that are JSON: ``bench.json`` of a run, and of a comparison.

Times are ms, where not in s; rates are a second. *Latency* counts from when an op was intended, *service time* from
when its client asked: the difference is the time that it waited for a client to be free, which a
benchmark that reports the latter alone leaves out (coordinated omission).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import StoreError, UsageError

BENCH = "bench.json"
FORMAT = 1
ALL = "all"
"""The site of all sites, and the ``f`` of all kinds of op."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Times:
    """Some times in ms: how many, and how they are distributed (quantiles by nearest rank)."""

    count: int
    mean: float
    min: float
    p50: float
    p95: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """The ops of one site and kind that were measured, by how they ended; times are those of ok ones."""

    site: str
    f: str
    ops: int
    ok: int
    fail: int
    info: int
    latency: Times | None
    service: Times | None


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The load from its beginning, warm-up and all, in parts of ``width_s``; rates a second.

    ``measured_s`` is from when to when it is measured, on the same clock.
    """

    width_s: float
    measured_s: tuple[float, float]
    ok: tuple[float, ...]
    not_ok: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Who used the processor while the load was on, in CPU seconds a second.

    The client is one Python process, which can use 1 and no more. ``nodes`` are those that were not
    restarted meanwhile; ``machine`` is of this machine, everything on it; None: not known.
    ``op_us`` is what all nodes together used for an ok op, in CPU microseconds, however busy the
    machine was; None where a node was restarted.
    """

    elapsed_s: float
    client: float
    nodes: tuple[float, ...] = ()
    machine: float | None = None
    cores: int = 1
    op_us: float | None = None

    @property
    def others(self) -> float | None:
        """Processors that were used by neither the client nor the nodes."""
        if self.machine is None:
            return None
        return max(0.0, self.machine - self.client - sum(self.nodes))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """``throughput`` counts ok ops that ended within the measured time, whenever they were due.
    That began ``from_s`` after the trial did.

    ``late_ms``: how long ops waited for a free client after they were due. ``behind_ms``: how far the
    clients of some node were behind their arrivals at the end, at most; what was due by then and had
    not begun is in no number.
    """

    from_s: float
    measured_s: float
    throughput: float
    groups: tuple[Group, ...]
    late: Times | None
    behind_ms: float
    loaded: int
    timeline: Timeline
    cdf: tuple[tuple[float, float], ...]
    """Of the latencies of all ok ops: (ms, share of ops that took no longer), rising."""

    def of(self, site: str = ALL, f: str = ALL) -> Group:
        """Raises KeyError where nothing of that kind was asked for."""
        for group in self.groups:
            if (group.site, group.f) == (site, f):
                return group
        raise KeyError(f"{site}, {f}")

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites, without the one of all."""
        return tuple(dict.fromkeys(g.site for g in self.groups if g.site != ALL))


@dataclass(frozen=True, kw_only=True)
class Benched:
    """One benchmark: what was run, the verdict on its history, what was measured, and where it is.

    ``notes`` are what a reader of the numbers must know, as sentences. ``repeats`` are the
    throughputs of all runs of it, where there were several: this is the median one, and its outcome
    that of all.
    """

    protocol: str
    nodes: int
    clients: int
    rate: int
    on: str
    outcome: str
    measured: Measured
    seed: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, str] = field(default_factory=dict)
    keys: int = 0
    nemesis: str = "none"
    wan: str | None = None
    transport: str = "tcp"
    usage: Usage | None = None
    notes: tuple[str, ...] = ()
    run: str | None = None
    commit: str | None = None
    repeats: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The protocol, with its options where it has some."""
        return " ".join([self.protocol, *(f"{k}={v}" for k, v in self.options.items())])

    @property
    def throughput(self) -> float:
        return self.measured.throughput


# --- to and from JSON -----------------------------------------------------------------------------


def to_json(benched: Sequence[Benched], command: str) -> dict[str, object]:
    """What ``bench.json`` holds."""
    return {"format": FORMAT, "command": command, "benchmarks": [asdict(one) for one in benched]}


def write(path: Path, benched: Sequence[Benched], command: str) -> None:
    """Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_json(benched, command), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def read(path: Path) -> tuple[Benched, ...]:
    """The benchmarks in a file. Raises UsageError, naming it, for anything else."""
    try:
        saved = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from error
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise UsageError(f"{path}: these are no benchmarks of format {FORMAT}")
    try:
        return tuple(_benched(one) for one in saved["benchmarks"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: these are no benchmarks: {error!r}") from error


def _benched(saved: Mapping[str, Any]) -> Benched:
    usage = saved.get("usage")
    return _made(
        Benched,
        saved,
        measured=_measured(saved["measured"]),
        usage=None if usage is None else _made(Usage, usage, nodes=tuple(usage["nodes"])),
        notes=tuple(saved.get("notes", ())),
        repeats=tuple(saved.get("repeats", ())),
    )


def _measured(saved: Mapping[str, Any]) -> Measured:
    line = saved["timeline"]
    timeline = _made(Timeline, line, **{n: tuple(line[n]) for n in ("measured_s", "ok", "not_ok")})
    return _made(
        Measured,
        saved,
        timeline=timeline,
        groups=tuple(
            _made(Group, group, latency=_times(group["latency"]), service=_times(group["service"]))
            for group in saved["groups"]
        ),
        late=_times(saved["late"]),
        cdf=tuple((float(ms), float(share)) for ms, share in saved["cdf"]),
    )


def _times(saved: Mapping[str, Any] | None) -> Times | None:
    return None if saved is None else _made(Times, saved)


def _made(kind: type[T], saved: Mapping[str, Any], **more: Any) -> T:
    """A record of its saved fields; those that this version does not know are left out."""
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**{n: v for n, v in saved.items() if n in known}, **more})
