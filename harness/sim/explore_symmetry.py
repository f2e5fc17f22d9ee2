"""Worlds that differ only in which of some equal nodes is which: one of them is enough.

The equal nodes are *bystanders*: those that no op of the scope may be asked of. That they are equal is
first guessed and then proven, as with dead letters (``explore_world``). Nothing is known of what is
inside of a replica, where an id is a number like any other; so nodes are not renamed there, but in what
happens to them. The twin of a state under a swap of two nodes is what comes of the same events with
these two swapped: another receiver, or another sender of the same text. ``holds`` looks at every step
of every state that was met, and of the twins: the twin of the step must lead to the twin of the state
after it, and say the same to the swapped nodes, the same to clients, and note the same.

If so, all that can happen in a world can happen in its twins, to their twins, so each kind is explored
once. That a message came *from* a bystander may then be remembered; but whoever writes a bystander's id
into a message, a timer's name or a note (a ballot of a node that leads, a ring, a leader's lease) breaks
it, and so do protocols that give an id a meaning of its own (a first coordinator that is a bystander).
Then all is explored again without symmetry. Neither names nor promises of protocols are trusted.

As in Ip, Dill, "Better Verification Through Symmetry", FMSD 9, 1996, where a type of the model's
language promises what is proven here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import TypeAlias

from harness.sim.explore_ledger import Facts, Flying
from harness.sim.explore_nodes import Letter, Nodes, Step, What

World: TypeAlias = tuple[int, ...]
"""(history, messages, notes, crashes left, firings left, repetitions left, the nodes' states)."""

Swap: TypeAlias = tuple[int, ...]
"""To which node each node is mapped."""

NODES_FROM = 6
"""Where in a World the nodes' states begin."""

MOST = 4
"""Of more bystanders, the others are told apart: n of them have n! orders."""


class Unequal(Exception):  # noqa: N818
    """Two bystanders are not equal after all."""


class Symmetry:
    """Twins of states, of messages under way and of notes, each worked out once."""

    def __init__(
        self, nodes: Nodes, flying: Flying, facts: Facts, n: int, bystanders: Sequence[int]
    ) -> None:
        self.bystanders = tuple(bystanders[:MOST])
        self._nodes, self._flying, self._facts, self._n = nodes, flying, facts, n
        self._swaps: list[Swap] = []
        for order in permutations(self.bystanders):
            swapped = dict(zip(self.bystanders, order, strict=True))
            self._swaps.append(tuple(swapped.get(node, node) for node in range(n)))
        identity = self._swaps.pop(0)
        self._neighbours = [
            swap for swap in self._swaps if sum(a != b for a, b in zip(swap, identity, strict=True)) == 2
        ]  # fmt: skip
        self._locals: dict[Swap, dict[int, int]] = {swap: {-1: -1} for swap in self._swaps}
        self._letters: dict[Swap, dict[int, int]] = {swap: {} for swap in self._swaps}
        self._bags: dict[Swap, dict[int, int]] = {swap: {} for swap in self._swaps}
        self._notes: dict[Swap, dict[int, int]] = {swap: {} for swap in self._swaps}
        self._proven: dict[tuple[int, What], None] = {}

    def least(self, world: World) -> World:
        """The one of the world's twins, and itself, that stands for all. Raises Unequal."""
        return min(world, *[self._twin(swap, world) for swap in self._swaps])

    def holds(self, first: World) -> bool:
        """Whether the first world is its own twin, and the twins of all steps that were made are the steps of the twins.

        The twins' own steps are looked at, too, so there is more and more to look at until all is
        closed: as many states of single nodes as without symmetry, which are few beside the worlds.
        Two neighbours make every order, so swaps of two are enough.
        """
        fresh = True
        try:
            if any(self._twin(swap, first) != first for swap in self._neighbours):
                return False
            while fresh:
                fresh = False
                for local in self._nodes.locals:  # it grows meanwhile
                    for what, step in list(local.steps.items()):
                        if (local.number, what) not in self._proven:
                            self._proven[local.number, what], fresh = None, True
                            for swap in self._neighbours:
                                self._same(swap, local.number, what, step)
        except Unequal:
            return False
        return True

    # --- twins ------------------------------------------------------------------------------------

    def _twin(self, swap: Swap, world: World) -> World:
        states = [0] * self._n
        for node, state in enumerate(world[NODES_FROM:]):
            states[swap[node]] = self._local(swap, state)
        bag, facts = self._bag(swap, world[1]), self._fact(swap, world[2])
        return (world[0], bag, facts, *world[3:NODES_FROM], *states)

    def _local(self, swap: Swap, number: int) -> int:
        """The state that comes of the swapped events that led to this one."""
        twins = self._locals[swap]
        path = []
        while number not in twins:
            local = self._nodes.locals[number]
            path.append(local)
            if local.before is None:
                break
            number = local.before.number
        for local in reversed(path):
            if local.before is None:
                step = self._nodes.start(swap[local.node], local.started_from, local.asked)
            else:
                step = self._step(swap, twins[local.before.number], local.what)
            if step.broken:
                raise Unequal
            twins[local.number] = step.after
        return twins[path[0].number if path else number]

    def _letter(self, swap: Swap, number: int) -> int:
        """The same text, between the swapped nodes."""
        twin = self._letters[swap].get(number)
        if twin is None:
            letter = self._nodes.letters[number]
            swapped = Letter(swap[letter.src], swap[letter.dst], letter.text)
            twin = self._letters[swap][number] = self._nodes.letter(swapped)
        return twin

    def _bag(self, swap: Swap, bag: int) -> int:
        twin = self._bags[swap].get(bag)
        if twin is None:
            letters = [self._letter(swap, letter) for letter in self._flying.bags[bag]]
            twin = self._bags[swap][bag] = self._flying.number(letters)
        return twin

    def _fact(self, swap: Swap, facts: int) -> int:
        twin = self._notes[swap].get(facts)
        if twin is None:
            twin = self._notes[swap][facts] = self._facts.swapped(facts, swap)
        return twin

    # --- proof ------------------------------------------------------------------------------------

    def _step(self, swap: Swap, local: int, what: What) -> Step:
        """What the twin of an event does to a state. Raises Unequal where it cannot happen there."""
        if isinstance(what, str):
            if what not in self._nodes.locals[local].timers:
                raise Unequal
        elif what is not None and what >= 0:
            what = self._letter(swap, what)
        return self._nodes.step(local, what)

    def _same(self, swap: Swap, local: int, what: What, step: Step) -> None:
        """Raises Unequal unless the twin of this step is what the twin of the state does."""
        twin = self._step(swap, self._local(swap, local), what)
        sent = sorted(self._letter(swap, letter) for letter in step.sent)
        same = (
            self._local(swap, step.after) == twin.after
            and sent == sorted(twin.sent)
            and step.replies == twin.replies
            and step.notes == twin.notes
            and bool(step.broken) == bool(twin.broken)
            and self._nodes.locals[local].timers
            == self._nodes.locals[self._local(swap, local)].timers
        )
        if not same:
            raise Unequal
