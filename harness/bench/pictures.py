"""Benchmarks as plots: latencies as distributions, throughput over time, by site, and by clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from harness.bench.result import ALL, Benched
from harness.bench.table import HEAD, SITES, html, row, site_rows
from harness.report.plot import Axis, Bars, Series, Shade, bars, lines

MOST_LINES = 12


def pictures(benched: Sequence[Benched]) -> list[str]:
    """The SVGs that fit what was run: one size and several protocols, or several sizes."""
    sizes = {(one.nodes, one.clients) for one in benched}
    found = []
    if len({clients for _, clients in sizes}) > 1:
        for nodes in dict.fromkeys(one.nodes for one in benched):
            here = [one for one in benched if one.nodes == nodes]
            found += [_by_clients(here, nodes, f) for f in ("throughput", "p50", "p99")]
    if len(benched) <= MOST_LINES:
        found += [_distribution(benched), _over_time(benched)]
    if len(sizes) == 1 and any(one.wan or len(one.measured.sites) < one.nodes for one in benched):
        found += _by_site(benched)
    return found


def names(benched: Sequence[Benched]) -> list[str]:
    """What tells them apart: the protocol, and the size where there are several."""
    sizes = {(one.nodes, one.clients) for one in benched}
    if len(sizes) == 1:
        return [one.name for one in benched]
    return [f"{one.name}, {one.nodes} nodes, {one.clients} clients" for one in benched]


def _distribution(benched: Sequence[Benched]) -> str:
    series = [
        Series(name=name, points=[(ms, 100 * share) for ms, share in one.measured.cdf])
        for name, one in zip(names(benched), benched, strict=True)
    ]
    title = "Latency from when an op was due: percent of the ok ops that took no longer"
    return lines(title, series, x=Axis("ms", log=True), y=Axis("percent", most=100))


def _over_time(benched: Sequence[Benched]) -> str:
    series = []
    for name, one in zip(names(benched), benched, strict=True):
        line = one.measured.timeline
        middle = [(i + 0.5) * line.width_s for i in range(len(line.ok))]
        series.append(Series(name=name, points=list(zip(middle, line.ok, strict=True))))
    begin = min(one.measured.timeline.measured_s[0] for one in benched)
    title = "Ok ops a second over time (warm-up shaded)"
    shades = [Shade(0.0, begin, "warm-up")] if begin else []
    return lines(title, series, x=Axis("s after loading"), y=Axis("ok ops/s"), shades=shades)


def _by_site(benched: Sequence[Benched]) -> Iterator[str]:
    sites = list(dict.fromkeys(site for one in benched for site in one.measured.sites))
    for what, title in (("mean", "Mean latency by site"), ("p99", "p99 of the latency by site")):
        series = []
        for one in benched:
            times = {g.site: g.latency for g in one.measured.groups if g.f == ALL}
            values = [getattr(times.get(site), what, None) for site in sites]
            series.append(Bars(name=one.name, values=values))
        yield bars(title, sites, series, y=Axis("ms"))


def _by_clients(benched: Sequence[Benched], nodes: int, what: str) -> str:
    series = []
    for name in dict.fromkeys(one.name for one in benched):
        points = []
        for one in benched:
            value = _value(one, what)
            if one.name == name and value is not None:
                points.append((float(one.clients), value))
        series.append(Series(name=name, points=sorted(points), dots=True))
    label = "ok ops/s" if what == "throughput" else "ms"
    title = "Throughput" if what == "throughput" else f"Latency, {what}"
    y = Axis(label, log=what != "throughput")
    return lines(f"{title} by clients, {nodes} nodes", series, x=Axis("clients", log=True), y=y)


def _value(one: Benched, what: str) -> float | None:
    if what == "throughput":
        return one.throughput
    value: float | None = getattr(one.measured.of(ALL, ALL).latency, what, None)
    return value


def section(benched: Sequence[Benched]) -> Iterator[str]:
    """The same in a run's page: tables, what a reader must know, plots."""
    yield "<h2>Benchmark</h2>"
    yield html(HEAD, [row(one) for one in benched])
    yield from (f"<p>{escape(note)}</p>" for one in benched for note in one.notes)
    yield "<p>Times are ms, from when an op was due to its answer; <i>service</i> from when a client asked.</p>"
    yield html(SITES, [cells for one in benched for cells in site_rows(one)])
    yield from (f'<div class="wide">{picture}</div>' for picture in pictures(benched))
