"""``harness list``: what there is to choose from."""

from __future__ import annotations

import pkgutil
from functools import partial

import click

from harness.report.progress import to_stdout
from harness.systems import PRODUCTS
from nemesis import FAULTS, SCENARIOS
from protocols import PROTOCOLS
from workloads import WORKLOADS

TABLES = {
    "protocols": PROTOCOLS,
    "systems": PRODUCTS,
    "workloads": WORKLOADS,
    "faults": FAULTS,
    "scenarios": SCENARIOS,
}


@click.command("list")
@click.argument("what", required=False, type=click.Choice(sorted(TABLES)))
def command(what: str | None) -> None:
    """List protocols, workloads, faults and scenarios of several faults, each with what it is.

    \b
    Examples:
      harness list
      harness list faults
    """
    for name, table in TABLES.items():
        if what in (None, name):
            to_stdout(f"{name}:")
            for row, target in table.items():
                to_stdout(f"  {row:26} {first_sentence(target)}")


def first_sentence(target: str) -> str:
    """The first line of the docstring of what a row means: of a function, else of its module."""
    module = target.partition(":")[0]
    thing = pkgutil.resolve_name(target)
    if isinstance(thing, partial):
        return f"{first_line(thing.func)} ({', '.join(map(str, thing.args))})"
    if isinstance(thing, type):  # a protocol's class is small: its package says what it is
        return first_line(pkgutil.resolve_name(module))
    return first_line(thing) or first_line(pkgutil.resolve_name(module))


def first_line(thing: object) -> str:
    """The first line of a docstring; empty where there is none."""
    text = (thing.__doc__ or "").strip()
    return text.splitlines()[0] if text else ""
