"""What the O-instances, executed in order, make: the store, and how far each row has come."""

from __future__ import annotations

from typing import Any, cast

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Command, Json, NodeId
from protocols.statemachine import Answer, KeyValue

TURN, SEQUENCER = "turn", "sequencer"


def turn(owner: NodeId) -> Command:
    """The entry of an O-instance: the next C-instance of this node's row."""
    return Command(TURN, str(owner))


def sequencer(ballot: Ballot) -> Command:
    """The first entry of the sequencer of ``ballot``: all before it is chosen."""
    return Command(SEQUENCER, "", list(ballot))


def ballot_of(entry: Command) -> Ballot:
    number, node = cast("list[int]", entry.value)
    return (number, node)


class State(KeyValue):
    """A key-value store, and of the O-instances executed: whose turns there were, and the ballot of
    the last sequencer that had begun.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turns: dict[str, int] = {}
        self.sequencer = ZERO

    def count(self, owner: NodeId) -> int:
        """How many C-instances of this row have been executed."""
        return self.turns.get(str(owner), 0)

    def run(self, command: Command) -> Answer:
        if command.f == TURN:
            self.turns[command.key] = self.turns.get(command.key, 0) + 1
        elif command.f == SEQUENCER:
            self.sequencer = ballot_of(command)
        return super().run(command)

    def snapshot(self) -> Json:
        store = cast("dict[str, Any]", super().snapshot())
        return {**store, "turns": dict(self.turns), "sequencer": list(self.sequencer)}

    @classmethod
    def restore(cls, snapshot: Json) -> State:
        saved = cast("dict[str, Any]", snapshot)
        state = cast("State", super().restore(snapshot))
        state.turns = dict(saved["turns"])
        state.sequencer = (saved["sequencer"][0], saved["sequencer"][1])
        return state
