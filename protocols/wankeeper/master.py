"""Level 2: the token table, a log of its own, which also serves the keys whose token is at no zone.

The policy is part of the table: who asked for a key is what the log says, so that each replica
comes to the same decision, and there is none that a new leader could lack.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, cast

from protocols.answers import Answer
from protocols.cells import ELSEWHERE, Cell
from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.multipaxos.machine import Machine
from protocols.policies import Policy, make
from protocols.wankeeper.broker import Group, epoch_of

SERVE, TAKEN, RETURN = "serve", "taken", "return"
MASTER = -1
"""Where a token is that no zone has; and nobody."""


def serve(command: Command, zone: int) -> Command:
    """A command that a client of this zone asks for."""
    asked = [zone, command.f, command.value]
    return Command(SERVE, command.key, asked, command.session, command.serial)


def taken(key: str, epoch: int) -> Command:
    """The zone has the token in its log: the master may forget the key's state."""
    return Command(TAKEN, key, [epoch], f"!{TAKEN}/{key}/{epoch}", 1)


def give_back(key: str, epoch: int, state: Json) -> Command:
    """The zone has released the token, and this is the key's state."""
    return Command(RETURN, key, [epoch, state], f"!{RETURN}/{key}/{epoch}", 1)


def unwrap(command: Command) -> Command:
    """The client's command."""
    _, f, value = cast("tuple[int, str, Json]", command.value)
    return Command(f, command.key, value, command.session, command.serial)


def save(policy: Any) -> Json:
    """A policy's counts as JSON: replicas must not differ in them after a restart."""
    values = [getattr(policy, f.name) for f in fields(policy)] if is_dataclass(policy) else []
    return [sorted(v.items()) if isinstance(v, dict) else v for v in values]


def load(policy: Any, saved: Any) -> Policy:
    """Put the counts back into a fresh policy."""
    if is_dataclass(policy):
        for f, value in zip(fields(policy), saved, strict=True):
            setattr(policy, f.name, dict(value) if isinstance(value, list) else value)
    return cast("Policy", policy)


@dataclass(slots=True)
class Token:
    """One key's token: at the master with the key's ``cell``; or at the zone ``at`` since
    ``epoch``, with its state ``sent`` until the zone has taken it.
    """

    policy: Policy
    epoch: int = 0
    at: int = MASTER
    cell: Cell = field(default_factory=Cell)
    sent: Json = None
    wanted: int = MASTER
    """The zone for whose clients it is revoked."""

    def grant(self, zone: int) -> None:
        self.epoch += 1
        self.at, self.sent, self.cell = zone, self.cell.snapshot(), Cell()

    def restore(self, policy: Policy, state: Json) -> None:
        """It is back; the policy begins with the zone that it was wanted for."""
        policy.hit(self.wanted)
        self.at, self.cell, self.sent = MASTER, Cell.restore(state), None
        self.policy, self.wanted = policy, MASTER

    def snapshot(self) -> Json:
        cell = self.cell.snapshot() if self.at == MASTER else None
        return [save(self.policy), self.epoch, self.at, cell, self.sent, self.wanted]

    @classmethod
    def load(cls, policy: Policy, saved: Any) -> Token:
        counts, epoch, at, cell, sent, wanted = saved
        found = Cell() if cell is None else Cell.restore(cell)
        return cls(load(policy, counts), epoch, at, found, sent, wanted)


class Table:
    """The master's machine. A token is granted to the zone where the ``policy`` says that it
    belongs, and comes back when another zone asks for it.
    """

    policy: ClassVar[tuple[str, int]] = ("consecutive", 3)

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.moving: dict[str, None] = {}
        """The keys whose token is to be taken, or given back, by a zone."""
        self.changed: dict[str, None] = {}
        """Those of which this is news."""

    def run(self, command: Command) -> Answer:
        key = command.key
        if command.f == SERVE:
            if key not in self.tokens:
                self.tokens[key] = Token(make(*self.policy))
            return self.serve(command, self.tokens[key])
        token = self.tokens.get(key)
        if token is not None and command.f in (TAKEN, RETURN) and not self.ran(command):
            if command.f == TAKEN:
                token.sent = None
            else:
                token.restore(make(*self.policy), cast("list[Json]", command.value)[1])
            self.note(key, token)
        return Answer(None, ok=False)

    def serve(self, command: Command, token: Token) -> Answer:
        zone = cast("list[int]", command.value)[0]
        if token.at != MASTER:
            if zone != token.at and token.wanted == MASTER:
                token.wanted = zone
                self.note(command.key, token)
            return ELSEWHERE
        asked = unwrap(command)
        again = token.cell.ran(asked)  # a machine may be asked for an old answer beside the log
        answer = token.cell.run(asked)
        better = None if again else token.policy.hit(zone)
        if better is not None:
            token.grant(better)
            self.note(command.key, token)
        return answer

    def note(self, key: str, token: Token) -> None:
        """Whether some zone has something to do about this token."""
        if token.at != MASTER and (token.sent is not None or token.wanted != MASTER):
            self.moving[key] = None
        else:
            self.moving.pop(key, None)
        self.changed[key] = None

    def ran(self, command: Command) -> bool:
        token = self.tokens.get(command.key)
        if token is None:
            return False
        if command.f == SERVE:
            return token.at == MASTER and token.cell.ran(unwrap(command))
        if command.f not in (TAKEN, RETURN):
            return False
        epoch, here = epoch_of(command), token.at == MASTER
        done = here or (command.f == TAKEN and token.sent is None)
        return token.epoch > epoch or (token.epoch == epoch and done)

    def snapshot(self) -> Json:
        tokens = {key: token.snapshot() for key, token in self.tokens.items()}
        return {"tokens": tokens}

    @classmethod
    def restore(cls, snapshot: Json) -> Table:
        table, saved = cls(), cast("dict[str, Any]", snapshot)
        for key, token in saved["tokens"].items():
            table.tokens[key] = Token.load(make(*cls.policy), token)
            table.note(key, table.tokens[key])
        return table


class Master(Group):
    """Multi-Paxos on the token table. Options: ``policy``, ``threshold``."""

    urgent: Container[str] = (TAKEN, RETURN)
    brings: str = RETURN
    served: Container[str] = (SERVE, TAKEN, RETURN)
    reads: Container[str] = ()
    machine: type[Machine] = Table

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        policy = {"policy": policy_of(cluster)}
        self.machine = cast("type[Machine]", type("Table", (self.machine,), policy))

    def asked(self, command: Command) -> str:
        return unwrap(command).f

    def executed(self, command: Command, answer: Answer) -> None:
        super().executed(command, answer)
        for key in self.table.changed:
            self.moved.setdefault(key, False)
        self.table.changed.clear()

    @property
    def table(self) -> Table:
        return cast("Table", self.store)


def policy_of(cluster: Cluster) -> tuple[str, int]:
    """The policy's name and threshold. Raises ValueError where there is no such policy."""
    named = str(cluster.options.get("policy", "consecutive")), cluster.number("threshold", 3)
    make(*named)
    return named
