"""The requests of this node's own clients, from being asked until their command was executed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from protocols.answers import Answer
from protocols.kernel import Command, NodeId, Replica, RequestId
from protocols.statemachine import OUTDATED

Message = TypeVar("Message")

Name: TypeAlias = tuple[str, int]
"""A command's session and serial."""


def name(command: Command) -> Name:
    return (command.session, command.serial)


def named(command: Command, node: NodeId, request: RequestId) -> Command:
    """The command with a name, so that it can be proposed twice and executed once.

    A client without a session gets one for this request alone. Request ids are never reused.
    """
    if command.session:
        return command
    return Command(command.f, command.key, command.value, f"@{node}/{request}", 1)


Policy: TypeAlias = Callable[[int], bool]
"""Of a command that has waited for so many ticks: whether it is sent again now."""


def each_tick(ticks: int) -> bool:
    """From the first whole tick on."""
    return ticks >= 2


def backing_off(ticks: int) -> bool:
    """After 1, 2, 4 ... ticks more.

    >>> [ticks for ticks in range(20) if backing_off(ticks)]
    [2, 4, 8, 16]
    """
    return ticks >= 2 and ticks & (ticks - 1) == 0


def never(ticks: int) -> bool:  # noqa: ARG001  a policy's signature
    """It is sent once."""
    return False


POLICIES: Mapping[str, Policy] = {"tick": each_tick, "backoff": backing_off, "never": never}


@dataclass(slots=True)
class _Waiting:
    request: RequestId
    command: Command
    ticks: int = 0
    anew: int = 0
    """Since which tick the policy counts."""


class Clients:
    """Who waits for which command. At most ``capacity``, each for at most ``patience`` ticks; ``due`` says
    when it is sent again.
    """

    def __init__(self, capacity: int, patience: int, due: Policy = each_tick) -> None:
        self._capacity, self._patience, self._due = capacity, patience, due
        self._waiting: dict[Name, _Waiting] = {}

    def add(self, request: RequestId, command: Command) -> bool:
        """Wait for ``command``. False if too many do. A client that asks again for the command that
        it waits for has given up the request before.
        """
        if len(self._waiting) >= self._capacity:
            return False
        self._waiting[name(command)] = _Waiting(request, command)
        return True

    def pop(self, command: Command) -> RequestId | None:
        return self.pop_named(name(command)) if self._waiting else None

    def pop_named(self, name: Name) -> RequestId | None:
        waiting = self._waiting.pop(name, None)
        return None if waiting is None else waiting.request

    def waits(self, request: RequestId, command: Command) -> bool:
        """Whether this very request waits for the command, rather than an earlier one for the same."""
        waiting = self._waiting.get(name(command))
        return waiting is not None and waiting.request == request

    def commands(self) -> list[Command]:
        return [waiting.command for waiting in self._waiting.values()]

    def again(self) -> list[Command]:
        """Those that a new leader is sent: all, or none where that is never done."""
        return [] if self._due is never else self.commands()

    def begin_anew(self, name: Name) -> None:
        """It has not waited for anything: whoever was asked could not take it."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            waiting.anew = max(0, waiting.ticks - 1)

    def tick(self) -> list[Command]:
        """The commands that have waited for a whole tick or more, and are sent again now. Those that
        have for too long are dropped: their clients have long timed out.
        """
        if not self._waiting:  # mostly, at replicas that clients do not ask
            return []
        for waiting in self._waiting.values():
            waiting.ticks += 1
        self._waiting = {n: w for n, w in self._waiting.items() if w.ticks <= self._patience}
        return [w.command for w in self._waiting.values() if self._due(w.ticks - w.anew)]


class Serving(Replica[Message]):
    """A replica whose answers come from a state machine with sessions."""

    def answer(self, request: RequestId | None, answer: Answer) -> None:
        """Tell a client, unless all that is known is that its command has long been answered."""
        if request is not None and answer is not OUTDATED:
            self.reply(request, answer.value, ok=answer.ok)
