"""Faults of membership, and the administrator who carries them out."""

from random import Random

import pytest

from nemesis import KINDS
from nemesis.actions import Fault, Join, Leave, Window
from nemesis.administrator import TRIES, Administrator
from nemesis.membership import LEAST
from nemesis.plan import validate
from nemesis.resolution import resolve


def applied(members, actions):
    """The members after these, at each of which there were enough."""
    now = set(members)
    for action in actions:
        if isinstance(action, Join):
            assert action.node not in now
            now.add(action.node)
        else:
            now.remove(action.node)
        assert len(now) >= min(LEAST, len(members))
    return now


@pytest.mark.parametrize("name", ["membership", *KINDS["membership"]])
@pytest.mark.parametrize(("nodes", "members"), [(3, 3), (5, 3), (5, 5), (3, 2), (4, 2)])
def test_a_fault_changes_something_and_undoes_it_and_leaves_enough(name, nodes, members):
    first = tuple(range(members))
    for seed in range(30):
        fault = resolve(name, Random(seed), range(nodes), (1,), members=first, down=(0,))
        changed = applied(first, fault.begin)
        assert changed != set(first)
        assert applied(changed, fault.end) == set(first)
        validate([Window(0, 5, fault)], range(nodes))


def test_a_dead_member_is_replaced_by_a_spare_that_lives():
    for seed in range(10):
        fault = resolve(
            "membership-replace", Random(seed), range(5), members=(0, 1, 2), down=(1, 4)
        )
        assert fault.begin == (Join(3), Leave(1))


def test_two_nodes_are_too_few():
    with pytest.raises(ValueError, match="needs more than 2 nodes"):
        resolve("membership-leave", Random(1), range(2))


def test_a_fault_that_does_not_undo_its_change_is_refused():
    with pytest.raises(ValueError, match="its end leaves node 3 joined"):
        validate([Window(0, 5, Fault("mine", (Join(3),), ()))], range(5))


def test_the_administrator_asks_until_it_is_so_and_then_for_the_next():
    admin = Administrator()
    admin.want([Join(3), Leave(0)])
    asked = [admin.ask(0, (0, 1, 2)) for _ in range(2 * TRIES)]
    assert asked == [("join", [3, 0])] * TRIES + [("leave", [0, 0])] * TRIES
    assert admin.ask(7, (0, 1, 2, 3)) == ("leave", [0, 7])
    assert admin.ask(9, (1, 2, 3)) is None


def test_the_latest_word_on_a_node_counts():
    admin = Administrator()
    admin.want([Leave(1), Join(4)])
    admin.want([Join(1)])
    assert admin.missing((0, 1, 2)) == [Join(4)]
    assert admin.then((0, 1, 2)) == (0, 1, 2, 4)


def test_who_leaves_waits_where_too_few_would_be_left():
    admin = Administrator()
    admin.want([Join(3), Leave(0)])
    assert all(admin.ask(0, (0, 1)) == ("join", [3, 0]) for _ in range(5 * TRIES))


def test_in_the_end_the_first_members_are_wanted_but_for_the_dead():
    admin = Administrator()
    admin.restore((0, 1, 2), range(5), dead=(2,))
    assert admin.missing((1, 2, 3)) == [Join(0), Leave(3)]
