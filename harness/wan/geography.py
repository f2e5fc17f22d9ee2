"""Wide-area set-ups: where the nodes of a trial are, and how far apart, by an inventory.

Node ``i`` is where the inventory's host ``i`` is. Only zones and round trips matter; addresses are not
used. The simulator's links take that much longer, and those of real hosts are delayed
(``harness.remote.distances``). A node's clients are beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

from harness.errors import UsageError
from harness.inventory import Inventory, load
from harness.sim import NETWORKS, Network
from harness.trial import Trial
from nemesis.actions import Link

NEAR_US = (100, 1_100)
"""What a message takes where distance adds nothing, instead of the 1 to 5 ms of a crowded room: the
measured round trips have their own jitter and their own last mile in them already."""


@lru_cache(maxsize=8)
def _inventory(name: str) -> Inventory:
    return load(name)


def hosts_in(name: str) -> int:
    """How many hosts an inventory has. Raises InventoryError, and UsageError if there is none."""
    return len(_inventory(name).hosts)


def zones_of(name: str, nodes: int) -> tuple[str, ...]:
    """The zone of each node. Raises UsageError where the inventory has fewer hosts than that."""
    hosts = _inventory(name).hosts
    if nodes > len(hosts):
        raise UsageError(f"--nodes {nodes}: {name} has {len(hosts)} hosts")
    return tuple(host.zone for host in hosts[:nodes])


def round_trips_ms(name: str, zones: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """``[a][b]``: what lies between two nodes in these zones, in ms; 0 within a zone.

    Raises UsageError for two zones between which the inventory says nothing.
    """
    between = _inventory(name).rtt_ms
    for a, b in combinations(sorted(set(zones)), 2):
        if (a, b) not in between:
            raise UsageError(f"--wan {name}: no [[rtt]] between {a!r} and {b!r}")
    return tuple(tuple(between.get((a, b), 0) if a != b else 0 for b in zones) for a in zones)


def longest_ms(name: str, zones: Sequence[str]) -> int:
    """The round trip that protocols should expect, in ms: that of the two nodes farthest apart."""
    far = max(map(max, round_trips_ms(name, zones)))
    return far + -(-2 * NEAR_US[1] // 1_000)


def matrix_of(trial: Trial) -> tuple[tuple[int, ...], ...]:
    """The round trips between the nodes of a trial, in ms; none where no WAN is asked for."""
    if trial.wan is None:
        return ()
    return round_trips_ms(trial.wan, trial.places() or zones_of(trial.wan, trial.nodes))


def links_of(trial: Trial) -> dict[Link, int]:
    """The round trip over each link of a trial, in ms, those within a zone too; none without a WAN."""
    matrix = matrix_of(trial)
    return {(a, b): ms for a, row in enumerate(matrix) for b, ms in enumerate(row) if a != b}


def network_of(trial: Trial) -> Network:
    """The links of a simulated trial."""
    network = NETWORKS[trial.network]
    if trial.wan is None:
        return network
    least, most = NEAR_US
    if network.delay_us[0] == network.delay_us[1]:
        least = most = sum(NEAR_US) // 2
    one_way_us = tuple(tuple(ms * 1_000 // 2 for ms in row) for row in matrix_of(trial))
    return replace(network, delay_us=(least, most), apart_us=one_way_us)
