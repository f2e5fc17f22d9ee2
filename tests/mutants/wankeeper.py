"""WanKeeper broken on purpose, each in a few lines; Q-nt as in PROTOCOLS.md section 5."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from protocols.answers import Answer
from protocols.cells import Ran
from protocols.kernel import Command, Json, RequestId
from protocols.statemachine import READS
from protocols.wankeeper import WanKeeper
from protocols.wankeeper.broker import GRANT, RELEASE, Broker, Group
from protocols.wankeeper.master import MASTER, TAKEN, Master, Table, give_back


class BeforeDrain(WanKeeper):
    """Q1t: a revoked token is given back with the state that its leader has, and what is under way
    in the zone's log runs after that. Paxi's wankeeper does not drain either.
    """

    def hand_over(self, place: int, key: str) -> None:
        broker, token = self.broker(self.groups[place]), self.master.table.tokens.get(key)
        cell = broker.cells.get(key)
        if token is not None and token.at == place and token.wanted != MASTER and cell is not None:
            self.ask_part(self.part, 0, give_back(key, token.epoch, cell.snapshot()))
        super().hand_over(place, key)


class _Forgetful(Table):
    def run(self, command: Command) -> Answer:
        return Answer(None, ok=False) if command.f == TAKEN else super().run(command)

    def forget(self) -> None:
        for token in self.tokens.values():
            if token.at != MASTER:
                token.restore(token.policy, token.sent)
        self.moving.clear()


class _ForgetfulMaster(Master):
    machine = _Forgetful

    def restored(self) -> None:
        cast("_Forgetful", self.store).forget()


class ForgetsTokens(WanKeeper):
    """Q2t: who has the tokens is in the master's memory only: one that comes back takes them all for
    its own, with what it knows of their keys."""

    master_class = _ForgetfulMaster


class ReadsLocally(WanKeeper):
    """Q3t: a read is answered from this node's copy, wherever the token is.

    As in the paper, whose reads are causally consistent only.
    """

    def on_request(self, request: RequestId, command: Command) -> None:
        token = self.master.table.tokens.get(command.key)
        if command.f not in READS or token is None:
            super().on_request(request, command)
            return
        cell = self.broker(self.groups[self.mine]).cells.get(command.key, token.cell)
        self.reply(request, cast("Ran", cell.run(command).value).value)


class _UnfencedBroker(Broker):
    def admits(self, key: str, epoch: int) -> bool:
        return key not in self.cells


class _Unfenced(Group):
    machine = _UnfencedBroker


class NoEpochs(WanKeeper):
    """A zone takes a grant whenever it comes: one that comes again, too, when the token has long
    been released."""

    group_class = _Unfenced


class _TenaciousBroker(Broker):
    def run(self, command: Command) -> Answer:
        cell = self.cells.get(command.key)
        answer = super().run(command)
        if command.f == RELEASE and cell is not None:
            self.cells[command.key] = cell
        return answer


class _Tenacious(Group):
    machine = _TenaciousBroker


class KeepsServing(WanKeeper):
    """A zone that has given a token back goes on to serve the key."""

    group_class = _Tenacious


class _SessionlessBroker(Broker):
    def run(self, command: Command) -> Answer:
        if command.f == GRANT:
            epoch, state = cast("tuple[int, Json]", command.value)
            updates, saved = cast("tuple[int, dict[str, Json]]", state)
            value_only = [updates, {"values": saved["values"], "sessions": {}}]
            command = replace(command, value=[epoch, value_only])
        return super().run(command)


class _Sessionless(Group):
    machine = _SessionlessBroker


class ValueOnly(WanKeeper):
    """Only the value of a key travels with its token: a command that comes again runs again."""

    group_class = _Sessionless


MUTANTS: dict[str, type[WanKeeper]] = {
    "before-drain": BeforeDrain,
    "forgets-tokens": ForgetsTokens,
    "reads-locally": ReadsLocally,
    "no-epochs": NoEpochs,
    "keeps-serving": KeepsServing,
    "value-only": ValueOnly,
}
