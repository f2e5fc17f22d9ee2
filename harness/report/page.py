"""A run as one HTML page that needs nothing else: verdicts, anomalies, faults with their proofs, charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from checker.history import INFO, NEMESIS, History, Row
from checker.phrases import plural, seconds
from checker.values import canonical
from checker.verdict import Outcome, Verdict, combine
from checker.windows import FaultWindow, value_of, windows
from harness.report.anomaly import Anomaly, anomalies, measured, numbered, shown
from harness.report.charts import charts
from harness.report.conversation import fault_words
from harness.report.picture import draw

MOST_ANOMALIES, MOST_FAULTS = 20, 400

STYLE = """
:root { color-scheme: light; }
body { font: 14px/1.5 system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif; color: #24292f; background: #fff;
 max-width: 1160px; margin: 24px auto 60px; padding: 0 20px; }
h1 { font-size: 22px; margin: 0 0 2px; } h2 { font-size: 17px; margin: 34px 0 8px; border-bottom: 1px solid #d0d7de; padding-bottom: 4px; }
h3 { font-size: 15px; margin: 22px 0 6px; } p { margin: 4px 0; } .sub { color: #57606a; }
table { border-collapse: collapse; margin: 8px 0; } td, th { text-align: left; vertical-align: top; padding: 3px 14px 3px 0; border-bottom: 1px solid #eaeef2; }
th { color: #57606a; font-weight: 600; } td.num { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: 12.5px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
pre { background: #f6f8fa; border: 1px solid #d0d7de; border-radius: 6px; padding: 8px 12px; white-space: pre-wrap; word-break: break-all; }
.badge { display: inline-block; border-radius: 10px; padding: 0 10px; font-weight: 600; color: #fff; background: #9a6700; white-space: nowrap; }
.badge.valid { background: #1a7f37; } .badge.invalid { background: #cf222e; } .badge.invalid-harness { background: #8250df; }
.n { display: inline-block; min-width: 17px; height: 17px; line-height: 17px; border-radius: 9px; text-align: center; color: #fff; background: #6e7781; font-size: 11px; font-weight: 700; }
.n.against { background: #d1242f; } ol.edges { list-style: none; padding-left: 0; margin: 6px 0; } ol.edges li { margin: 2px 0; }
.wide { overflow-x: auto; } svg { max-width: none; } td.against { color: #b42318; font-weight: 600; } .bad { color: #cf222e; font-weight: 600; }
"""


@dataclass(frozen=True, kw_only=True)
class About:
    """What the page says of the run itself. ``options`` are shown as they are, by name; ``sections``
    are HTML, which stands between what is wrong and what happened over time.
    """

    title: str
    where: str
    reproduce: str
    options: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    sections: Sequence[str] = ()


def page(about: About, history: History, checks: Mapping[str, Verdict]) -> str:
    """The text of an HTML file. In time linear in the history's length, and quick."""
    outcome = combine(verdict.outcome for verdict in checks.values())
    faults = windows(history)
    body = [
        f"<h1>{_badge(outcome)} {escape(about.title)}</h1>",
        f'<p class="sub">{escape(about.where)} · {plural(len(history), "row")} · {plural(len(faults), "fault")}</p>',
        *(f"<p>{escape(note)}</p>" for note in about.notes),
        *_verdicts(checks),
        *_anomalies("What is wrong", anomalies(history, checks)),
        *_anomalies("The worst that was measured", measured(history, checks)),
        *about.sections,
        *_charts(history),
        *_faults(history, faults),
        *_options(about),
        f"<h2>Again</h2><pre>{escape(about.reproduce)}</pre>",
    ]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(outcome.value)}: {escape(about.title)}</title>',
            f"<style>{STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _badge(outcome: Outcome) -> str:
    return f'<span class="badge {outcome.value}">{outcome.value}</span>'


def _verdicts(checks: Mapping[str, Verdict]) -> Iterator[str]:
    yield "<h2>Verdicts</h2><table>"
    for name, verdict in checks.items():
        yield f"<tr><td>{escape(name)}</td><td>{_badge(verdict.outcome)}</td><td>{escape(verdict.summary)}"
        if not verdict.valid:
            yield from (f"<br><small>{escape(said)}</small>" for said in verdict.explanation)
        yield "</td></tr>"
    yield "</table>"


# --- what is wrong, or worst ----------------------------------------------------------------------


def _anomalies(heading: str, found: Sequence[Anomaly]) -> Iterator[str]:
    if found:
        yield f"<h2>{heading}</h2>"
    for anomaly in found[:MOST_ANOMALIES]:
        yield f"<h3>{escape(anomaly.check)}: {escape(anomaly.title)}</h3>"
        yield f'<div class="wide">{draw(anomaly, alone=False)}</div>'
        yield '<ol class="edges">'
        for _, _, data in numbered(anomaly.graph):
            kind = "n against" if data["against"] else "n"
            yield f'<li><span class="{kind}">{data["number"]}</span> {escape(data["sentence"])}</li>'
        yield from (f"<li>{escape(sentence)}</li>" for sentence in anomaly.conclusion)
        yield "</ol>"
        yield from _ops(anomaly)
    if len(found) > MOST_ANOMALIES:
        yield f"<p>and {plural(len(found) - MOST_ANOMALIES, 'more anomaly', 'more anomalies')}, in results.json</p>"


def _ops(anomaly: Anomaly) -> Iterator[str]:
    """The ops as rows."""
    yield "<table><tr><th>op</th><th>by</th><th>asks</th><th>key</th><th>invoked</th><th>completed</th><th>fate</th></tr>"
    for op in shown(anomaly.graph).values():
        against = ' class="against"' if op["against"] else ""
        ended = "never" if op["end_ns"] is None else f"{seconds(op['end_ns'], 6)}"
        rows = (
            f"(row {op['row']})",
            f"(row {op['completed']})" if op["completed"] is not None else "",
        )
        cells = [
            escape(op["name"]), op["lane"], op.get("asks") or "", op.get("key") or "",
            f"{seconds(op['begin_ns'], 6)} {rows[0]}", f"{ended} {rows[1]}", op["fate"],
        ]  # fmt: skip
        yield (
            f"<tr><td{against}>{cells[0]}</td>"
            + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells[1:])
            + "</tr>"
        )
    yield "</table>"
    if anomaly.left_out:
        yield f"<p>{plural(anomaly.left_out, 'more op')} of it not shown</p>"


# --- what happened --------------------------------------------------------------------------------


def _charts(history: History) -> Iterator[str]:
    drawn = charts(history)
    if drawn:
        yield "<h2>Over time</h2>"
        yield from (f'<div class="wide">{chart}</div>' for chart in drawn)


def _faults(history: History, faults: Sequence[FaultWindow]) -> Iterator[str]:
    """Each fault: when it was on, what it did, and the probes that saw it bite and heal."""
    if not faults:
        return
    yield "<h2>Faults</h2><table><tr><th>fault</th><th>from</th><th>to</th><th>what it did, and what the probes saw</th></tr>"
    for fault in faults[:MOST_FAULTS]:
        ended = seconds(fault.end_ns) if fault.end is not None else "the end"
        yield f'<tr><td>{escape(fault.fault)}</td><td class="num">{seconds(fault.begin_ns)}</td><td class="num">{ended}</td><td>'
        yield escape(fault_words(_row(history, fault.begin)).partition(": ")[2])
        for row in (fault.begin, fault.end):
            yield from _proofs(history, row)
        yield "</td></tr>"
    yield "</table>"
    if len(faults) > MOST_FAULTS:
        yield f"<p>and {plural(len(faults) - MOST_FAULTS, 'more fault')}</p>"


def _row(history: History, row: int) -> Row:
    """What the nemesis wrote there."""
    return Row(int(history.time_ns[row]), NEMESIS, INFO, history.f[row], None, history.value[row])


def _proofs(history: History, row: int | None) -> Iterator[str]:
    proof: Any = value_of(history, row).get("proof") if row is not None else None
    for probe in proof if isinstance(proof, list) else ():
        if not isinstance(probe, Mapping):
            continue
        said = ", ".join(
            f"{name} {value if isinstance(value, str) else canonical(value)}"
            for name, value in probe.items()
            if name != "bit" and value not in ("", None)
        )
        mark = "proved" if probe.get("bit") is True else '<span class="bad">NOT PROVED</span>'
        yield f"<br><small>{mark}: {escape(said)}</small>"


def _options(about: About) -> Iterator[str]:
    given = {name: value for name, value in about.options.items() if value not in (None, {}, "")}
    if not given:
        return
    yield "<h2>Options</h2><table>"
    for name, value in given.items():
        text = value if isinstance(value, str) else canonical(value)
        text = text if len(text) <= 400 else f"{text[:399]}…"
        yield f"<tr><td>{escape(name)}</td><td><code>{escape(text)}</code></td></tr>"
    yield "</table>"
