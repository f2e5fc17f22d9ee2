"""WPaxos under random schedules, and its mutants, which do not survive them."""

import re

import pytest

from protocols.kernel import Command
from protocols.wpaxos import WPaxos
from tests.known import Known
from tests.mutants.wpaxos import MUTANTS
from tests.schedules import KEY, Asked, Chance

STEPS = 1500
KNOWN = Known("wpaxos-random")
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3, "threshold": 2, "hold": 1}


class Objects(Chance):
    """Any node may be asked at any time: who owns nothing forwards, or steals."""

    def look(self) -> None:
        super().look()
        for replica in self.stage.replicas.values():
            thing = replica.objects.get(KEY)
            replica.store = thing.store if thing else None

    def beat(self, node, round_):
        """Not all at once: who wants the same object is not to stay in step."""
        if (round_ + node) % 3:
            self.stage.fire(node, "tick")

    def ready(self):
        return True

    def read_finally(self, node):
        request = self.stage.request(node, Command("read", KEY))
        self.asked[request] = Asked(Command("read", KEY), 0, frozenset(self.acked))
        return request


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (3, {}),
        (3, {"fz": "0"}),
        (3, {"adaptive": "false", "hold": 0}),
        (5, {"policy": "majority"}),
        (1, {}),
    ],
)
def test_it_keeps_its_claims_whatever_chance_does(n, options):
    """Goal: agreement, exactly-once, real-time order, service after healing. Method: 30 seeds."""
    for seed in range(30):
        Objects(WPaxos, seed, n=n, options={**SMALL, **options}).play(STEPS)


SAFETY = [name for name in MUTANTS if name != "ping-pong"]


@pytest.mark.parametrize("name", SAFETY)
def test_chance_finds_every_mutant(name):
    options = {**SMALL, "fz": "0"} if name == "misses-a-zone" else SMALL

    def finds(seed):
        said = Objects(MUTANTS[name], seed, options=options).broken(STEPS)
        assert not said or re.search(r"two orders|not in it|decided|older", said), said
        return said

    KNOWN.hunt(name, range(60), finds)
