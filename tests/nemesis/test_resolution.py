"""From names to faults: the table, the user's own, and mistakes."""

from __future__ import annotations

from random import Random

import pytest

from nemesis import BY_NAME, FAULTS, KINDS, OF_ZONES
from nemesis.actions import Fault, Kill, Start
from nemesis.resolution import factory, resolve

NOT_CALLABLE = 3
ZONES = ("eu", "eu", "us", "us", "asia")


def mine(random, nodes, leaders) -> Fault:
    """A fault as a user writes one."""
    return Fault("mine", (Kill(nodes[-1]),), (Start(nodes[-1]),))


def no_fault(random, nodes, leaders) -> str:
    return "no fault"


@pytest.mark.parametrize("name", FAULTS)
def test_a_row_of_the_table_is_a_fault_and_the_same_for_the_same_seed(name) -> None:
    made = [resolve(name, Random("7/window/1"), range(5), (3,), ZONES) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].name == name or made[0].name in KINDS[name]
    assert factory(name).__doc__


def test_the_order_in_which_nodes_and_leaders_are_listed_does_not_matter() -> None:
    assert resolve("partition", Random(5), [2, 0, 1], [1, 0]) == resolve(
        "partition", Random(5), [0, 1, 2], [0, 1]
    )


def test_every_kind_is_a_row_and_belongs_to_one_group() -> None:
    kinds = [kind for group in KINDS.values() for kind in group]
    assert sorted([*kinds, *KINDS, *BY_NAME]) == sorted(FAULTS)


def test_a_fault_of_a_zone_hits_all_of_one_zone_and_nobody_else() -> None:
    hit = set()
    for seed in range(20):
        fault = resolve("kill-zone", Random(seed), range(5), zones=ZONES)
        nodes = [action.node for action in fault.begin]
        hit.add(tuple(ZONES[node] for node in nodes))
        (cut,) = resolve("partition-zone", Random(seed), range(5), zones=ZONES).begin
        inside = {src for src, _ in cut.links if ZONES[src] == ZONES[nodes[0]]}
        assert inside == set(nodes)
        assert all(ZONES[src] != ZONES[dst] for src, dst in cut.links)
        assert len(cut.links) == 2 * len(nodes) * (5 - len(nodes))
    assert hit == {("eu", "eu"), ("us", "us"), ("asia",)}


@pytest.mark.parametrize(
    ("zones", "sentence"),
    [
        ((), "needs to know the zone of every node"),
        (("eu", "us"), "needs to know the zone of every node"),
        (("eu", "", "us"), "needs to know the zone of every node"),
        (("eu", "eu", "eu"), "all are in eu"),
    ],
)
@pytest.mark.parametrize("name", OF_ZONES)
def test_a_fault_of_a_zone_is_refused_where_there_are_no_two(name, zones, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        resolve(name, Random(1), range(3), zones=zones)


def test_a_fault_of_ones_own() -> None:
    fault = resolve(f"{__name__}:mine", Random(1), (0, 1, 2))
    assert fault == Fault("mine", (Kill(2),), (Start(2),))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("partion", "'partion': did you mean partition"),
        ("kill-leadr", "did you mean kill-leader"),
        ("xyzzy", "there are partition, partition-halves"),
        ("no_such_module:fault", "cannot be imported: No module"),
        (f"{__name__}:nothing", "cannot be imported"),
        (f"{__name__}:NOT_CALLABLE", "is 3, not a function"),
        (f"{__name__}:no_fault", "made 'no fault', which is no Fault"),
    ],
)
def test_a_name_that_is_none_is_refused_with_a_sentence(name, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        resolve(name, Random(1), (0, 1, 2))
