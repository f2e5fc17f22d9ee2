"""Dynamo broken on purpose, each in a few lines; Y-n as in PROTOCOLS.md section 5."""

from __future__ import annotations

from protocols.dynamo import Dynamo
from protocols.dynamo.messages import Handoff, Message, Sync
from protocols.dynamo.pending import Pending
from protocols.dynamo.versions import EMPTY, State, merge, mint
from protocols.kernel import Json, NodeId


class WallClock(Dynamo):
    """Y2: the last write wins, by the coordinators' wall clocks (Cassandra's choice; Kingsbury,
    "Jepsen: Cassandra", 2013): of two versions that one is kept whose clock showed more.
    """

    def mint(self, state: State, value: Json) -> State:
        return mint(state, self.id, value, self.now_ms)

    def merge(self, a: State, b: State) -> State:
        return max(a, b, key=lambda s: max((dot[::-1] for dot in s.clock), default=(0, 0)))


class LostHint(Dynamo):
    """Y3: a hint is dropped when it was sent, whether or not the home was there to take it."""

    def hand_off(self) -> None:
        super().hand_off()
        for home, keys in self.hints.items():
            for key in list(keys):
                del keys[key]
                self.forget(f"hint/{home}/{key}")


class HintsInMemory(Dynamo):
    """Y3's kin: hints are not on the disk, so that a crash of who stood in loses what it kept."""

    def persist(self, key: str, value: Json) -> None:
        if not key.startswith("hint/"):
            super().persist(key, value)


class NoSiblings(Dynamo):
    """Y4: of versions that did not know each other one is kept, as if it had superseded the rest."""

    def merge(self, a: State, b: State) -> State:
        merged = merge(a, b)
        return State(merged.clock, merged.versions[-1:])


class Resurrects(Dynamo):
    """Y5: a deletion leaves nothing behind, so that an old copy, wherever one was left, comes back."""

    def keep(self, key: str, state: State) -> None:
        if state.versions:
            super().keep(key, state)
            return
        self.states.pop(key, None)
        self.forget("key/" + key)
        self.touched(key)


class RepairsBackwards(Dynamo):
    """A read repairs with the answer that came first, be it older, and replicas take it as it is: no
    clock is compared.
    """

    def repair(self, pending: Pending) -> None:
        pending.merged = next(iter(pending.answers.values()))
        super().repair(pending)

    def on_message(self, src: NodeId, msg: Message) -> None:
        if isinstance(msg, Sync) and not msg.answer and msg.state != EMPTY:
            self.keep(msg.key, msg.state)
            return
        super().on_message(src, msg)


class NoHandoffMerge(Dynamo):
    """A home takes what was kept for it in place of what it has, as if nobody else had written."""

    def on_message(self, src: NodeId, msg: Message) -> None:
        if isinstance(msg, Handoff):
            self.states[msg.key] = EMPTY
        super().on_message(src, msg)


class SilentTrees(Dynamo):
    """Anti-entropy never begins: a home that missed a write has it only if somebody reads it."""

    def exchange_later(self) -> None:
        return


class ForgetsItsCopy(Dynamo):
    """A coordinator that is no home forgets what it wrote: its next dot claims to know its last."""

    def update(self, pending: Pending) -> None:
        super().update(pending)
        key = pending.command.key
        if self.id not in self.homes(key):
            self.states.pop(key, None)


MUTANTS: dict[str, type[Dynamo]] = {
    "wall-clock": WallClock,
    "lost-hint": LostHint,
    "hints-in-memory": HintsInMemory,
    "no-siblings": NoSiblings,
    "resurrects": Resurrects,
    "repairs-backwards": RepairsBackwards,
    "no-handoff-merge": NoHandoffMerge,
    "silent-trees": SilentTrees,
    "forgets-its-copy": ForgetsItsCopy,
}
