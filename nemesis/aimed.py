"""Faults aimed at whom something has just happened to: who wrote last, who has just come back.

Bugs live where a promise is fresh: a node that dies after it wrote and before all have heard, one
that is cut off again before it has caught up. The simulator knows these nodes and gives them in
the place of the leaders (``AIMS``); on hosts nobody does, and the leaders are aimed at, else any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from nemesis.actions import Action, Cut, Fault, Kill, Pause
from nemesis.partition import between, cut, rest
from nemesis.process import kill_nodes, pause_nodes
from nemesis.targets import pick

WRITER, HEALED = "writer", "healed"
AIMS: Mapping[str, str] = {
    "aimed-kill-writer": WRITER,
    "aimed-pause-writer": WRITER,
    "aimed-kill-healed": HEALED,
    "aimed-cut-healed": HEALED,
}
"""Whom a fault wants in the place of the leaders: who persisted last, or who was healed last."""


def kill_writer(random: Random, nodes: Sequence[int], writers: Sequence[int]) -> Fault:
    """Kill the node that made something durable last."""
    return kill_nodes("aimed-kill-writer", pick("leader", random, nodes, writers))


def pause_writer(random: Random, nodes: Sequence[int], writers: Sequence[int]) -> Fault:
    """Pause the node that made something durable last."""
    return pause_nodes("aimed-pause-writer", pick("leader", random, nodes, writers))


def kill_healed(random: Random, nodes: Sequence[int], healed: Sequence[int]) -> Fault:
    """Kill a node that was cut off, paused or dead until lately."""
    return kill_nodes("aimed-kill-healed", pick("leader", random, nodes, healed))


def cut_healed(random: Random, nodes: Sequence[int], healed: Sequence[int]) -> Fault:
    """Leave a node that was cut off, paused or dead until lately on the smaller side of a cut."""
    (chosen,) = pick("leader", random, nodes, healed)
    company = random.sample(
        rest(nodes, [chosen]), random.randint(0, max(0, (len(nodes) - 1) // 2 - 1))
    )
    small = [chosen, *company]
    return cut("aimed-cut-healed", between([small, rest(nodes, small)]))


def any_kind(random: Random, nodes: Sequence[int], aimed: Sequence[int]) -> Fault:
    """Any of the kinds above, each in its turn."""
    return random.choice((kill_writer, pause_writer, kill_healed, cut_healed))(random, nodes, aimed)


def hit(actions: Sequence[Action]) -> tuple[int, ...]:
    """The nodes that a fault's beginning bit hardest: killed, paused, or with most of their links cut.

    >>> hit([Cut(((0, 1), (1, 0), (0, 2), (2, 0)))]), hit([Kill(2), Kill(1)])
    ((0,), (1, 2))
    """
    bites: dict[int, int] = {}
    for node in _bitten(actions):
        bites[node] = bites.get(node, 0) + 1
    most = max(bites.values(), default=0)
    return tuple(sorted(node for node, count in bites.items() if count == most))


def _bitten(actions: Sequence[Action]) -> Iterator[int]:
    for action in actions:
        if isinstance(action, Kill | Pause):
            yield action.node
        elif isinstance(action, Cut):
            for link in action.links:
                yield from link
