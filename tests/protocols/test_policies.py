"""Policies of ownership: what each advises, and that it is the same whenever it is asked again."""

from random import Random

import pytest

from protocols.policies import POLICIES, Consecutive, Demand, Ema, Majority, Stay, make


def advice(policy, places):
    return [policy.hit(place) for place in places]


def test_none_never_advises_a_move():
    assert advice(Stay(), [1] * 100) == [None] * 100


def test_consecutive_begins_anew_when_another_place_asks():
    assert advice(Consecutive(3), [1, 1, 2, 1, 1, 1]) == [None] * 5 + [1]


def test_consecutive_repeats_its_advice_while_it_is_not_followed():
    assert advice(Consecutive(2), [1, 1, 1, 1]) == [None, 1, 1, 1]


def test_majority_needs_more_than_half_and_forgets_each_window():
    """A tie is no majority; Paxi breaks it by the order of a hash map."""
    assert advice(Majority(4), [1, 2, 1, 2]) == [None] * 4
    assert advice(Majority(4), [2, 2, 2, 1, 1, 1, 1, 2]) == [
        None,
        None,
        None,
        2,
        None,
        None,
        None,
        1,
    ]


def test_the_average_is_of_shares_and_not_of_zone_numbers():
    """Zones 1 and 3 ask in turn: by Paxi's average of numbers the object belongs in zone 2."""
    policy = Ema(9)
    assert not {2} & set(advice(policy, [1, 3] * 50))


def test_the_average_follows_a_move_and_not_a_stray():
    policy = Ema(9)
    advice(policy, [1] * 30)
    assert policy.hit(2) is None
    assert advice(policy, [2] * 30)[-1] == 2


def test_the_average_forgets_places_that_ask_no_more():
    policy = Ema(3)
    advice(policy, range(1000))
    assert len(policy.shares) < 50


def test_demand_names_the_node_of_the_place_that_asked_last():
    demand = Demand(Consecutive(2))
    assert demand.hit(1, 10) is None
    assert demand.hit(1, 11) == 11


@pytest.mark.parametrize("name", POLICIES)
def test_the_same_hits_give_the_same_advice(name):
    places = [Random("places").randrange(3) for _ in range(200)]
    runs = [advice(make(name, 3), places) for _ in range(2)]
    assert runs[0] == runs[1]
    assert set(runs[0]) <= {None, *places}


def test_unknown_policies_and_thresholds_are_refused():
    with pytest.raises(ValueError, match="consecutive, majority, ema, none"):
        make("random", 3)
    with pytest.raises(ValueError, match="1 or more"):
        make("ema", 0)
