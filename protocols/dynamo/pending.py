"""A request under way: who was asked, who stands in for whom, and what has been learnt so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.dynamo.messages import Get, Put
from protocols.dynamo.versions import EMPTY, State
from protocols.kernel import Command, Json, NodeId, RequestId


@dataclass(slots=True)
class Pending:
    """One round, of gets or of puts. ``answers``: what each node had (after a put: nothing).

    ``ticks`` counts whole periods of the retry timer. Once ``done``, it lingers for late answers.
    """

    request: RequestId
    command: Command
    homes: tuple[NodeId, ...]
    message: Get | Put
    needed: int
    merged: State = EMPTY
    value: Json = None
    answers: dict[NodeId, State] = field(default_factory=dict)
    stand_ins: dict[NodeId, NodeId] = field(default_factory=dict)
    """From a fallback to the home that it stands in for (section 4.6)."""
    ticks: int = -1
    done: bool = False

    def silent(self) -> list[NodeId]:
        """The homes that have not answered."""
        return [home for home in self.homes if home not in self.answers]

    def uncovered(self) -> list[NodeId]:
        """Those of them for which nobody stands in."""
        covered = self.stand_ins.values()
        return [home for home in self.silent() if home not in covered]
