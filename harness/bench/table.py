"""Benchmarks as tables: side by side for people, by number of clients for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from harness.bench.notes import BUSY
from harness.bench.result import ALL, Benched, Times

HEAD = (
    "protocol", "nodes", "clients", "ok/s", "mean", "p50", "p95", "p99", "p99.9", "max", "not ok",
    "client CPU", "node CPU", "µs/op", "verdict",
)  # fmt: skip
SITES = ("protocol", "site", "op", "ops", "not ok", "mean", "p50", "p95", "p99", "p99.9", "min", "max", "service p50")  # fmt: skip


def ms(value: float) -> str:
    """Milliseconds with three digits that count.

    >>> ms(0.1234), ms(12.34), ms(1234.5)
    ('0.12', '12.3', '1,234')
    """
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def rate(value: float) -> str:
    """Ops a second.

    >>> rate(99.96), rate(3456.7)
    ('100.0', '3,457')
    """
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _times(times: Times | None, *names: str) -> list[str]:
    return [ms(getattr(times, name)) if times is not None else "-" for name in names]


def client_cpu(one: Benched) -> str:
    """The client's share of its processor, marked where it is the bottleneck."""
    if one.usage is None:
        return "-"
    return f"{one.usage.client:.0%}{' !' if one.usage.client >= BUSY else ''}"


def op_us(one: Benched) -> str:
    """What an op costs all nodes together, in CPU microseconds."""
    if one.usage is None or one.usage.op_us is None:
        return "-"
    return f"{one.usage.op_us:,.0f}"


def row(one: Benched) -> list[str]:
    """One benchmark, under :data:`HEAD`."""
    whole = one.measured.of(ALL, ALL)
    nodes = one.usage.nodes if one.usage is not None else ()
    return [
        one.name, str(one.nodes), str(one.clients), rate(one.throughput),
        *_times(whole.latency, "mean", "p50", "p95", "p99", "p999", "max"),
        f"{whole.fail + whole.info:,}", client_cpu(one),
        f"{max(nodes):.0%}" if nodes else "-", op_us(one), one.outcome,
    ]  # fmt: skip


def site_rows(one: Benched) -> Iterator[list[str]]:
    """Its sites and kinds of op, under :data:`SITES`."""
    for group in one.measured.groups:
        yield [
            one.name, group.site, group.f, f"{group.ops:,}", f"{group.fail + group.info:,}",
            *_times(group.latency, "mean", "p50", "p95", "p99", "p999", "min", "max"),
            *_times(group.service, "p50"),
        ]  # fmt: skip


def html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same for a page."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f'<td class="num">{escape(cell)}</td>' for cell in cells) + "</tr>"
        for cells in rows
    )
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'


# --- markdown -------------------------------------------------------------------------------------


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; the first column is words, the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def by_clients(benched: Sequence[Benched]) -> str:
    """A table for each number of nodes: a line a protocol, some columns for each number of clients."""
    parts = []
    for nodes in dict.fromkeys(one.nodes for one in benched):
        here = [one for one in benched if one.nodes == nodes]
        sizes = list(dict.fromkeys(one.clients for one in here))
        head = ["protocol"]
        for size in sizes:
            one_or_more = "1 client" if size == 1 else f"{size} clients"
            head += [f"{one_or_more}: ok/s", "p50 ms", "p99 ms", "client CPU", "µs/op"]
        rows = []
        for name in dict.fromkeys(one.name for one in here):
            found = {one.clients: one for one in here if one.name == name}
            rows.append([f"`{name}`", *(c for size in sizes for c in _cells(found.get(size)))])
        parts.append(f"\n## {nodes} nodes\n\n{markdown(head, rows)}")
    return "".join(parts)


def _cells(one: Benched | None) -> list[str]:
    if one is None:
        return [""] * 5
    throughput = rate(one.throughput) if one.outcome == "valid" else f"{one.outcome}!"
    if one.repeats:
        throughput += f" ({rate(min(one.repeats))}-{rate(max(one.repeats))})"
    latency = one.measured.of(ALL, ALL).latency
    return [throughput, *_times(latency, "p50", "p99"), client_cpu(one), op_us(one)]
