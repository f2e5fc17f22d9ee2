"""M2Paxos under random schedules: loss, duplication, overtaking, cuts, crashes, timers at any time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from protocols.kernel import Command
from protocols.m2paxos import M2Paxos
from tests.schedules import Chance

LISTS = ("a", "b", "c")


@dataclass
class Owners(Chance):
    """The same chance for objects that are owned one by one; transactions go between the appends."""

    options: dict[str, object] = field(
        default_factory=lambda: {"batch": 4, "snapshot_every": 5, "keep": 3}
    )

    txns: list[int] = field(default_factory=list)
    """The requests of transactions that were not answered yet."""

    def ask(self, node: int) -> None:
        super().ask(node)
        if self.random.randrange(2):
            source, target = self.random.sample(LISTS, 2)
            micro_ops = [["append", source, self.serial], ["append", target, self.serial]]
            command = Command("txn", "", micro_ops, f"t{self.serial}", self.serial)
            self.txns.append(self.stage.request(node, command))

    def look(self) -> None:
        self.txns = [r for r in self.txns if self.stage.replies.pop(r, None) is None]
        super().look()

    def beat(self, node: int, round_: int) -> None:
        for timer in list(self.stage.timers[node]):
            self.stage.fire(node, timer)

    def ready(self) -> bool:
        return True

    def recover(self) -> None:
        super().recover()
        self.one_order()

    def one_order(self) -> None:
        """Two transactions on two lists are in the same order on both."""
        values = self.stage.replicas[0].store.values  # type: ignore[attr-defined]
        lists = [values.get(key, []) for key in LISTS]
        for one in lists:
            assert len(set(one)) == len(one), "appended twice"
            for other in lists:
                shared = [name for name in one if name in other]
                assert shared == [name for name in other if name in shared], "two orders"


@pytest.mark.parametrize("seed", [*range(15), 179])
@pytest.mark.parametrize("n", [3, 5])
def test_any_schedule_is_linearizable_and_ends_in_agreement(n, seed):
    """Random schedules with crashes; afterwards all replicas are equal and serve."""
    Owners(M2Paxos, seed, n).play(1500)


@pytest.mark.parametrize("seed", range(10))
def test_without_crashes_every_schedule_is_linearizable_too(seed):
    Owners(M2Paxos, seed, 4, crashes=False).play(1000)
