"""Level 1: a zone's log, and the state that it makes: the keys whose token is here.

Whether a token is here is a matter of the zone's log, like the values: a ``grant`` brings it and a
``release`` takes it away. So a release *drains*: what is before it in the log was run with the
token, what is after it is not run, and nothing is in between. No leader has to remember anything.
"""

from __future__ import annotations

from collections.abc import Container
from typing import cast

from protocols.answers import Answer
from protocols.cells import ELSEWHERE, Cell, Ran
from protocols.kernel import Command, Json
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.machine import Machine
from protocols.statemachine import COMMANDS, READS, name_of

GRANT, RELEASE, DELIVERED = "grant", "release", "delivered"


def grant(key: str, epoch: int, state: Json) -> Command:
    """The token of ``key``, with the key's state, comes to this zone."""
    return Command(GRANT, key, [epoch, state], f"!{GRANT}/{key}/{epoch}", 1)


def release(key: str, epoch: int) -> Command:
    """It goes back to the master: no command runs with it from here on."""
    return Command(RELEASE, key, [epoch], f"!{RELEASE}/{key}/{epoch}", 1)


def delivered(key: str, epoch: int) -> Command:
    """The master has it, with the state: this need no longer be kept here."""
    return Command(DELIVERED, key, [epoch], f"!{DELIVERED}/{key}/{epoch}", 1)


class Broker:
    """A zone's machine (``protocols.multipaxos.machine``)."""

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        """The keys whose token is here."""
        self.epochs: dict[str, int] = {}
        """Of each key the last epoch in which the token was here: what fences off a late grant."""
        self.outbox: dict[str, tuple[int, Json]] = {}
        """Released, and not known to have arrived: epoch and state."""

    def run(self, command: Command) -> Answer:
        key = command.key
        match command.f:
            case "grant":
                epoch, state = cast("tuple[int, Json]", command.value)
                if self.admits(key, epoch):
                    self.epochs[key], self.cells[key] = epoch, Cell.restore(state)
                    self.outbox.pop(key, None)  # the master could not grant it without
            case "release":
                epoch = epoch_of(command)
                if key in self.cells and self.epochs[key] == epoch:
                    self.outbox[key] = (epoch, self.cells.pop(key).snapshot())
            case "delivered":
                if key in self.outbox and self.outbox[key][0] == epoch_of(command):
                    del self.outbox[key]
            case f if f in COMMANDS:
                cell = self.cells.get(key)
                return ELSEWHERE if cell is None else cell.run(command)
        return Answer(None, ok=False)

    def admits(self, key: str, epoch: int) -> bool:
        """Whether this grant has not been here before."""
        return epoch > self.epochs.get(key, 0)

    def ran(self, command: Command) -> bool:
        key = command.key
        match command.f:
            case "grant":
                return not self.admits(key, epoch_of(command))
            case "release":
                epoch = self.epochs.get(key, 0)
                return epoch > epoch_of(command) or (
                    epoch == epoch_of(command) and key not in self.cells
                )
            case "delivered":
                return key not in self.outbox or self.outbox[key][0] > epoch_of(command)
        cell = self.cells.get(key)
        return cell is not None and cell.ran(command)

    def snapshot(self) -> Json:
        return {
            "cells": {key: cell.snapshot() for key, cell in self.cells.items()},
            "epochs": dict(self.epochs),
            "outbox": {key: list(sent) for key, sent in self.outbox.items()},
        }

    @classmethod
    def restore(cls, snapshot: Json) -> Broker:
        broker, saved = cls(), cast("dict[str, dict[str, Json]]", snapshot)
        broker.cells = {key: Cell.restore(state) for key, state in saved["cells"].items()}
        broker.epochs = cast("dict[str, int]", dict(saved["epochs"]))
        broker.outbox = {
            key: (sent[0], sent[1])
            for key, sent in cast("dict[str, list[int]]", saved["outbox"]).items()
        }
        return broker


def epoch_of(command: Command) -> int:
    return cast("list[int]", command.value)[0]


class Group(MultiPaxos):
    """A log on which keys come and go: multi-Paxos, that says which commands did run (``RAN``), and
    to the host of which keys a token has moved.
    """

    changes_members = False
    urgent: Container[str] = (GRANT, RELEASE, DELIVERED)
    """What tokens, and not clients, ask for."""
    brings: str = GRANT
    """The one of these that brings a token here."""
    served: Container[str] = frozenset({*COMMANDS, GRANT, RELEASE, DELIVERED})
    machine: type[Machine] = Broker
    moved: dict[str, bool]
    """True: it came, and who waits for it may ask again."""

    def note(self, kind: str, value: Json) -> None:
        """A command that found no token did not run: ``executed`` here tells of those that did."""
        if kind != "executed":
            super().note(kind, value)

    def executed(self, command: Command, answer: Answer) -> None:
        if command.f in self.urgent:
            self.moved[command.key] = self.moved.get(command.key, False) or (
                command.f == self.brings
            )
        elif isinstance(answer.value, Ran) and self.asked(command) not in READS:
            super().note(RAN, [command.key, answer.value.version, name_of(command)])

    def asked(self, command: Command) -> str:
        """What the client asked for by this command."""
        return command.f


RAN = "ran"
"""A note for the host: [key, version, name]."""
