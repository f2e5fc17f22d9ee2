"""Random schedules: WanKeeper keeps its claims under each, and its mutants do not under all."""

from dataclasses import dataclass, replace

import pytest

from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.wankeeper import WanKeeper
from tests.hosted import Hosted
from tests.known import Known
from tests.mutants.wankeeper import MUTANTS
from tests.transcript import Stage

STEPS = 1500
KNOWN = Known("wankeeper-random")
ELSEWHERE = ("forgets-tokens", "no-epochs")
"""Mutants that chance finds too seldom here; the zoo finds them."""
SMALL = {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3, "threshold": 2, "zones": 2}


@dataclass
class Tokens(Hosted):
    """``stores``: all nodes follow all logs; and of each key there is one log that has it."""

    def ready(self):
        parts = [part.replica for r in self.stage.replicas.values() for part in r.parts.values()]
        return all(replica.leader() is not None for replica in parts)

    def stores(self):
        replicas = [self.stage.replicas[node] for node in sorted(self.stage.replicas)]
        for replica in replicas:
            for key, token in replica.master.table.tokens.items():
                held = [i for i, group in replica.groups.items() if key in group.store.cells]
                assert held in ([token.at], []), "a token is at two places"
        return [[p.replica.store.snapshot() for p in r.parts.values()] for r in replicas]


@pytest.mark.parametrize("threshold", [1, 2])
@pytest.mark.parametrize("n", [3, 5])
def test_a_key_is_linearizable_wherever_chance_moves_it(n, threshold):
    """Goal: agreement, exactly-once, real-time order, and all nodes alike at the end.

    Method: 4 seeds of crashes, loss, duplication, overtaking, partitions and timers at any moment.
    """
    for seed in range(4):
        Tokens(WanKeeper, seed, n=n, options={**SMALL, "threshold": threshold}).play(STEPS)


@dataclass
class Zoned(Tokens):
    """Two zones of their own nodes: three, and two, of whom no one may be missing."""

    n: int = 5

    def __post_init__(self):
        super().__post_init__()
        names = tuple("eu" if node % 2 == 0 else "us" for node in range(self.n))
        self.stage.cluster = replace(self.stage.cluster, zones=names)

    def stores(self):
        tables = super().stores()
        zones = [[parts[1] for parts in tables[i::2]] for i in (0, 1)]
        assert all(store == zone[0] for zone in zones for store in zone), "a zone's nodes differ"
        return [parts[0] for parts in tables]


def test_zones_of_their_own_nodes():
    for seed in range(5):
        Zoned(WanKeeper, seed, options={**SMALL, "threshold": 1}).play(2 * STEPS)


def test_what_is_kept_does_not_grow_with_the_ops():
    """Goal: logs, disk, sessions and what the host remembers are bounded by keys and options."""
    stage = Stage(WanKeeper, 1, {**SMALL, "threshold": 1})
    stage.start()
    for part in ("master", "zone n1"):
        stage.fire(0, f"{part}/watch")
        stage.fire(0, f"{part}/watch")
    sizes = []
    for _ in range(3):
        for serial in range(1, 301):
            command = Command("write", f"r{serial % 3}", serial, f"c{len(sizes)}.{serial}", 1)
            request = stage.request(0, command)
            assert stage.replies[request].ok
        stage.fire(0, "tick")
        replica = stage.replicas[0]
        logs = [len(list(part.replica.log.since(0))) for part in replica.parts.values()]
        sizes.append((len(stage.disks[0]), logs, len(replica.asked), len(replica.moved)))
    assert sizes[1] == sizes[2]
    assert sizes[2][0] < 40


def test_one_node_alone_serves():
    for seed in range(10):
        Tokens(WanKeeper, seed, n=1, options=SMALL).play(STEPS)


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name not in ELSEWHERE])
def test_a_mutant_is_caught(mutant):
    """Goal: the claims above are not empty. Method: seed by seed, until one of them fails."""
    options = {**SMALL, "threshold": 1}
    KNOWN.hunt(
        mutant, range(100), lambda n: Tokens(MUTANTS[mutant], n, options=options).broken(STEPS)
    )


def test_chance_is_not_too_kind():
    """Goal: not vacuous. Tokens were granted, released and brought back, and commands came late."""
    seen: dict[str, int] = {}
    replies = 0
    for seed in range(12):
        chance = Tokens(WanKeeper, seed, options={**SMALL, "threshold": 1})
        chance.play(STEPS)
        for _, note in chance.stage.notes:
            if note.kind == "sometimes":
                seen[note.value] = seen.get(note.value, 0) + 1
        replies += len(chance.stage.replies)
    own = [name for name in WanKeeper.sometimes if name not in MultiPaxos.sometimes]
    assert {*own} <= {*seen}
    assert min(seen[name] for name in own) > 1
    assert replies > 100
