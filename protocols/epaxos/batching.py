"""Several commands of one replica's clients in one instance.

A batch is a command itself, so that all else need not know: it names the keys of its members, and
interferes as an update, unless all of them read. While an instance of one's own is under way, at
most for a tick, the next commands are gathered; a replica with little to do never lets one wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from protocols.kernel import Command, RequestId
from protocols.statemachine import READS, name_of
from protocols.transactions import keys_of

UPDATES_TOGETHER = "epaxos-batch"
READS_TOGETHER = "epaxos-reads"
TOGETHER = frozenset({UPDATES_TOGETHER, READS_TOGETHER})
"""Names that no client may use."""
READING = READS | {READS_TOGETHER}
"""What changes nothing: two of these never interfere."""

QUEUE = 1024
"""Commands that may wait at a replica; more are refused."""

Asked: TypeAlias = tuple[RequestId, Command]


def concerned(command: Command) -> tuple[str, ...]:
    """The keys for which a command is ordered, ascending: two that share one interfere, unless both
    read.

    >>> concerned(Command("transfer", "", {"from": "y", "to": "x", "amount": 1}))
    ('x', 'y')
    >>> concerned(Command("txn", "", "malformed"))  # its session's answer is kept under ""
    ('',)
    >>> concerned(together([Command("read", "x"), Command("write", "a", 1)]))
    ('a', 'x')
    """
    if command.key:
        return (command.key,)
    if command.f in TOGETHER:
        return tuple(cast("dict[str, Any]", command.value)["keys"])
    return keys_of(command) or ("",)


def together(commands: Sequence[Command]) -> Command:
    """One command of these, which run in this order. One alone stays what it is."""
    if len(commands) == 1:
        return commands[0]
    reading = all(c.f in READS for c in commands)
    keys = sorted({key for c in commands for key in concerned(c)})
    members = [[c.f, c.key, c.value, c.session, c.serial] for c in commands]
    f = READS_TOGETHER if reading else UPDATES_TOGETHER
    return Command(f, "", {"keys": keys, "commands": members})


def members(command: Command) -> Sequence[Command]:
    """What a command is made of: itself, where it is no batch.

    >>> both = [Command("read", "x"), Command("write", "a", 1)]
    >>> members(together(both)) == both
    True
    """
    if command.f not in TOGETHER:
        return (command,)
    return [Command(*member) for member in cast("dict[str, Any]", command.value)["commands"]]


def title(command: Command) -> str:
    """The names of its members, for notes."""
    if command.f not in TOGETHER:
        return str(name_of(command))
    return " ".join(str(name_of(member)) for member in members(command))
