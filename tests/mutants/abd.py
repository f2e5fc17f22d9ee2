"""ABD broken on purpose, each in a few lines, by mistakes that were made elsewhere or by us.

P-n are bugs of Paxi, B-n the rows of PROTOCOLS.md section 3.
"""

from __future__ import annotations

from protocols.abd import ABD, COUNTER, RETRANSMIT, ZERO, Pending, Store, Tag
from protocols.kernel import Command, Json, NodeId, RequestId
from protocols.quorums import Tally


class NoWriteBack(ABD):
    """B1: a read answers what its first round found, which perhaps only a minority holds."""

    def begin(self, pending: Pending) -> None:
        if pending.command.f == "read" and isinstance(pending.round, Store):
            self.reply(pending.round.request, pending.round.value)
            del self.pending[pending.round.request]
            if not self.pending:
                self.cancel_timer(RETRANSMIT)
            return
        super().begin(pending)


class NoTieBreak(ABD):
    """B2, P-9: a tag is a bare counter, so that two writers can store different values under one."""

    def fresh_tag(self, above: Tag) -> Tag:
        counter, _ = super().fresh_tag(above)
        return counter, 0


class SharedTag(ABD):
    """Two writes under way at one coordinator share a tag (the first version of our own)."""

    def fresh_tag(self, above: Tag) -> Tag:
        return above[0] + 1, self.id


class TagRegress(ABD):
    """B3, P-10: what is told last is kept, though its tag be lower."""

    def on_store(self, src: NodeId, msg: Store) -> None:
        self.registers.pop(msg.key, None)
        super().on_store(src, msg)


class AcksBeforePersist(ABD):
    """B7: a store is acknowledged that a crash forgets."""

    def persist(self, key: str, value: Json) -> None:
        if key == COUNTER:
            super().persist(key, value)


class ForgetsCounter(ABD):
    """G-2's kin: after a restart a coordinator uses counters again that it has used."""

    def persist(self, key: str, value: Json) -> None:
        if key != COUNTER:
            super().persist(key, value)


class ReadOne(ABD):
    """B6: a read asks nobody but this replica."""

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f == "read":
            self.reply(request, self.registers.get(command.key, (ZERO, None))[1])
            return
        super().on_request(request, command)


class OwnCounter(ABD):
    """B4: a writer counts by itself, and asks nobody how far the others have come."""

    def fresh_tag(self, above: Tag) -> Tag:
        return super().fresh_tag(ZERO)


class Forgetful(Tally[object]):
    """Counts every answer, whoever gave it."""

    def add(self, src: NodeId, answer: object) -> bool:
        return super().add(src + 256 * len(self.answers), answer)


class CountsTwice(ABD):
    """M9's kin: an answer that came twice is counted twice."""

    def begin(self, pending: Pending) -> None:
        pending.answers = Forgetful(pending.answers.needed)  # type: ignore[assignment]
        super().begin(pending)


MUTANTS: dict[str, type[ABD]] = {
    "no-write-back": NoWriteBack,
    "no-tie-break": NoTieBreak,
    "shared-tag": SharedTag,
    "tag-regress": TagRegress,
    "acks-before-persist": AcksBeforePersist,
    "forgets-counter": ForgetsCounter,
    "read-one": ReadOne,
    "own-counter": OwnCounter,
    "counts-twice": CountsTwice,
}
