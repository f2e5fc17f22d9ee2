"""``harness down``: end a cluster, and see that nothing is left of it."""

from __future__ import annotations

import click

from checker.phrases import plural
from harness.errors import HarnessError, UsageError
from harness.report.progress import Progress
from harness.running import registry
from harness.running.lifecycle import Ended, end
from harness.running.registry import Entry


@click.command("down")
@click.argument("name", required=False)
@click.option("--all", "all_", is_flag=True, help="All clusters of this user.")
def command(name: str | None, all_: bool) -> int:
    """End a cluster: the youngest, or the one of this NAME. Its faults are healed first.

    Then it is looked whether anything is left: processes, namespaces, links, mounts; on hosts of an
    inventory, files, processes and firewall rules. Exit code 255 if something is.

    \b
    Examples:
      harness down
      harness down multipaxos
      harness down --all
    """
    if all_ and name is not None:
        raise UsageError("--all, or a NAME: not both")
    ended = registry.entries() if all_ else [registry.chosen(name)]
    if not ended:
        click.echo("no cluster runs")
    return max([_end(entry) for entry in ended], default=0)


def _end(entry: Entry) -> int:
    progress = Progress()
    with progress.phase(f"{entry.name} has ended"):
        try:
            seen = end(entry, progress.say)
        except HarnessError as error:
            click.echo(f"harness: {error}", err=True)
            return error.exit_code
    if seen.before:
        click.echo(f"{entry.name}: another command has ended it")
        return 0
    for thing in seen.left:
        click.echo(f"harness: {entry.name}: still there: {thing}", err=True)
    if seen.left:
        return HarnessError.exit_code
    click.echo(f"{entry.name}: nothing is left: {', '.join(looked_at(seen))}")
    return 0


def looked_at(seen: Ended) -> list[str]:
    """What was looked for and not found."""
    words = []
    if seen.processes:
        gone = [plural(seen.processes, "process", "processes")]
        gone += [plural(seen.namespaces, "namespace")] if seen.namespaces else []
        words.append(f"{' and '.join(gone)} gone")
    else:
        words.append("its holder had died")
    words.append("no link, mount or file of it is on this machine")
    if seen.hosts:
        words.append(f"no file, process, ledger or rule of it is on {seen.hosts} hosts")
    return words
