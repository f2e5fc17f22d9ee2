"""``harness compile``: makes native modules of the simulator and the protocols."""

from __future__ import annotations

import shutil

import click

from harness.compiled.build import build
from harness.compiled.loader import FOLDER
from harness.compiled.scope import LEFT, chosen


@click.command("compile")
@click.option("--remove", is_flag=True, help="Remove what was compiled: all is interpreted again.")
@click.option("--list", "listed", is_flag=True, help="List what would be compiled, and what not.")
def command(remove: bool, listed: bool) -> int:
    """Compile the simulator and the protocols, to play the same runs in less time.

    Needs mypy and a C compiler (pip install 'harness[compiled]'; apt-get install gcc python3-dev).
    Runs, histories and digests are the same to the byte. What is compiled is used as long as the
    sources are those that it was made of; after a change all is interpreted, until it is compiled
    again. HARNESS_COMPILED=no or =yes forces either way; `harness doctor` says which one runs.

    \b
    Example:
      harness compile
    """
    if listed:
        for path in chosen():
            click.echo(f"compiled     {path}")
        for path, why in LEFT.items():
            click.echo(f"interpreted  {path}: {why}")
    elif remove:
        shutil.rmtree(FOLDER, ignore_errors=True)
        click.echo("removed: all is interpreted")
    else:
        built = build(say=click.echo)
        click.echo(
            f"compiled {built.modules} modules in {built.seconds:.0f} s, {built.bytes / 1e6:.1f} MB,"
            f" in {FOLDER}"
        )
    return 0
