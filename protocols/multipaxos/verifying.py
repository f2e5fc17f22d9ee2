"""Multi-Paxos' part in verification (``protocols.verifying``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.ballots import Ballot
from protocols.kernel import Json, NodeId
from protocols.log import Vote, key_of
from protocols.multipaxos.rejoining import Returner
from protocols.transfer import Missing, Snapshot
from protocols.verifying import Verifying


class Verifier(Verifying, Returner):
    """A replica that compares."""

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.load_ejected(durable)

    def passed(self, chosen: int) -> None:
        super().passed(chosen)
        self.executed_up_to(chosen)

    def state_at(self) -> int:
        return self.log.chosen

    def image(self) -> tuple[int, Json]:
        return self.log.chosen, self.picture()

    def give_up_leading(self) -> None:
        self.retire()

    # --- without a state --------------------------------------------------------------------------

    def learn(self, ballot: Ballot, chosen: int) -> None:
        if self.ejected:
            self.known = max(self.known, chosen)
        else:
            super().learn(ballot, chosen)

    def absorb(self, votes: Iterable[Vote], chosen: int) -> None:
        if not self.ejected:
            super().absorb(votes, chosen)

    def run_for_leader(self) -> None:
        if self.ejected:
            self.following, self.silence = None, 0
        else:
            super().run_for_leader()

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        if not self.ejected:
            super().on_missing(src, msg)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if self.ejected:
            self.on_gift(msg)
        else:
            super().on_snapshot(src, msg)

    def reinstate(self, slot: int, state: Json) -> None:
        if slot > self.log.chosen:
            self.install(slot, state)
            return
        self.snapshot = (slot, state)
        self.persist("snapshot", self.snapshot)
        self.revive(state)
        for old in self.log.truncate(slot):
            self.forget(key_of(old))
        self.restored()
        self.answer_what_ran()
