"""Benchmarks made by hand, to be told apart in one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.bench.result import ALL, Benched, Group, Measured, Timeline, Times


def times(ms: float, count: int = 1000) -> Times:
    return Times(
        count=count, mean=ms, min=ms / 2, p50=ms, p95=2 * ms, p99=3 * ms, p999=4 * ms, max=5 * ms
    )


def group(site: str = ALL, f: str = ALL, *, ms: float = 2.0, fail: int = 0, info: int = 0) -> Group:
    return Group(
        site=site, f=f, ops=1000, ok=1000 - fail - info, fail=fail, info=info,
        latency=times(ms), service=times(ms),
    )  # fmt: skip


def made(
    throughput: float = 1000.0, *, ms: float = 2.0, spread: float = 0.0, **more: Any
) -> Benched:
    """A benchmark; ``spread``: by how much every second part of it is faster, and the others slower."""
    parts = tuple(throughput * (1 + spread * (-1) ** i) for i in range(20))
    measured = Measured(
        from_s=1.0,
        measured_s=2.0,
        throughput=throughput,
        groups=(
            group(ms=ms), group(f="read", ms=ms), group("eu", ms=ms), group("us", ms=2 * ms),
        ),
        late=None,
        behind_ms=0.0,
        loaded=100,
        timeline=Timeline(width_s=0.1, measured_s=(0.0, 2.0), ok=parts, not_ok=(0.0,) * 20),
        cdf=((ms / 2, 0.1), (ms, 0.5), (5 * ms, 1.0)),
    )  # fmt: skip
    told: dict[str, Any] = {
        "protocol": "abd", "nodes": 5, "clients": 8, "rate": 0, "on": "local", "outcome": "valid",
        "measured": replace(measured, **more.pop("measured", {})), "run": "store/abd-bench/1",
    }  # fmt: skip
    return Benched(**{**told, **more})
