"""Faults of membership: nodes join and leave while others fail, alone, several, or in place of the dead.

A change is asked for again and again until the nodes say that it is so (``nemesis.administrator``): it
takes a majority, which another fault may just have taken away. Never fewer than ``LEAST`` are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import Fault, Join, Leave, MemberAction
from nemesis.targets import pick

LEAST = 2
"""Members; with one there would be nothing to agree on."""


def any_kind(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int],
    members: Sequence[int],
    down: Sequence[int],
) -> Fault:
    """Any of the kinds below, each in its turn."""
    kind = random.choice(("leave", "leave-leader", "replace", "grow", "shrink", "churn"))
    match kind:
        case "leave-leader":
            return leave_leader(random, nodes, leaders, members)
        case "replace":
            return replace(random, nodes, leaders, members, down)
        case "grow":
            return grow(random, nodes, leaders, members)
        case "shrink":
            return shrink(random, nodes, leaders, members)
        case "churn":
            return churn(random, nodes, leaders, members)
    return leave_one(random, nodes, leaders, members)


def leave_one(
    random: Random, nodes: Sequence[int], leaders: Sequence[int], members: Sequence[int]
) -> Fault:
    """A member leaves, and joins again later."""
    return _go("membership-leave", random, nodes, members, pick("one", random, members, leaders))


def leave_leader(
    random: Random, nodes: Sequence[int], leaders: Sequence[int], members: Sequence[int]
) -> Fault:
    """A member that believes to lead leaves (any, where nobody does), and joins again later."""
    gone = pick("leader", random, members, leaders)
    return _go("membership-leave-leader", random, nodes, members, gone)


def shrink(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int],  # noqa: ARG001  a fault's signature
    members: Sequence[int],
) -> Fault:
    """Several members leave, one after the other, and join again later."""
    gone = random.sample(members, random.randint(1, max(1, len(members) - LEAST)))
    return _go("membership-shrink", random, nodes, members, gone)


def grow(
    random: Random, nodes: Sequence[int], leaders: Sequence[int], members: Sequence[int]
) -> Fault:
    """Spare nodes join, and leave later (a member leaves, where there is no spare)."""
    spare = [node for node in nodes if node not in members]
    if not spare:
        gone = pick("one", random, members, leaders)
        return _go("membership-grow", random, nodes, members, gone)
    return _come("membership-grow", random.sample(spare, random.randint(1, len(spare))))


def replace(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int],  # noqa: ARG001  a fault's signature
    members: Sequence[int],
    down: Sequence[int],
) -> Fault:
    """A spare takes the place of a member, of a dead one if there is; later it is the other way round.

    Where there is no spare, a member leaves.
    """
    spare = [node for node in nodes if node not in members]
    old = random.choice([node for node in members if node in down] or list(members))
    if not spare:
        return _go("membership-replace", random, nodes, members, [old])
    new = random.choice([node for node in spare if node not in down] or spare)
    return Fault("membership-replace", (Join(new), Leave(old)), (Join(old), Leave(new)))


def churn(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int],  # noqa: ARG001  a fault's signature
    members: Sequence[int],
) -> Fault:
    """Nodes join and leave in a random order, one after the other; later all is undone, backwards."""
    now, begin = list(members), list[MemberAction]()
    for node in random.sample(nodes, random.randint(min(2, len(nodes)), len(nodes))):
        if node not in now:
            now.append(node)
            begin.append(Join(node))
        elif len(now) > LEAST:
            now.remove(node)
            begin.append(Leave(node))
    if not begin:  # only members were drawn, who are too few to leave
        return _go("membership-churn", random, nodes, members, members[:1])
    return _undoing("membership-churn", begin)


def _go(
    name: str,
    random: Random,
    nodes: Sequence[int],
    members: Sequence[int],
    gone: Sequence[int],
) -> Fault:
    """These leave; or a spare comes, where there are too few members for that."""
    if len(members) - len(gone) >= LEAST:
        return _undoing(name, [Leave(node) for node in gone])
    spare = [node for node in nodes if node not in members]
    if not spare:
        raise _too_few()
    return _come(name, [random.choice(spare)])


def _come(name: str, nodes: Sequence[int]) -> Fault:
    return _undoing(name, [Join(node) for node in nodes])


def _undoing(name: str, begin: Sequence[MemberAction]) -> Fault:
    """A fault that ends by undoing what it began with, backwards."""
    end = [Join(a.node) if isinstance(a, Leave) else Leave(a.node) for a in reversed(begin)]
    return Fault(name, tuple(begin), tuple(end))


def _too_few() -> ValueError:
    return ValueError(f"a change of membership needs more than {LEAST} nodes")
