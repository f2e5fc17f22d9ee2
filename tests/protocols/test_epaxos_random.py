"""EPaxos under random schedules: loss, duplication, overtaking, cuts, crashes, timers at any time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from protocols.epaxos import EPaxos
from protocols.epaxos.messages import Commit, Frontier, Install, Learned
from protocols.kernel import Command
from tests.schedules import KEY, Asked, Chance


@dataclass
class Leaderless(Chance):
    """The same chance for a protocol without a leader, whose slots are instances."""

    options: dict[str, object] = field(default_factory=lambda: {"checkpoint_every": 8, "retain": 6})

    def move(self) -> None:
        """As often as not somebody loses its patience: recoveries are what is to be tested."""
        up = list(self.stage.replicas)
        if up and self.random.randrange(1000) < 12:
            node = self.random.choice(up)
            for _ in range(self.random.randrange(60)):
                self.stage.fire(node, "tick")
        else:
            super().move()

    def recover(self) -> None:
        stage = self.stage
        self.cut = frozenset()
        for node in range(self.n):
            if node not in stage.replicas:
                stage.start(node)
        final = None
        for round_ in range(150):
            for node in range(self.n):
                stage.fire(node, "tick")
            stage.settle(limit=100_000)
            if round_ == 100:
                final = stage.request(self.random.randrange(self.n), Command("read", KEY))
                self.asked[final] = Asked(Command("read", KEY), 0, frozenset(self.acked))
        assert final in stage.replies, "does not serve again"
        self.look()
        agreement(stage.notes)
        replicas = list(stage.replicas.values())
        frontiers = [r.catchup.frontier() for r in replicas]  # type: ignore[attr-defined]
        assert all(f == frontiers[0] for f in frontiers), f"not caught up: {frontiers}"
        stores = [r.store for r in replicas]  # type: ignore[attr-defined]
        assert all(store == stores[0] for store in stores), "replicas differ"


def agreement(notes) -> None:
    """No instance is decided in two ways."""
    decided: dict[str, object] = {}
    for _, note in notes:
        if note.kind == "decided":
            slot, what = note.value
            assert decided.setdefault(json.dumps(slot), what) == what, slot


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [3, 5])
def test_any_schedule_is_linearizable_and_ends_in_agreement(n, seed):
    """Random schedules with crashes; afterwards all replicas are equal and serve."""
    Leaderless(EPaxos, seed, n).play(1500)


@pytest.mark.parametrize("seed", range(10))
def test_without_crashes_every_schedule_is_linearizable_too(seed):
    Leaderless(EPaxos, seed, 4, crashes=False).play(1000)


@dataclass
class Crossed(Leaderless):
    """Other keys are written, too, and nobody keeps what it has executed: states are all that is left to give."""

    options: dict[str, object] = field(default_factory=lambda: {"checkpoint_every": 1, "retain": 0})
    others: list[int] = field(default_factory=list)

    def ask(self, node: int) -> None:
        key = self.random.choices([KEY, f"y{node}", "both"], (2, 20, 1))[0]
        if key == KEY:
            super().ask(node)
            return
        self.serial += 1
        keys = sorted(f"y{n}" for n in range(self.n)) if key == "both" else [key]
        appends = [["append", k, self.serial] for k in keys]
        command = Command("txn", "", appends, f"c{self.serial}", 1)
        self.others.append(self.stage.request(node, command))

    def carry(self, src: int, dst: int) -> None:
        """Whoever has committed something is mostly the only one who knows."""
        wire = self.stage.wires[src, dst]
        told = isinstance(self.stage.codec.decode(wire[0]), Commit | Learned | Frontier | Install)
        if told and self.random.randrange(10):
            del wire[0]
        else:
            super().carry(src, dst)

    def recover(self) -> None:
        self.stage.quiet()
        super().recover()

    def look(self) -> None:
        """Of what is asked of other keys only the end is looked at."""
        for request in self.others:
            self.stage.replies.pop(request, None)
        super().look()


@pytest.mark.parametrize("seed", [*range(10, 20), 260])
@pytest.mark.parametrize("toq", ["false", "true"])
def test_whoever_is_ahead_of_whom_all_end_in_one_state(seed, toq):
    """Two that are each ahead of the other in some row join their states."""
    chance = Crossed(EPaxos, seed, 3 + seed % 2 * 2)
    chance.options["toq"] = toq
    chance.play(1500)
    for values in chance.stage.replicas[0].store.values.values():
        assert len(set(values)) == len(values)
