"""Random schedules for replicas that have others within them (``protocols.nested``).

As in :mod:`tests.schedules`, with timers of parts, and a recovery that knows none by name: ticks come
often, looks at a leader (``watch``) seldom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocols.kernel import Command
from tests.schedules import KEY, Asked, Chance

ROUNDS = 90


@dataclass
class Hosted(Chance):
    """``stores`` says what must be equal at all nodes in the end."""

    def stores(self) -> list[Any]:
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it is time to ask for something, after all was healed."""
        return all(replica.leader() is not None for replica in self.stage.replicas.values())

    def recover(self) -> None:
        """All is healed: the cluster serves again, and all replicas come to the same state."""
        stage = self.stage
        self.cut = frozenset()
        for node in range(self.n):
            if node not in stage.replicas:
                stage.start(node)
        final = None
        for round_ in range(ROUNDS):
            for node in range(self.n):
                for timer in list(stage.timers[node]):
                    if not timer.endswith("watch") or (round_ + node) % 5 == 0:
                        stage.fire(node, timer)
            stage.settle(limit=100_000)
            if final is None and self.ready():
                final = stage.request(self.random.randrange(self.n), Command("read", KEY))
                self.asked[final] = Asked(Command("read", KEY), 0, frozenset(self.acked))
        assert final in stage.replies, "does not serve again"
        self.look()
        stage.decided()
        stores = self.stores()
        assert all(store == stores[0] for store in stores), "replicas differ"
