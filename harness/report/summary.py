"""The report at the end of a trial: what each check said, the evidence in words, how to do it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from checker.phrases import span
from checker.verdict import Outcome
from harness.judge import Results

STYLES = {
    Outcome.VALID: "green",
    Outcome.INVALID: "bold red",
    Outcome.UNKNOWN: "yellow",
    Outcome.VACUOUS: "yellow",
    Outcome.INVALID_HARNESS: "magenta",
}


def report(
    title: str,
    results: Results,
    *,
    where: str | None,
    reproduce: str,
    page: Path | None = None,
) -> None:
    """Print the report to stdout; the reproducing command is its last line. ``page``: where to look at it."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(title, style="bold"))
    width = max(len(name) for name in results.checks)
    for name, verdict in results.checks.items():
        line = Text(f"  {name:{width}}  ")
        line.append(f"{verdict.outcome.value:15}", style=STYLES[verdict.outcome])
        line.append(f" {verdict.summary}")
        console.print(line)
    for text in evidence(results, where):
        console.print(Text(text))
    verdict_line = Text("verdict: ")
    verdict_line.append(results.outcome.value, style=STYLES[results.outcome])
    console.print(verdict_line)
    if where is not None:
        console.print(Text(f"stored:     {where}"))
    if page is not None:
        console.print(Text(f"report:     {page}"))
    console.print(Text(f"reproduce:  {reproduce}"))


def evidence(results: Results, where: str | None) -> Iterator[str]:
    """What the checks that are not content show, in plain words."""
    for name, verdict in results.checks.items():
        if verdict.valid:
            continue
        rows = ""
        if verdict.evidence:
            rows = f", {span(verdict.evidence)}"
        stored = f"   (evidence in {where}/results.json)" if where else ""
        yield f"{name} is {verdict.outcome.value}: {verdict.summary}{rows}{stored}"
        for sentence in verdict.explanation:
            yield f"  {sentence}"
