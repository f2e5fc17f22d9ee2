"""Raft's part in verification (``protocols.verifying``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from protocols.kernel import Json, NodeId
from protocols.membership import to_json
from protocols.raft.messages import TimeoutNow
from protocols.raft.rejoining import Returner
from protocols.statemachine import KeyValue
from protocols.verifying import Verifying


class Verifier(Verifying, Returner):
    """A server that compares. What is committed is applied by it only while its state is right; to append, to
    acknowledge and to vote needs none.
    """

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.load_ejected(durable)

    def advance(self) -> None:
        super().advance()
        self.executed_up_to(self.log.commit)

    def state_at(self) -> int:
        return self.log.commit

    def image(self) -> tuple[int, Json]:
        at = self.log.commit
        return at, [self.log.term(at), self.store.snapshot(), to_json(self.configs.as_of(at))]

    def give_up_leading(self) -> None:
        self.step_down()

    def stand(self) -> None:
        if self.ejected:
            self.following, self.silence = None, 0
        else:
            super().stand()

    def on_timeout_now(self, src: NodeId, msg: TimeoutNow) -> None:
        if not self.ejected:
            super().on_timeout_now(src, msg)

    def learn(self, commit: int) -> None:
        commit = min(commit, self.matched)
        while self.log.commit < commit and not self.ejected:
            self.advance()

    def answer_reads(self) -> None:
        if not self.ejected:
            super().answer_reads()

    def install(self, index: int, term: int, state: Json, config: Json) -> None:
        """The leader's snapshot is as good as a donor's."""
        if self.ejected:
            self.be_right(index)
        super().install(index, term, state, config)

    def reinstate(self, slot: int, state: Json) -> None:
        term, picture, config = cast("tuple[int, Json, Json]", state)
        if slot > self.log.commit:
            self.install(slot, term, picture, config)
        else:
            self.store = KeyValue.restore(picture)
            self.compact()
            self.answer_what_ran()
        self.matched = max(self.matched, slot)
