"""Which transport of the nodes goes with which hosts and faults."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UsageError
from harness.node.config import UNIX
from nemesis.actions import Action, Cut, Fault, Plan, Shape
from nemesis.plan import lanes

LOCAL = "local"


def check(transport: str, on: str, *, plan: Plan = (), wan: str | None = None) -> None:
    """Refuse Unix sockets where they cannot reach, and where faults or distances could not bite.

    Raises UsageError that says why.
    """
    if transport != UNIX:
        return
    if on != LOCAL:
        raise UsageError(
            "--transport unix: a socket in a file system reaches processes of one machine, and the hosts"
            f" of {on} are machines of their own: use tcp or udp"
        )
    if wan is not None:
        raise UsageError(
            f"--transport unix: no packet passes a network, so --wan {wan} delays none"
        )
    for window in plan:
        if {"network", "packet"} & {*lanes(window.fault)}:
            name = window.fault if isinstance(window.fault, str) else window.fault.name
            raise UsageError(f"--nemesis {name}: {unbitten()}")


def check_fault(transport: str, fault: Fault) -> None:
    """Raises UsageError for a fault of links between nodes that use none."""
    if transport == UNIX and _of_links([*fault.begin, *fault.end]):
        raise UsageError(f"{fault.name}: {unbitten()}")


def _of_links(actions: Sequence[Action]) -> bool:
    return any(isinstance(action, Cut | Shape) for action in actions)


def unbitten() -> str:
    return (
        "with --transport unix no packet passes a network between the nodes, so that partitions and"
        " packet faults cannot bite; kill and pause can"
    )
