"""Chain replication broken on purpose, each in a few lines; C-n as in PROTOCOLS.md section 5."""

from __future__ import annotations

from dataclasses import replace

from protocols.answers import Answer
from protocols.chain import Chain
from protocols.chain.configuration import Config
from protocols.chain.history import History
from protocols.chain.messages import Ack, Entry, Message, Update
from protocols.chain.reads import Reads
from protocols.kernel import Command, NodeId, RequestId
from protocols.nested import Wrapped
from protocols.statemachine import READS, KeyValue


class ReadsAnywhere(Chain):
    """C1: whoever is asked answers a read from its own state."""

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f in READS:
            self.reply(request, self.history.store.run(command).value)
        else:
            super().on_request(request, command)


class HeadReplies(Chain):
    """C2: the head answers an update as soon as it has applied it itself."""

    def apply(self, entry: Entry) -> None:
        super().apply(entry)
        if self.is_head:
            outcome = self.history.outcomes[self.history.last]
            self.answer(entry.origin, entry.command, outcome.answer)


class SkipsResend(Chain):
    """C3: a new successor is sent what is new, and not what its predecessor had not passed on; and
    takes it, wherever that begins."""

    def enter(self, config: Config) -> None:
        self.began = False
        super().enter(config)

    def on_ack(self, src: NodeId, msg: Ack) -> None:
        if self.link is not None and self.link.received is None:
            msg = replace(msg, received=self.history.last, lacks=False)
        super().on_ack(src, msg)

    def take(self, msg: Update) -> None:
        if msg.entries and not self.began and msg.first > self.history.last + 1:
            self.history = History(msg.first - 1, self.history.store)
        self.began = self.began or bool(msg.entries)
        super().take(msg)


class _Unconfirmed(Reads):
    def confirm(self) -> None:
        reads, self.waiting = list(self.waiting.values()), {}
        self.replica.confirmed(reads)


class ZombieTail(Chain):
    """C4: a tail answers because it is the tail, as far as it knows: it may have been removed."""

    def make_reads(self) -> Reads:
        return _Unconfirmed(self)


class JoinsEmpty(Chain):
    """C5: a node is appended, and serves as the tail, before it has copied anything."""

    def adopt(self, config: Config) -> None:
        super().adopt(config)
        self.complete = True
        self.save_config()


class AppliesAsItComes(Chain):
    """C6: an update is applied whenever it comes: again when it is sent again."""

    def take(self, msg: Update) -> None:
        for entry in msg.entries:
            self.apply(entry)


class ServesDirty(Chain):
    """C7: with ``read=craq`` a replica answers from its newest version, committed or not."""

    def may_read(self, key: str) -> bool:
        return True


class TailDoesNotApply(Chain):
    """C8, P-11: the tail passes updates on and answers them, and its own state stays empty.

    Paxi's chain, always.
    """

    def answer(self, origin: NodeId, command: Command, answer: Answer) -> None:
        if command.f in READS:
            answer = KeyValue().run(command)
        super().answer(origin, command, answer)


class KeepsHistory(Chain):
    """A node that was removed comes back with its history: an old head's, too, with updates that
    the chain never had."""

    def void(self) -> None:
        """Forget nothing."""


class NoEpochs(Chain):
    """What a chain said is taken for what this one says: messages of all epochs are alike."""

    def on_message(self, src: NodeId, msg: Message | Wrapped) -> None:
        if isinstance(msg, Update | Ack):
            msg = replace(msg, epoch=self.config.epoch)
        super().on_message(src, msg)


MUTANTS: dict[str, type[Chain]] = {
    "reads-anywhere": ReadsAnywhere,
    "head-replies": HeadReplies,
    "skips-resend": SkipsResend,
    "zombie-tail": ZombieTail,
    "joins-empty": JoinsEmpty,
    "applies-as-it-comes": AppliesAsItComes,
    "serves-dirty": ServesDirty,
    "tail-does-not-apply": TailDoesNotApply,
    "keeps-history": KeepsHistory,
    "no-epochs": NoEpochs,
}
