"""Random schedules on which disks are lost, too."""

from __future__ import annotations

from dataclasses import dataclass

from tests.protocols.disks import PASSIVE, Disks
from tests.schedules import Chance


@dataclass
class Wiping(Chance):
    """Nobody leads. Of a thousand moves 7 lose a disk, of no more nodes at once than there may be down; and so
    many more, ``ticks``, are ticks: where a way back takes many.
    """

    asks: int = 150
    ticks: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stage = Disks(self.protocol, self.n, PASSIVE | self.options)
        self.losses = 0

    def move(self) -> None:
        stage = self.stage
        roll = self.random.randrange(1000)
        passive = sum(self.is_passive(node) for node in range(self.n))
        spared = [node for node in stage.replicas if not self.is_passive(node)]
        if roll < 7 and spared and passive <= (self.n - 3) // 2:
            self.losses += 1
            self.lose(self.random.choice(spared))
        elif 7 <= roll < 7 + self.ticks and stage.replicas:
            stage.fire(self.random.choice(list(stage.replicas)), "tick")
        super().move()

    def lose(self, node: int) -> None:
        assert isinstance(self.stage, Disks)
        self.stage.lose(node, now_ms=self.losses)

    def is_passive(self, node: int) -> bool:
        """Whether it is on its way back, as its disk says, too."""
        return "passive" in self.stage.disks[node]

    def beat(self, node: int, round_: int) -> None:
        for timer in ("tick", "propose"):
            if timer in self.stage.timers[node]:
                self.stage.fire(node, timer)

    def ready(self) -> bool:
        """All are back, some time after all is healed."""
        return not any(self.is_passive(node) for node in self.stage.replicas)

    def asked_finally(self) -> list[int]:
        return list(range(self.n))
