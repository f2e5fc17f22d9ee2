"""An object's versions: dots, a clock of all that was ever seen, and what of it is still alive.

Dynamo's vector clocks (section 4.4), as dotted version vectors: Preguiça, Baquero, Almeida, Fonte,
Gonçalves, "Dotted Version Vectors: Logical Clocks for Optimistic Replication", 2010. A write is
named by its *dot*, (node, counter). A state's clock says which dots it knows of; a dot that is known
and has no version has been superseded. So a merge needs no comparison of pairs of clocks, and two
writes at one node, neither of which has seen the other, stay apart.
"""

from __future__ import annotations

from typing import TypeAlias

from protocols.kernel import Json, NodeId, record

Dot: TypeAlias = tuple[NodeId, int]
"""(the node that coordinated the write, its counter for this key)."""


@record
class Version:
    dot: Dot
    value: Json


@record
class State:
    """What a node has of a key. A clock without versions is a tombstone: all was deleted.

    ``clock`` has one dot a node, its last, in order of nodes: whoever knows a dot of a node knows all
    its earlier ones of this key, since each node mints on top of all that it ever minted.
    ``versions`` are siblings, neither of which supersedes another; in order of (counter, node).
    """

    clock: tuple[Dot, ...] = ()
    versions: tuple[Version, ...] = ()


EMPTY = State()
"""Of a key of which nothing was ever heard."""


def place(version: Version) -> Dot:
    """Orders siblings: an arbitrary order, and the same at every node."""
    node, counter = version.dot
    return counter, node


def merge(a: State, b: State) -> State:
    """What is known to either: the join, so in whatever order and however often.

    >>> old = State(((0, 1),), (Version((0, 1), "old"),))
    >>> new = mint(old, 1, "new")
    >>> merge(old, new) == merge(new, old) == new
    True
    >>> [v.value for v in merge(mint(old, 1, "one"), mint(old, 2, "two")).versions]
    ['one', 'two']
    """
    if a == b:
        return a
    clock_a, clock_b = dict(a.clock), dict(b.clock)
    in_a, in_b = {v.dot for v in a.versions}, {v.dot for v in b.versions}
    alive = [v for v in a.versions if v.dot in in_b or clock_b.get(v.dot[0], 0) < v.dot[1]]
    alive += [v for v in b.versions if v.dot not in in_a and clock_a.get(v.dot[0], 0) < v.dot[1]]
    for node, counter in b.clock:
        clock_a[node] = max(counter, clock_a.get(node, 0))
    return State(tuple(sorted(clock_a.items())), tuple(sorted(alive, key=place)))


def counter_after(state: State) -> int:
    """One more than all that is known: so a superseding write has a higher place, too."""
    return 1 + max((counter for _, counter in state.clock), default=0)


def mint(state: State, node: NodeId, value: Json, counter: int | None = None) -> State:
    """A write at this node that supersedes all of ``state``; with None as its value, a deletion.

    >>> mint(mint(EMPTY, 2, "x"), 1, None)
    State(clock=((1, 2), (2, 1)), versions=())
    """
    dot = (node, counter_after(state) if counter is None else counter)
    clock = dict(state.clock) | dict([dot])
    versions = () if value is None else (Version(dot, value),)
    return State(tuple(sorted(clock.items())), versions)


def resolve(state: State) -> Json:
    """The one value that a client is told: None of nothing, siblings that are all lists merged.

    Merging is section 4.4's shopping cart: every element of any sibling, the first time that it
    comes. Of other siblings the last in order: an arbitrary one, the same at every node.

    >>> resolve(State((), (Version((0, 1), ["a", "b"]), Version((1, 1), ["b", "c"]))))
    ['a', 'b', 'c']
    >>> resolve(State((), (Version((0, 1), 5), Version((1, 1), 6))))
    6
    """
    values = [version.value for version in state.versions]
    if not values:
        return None
    if not all(isinstance(value, list) for value in values):
        return values[-1]
    merged: list[Json] = []
    for value in values:
        assert isinstance(value, list)
        merged += [element for element in value if element not in merged]
    return merged
