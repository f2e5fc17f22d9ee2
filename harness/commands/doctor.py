"""``harness doctor``: what this machine can do."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from harness.doctor import examine


@click.command("doctor")
def command() -> int:
    """Say what this machine can do, what is missing, and what to type.

    Ends with 0 if hosts can be made here, else with 2; simulation and remote hosts may still work.

    \b
    Example:
      harness doctor
    """
    console = Console(highlight=False, soft_wrap=True)
    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        line = Text("  ok  " if finding.ok else "  --  ", style="green" if finding.ok else "yellow")
        line.append(f"{finding.name:{width}}  ", style="bold")
        first, *more = finding.detail.splitlines()
        line.append(first, style="default")
        console.print(line)
        for text in more:
            console.print(Text(f"      {'':{width}}  {text.strip()}"))
        if not finding.ok and finding.remedy:
            console.print(Text(f"      {'':{width}}  -> {finding.remedy}"))
    return 0 if all(finding.ok for finding in findings) else 2
