"""Replicas that put every command of their clients into a log, and answer when it is executed there."""

from __future__ import annotations

from typing import TypeVar

from protocols.clients import Clients, Serving, named
from protocols.kernel import Command, RequestId
from protocols.statemachine import COMMANDS, READS, KeyValue, name_of

Message = TypeVar("Message")


class Executing(Serving[Message]):
    """Reads take a place in the log, too. What has run already is not proposed again."""

    store: KeyValue
    clients: Clients

    def admit(self, request: RequestId, command: Command, *, full: bool = False) -> Command | None:
        """The command by its name, if its client waits for it from now on; None if that is answered: it has
        run before, or cannot be taken (``full``: nor any other).
        """
        command = named(command, self.id, request)
        if command.f not in READS and self.store.ran(command):
            self.answer(request, self.store.run(command))
            return None
        if full or command.f not in COMMANDS or not self.clients.add(request, command):
            self.reply(request, "refused: no such command, or too many", ok=False)
            return None
        return command

    def execute(self, command: Command) -> None:
        """It is chosen, and all before it is executed."""
        if command.f not in READS and command.f in COMMANDS and not self.store.ran(command):
            self.note("executed", [command.key, name_of(command)])
        self.answer(self.clients.pop(command), self.store.run(command))

    def answer_what_ran(self) -> None:
        """A snapshot was installed: some of what this node's clients wait for it stands for."""
        for command in self.clients.commands():
            if command.f not in READS and self.store.ran(command):
                self.answer(self.clients.pop(command), self.store.run(command))
