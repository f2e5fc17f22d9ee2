"""Quorum systems against brute force: all sets of up to nine nodes, by the papers' own words."""

from itertools import combinations

import pytest

from protocols.kernel import Cluster
from protocols.quorum_systems import by_zones, count, mask_of, parse
from protocols.quorums import fast, majority

NINE = Cluster(tuple(range(9)), ("a", "b", "c") * 3)
ZONES = [{0, 3, 6}, {1, 4, 7}, {2, 5, 8}]
UNEVEN = Cluster(tuple(range(6)), ("a", "a", "a", "b", "b", "c"))


def sets(n):
    return [set(c) for size in range(n + 1) for c in combinations(range(n), size)]


def most(nodes, zone):
    return len(nodes & zone) > len(zone) / 2


WORDS = {
    "majority": (lambda s: len(s) >= 5, lambda s: len(s) >= 5),
    "all": (lambda s: len(s) >= 1, lambda s: len(s) == 9),
    "fast": (lambda s: len(s) >= majority(9), lambda s: len(s) >= fast(9)),
    "count:7,3": (lambda s: len(s) >= 7, lambda s: len(s) >= 3),
    "count:4,4": (lambda s: len(s) >= 4, lambda s: len(s) >= 4),
    "grid": (lambda s: all(s & z for z in ZONES), lambda s: any(z <= s for z in ZONES)),
    "zone-majority": (
        lambda s: all(most(s, z) for z in ZONES),
        lambda s: any(most(s, z) for z in ZONES),
    ),
    "fgrid:1": (
        lambda s: sum(most(s, z) for z in ZONES) >= 2,
        lambda s: sum(most(s, z) for z in ZONES) >= 2,
    ),
    "fgrid:2,0": (
        lambda s: any(s & z for z in ZONES),
        lambda s: all(z <= s for z in ZONES),
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_system_is_what_its_definition_says(name):
    """Goal: the masks count right. Method: all 512 sets, both phases."""
    system, (one, two) = parse(name, NINE), WORDS[name]
    assert system.name == name
    for nodes in sets(9):
        assert system.phase1(mask_of([*nodes])) == one(nodes), nodes
        assert system.phase2(mask_of([*nodes])) == two(nodes), nodes


def brute_disjoint(system, n):
    ones = [s for s in sets(n) if system.phase1(mask_of([*s]))]
    return any(system.phase2(((1 << n) - 1) & ~mask_of([*s])) for s in ones)


@pytest.mark.parametrize("name", WORDS)
def test_every_system_that_should_intersect_does(name):
    system = parse(name, NINE)
    assert (system.disjoint() is not None) == brute_disjoint(system, 9)
    assert (system.intersects() is None) == (name != "count:4,4")


def test_the_search_for_disjoint_quorums_is_that_of_all_sets():
    """Goal: the short cut by counts a group is exact. Method: every threshold, uneven zones too."""
    for n in range(1, 7):
        for one in range(1, n + 1):
            for two in range(1, n + 1):
                system = count(range(n), one, two)
                assert (system.disjoint() is not None) == brute_disjoint(system, n)
                assert (system.intersects() is None) == (one + two > n)
    zones, found = [0b000111, 0b011000, 0b100000], 0
    for one in ((1, 1, 1), (2, 2, 1), (3, 1, 1), (3, 2, 1)):
        for two in ((1, 1, 1), (2, 1, 1), (3, 2, 1)):
            for needed1 in (1, 2, 3):
                for needed2 in (1, 2, 3):
                    system = by_zones(zones, one, needed1, two, needed2)
                    bad = brute_disjoint(system, 6)
                    found += bad
                    assert (system.disjoint() is not None) == bad
    assert 0 < found < 108, "of both kinds"


def test_the_example_is_a_true_one():
    """Columns in both phases, the wrong axis (N2): two zones decide without each other."""
    wrong = by_zones([0b000111, 0b111000], (3, 3), 1, (3, 3), 1)
    one, other = wrong.disjoint()
    assert wrong.phase1(one)
    assert wrong.phase2(other)
    assert not one & other
    assert (
        wrong.intersects()
        == ("n1, n2, n3 is a quorum of phase 1, n4, n5, n6 one of phase 2, and no node is in both")
        or "n4" in wrong.intersects()
    )


@pytest.mark.parametrize("fz", [0, 1, 2])
def test_grids_of_uneven_zones_intersect(fz):
    for name in (f"fgrid:{fz}", f"fgrid:{fz},0", "grid", "zone-majority"):
        system = parse(name, UNEVEN)
        assert system.intersects() is None
        assert not brute_disjoint(system, 6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("magic", "is one of majority"),
        ("count:2", "is one of majority"),
        ("count:x,y", "not numbers"),
        ("count:0,9", "there are 9 nodes"),
        ("fgrid:3", "0 to 2 may be lost"),
        ("fgrid:1,3", "smallest zone has 3"),
    ],
)
def test_what_is_no_system_is_refused_in_words(text, says):
    with pytest.raises(ValueError, match=says):
        parse(text, NINE)


def test_grids_need_zones():
    with pytest.raises(ValueError, match="--zones"):
        parse("grid", Cluster((0, 1, 2)))
